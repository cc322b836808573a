"""The rows schedule: functions of a whole row, in several passes while the row is in cache.

    void k(int64 n_rows, int64 row_len, char** ptrs, int64* row_strides, int64 row0)

Operands, outputs first, are of kind 'v' (contiguous along the row) or 'x' (one value per row);
strides between rows are in bytes, 0 for what all rows share. row0 is the number of the first row.
An output may be one of the inputs.

    rows:
      pass 1 .. n: the row reductions whose arguments are known by then
      last pass:   the vector outputs            then the outputs with one value per row

A row that fits one vector goes through all passes in registers.
"""

from . import reductions, row_plan
from .emit import Module, Value
from .expression import digest_text, substitute, topological, trace
from .expression import input as symbol
from .function import Function
from .map import infer
from .row_language import *  # noqa: F403
from .sweep import Accumulators, lanes_for, ramp, sweep
from .types import DTYPES, compute_dtype

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

    def compile(self, in_dtypes, kinds, out_dtypes, as_dtype=None):
        """The address of the kernel; floating inputs are converted to `as_dtype` first."""
        from .cache import compiled

        variant = self._variant(in_dtypes, kinds, out_dtypes, as_dtype)
        key = "\n".join(("rows", digest_text(self.expressions), repr(variant)))
        signature = f"({', '.join(in_dtypes)}) -> ({', '.join(out_dtypes)}) {kinds}"
        return compiled(self.name, signature, key, lambda target: self._emit(variant, target))

    def ir(self, in_dtypes, kinds, out_dtypes, as_dtype=None, target=None):
        """The LLVM IR of the kernel as text."""
        from .targets import cpu

        variant = self._variant(in_dtypes, kinds, out_dtypes, as_dtype)
        return self._emit(variant, target or cpu.host())

    def ptx(self, in_dtypes, kinds, out_dtypes, as_dtype=None, arch="sm_70"):
        """The PTX of the same kernel for a GPU: one row per thread and turn."""
        from .targets.ptx import PtxTarget, assemble

        return assemble(
            self.ir(in_dtypes, kinds, out_dtypes, as_dtype, PtxTarget()), len(kinds), arch
        )

    def interpret(self, inputs, in_dtypes, kinds, out_dtypes, as_dtype=None, row0=0):
        """The outputs as NumPy arrays, computed slowly and without LLVM."""
        from .interpret_rows import interpret_rows

        return interpret_rows(self, inputs, in_dtypes, kinds, out_dtypes, as_dtype, row0)

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
        begin, step = self.f.module.target.thread(f) if self.ptx else (0, 1)
        with f.loop(begin, "%n_rows", step) as o:
            at = [f.offset(p, f.mul(o, s)) for p, s in zip(self.pointers, self.strides)]
            self.outputs, self.inputs = at[:n_out], at[n_out:]
            self.row_number = f.add("%row0", o)
            if self.width == 1:
                self.long_row()
            else:
                before = f.sub("%row_len", 1)
                with f.when("ult", before, self.width):
                    self.short_row()
                with f.when("uge", before, self.width):
                    self.long_row()
        f.finish()

    # -- values of the row ------------------------------------------------------------------------

    def open_row(self):
        """What is known before the first pass: operands with one value, the length, picks."""
        block = self.f.at(1)
        self.known = {}
        for i, kind in enumerate(self.kinds):
            if kind == "x":
                value = block.load(self.inputs[i], self.in_dtypes[i])
                self.known[i] = block.convert(value, self.as_dtypes[i])
        for s in self.plan.specials:
            if s.op == "length":
                self.known[s.index] = Value("int64", "%row_len")
            elif s.op == "row_number":
                self.known[s.index] = Value("int64", self.row_number)
        self.picks(0)

    def scalars(self, roots):
        """Values of width 1 of expressions that do not vary."""
        return self.f.at(1).lower(roots, self.known)

    def picks(self, level):
        """The elements picked out of the row that are known after pass `level`."""
        for s in self.plan.specials:
            if s.op == "pick" and s.level == level:
                self.known[s.index] = self.picked(*s.args)
                self.dtypes[s.index] = self.known[s.index].dtype

    def picked(self, expression, where):
        f, block = self.f, self.f.at(1)
        (at,) = self.scalars([where])
        at = block.convert(at, "int64").name
        inside = block.cmp("ult", "i64", at, "%row_len")
        nothing = f.slot("[16 x i8]")
        f.do(f"store [16 x i8] zeroinitializer, ptr {nothing}")
        inputs = dict(self.known)
        for n in topological([expression]):
            if n.op == "input" and n.attr in self.plan.varying_inputs:
                inputs[n.attr] = self.one_element(n.attr, at, inside, nothing)
        (value,) = block.lower([expression], inputs)
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

    def long_row(self):
        plan = self.plan
        self.open_row()
        last_roots = self.last_roots
        kept = plan.kept(last_roots) if self.last_roots else None
        where_kept = self.where_to_keep(kept)
        for level in range(1, plan.n_passes + 1):
            stores = [kept[1]] if where_kept is not None and kept[0] == level else []
            self.long_pass(level, stores, where_kept)
            if stores:
                last_roots = substitute(last_roots, {id(kept[1]): symbol(KEPT)})
                self.dtypes[KEPT] = infer([kept[1]], self.dtypes)[id(kept[1])][0]
        if last_roots:
            self.last_pass(last_roots, where_kept)
        self.close_row()

    def where_to_keep(self, kept):
        """The vector output whose memory can hold the kept expression without rounding it."""
        if kept is None:
            return None
        for j in self.vector_outputs:
            if self.out_dtypes[j] in ("float32", "float64") and all(
                self.out_dtypes[j] == d for d, k in zip(self.as_dtypes, self.kinds) if k == "v"
            ):
                return j
        return None

    def long_pass(self, level, stores, where_kept):
        f, width = self.f, self.width
        groups = self.plan.rows_of(level)
        accumulators, roots, sizes, blocked, calls = self.start(groups, width, 4)
        roots, supply = self.supplier(roots + stores, width)
        copies = 1 if width == 1 else 2 if calls else 4

        def evaluate(i, count):
            values = f.at(width).lower(roots, supply(i, count))
            if stores:
                self.put(values[-1], where_kept, i, count)
            self.index_from(i, accumulators)
            return _grouped(values, sizes)

        sweep(f, accumulators, "%row_len", evaluate, width, copies, blocked)
        self.end(groups, accumulators)
        self.picks(level)

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
        for a in accumulators:
            a.open()
        calls = any(n.op == "call" for n in topological(roots)) or any(
            a.algebra.calls for a in accumulators
        )
        return accumulators, roots, sizes, blocked, calls

    def end(self, groups, accumulators):
        """The row values that a pass has found."""
        block = self.f.at(1)
        for ((name, args), specials), a in zip(groups.items(), accumulators):
            reduction = getattr(reductions, name)
            params = self.scalars(args[reduction.n_in :])
            state = a.close()
            values = block.lower(
                reduction.finish_roots, [*state, Value("int64", "%row_len"), *params]
            )
            inner = a.inner[0].dtypes
            for s in specials:
                value = values[s.attr[1]]
                # A sum in float64 of float32 numbers must not make the passes after it float64.
                if DTYPES[value.dtype].kind in "fc":
                    value = block.convert(value, inner[min(s.attr[1], len(inner) - 1)])
                self.known[s.index] = block.convert(value, value.dtype)
                self.dtypes[s.index] = value.dtype

    def supplier(self, roots, width):
        """(roots, supply): supply(i, count) gives the inputs of elements i .. of this row."""
        f, block, plan = self.f, self.f.at(width), self.plan
        roots, invariant = plan.hoisted(roots)
        values = dict(self.known)
        for index, value in zip(invariant, self.scalars(list(invariant.values()))):
            values[index] = value
        shared, reads = {}, []
        for n in topological(roots):
            if n.op != "input":
                continue
            if n.attr in plan.varying_inputs:
                reads.append(n.attr)
            else:
                shared[n.attr] = self.spread(values[n.attr], width)
        uses_index = any(n.op == "index" for n in topological(roots))

        def supply(i, count, read=None):
            inputs = dict(shared)
            for k in reads:
                inputs[k] = read[k] if read and k in read else self.read(k, i, count, width)
            if uses_index:
                first = f.add(f.mul(self.row_number, "%row_len"), i)
                block.index = ramp(f, first, width)
            return inputs

        return roots, supply

    def spread(self, value, width):
        """A value of width 1 in all lanes."""
        block = self.f.at(width)
        if value.const is not None or width == 1:
            return value
        register = DTYPES[value.dtype].register
        names = [block.splat(name, register) for name in (value.name, value.im) if name is not None]
        return Value(value.dtype, *names)

    def read(self, k, i, count, width):
        f, block = self.f, self.f.at(width)
        if k == KEPT:
            dtype, pointer = self.kept_in
            return block.load(f.offset(pointer, f.mul(i, DTYPES[dtype].itemsize)), dtype, count)
        if k >= len(self.kinds):
            return ramp(f, i, width)
        dtype = self.in_dtypes[k]
        there = f.offset(self.inputs[k], f.mul(i, DTYPES[dtype].itemsize))
        return block.convert(block.load(there, dtype, count), self.as_dtypes[k])

    def put(self, value, j, i, count):
        f, block = self.f, self.f.at(self.width)
        dtype = self.out_dtypes[j]
        self.kept_in = dtype, self.outputs[j]
        there = f.offset(self.outputs[j], f.mul(i, DTYPES[dtype].itemsize))
        block.store(value, dtype, there, count)

    def last_pass(self, roots, where_kept):
        f, width = self.f, self.width
        block = f.at(width)
        calls = any(n.op == "call" for n in topological(roots))
        roots, supply = self.supplier(roots, width)

        def write(i, count):
            for j, value in zip(self.vector_outputs, block.lower(roots, supply(i, count))):
                self.put(value, j, i, count)

        per_step = width if calls else 2 * width
        full = f.round_down("%row_len", per_step)
        with f.loop(0, full, per_step) as i:
            for u in range(0, per_step, width):
                write(f.add(i, u), None)
        with f.loop(full, "%row_len", width) as i:
            count = None if width == 1 else f.smaller(f.sub("%row_len", i), width)
            write(i, count)

    def close_row(self):
        """Outputs with one value per row."""
        block = self.f.at(1)
        roots = [r for r, kind in zip(self.plan.roots, self.out_kinds) if kind == "x"]
        outputs = [j for j, kind in enumerate(self.out_kinds) if kind == "x"]
        for j, value in zip(outputs, self.scalars(roots)):
            block.store(value, self.out_dtypes[j], self.outputs[j])

    # -- a row in one vector ----------------------------------------------------------------------

    def short_row(self):
        """All passes on one masked vector, its elements read once."""
        f, width, plan = self.f, self.width, self.plan
        block = f.at(width)
        self.open_row()
        reads = {}

        def values_of(roots):
            roots, supply = self.supplier(roots, width)
            inputs = supply(0, "%row_len", reads)
            reads.update({k: v for k, v in inputs.items() if k in plan.varying_inputs})
            return block.lower(roots, inputs)

        for level in range(1, plan.n_passes + 1):
            groups = plan.rows_of(level)
            accumulators, roots, sizes, _, _ = self.start(groups, width, 1)
            grouped = _grouped(values_of(roots), sizes)
            self.index_from("0", accumulators)
            mask = block._mask(width, "%row_len")
            for a, values in zip(accumulators, grouped):
                if a.direct:
                    a.step(a.outer, values, mask)
                else:
                    a.reset(1)
                    a.step(a.inner[0], values, mask)
                    a.fold(1)
            self.end(groups, accumulators)
            self.picks(level)
        if self.last_roots:
            for j, value in zip(self.vector_outputs, values_of(self.last_roots)):
                self.put(value, j, 0, "%row_len")
        self.close_row()


def _grouped(values, sizes):
    groups, start = [], 0
    for size in sizes:
        groups.append(values[start : start + size])
        start += size
    return groups
