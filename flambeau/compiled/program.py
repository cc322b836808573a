"""The prepared calls of a trace: straight Python without the program's own, one line an operator or a kernel."""

import itertools
import keyword

import flambeau
from flambeau import _core

from ..kernels.expression import inputs_of
from .again import evaluate, evaluate_whole
from .foretell import foretell_joined
from .fuse import NoKernel, backward_of, forward_of, keep_more, spread_inputs
from .graph import Differs, Node, Ref, each_ref
from .groups import Group, first_whole, is_costly

__all__ = ["Program"]

LEAST_WAITING = 1 << 16  # elements
_MOST_NODES = 3  # that one operator of a group leaves for backward


class Program:
    """What runs in place of a function.

    Attributes:
        run (callable): of the tensors among the arguments; gives what the function gives.
        kernels (int): how many joined kernels, operators (int): how many other calls, joined (int): how many
            operators the kernels stand for.
        source (str): its Python.
        differed (int): how often a bool was not what the program expects.
    """

    def __init__(
        self, order, values, inputs, outside, result, rebuild, rewinds=False, foretells=False
    ):
        self._foretells, self._inline = foretells, {}
        self.constants, self._names = {}, {}
        self.kernels = self.operators = self.joined = 0
        self.values, self.differed = values, 0
        last = _last_uses(order, result)
        lines = []
        grad = flambeau.is_grad_enabled()
        now = grad
        dead = []
        for step, following in zip(order, [*order[1:], None]):
            dead += [f"v{i}" for i in last.get(id(step), ()) if i not in outside]
            if _only_feeds(step, following, last):
                self.operators += 1
                self._inline[step.results] = self._call_text(step).partition(" = ")[2]
                continue
            wanted = step.grad
            if wanted != now:
                lines.append(f"    {self.constant(_core._set_grad_enabled, 'set_grad')}({wanted})")
                now = wanted
            lines += self._group(step) if isinstance(step, Group) else [self._call(step)]
            if dead:
                lines.append(f"    {' = '.join(dead)} = None")
            dead = []
        if now != grad:
            lines.append(f"    {self.constant(_core._set_grad_enabled, 'set_grad')}({grad})")
        lines.append(
            f"    return {self.text(result) if rebuild is None else f'{self.constant(rebuild)}({self.text(result)})'}"
        )
        for index, tensor in outside.items():
            self.constants[f"v{index}"] = tensor
        parameters = ", ".join(f"v{i}" for i in inputs)
        local = [f"v{i}=v{i}" for i in outside]
        head = ", ".join(
            [parameters, "*", *local]
            if local and parameters
            else ["*", *local]
            if local
            else [parameters]
        )
        if rewinds:
            lines = self._rewinding(lines)
        self.source = f"def run({head}):\n" + "\n".join(lines) + "\n"
        space = dict(self.constants)
        exec(
            compile(self.source, "<flambeau program>", "exec"), space
        )  # of names and literals made here alone
        self.run = space["run"]

    def _rewinding(self, lines):
        """The lines, after which the generator is as it was where they raise: the function itself runs then."""
        generator = self.constant(flambeau.default_generator, "generator")
        return [
            f"    calls = {generator}._calls",
            "    try:",
            *("    " + line for line in lines),
            "    except BaseException:",
            f"        {generator}._calls = calls",
            "        raise",
        ]

    # -- text

    def constant(self, value, hint="k"):
        found = self._names.get(id(value))
        if found is None:
            hint = hint if hint.isidentifier() and not keyword.iskeyword(hint) else "k"
            found = self._names[id(value)] = f"{hint}_{len(self._names)}"
            self.constants[found] = value
        return found

    def text(self, value):
        """Nested arguments as Python."""
        kind = type(value)
        if kind is Ref:
            return self._inline.get(value.index) or f"v{value.index}"
        if kind is tuple:
            return "(" + "".join(self.text(v) + ", " for v in value) + ")"
        if kind is list:
            return "[" + ", ".join(map(self.text, value)) + "]"
        if kind is dict and all(type(k) is str for k in value):
            return "{" + ", ".join(f"{k!r}: {self.text(v)}" for k, v in value.items()) + "}"
        if kind is slice:
            return (
                f"slice({self.text(value.start)}, {self.text(value.stop)}, {self.text(value.step)})"
            )
        if value is None or kind in (bool, int, str) or value is Ellipsis:
            return repr(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return f"{self.constant(kind)}({', '.join(map(self.text, value))})"
        return self.constant(value)

    def _call(self, node):
        self.operators += 1
        return f"    {self._call_text(node)}"

    def _call_text(self, node):
        arguments = [self.text(a) for a in node.args]
        for key, value in node.kwargs.items():
            arguments.append(f"{key}={self.text(value)}")
        call = f"{self.constant(node.function, getattr(node.function, '__name__', 'k'))}({', '.join(arguments)})"
        if node.expects is not None:
            return f"if {call} is not {node.expects}: raise {self.constant(Differs)}"
        if isinstance(node.results, int):
            return f"v{node.results} = {call}"
        if not any(i >= 0 for i in node.results):
            return call
        targets = "".join(f"v{i}, " if i >= 0 else "_, " for i in node.results)
        return f"{targets} = {call}"

    def _group(self, group):
        try:
            callable_ = _prepared(group, self.values, self._foretells)
        except NoKernel:
            return [
                self._call(n) for n in (*group.nodes, *filter(None, [group.total, group.reader]))
            ]
        self.kernels += 1
        self.joined += len(group.nodes) + (group.total is not None)
        arguments = [f"v{i}" for i in group.inputs] + [self.text(n.value) for n in group.numbers]
        shown = group.gives if group.reader is None else group.outputs[: group.n_shown]
        targets = ", ".join(f"v{i}" for i in shown)
        line = f"    {targets} = {self.constant(callable_, 'kernel')}({', '.join(arguments)})"
        would_wait = self.constant(_core._would_wait, "would_wait")
        if group.reader is not None:
            asked = f"{would_wait}(v{first_whole(group, self.values)}, 0)"
            lines = [line, self._call(group.reader), f"    {targets} = None"]
        elif _gains_by_waiting(group, self.values):
            asked, lines = f"{would_wait}(v{group.inputs[0]}, {LEAST_WAITING})", [line]
        else:
            return [line]
        lines = ["    " + text for text in lines]
        return [f"    if {asked}:", *self._waiting(group), "    else:", *lines]

    def _waiting(self, group):
        """The operators of a group one by one, which fused eager mode joins."""
        last = {}
        for node in group.nodes:
            last.update((i, node) for i in (*node.reads(), node.results))
        lines = []
        for node in group.nodes:
            if group.reader is not None and node is group.nodes[-1]:
                # Nobody else may hold what the sum reads.
                self._inline[node.results] = self._call_text(node).partition(" = ")[2]
                lines.append(f"        {self._call_text(group.reader)}")
                del self._inline[node.results]
                break
            lines.append(f"        {self._call_text(node)}")
            dead = [i for i in last if last[i] is node]
            dead = [f"v{i}" for i in dead if i in group.members and i not in group.outputs]
            if dead:
                lines.append(f"        {' = '.join(dead)} = None")
        return lines


def _only_feeds(step, following, last):
    """Whether a pointwise operator is for the sum or mean behind it alone, which may read it while it is computed."""
    return (
        isinstance(step, Node)
        and step.operator is not None
        and isinstance(step.results, int)
        and isinstance(following, Node)
        and following.in_pieces
        and following.grad == step.grad
        and following.reads() == [step.results]
        and step.results in last.get(id(following), ())
    )


def _gains_by_waiting(group, values):
    """Whether a group on large tensors is left to fused eager mode, which joins its backward to it.

    That spares reading everything a second time, which is most of what a group takes that computes no more than one
    function of mathematics. AdamW by hand, 2**20 float32 with backward: 2.1 ms, as two kernels 2.4. Where the program
    itself goes on with its results, they are wanted before.
    """
    shape = group.key[0]
    return (
        group.ends
        and group.total is None
        and any(values[i].requires_grad for i in group.outputs)
        and not group.rows
        and all(values[i].shape == shape and values[i].contiguous for i in group.inputs)
        and all(values[i].device.type == "cpu" for i in group.inputs)
        and sum(map(is_costly, group.nodes)) <= 1
    )


def _last_uses(order, result):
    """id of a step -> the values that nobody reads after it."""
    kept = {r.index for r in each_ref(result)}
    last, seen = {}, set(kept)
    for step in reversed(order):
        if isinstance(step, Group):
            touched = [*step.inputs, *step.gives]
        else:
            touched = [*step.reads(), *(i for i in step.outputs if i >= 0)]
        dead = [i for i in dict.fromkeys(touched) if i not in seen]
        seen.update(dead)
        if dead:
            last[id(step)] = dead
    return last


def _prepared(group, values, foretells):
    """The callable of a group: of its inputs and numbers. foretells: whether its kernels are compiled from now on."""
    if not any(values[i].requires_grad for i in group.outputs):
        return _forward(group, values, foretells)
    spread_inputs(group, values)
    keep_more(group, values)
    derivative = backward_of(group, values)
    fused = _forward(group, values, foretells)
    if foretells and derivative.kernel:
        operands = [values[i] for i in derivative.operands]
        foretell_joined(derivative.kernel, operands, group.key[0], len(derivative.numbers))
    return _recorded(group, values, fused, derivative)


def _is_turned(gradients, saved):
    """Whether operators would give results in another order than that of rows: what is spread is laid out as the others."""
    spread = any(0 in [s for s, n in zip(g.stride(), g.shape) if n > 1] for g in gradients)
    return not all(map(_in_row_order, (*gradients, *saved) if spread else gradients))


def _in_row_order(tensor):
    strides = [s for s, n in zip(tensor.stride(), tensor.shape) if n > 1 and s]
    return strides == sorted(strides, reverse=True)


def _forward(group, values, foretells):
    kernel = forward_of(group, values)
    if foretells:
        operands = [values[i] for i in group.inputs]
        foretell_joined(kernel, operands, group.key[0], len(group.numbers))
    fused = kernel.fused()
    if group.total is not None:
        _core._reduce_fused(fused, group.total.total == "rmean")
    return fused


def _facts(value, sizes, group):
    """Shape and dtype that may stand for an input at a call that computed `sizes`.

    It is as large as what is computed, or has one value a row where it had.
    """
    narrow = group.rows and value.shape != group.key[0]
    return (*sizes[:-1], 1) if narrow else sizes, getattr(flambeau, value.dtype)


def _recorded(group, values, fused, derivative):
    """The forward kernel of a group, whose calls leave one node for backward."""
    saved_inputs, saved_outputs = derivative.saved_inputs, derivative.saved_outputs
    recorded = [k for k, i in enumerate(group.outputs) if values[i].requires_grad]
    kernel = derivative.kernel and derivative.kernel.fused()
    variants = {tuple(k for k in recorded if k < group.n_shown): (derivative, kernel)}

    def otherwise(gradients, saved, asked, sizes, sequence, node):
        # With a gradient of the gradient, for many gradients at once, where not all have come, or one in another
        # layout, or something was written in place that was saved: what is asked for may not need it.
        arrived = tuple(k for k in recorded if gradients[k] is not None)
        if arrived not in variants:
            some = backward_of(group, values, arrived)
            variants[arrived] = some, some.kernel and some.kernel.fused()
        chosen, run = variants[arrived]
        known = {derivative.first_number + k: n.value for k, n in enumerate(group.numbers)}
        symbols = *saved_inputs, *(chosen.OUTPUT + k for k in saved_outputs)
        known.update((k, value) for k, value in zip(symbols, saved) if value is not None)
        known.update((chosen.GRAD + k, gradients[k]) for k in arrived)
        come = [gradients[k] for k in arrived]
        by_operators = flambeau.is_grad_enabled() or any(map(_core._is_batched, come))
        written = [i for i, value in enumerate(saved) if value is None]
        by_operators = by_operators or written or _is_turned(come, saved)
        if (run is None and chosen.computed) or by_operators:
            known[chosen.SIZES] = gradients[arrived[0]].new_empty(()).expand(sizes)
            if written:
                places = set(itertools.compress(derivative.wanted, asked))
                roots = [
                    root if w in places else None for w, root in zip(chosen.wanted, chosen.roots)
                ]
                needed = inputs_of([root for root in roots if root is not None])
                for i in written:
                    if symbols[i] in needed:
                        _core._unpack_fused(node, i)  # raises
                made = evaluate(chosen, known, sequence, roots)
            elif flambeau.is_grad_enabled():
                facts = [
                    (*_facts(values[i], sizes, group), k in derivative.wanted)
                    for k, i in enumerate(group.inputs)
                ]
                made = evaluate_whole(chosen, known, sequence, node, facts, recorded)
            else:
                made = evaluate(chosen, known, sequence)
        else:
            made = run(*[known[k] for k in chosen.order]) if chosen.computed else ()
            made = (made,) if len(chosen.computed) == 1 else made
            found = dict(zip(chosen.computed, made))
            for place, k in zip(chosen.passed[::2], chosen.passed[1::2]):
                found[place] = gradients[k]
            return tuple(found.get(place) for place in derivative.wanted)
        found = dict(zip(chosen.wanted, made))
        return tuple(found.get(place) for place in derivative.wanted)

    numbers = tuple(group.numbers[k].value for k in derivative.numbers)
    places = derivative.grads, saved_inputs, saved_outputs, derivative.wanted, recorded
    _core._record_fused(
        fused,
        kernel,
        otherwise,
        *places,
        derivative.passed,
        group.n_shown,
        _MOST_NODES * len(group.nodes),
        numbers,
    )
    return fused
