"""The rows schedule: functions of a whole row, in several passes while the row is in cache.

    void k(int64 n_rows, int64 row_len, char** ptrs, int64* row_strides, int64 row0)

Operands, outputs first, are of kind 'v' (contiguous along the row) or 'x' (one value per row);
strides between rows are in bytes, 0 for what all rows share. row0 is the number of the first row.
An output may be one of the inputs.

    groups of rows:
      pass 1 .. n: of each row, the row reductions whose arguments are known by then;
                   their lanes meet, and what follows from them is computed, for all rows at once
      last pass:   the vector outputs of each row, then the outputs with one value per row

Long rows are groups of one, so that a row stays in cache from pass to pass.
"""

from contextlib import contextmanager

from ..analysis import infer
from ..emit import Module, Value
from ..expression import digest_text, topological, trace
from ..function import Function
from ..lower import lower
from ..types import DTYPES, compute_dtype
from . import reductions, row_plan
from .row_language import *  # noqa: F403
from .sweep import (
    GROUP,
    SHORT_ROW,
    Accumulators,
    Group,
    lanes_for,
    longest_run,
    ramp,
    register_bytes,
    short_sweep,
    sweep,
)

PARAMETERS = "i64 %n_rows, i64 %row_len, ptr %ptrs, ptr %row_strides, i64 %row0"
KEPT = row_plan.KEPT


class Rows:
    """A row function, compiled per dtypes and kinds."""

    def __init__(self, fn, name=None, n_in=None):
        self._fn = fn
        self.name = name or getattr(fn, "__name__", "rows")
        self.n_in = n_in if n_in is not None else fn.__code__.co_argcount
        self._expressions = None
        self._plans = {}

    @property
    def expressions(self):
        """One expression per output, traced when first needed."""
        if self._expressions is None:
            self._expressions = trace(self._fn, self.n_in)
        return self._expressions

    @property
    def n_out(self):
        return len(self.expressions)

    def plan(self, kinds):
        """The passes for operands of these kinds."""
        if kinds not in self._plans:
            self._plans[kinds] = row_plan.Plan(self.expressions, kinds)
        return self._plans[kinds]

    def compile(self, in_dtypes, kinds, out_dtypes, as_dtype=None, apart=False):
        """The address of the kernel; floating inputs are converted to `as_dtype` first.

        apart: of a copy that the caller unloads (see cache.py).
        """
        from ..cache import compiled

        variant = self._variant(in_dtypes, kinds, out_dtypes, as_dtype)
        key = "\n".join(("rows", digest_text(self.expressions), repr(variant)))
        signature = f"({', '.join(in_dtypes)}) -> ({', '.join(out_dtypes)}) {kinds}"
        return compiled(
            self.name,
            signature,
            key,
            lambda target: self._emit(variant, target),
            lambda letters: self._gpu_ir(variant, letters),
            apart,
        )

    def _gpu_ir(self, variant, letters):
        from ..gpu import rows as gpu_rows

        return gpu_rows.write(self, variant, letters)

    def ir(self, in_dtypes, kinds, out_dtypes, as_dtype=None, target=None):
        """The LLVM IR of the kernel as text."""
        from ..targets import cpu

        variant = self._variant(in_dtypes, kinds, out_dtypes, as_dtype)
        return self._emit(variant, target or cpu.host())

    def ptx(self, in_dtypes, kinds, out_dtypes, as_dtype=None, arch="sm_70"):
        """The PTX of the same kernel for a GPU: one row per thread and turn."""
        from ..targets.ptx import PtxTarget, assemble

        return assemble(
            self.ir(in_dtypes, kinds, out_dtypes, as_dtype, PtxTarget()), len(kinds), arch
        )

    def _variant(self, in_dtypes, kinds, out_dtypes, as_dtype):
        if (len(in_dtypes), len(out_dtypes)) != (self.n_in, self.n_out) or (
            len(kinds) != self.n_in + self.n_out or set(kinds) - set("vx")
        ):
            raise ValueError(
                f"kernel {self.name} has {self.n_in} inputs and {self.n_out} outputs, got "
                f"{len(in_dtypes)} and {len(out_dtypes)} dtypes, kinds {kinds!r}"
            )
        return tuple(in_dtypes), str(kinds), tuple(out_dtypes), as_dtype

    def _emit(self, variant, target):
        module = Module(target)
        _Kernel(self, module, *variant).write()
        return module.text()


