"""The passes of a row function: what each reduces, what is hoisted, what is kept between passes.

Every word that sees more than its own element (a row reduction, pick, position, length, the row's
number) becomes a further input of the expressions, after the operands. So a plan consists of plain
expressions, and the kernel's work is to supply their inputs.
"""

from copy import copy
from dataclasses import dataclass, replace

from ..expression import input as symbol
from ..expression import inputs_of, substitute, topological

KEPT = 999  # the input that stands for what `kept` chose; hoisted expressions follow it
_PLACE = symbol(-1)  # stands for what would be kept, and is no input


@dataclass
class Special:
    """Input `index`: what `op` makes of `args` (plain expressions) at pass `level`."""

    index: int
    op: str
    attr: object
    args: tuple
    level: int


class Plan:
    """The passes of one row function whose operands have the given kinds ('v' or 'x')."""

    def __init__(self, roots, kinds):
        self.varying_inputs = {KEPT, *(i for i, kind in enumerate(kinds) if kind == "v")}
        self.specials = []
        self._replace = {}
        for n in topological(roots):
            if n.op in ("row", "pick", "position", "length", "row_number"):
                self._add(n, len(kinds) + len(self.specials))
        self.roots = substitute(roots, self._replace)
        self.n_passes = max([s.level for s in self.specials if s.op == "row"], default=0)

    def _add(self, n, index):
        args = tuple(substitute(n.args, self._replace))
        level = self.level(args) + (n.op == "row")
        special = Special(index, n.op, n.attr, args, level)
        if n.op == "position":
            self.varying_inputs.add(index)
        self.specials.append(special)
        self._replace[id(n)] = symbol(index)

    def level(self, roots):
        """The pass after which the row values in `roots` are known."""
        by_index = {s.index: s.level for s in self.specials}
        return max([by_index.get(i, 0) for i in inputs_of(roots)], default=0)

    def varies(self, roots):
        """The ids of the nodes below `roots` whose value differs along the row."""
        found = set()
        for n in topological(roots):
            if (
                n.op == "index"
                or (n.op == "input" and n.attr in self.varying_inputs)
                or any(id(a) in found for a in n.args)
            ):
                found.add(id(n))
        return found

    def rows_of(self, level):
        """The row reductions of a pass, grouped by what they accumulate: {(name, args): [special]}."""
        groups = {}
        for s in self.specials:
            if s.op == "row" and s.level == level:
                groups.setdefault((s.attr[0], s.args), []).append(s)
        return groups

    def hoisted(self, roots):
        """(roots, {input: expression}) with the largest parts that do not vary as new inputs."""
        varying = self.varies(roots)
        places, made = {}, {}

        def hoist(n):
            if id(n) not in varying and n.op not in ("const", "input") and id(n) not in places:
                index = KEPT + 1 + len(made)
                places[id(n)], made[index] = symbol(index), n

        for n in topological(roots):
            if id(n) in varying:
                for a in n.args:
                    hoist(a)
        for r in roots:
            hoist(r)
        return substitute(roots, places), made

    def kept(self, last_roots, level):
        """What of pass `level` is worth writing to the output, or None.

        That is a costly part of the last pass which this pass computes anyway, if the last pass then needs no
        operand: so an output may be one of the inputs. Where something is kept already, this takes its place:
        only where nothing after this pass reads that any more.
        """
        args = [a for _, args in self.rows_of(level) for a in args]
        varying, shared = self.varies(last_roots), {id(n) for n in topological(args)}
        fine = {KEPT, *(s.index for s in self.specials)}
        later = [a for s in self.specials if s.level > level for a in s.args]
        for n in reversed(topological(last_roots)):
            if id(n) in shared and id(n) in varying and _costly(n):
                rest = substitute([*last_roots, *later], {id(n): _PLACE})
                reads = self.varying_inputs.intersection(inputs_of(rest[: len(last_roots)]))
                if reads <= fine and KEPT not in inputs_of(rest):
                    return n
        return None

    def keeping(self, n, last_roots, level):
        """(plan, last_roots) in which all passes after `level` read `n` from where it is kept."""
        rows = [k for k, s in enumerate(self.specials) if s.op == "row" and s.level > level]
        args = [a for k in rows for a in self.specials[k].args]
        new = iter(substitute([*last_roots, *args], {id(n): symbol(KEPT)}))
        last_roots = [next(new) for _ in last_roots]
        plan = copy(self)
        plan.specials = list(self.specials)
        for k in rows:
            plan.specials[k] = replace(
                self.specials[k], args=tuple(next(new) for _ in self.specials[k].args)
            )
        return plan, last_roots


def _costly(n):
    return any(m.op in ("call", "div", "sqrt") for m in topological([n]))