class _Kernel:
    """The emission of one variant."""

    def __init__(self, rows, module, in_dtypes, kinds, out_dtypes, as_dtype):
        n_out = len(out_dtypes)
        self.kinds, self.out_kinds = kinds[n_out:], kinds[:n_out]
        self.in_dtypes, self.out_dtypes = in_dtypes, out_dtypes
        floating = [DTYPES[d].kind in "fc" for d in in_dtypes]
        self.as_dtypes = [as_dtype if as_dtype and f else d for d, f in zip(in_dtypes, floating)]
        self.plan = plan = rows.plan(self.kinds)
        self.kept_in = None  # (dtype, output) where something is kept
        self.name = rows.name
        self.f = Function(module, "kernel", PARAMETERS)
        vectors = [d for d, k in zip(self.as_dtypes, self.kinds) if k == "v"]
        self.width = lanes_for(module.target, vectors or out_dtypes)
        self.ptx = module.target.name == "ptx"
        self.vector_outputs = [j for j, k in enumerate(self.out_kinds) if k == "v"]
        self.last_roots = [plan.roots[j] for j in self.vector_outputs]
        varying = plan.varies(plan.roots)
        for j, kind in enumerate(self.out_kinds):
            if kind == "x" and id(plan.roots[j]) in varying:
                raise ValueError(
                    f"kernel {self.name}: output {j} differs along the row, so it cannot "
                    "be one value per row"
                )
        self.dtypes = {i: compute_dtype(d) for i, d in enumerate(self.as_dtypes)}
        for s in plan.specials:
            if s.op in ("position", "length", "row_number"):
                self.dtypes[s.index] = "int64"

    def write(self):
        f = self.f
        n_out = len(self.out_dtypes)
        operands = range(n_out + len(self.in_dtypes))
        self.pointers = [f.element("%ptrs", i, "ptr") for i in operands]
        self.strides = [f.element("%row_strides", i, "i64") for i in operands]
        # On a GPU a group is the one row of a thread.
        self.rows = 1 if self.width == 1 else min(self.width, GROUP)
        begin, step = f.module.target.thread(f) if self.ptx else (0, None)
        self.short = f.pick("ult", f.sub("%row_len", 1), SHORT_ROW, 1, 0)
        if self.rows == 1:
            step = step or 1
        else:
            step = f.pick("ne", self.short, 0, self.rows, 1)
        with f.loop(begin, "%n_rows", step) as first:
            self.first = first
            self.n = 1 if self.rows == 1 else f.smaller(f.sub("%n_rows", first), step)
            self.group()
        f.finish()

    # -- values of the rows -----------------------------------------------------------------------
    #
    # What a row has one value of (an operand of kind 'x', a row reduction, what follows from them) is
    # known as a Value whose lanes are the rows of the group, kept in memory. The loops over the
    # elements of a row read its lane.

    def keep(self, value):
        """Memory that holds a value of all rows."""
        f, block = self.f, self.f.at(self.rows)
        slots = self.memory_of(value.dtype)
        for part, slot in zip((value.name, value.im), slots[1]):
            if slots[0] == "i8":
                part = block.convert_op("zext", "i1", part, "i8")
            f.do(f"store {block.type(slots[0])} {part}, ptr {slot}, align {self.rows}")
        return (value.dtype, *slots)

    def memory_of(self, dtype):
        d = DTYPES[dtype]
        register = "i8" if d.register == "i1" else d.register
        type = f"[{self.rows} x {register}], align 64"
        return register, [self.f.slot(type) for _ in range(2 if d.kind == "c" else 1)]

    def keep_each(self, dtype, value_of_row):
        """The same for values of width 1; rows beyond the group's repeat its last."""
        f, block = self.f, self.f.at(1)
        register, slots = self.memory_of(dtype)
        last = f.sub(self.n, 1)
        with f.loop(0, self.rows) as r:
            value = value_of_row(f.smaller(r, last))
            for part, slot in zip((value.name, value.im), slots):
                if register == "i8" and DTYPES[dtype].register == "i1":
                    part = block.convert_op("zext", "i1", part, "i8")
                f.do(f"store {register} {part}, ptr {self.lane(slot, register, r)}")
        return dtype, register, slots

    def lane(self, slot, register, r):
        return self.f.offset(slot, self.f.mul(r, register_bytes(register)))

    def recall(self, kept, width, r=None):
        """What `keep` kept: all rows in the lanes, or row r in all lanes."""
        if isinstance(kept, Value):
            return kept if kept.const is not None else self.spread(kept, width)
        dtype, register, slots = kept
        block = self.f.at(width)
        names = []
        for slot in slots:
            if r is None:
                name = block.emit(f"load {block.type(register)}, ptr {slot}, align {self.rows}")
            else:
                name = block.emit(f"load {register}, ptr {self.lane(slot, register, r)}")
                name = block.splat(name, register)
            if DTYPES[dtype].register == "i1":
                name = block.cmp("ne", "i8", name, block.imm(0, "i8"))
            names.append(name)
        return Value(dtype, *names)

    def spread(self, value, width):
        """A value of width 1 in all lanes."""
        block = self.f.at(width)
        if value.const is not None or width == 1:
            return value
        register = DTYPES[value.dtype].register
        names = [block.splat(name, register) for name in (value.name, value.im) if name is not None]
        return Value(value.dtype, *names)

    def lower_rows(self, roots, r=None):
        """Expressions that do not vary along the row: of all rows, or of row r alone."""
        width = self.rows if r is None else 1
        wanted = {n.attr for n in topological(roots) if n.op == "input"}
        inputs = {k: self.recall(self.known[k], width, r) for k in wanted}
        return lower(self.f.at(width), roots, inputs)

    def at_row(self, r):
        """Sets the operands' pointers to row r of the group."""
        f, n_out = self.f, len(self.out_dtypes)
        row = f.add(self.first, r)
        at = [f.offset(p, f.mul(row, s)) for p, s in zip(self.pointers, self.strides)]
        self.outputs, self.inputs = at[:n_out], at[n_out:]
        self.row_number = f.add("%row0", row)

    def open_group(self):
        """What is known before the first pass: operands with one value, the length, picks."""
        self.known = {}
        for i, kind in enumerate(self.kinds):
            if kind == "x":
                self.known[i] = self.keep_each(self.dtypes[i], lambda r, i=i: self.operand(i, r))
        for s in self.plan.specials:
            if s.op == "length":
                self.known[s.index] = Value("int64", "%row_len")
            elif s.op == "row_number":
                self.known[s.index] = self.keep_each("int64", self.number_of_row)
        self.picks(0)

    def operand(self, i, r):
        block = self.f.at(1)
        self.at_row(r)
        return block.convert(block.load(self.inputs[i], self.in_dtypes[i]), self.as_dtypes[i])

    def number_of_row(self, r):
        self.at_row(r)
        return Value("int64", self.row_number)

    def picks(self, level):
        """The elements picked out of the rows that are known after pass `level`."""
        for s in self.plan.specials:
            if s.op == "pick" and s.level == level:
                dtype = compute_dtype(infer([s.args[0]], self.dtypes)[id(s.args[0])][0])
                self.dtypes[s.index] = dtype
                self.known[s.index] = self.keep_each(dtype, lambda r, s=s: self.picked(*s.args, r))

    def picked(self, expression, where, r):
        f, block = self.f, self.f.at(1)
        self.at_row(r)
        (at,) = self.lower_rows([where], r)
        at = block.convert(at, "int64").name
        inside = block.cmp("ult", "i64", at, "%row_len")
        nothing = f.slot("[16 x i8]")
        f.do(f"store [16 x i8] zeroinitializer, ptr {nothing}")
        inputs = {}
        for n in topological([expression]):
            if n.op != "input":
                continue
            if n.attr in self.plan.varying_inputs:
                inputs[n.attr] = self.one_element(n.attr, at, inside, nothing)
            else:
                inputs[n.attr] = self.recall(self.known[n.attr], 1, r)
        (value,) = lower(block, [expression], inputs)
        value = block.convert(value, infer([expression], self.dtypes)[id(expression)][0])
        register = DTYPES[value.dtype].register
        names = [
            block.select(inside, register, name, block.imm(0, register))
            for name in (value.name, value.im)
            if name is not None
        ]
        return Value(value.dtype, *names)

    def one_element(self, i, at, inside, nothing):
        f, block = self.f, self.f.at(1)
        if i >= len(self.kinds):
            return Value("int64", at)
        there = f.offset(self.inputs[i], f.mul(at, DTYPES[self.in_dtypes[i]].itemsize))
        there = f.emit(f"select i1 {inside}, ptr {there}, ptr {nothing}")
        return block.convert(block.load(there, self.in_dtypes[i]), self.as_dtypes[i])

    # -- passes -----------------------------------------------------------------------------------

    def group(self):
        self.open_group()
        last_roots, where = self.last_roots, self.where_to_keep()
        for level in range(1, self.plan.n_passes + 1):
            parts = self.parts_of(level)
            kept = None
            if where is not None and (self.kept_in is None or len(parts) == 1):
                kept = self.plan.kept(last_roots, level)
            stores = [] if kept is None else [kept]
            for groups in parts:
                here = {id(n) for n in topological([a for _, args in groups for a in args])}
                stored = [e for e in stores if id(e) in here]
                self.reducing_pass(groups, stored, where)
                stores = [e for e in stores if id(e) not in here]
            self.picks(level)
            if kept is not None:
                self.kept_in = self.out_dtypes[where], where
                dtype = infer([kept], self.dtypes)[id(kept)][0]
                self.plan, last_roots = self.plan.keeping(kept, last_roots, level)
                self.dtypes[KEPT] = dtype
        if last_roots:
            self.last_pass(last_roots)
        self.close_group()

    @contextmanager
    def each_row(self):
        if self.rows == 1:
            self.at_row(0)
            yield 0
            return
        with self.f.loop(0, self.n) as r:
            self.at_row(r)
            yield r

    def where_to_keep(self):
        """The vector output whose memory can hold kept expressions without rounding them; a GPU computes them again."""
        if self.ptx:
            return None
        for j in self.vector_outputs:
            if self.out_dtypes[j] in ("float32", "float64") and all(
                self.out_dtypes[j] == d for d, k in zip(self.as_dtypes, self.kinds) if k == "v"
            ):
                return j
        return None

    def parts_of(self, level):
        """The row reductions of a pass: those in their own order, which others that have none join, the rest, plain sums."""
        groups = self.plan.rows_of(level)
        own = {key: s for key, s in groups.items() if getattr(reductions, key[0]).own_order}
        if self.ptx:
            return [groups]
        fixed = {k: s for k, s in groups.items() if getattr(reductions, k[0]).side_by_side}
        groups = {key: s for key, s in groups.items() if key not in fixed}
        if not own:
            return [part for part in (groups, fixed) if part]
        ordered = lambda r: r.blocked or r.algebra.calls
        own.update(
            (key, s) for key, s in groups.items() if not ordered(getattr(reductions, key[0]))
        )
        rest = {key: s for key, s in groups.items() if key not in own}
        return [part for part in (own, rest, fixed) if part]

    def reducing_pass(self, groups, stores, where):
        f, width = self.f, self.width
        own = not self.ptx and any(getattr(reductions, name).own_order for name, _ in groups)
        accumulators, roots, sizes, blocked, calls = self.start(groups, width, 4)
        roots, prepare = self.supplier(roots + stores, width)
        plain = any(getattr(reductions, name).side_by_side for name, _ in groups)
        copies = self.copies(width, calls and not (own or plain))
        short = self.short
        if own:
            longest = longest_run(width, copies, reductions.own_sum.blocked)
            short = f.pick("ult", f.sub("%row_len", 1), longest, 1, 0)
        states = [Group(f, a, self.rows) for a in accumulators]
        with self.each_row() as r:
            supply = prepare(r)

            def evaluate(i, count):
                values = lower(f.at(width), roots, supply(i, count))
                if stores:
                    self.put(values[-1], where, i, count)
                self.index_from(i, accumulators)
                return _grouped(values, sizes)

            if width > 1:
                with f.when("ne", short, 0):
                    short_sweep(f, accumulators, "%row_len", evaluate, width, copies)
                    if own:
                        for state in states:
                            state.put(r)
                with f.when("eq", short, 0):
                    self.sweep(accumulators, evaluate, copies, blocked)
                    if own:
                        for state, (name, _) in zip(states, groups):
                            whole = getattr(reductions, name).own_order
                            state.put_sum(r) if whole else state.put(r)
            else:
                self.sweep(accumulators, evaluate, copies, blocked)
            if not own or width == 1:
                for state in states:
                    state.put(r)
        last = f.sub(self.n, 1)
        places = [0] if self.rows == 1 else [f.smaller(r, last) for r in range(self.rows)]
        self.end(groups, [state.close(places) for state in states], accumulators)

    def copies(self, width, calls):
        """How many states a pass fills side by side."""
        return 1 if width == 1 else 2 if calls else 4

    def sweep(self, accumulators, evaluate, copies, blocked):
        for a in accumulators:
            a.open()
        sweep(self.f, accumulators, "%row_len", evaluate, self.width, copies, blocked)

    def index_from(self, i, accumulators):
        """What index() means inside the steps of the accumulators: the position in the row."""
        if any(a.algebra.uses_index for a in accumulators):
            self.f.at(self.width).index = ramp(self.f, i, self.width)

    def start(self, groups, width, copies):
        """Accumulators of a pass, the expressions to feed them, how many each takes."""
        accumulators, roots, sizes, blocked = [], [], [], 0
        for name, args in groups:
            reduction = getattr(reductions, name)
            dtypes = [infer([a], self.dtypes)[id(a)][0] for a in args[: reduction.n_in]]
            _, inner, outer = reduction._states(dtypes, None)
            accumulators.append(
                Accumulators(self.f, reduction.algebra, inner, outer, width, copies)
            )
            roots += args
            sizes.append(len(args))
            blocked = max(blocked, reduction.blocked)
        calls = any(n.op == "call" for n in topological(roots)) or any(
            a.algebra.calls for a in accumulators
        )
        return accumulators, roots, sizes, blocked, calls

    def end(self, groups, states, accumulators):
        """The row values that a pass has found."""
        block = self.f.at(self.rows)
        length = Value("int64", block.splat("%row_len", "i64"))
        for ((name, args), specials), state, a in zip(groups.items(), states, accumulators):
            reduction = getattr(reductions, name)
            params = self.lower_rows(args[reduction.n_in :])
            values = lower(block, reduction.finish_roots, [*state, length, *params])
            inner = a.inner[0].dtypes
            for s in specials:
                value = values[s.attr[1]]
                # A sum in float64 of float32 numbers must not make the passes after it float64.
                if DTYPES[value.dtype].kind in "fc":
                    value = block.convert(value, inner[min(s.attr[1], len(inner) - 1)])
                self.known[s.index] = self.keep(block.convert(value, value.dtype))
                self.dtypes[s.index] = value.dtype

    def supplier(self, roots, width):
        """(roots, prepare): prepare(r) gives supply(i, count), the inputs of elements i .. of row r."""
        f, block, plan = self.f, self.f.at(width), self.plan
        roots, invariant = plan.hoisted(roots)
        known = dict(self.known)
        for index, value in zip(invariant, self.lower_rows(list(invariant.values()))):
            constant = value.const is not None
            known[index] = value if constant else self.keep(value)
        inputs = {n.attr for n in topological(roots) if n.op == "input"}
        reads = sorted(inputs & plan.varying_inputs)
        uses_index = any(n.op == "index" for n in topological(roots))

        def prepare(r):
            shared = {k: self.recall(known[k], width, r) for k in sorted(inputs - set(reads))}

            def supply(i, count):
                if uses_index:
                    first = f.add(f.mul(self.row_number, "%row_len"), i)
                    block.index = ramp(f, first, width)
                return {**shared, **{k: self.read(k, i, count, width) for k in reads}}

            return supply

        return roots, prepare

    def read(self, k, i, count, width):
        f, block = self.f, self.f.at(width)
        if k == KEPT:
            dtype, j = self.kept_in
            place = f.offset(self.outputs[j], f.mul(i, DTYPES[dtype].itemsize))
            return block.load(place, dtype, count)
        if k >= len(self.kinds):
            return ramp(f, i, width)
        dtype = self.in_dtypes[k]
        there = f.offset(self.inputs[k], f.mul(i, DTYPES[dtype].itemsize))
        return block.convert(block.load(there, dtype, count), self.as_dtypes[k])

    def put(self, value, j, i, count):
        f, block = self.f, self.f.at(self.width)
        dtype = self.out_dtypes[j]
        there = f.offset(self.outputs[j], f.mul(i, DTYPES[dtype].itemsize))
        block.store(value, dtype, there, count)

    def last_pass(self, roots):
        f, width = self.f, self.width
        block = f.at(width)
        calls = any(n.op == "call" for n in topological(roots))
        roots, prepare = self.supplier(roots, width)
        per_step = width if calls else 2 * width
        with self.each_row() as r:
            supply = prepare(r)

            def write(i, count):
                for j, value in zip(self.vector_outputs, lower(block, roots, supply(i, count))):
                    self.put(value, j, i, count)

            full = f.round_down("%row_len", per_step)
            with f.loop(0, full, per_step) as i:
                for u in range(0, per_step, width):
                    write(f.add(i, u), None)
            with f.loop(full, "%row_len", width) as i:
                count = None if width == 1 else f.smaller(f.sub("%row_len", i), width)
                write(i, count)

    def close_group(self):
        """Outputs with one value per row."""
        f, block = self.f, self.f.at(self.rows)
        roots = [r for r, kind in zip(self.plan.roots, self.out_kinds) if kind == "x"]
        outputs = [j for j, kind in enumerate(self.out_kinds) if kind == "x"]
        packed = {}
        for j, value in zip(outputs, self.lower_rows(roots)):
            nbytes = self.rows * DTYPES[self.out_dtypes[j]].itemsize
            packed[j] = f.slot(f"[{nbytes} x i8], align 64")
            block.store(value, self.out_dtypes[j], packed[j])
        if not outputs:
            return
        with self.each_row() as r:
            for j, source in packed.items():
                nbytes = DTYPES[self.out_dtypes[j]].itemsize
                type = f"i{8 * nbytes}"
                one = f.emit(f"load {type}, ptr {f.offset(source, f.mul(r, nbytes))}, align 1")
                f.do(f"store {type} {one}, ptr {self.outputs[j]}, align 1")


def _grouped(values, sizes):
    groups, start = [], 0
    for size in sizes:
        groups.append(values[start : start + size])
        start += size
    return groups
