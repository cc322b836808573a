"""Reductions: an accumulator and how it takes an element, in loops over any layout.

    total = Reduce("sum", init=(0,), step=lambda s, x: (s[0] + x,), combine=..., state=sums)

A reduction's state has one or more components. `init` are their values before any element, `step`
takes one element in, `combine` joins two states (and must accept an untouched one on either side),
`finish` makes the outputs from a state and the number of elements. `index()` inside `step` is the
position within the reduction. Ready-made reductions stand in reductions.py.

Compiled kernels follow one C signature:

    void k(int64 n_out, int64 n_red0, int64 n_red1, char** ptrs, int64* out_strides,
           int64* red0_strides, int64* red1_strides, int64 index0)

with outputs first, then inputs, then parameters (single values, strides ignored), strides in bytes.
Modes:  r  inputs contiguous along red1: lanes along the reduction
        o  inputs and outputs contiguous along out: lanes across outputs
        t  outputs contiguous along out, reductions of few elements: lanes across outputs, gathered
        g  anything: one element at a time
After r or o one letter per input may follow: c (contiguous along the lanes) or s (one value there).
Stages: full     inputs -> outputs
        partial  inputs -> states: one output per component in `state_dtypes`, whatever out_dtypes say
        combine  states -> outputs, reducing over partial states
"""

from ..emit import Module, Value, constant
from ..expression import const, digest_text, topological
from ..expression import input as symbol
from ..function import Function
from ..lower import lower
from ..types import DTYPES, promote_all
from .sweep import (
    GROUP,
    LINE,
    Accumulators,
    Group,
    lanes_for,
    longest_run,
    ramp,
    short_sweep,
    sweep,
)

PARAMETERS = (
    "i64 %n_out, i64 %n_red0, i64 %n_red1, ptr %ptrs, ptr %out_strides, "
    "ptr %red0_strides, ptr %red1_strides, i64 %index0"
)


def same(dtype):
    """State dtypes of a reduction whose only component has the dtype of its input."""
    return (dtype,), (dtype,)


class Algebra:
    """init, step and combine as expressions, traced once."""

    def __init__(self, init, step, combine, n_in, n_params):
        self.init = init
        k = self.n_state = len(init)
        state = tuple(symbol(i) for i in range(k))
        arguments = [symbol(k + i) for i in range(n_in + n_params)]
        self.step_roots = _roots(step(state, *arguments))
        other = tuple(symbol(k + i) for i in range(k))
        self.combine_roots = _roots(combine(state, other))

    @property
    def uses_index(self):
        return any(n.op == "index" for n in topological(self.step_roots))

    @property
    def calls(self):
        """The number of maths calls in a step."""
        return sum(n.op == "call" for n in topological(self.step_roots))

    def initial(self, dtypes, block):
        """The state before any element."""
        return [block.convert(constant(limit_of(v, d)), d) for v, d in zip(self.init, dtypes)]

    def step(self, block, state, values):
        return lower(block, self.step_roots, [*state, *values])

    def combine(self, block, a, b, dtypes):
        a = [block.convert(v, d) for v, d in zip(a, dtypes)]
        b = [block.convert(v, d) for v, d in zip(b, dtypes)]
        joined = lower(block, self.combine_roots, [*a, *b])
        return [block.convert(v, d) for v, d in zip(joined, dtypes)]


def _roots(result):
    return tuple(const(r) for r in (result if isinstance(result, (tuple, list)) else (result,)))


def limit_of(value, dtype):
    """`value`, where "lowest" and "highest" mean those of dtype."""
    if value not in ("lowest", "highest"):
        return value
    d = DTYPES[dtype]
    if d.kind == "f":
        return float("-inf" if value == "lowest" else "inf")
    if d.kind == "b":
        return value == "highest"
    if d.kind == "u":
        return 0 if value == "lowest" else 2**d.bits - 1
    return -(2 ** (d.bits - 1)) if value == "lowest" else 2 ** (d.bits - 1) - 1


class Reduce:
    """A reduction; compiled per dtypes, mode and stage.

    Args:
        init (tuple): number, "lowest" or "highest" of each component.
        step: (state, *inputs, *params) -> state.
        combine: (state, state) -> state.
        finish: (state, n, *params) -> output or outputs; n is the number of elements. Default: the
            first component.
        state: dtype of the inputs in arithmetic -> (dtypes within a block, dtypes between blocks).
        n_in, n_params (int): how many inputs and parameters.
        blocked (int): steps after which a block ends, for sums of rounded numbers; 0: never.
        meets (Reduce): another reduction of the same inputs, whose states have fewer components and are what finish
            gives: the lanes of short rows meet as those.
    """

    own_order = False  # whether rows.py adds rows up in the order of the kernels here
    side_by_side = None  # how many states rows.py fills; None: it depends on what the pass computes

    def __init__(
        self, name, init, step, combine, finish=None, state=same, n_in=1, n_params=0, blocked=0,
        meets=None,
    ):  # fmt: skip
        self.name = name
        self.init, self._step, self._combine = init, step, combine
        self._finish = finish or (lambda s, n, *params: s[0])
        self.state = state
        self.n_in = n_in
        self.n_params = n_params
        self.blocked = blocked
        self.meets = meets
        self._algebra = self._traced_finish = None
        self._bound = {}

    def of(self, pre, name=None, n_in=1, finish=None, state=None):
        """This reduction of pre(inputs), fused."""
        step = self._step

        def fused(s, *arguments):
            made = pre(*arguments[:n_in])
            made = made if isinstance(made, tuple) else (made,)
            return step(s, *made, *arguments[n_in:])

        return Reduce(
            name or self.name,
            self.init,
            fused,
            self._combine,
            finish or self._finish,
            state or self.state,
            n_in,
            self.n_params,
            self.blocked,
        )

    def bind(self, *params):
        """This reduction with its parameters as constants."""
        params = tuple(params)
        if params not in self._bound:
            step, finish, n_in = self._step, self._finish, self.n_in
            self._bound[params] = Reduce(
                self.name,
                self.init,
                lambda s, *x: step(s, *x, *params),
                self._combine,
                lambda s, n: finish(s, n, *params),
                self.state,
                n_in,
                0,
                self.blocked,
            )
        return self._bound[params]

    @property
    def algebra(self):
        if self._algebra is None:
            self._algebra = Algebra(self.init, self._step, self._combine, self.n_in, self.n_params)
        return self._algebra

    @property
    def finish_roots(self):
        if self._traced_finish is None:
            k = len(self.init)
            s = tuple(symbol(i) for i in range(k))
            params = [symbol(k + 1 + i) for i in range(self.n_params)]
            self._traced_finish = _roots(self._finish(s, symbol(k), *params))
        return self._traced_finish

    @property
    def n_out(self):
        return len(self.finish_roots)

    @property
    def counts(self):
        """Whether the outputs depend on the number of elements, so that states carry it."""
        k = len(self.init)
        return any(n.op == "input" and n.attr == k for n in topological(self.finish_roots))

    def state_dtypes(self, in_dtypes, as_dtype=None):
        """The dtypes of the components that stage partial writes and combine reads."""
        outer = self._states(in_dtypes, as_dtype)[2]
        return outer + ("int64",) if self.counts else outer

    def _states(self, in_dtypes, as_dtype):
        as_dtypes = _as_dtypes(in_dtypes[: self.n_in], as_dtype)
        common = promote_all([(d, False) for d in as_dtypes])[0]
        inner, outer = self.state(common)
        return as_dtypes, tuple(inner), tuple(outer)

    @property
    def digest(self):
        """What the outputs depend on beside dtypes, as text."""
        roots = (*self.algebra.step_roots, *self.algebra.combine_roots, *self.finish_roots)
        text = f"{self.init} {self.n_in} {self.n_params} {self.blocked} {digest_text(roots)}"
        return f"{text} meets {self.meets.digest}" if self.meets else text

    def compile(self, in_dtypes, as_dtype, out_dtypes, mode, stage="full"):
        """The address of the kernel.

        `in_dtypes` are those of the inputs and then the parameters, in every stage; inputs are
        converted to `as_dtype` (None: left as they are) before the step.
        """
        from ..cache import compiled

        variant = self._variant(in_dtypes, as_dtype, out_dtypes, mode, stage)
        key = "\n".join(("reduce", self.digest, repr(variant)))
        signature = f"({', '.join(in_dtypes)}) -> ({', '.join(out_dtypes)}) {mode} {stage}"
        return compiled(
            self.name,
            signature,
            key,
            lambda target: _emit(self, variant, target),
            lambda letters: self._gpu_ir(variant, letters),
        )

    def _gpu_ir(self, variant, letters):
        from ..gpu import reduce as gpu_reduce

        return gpu_reduce.write(self, variant, letters)

    def ir(self, in_dtypes, as_dtype, out_dtypes, mode, stage="full", target=None):
        """The LLVM IR of the kernel as text."""
        from ..targets import cpu

        variant = self._variant(in_dtypes, as_dtype, out_dtypes, mode, stage)
        return _emit(self, variant, target or cpu.host())

    def ptx(self, in_dtypes, as_dtype, out_dtypes, mode, stage="full", arch="sm_70"):
        """The PTX of the same kernel for a GPU: one output per thread and turn."""
        from ..targets.ptx import PtxTarget, assemble

        ir = self.ir(in_dtypes, as_dtype, out_dtypes, mode, stage, PtxTarget())
        states = len(self.state_dtypes(in_dtypes, as_dtype))
        outputs = states if stage == "partial" else self.n_out
        inputs = states if stage == "combine" else self.n_in
        return assemble(ir, outputs + inputs + self.n_params, arch)

    def _variant(self, in_dtypes, as_dtype, out_dtypes, mode, stage):
        if len(in_dtypes) != self.n_in + self.n_params or (
            len(out_dtypes) != self.n_out and stage != "partial"
        ):
            raise ValueError(
                f"kernel {self.name} has {self.n_in} inputs, {self.n_params} parameters "
                f"and {self.n_out} outputs, got {len(in_dtypes)} input dtypes and "
                f"{len(out_dtypes)} output dtypes"
            )
        mode = "o" + "g" * self.n_in if mode == "t" else mode
        if mode[:1] not in "rog" or stage not in ("full", "partial", "combine"):
            raise ValueError(f"kernel {self.name}: mode {mode!r} or stage {stage!r} is unknown")
        as_dtypes, inner, outer = self._states(in_dtypes, as_dtype)
        return tuple(in_dtypes), as_dtypes, inner, outer, tuple(out_dtypes), mode, stage


def _emit(reduction, variant, target):
    module = Module(target)
    _Kernel(reduction, module, *variant).write()
    return module.text()


def _as_dtypes(in_dtypes, as_dtype):
    if as_dtype is None:
        return tuple(in_dtypes)
    return (as_dtype,) * len(in_dtypes) if isinstance(as_dtype, str) else tuple(as_dtype)


class _StateAlgebra:
    """The algebra of reducing states themselves, for stage combine (and the count beside them)."""

    def __init__(self, algebra, counts):
        self.algebra = algebra
        self.counts = counts
        self.uses_index = False
        self.calls = algebra.calls

    def initial(self, dtypes, block):
        k = self.algebra.n_state
        values = self.algebra.initial(dtypes[:k], block)
        return values + ([block.convert(constant(0), "int64")] if self.counts else [])

    def combine(self, block, a, b, dtypes):
        k = self.algebra.n_state
        values = self.algebra.combine(block, a[:k], b[:k], dtypes[:k])
        if self.counts:
            values.append(Value("int64", block.op("add", "i64", a[k].name, b[k].name)))
        return values

    def step(self, block, state, values):
        return self.combine(block, state, values, [v.dtype for v in state])


class _Kernel:
    """The emission of one variant."""

    def __init__(
        self, reduction, module, in_dtypes, as_dtypes, inner, outer, out_dtypes, mode, stage
    ):
        self.reduction = reduction
        self.target = module.target
        self.stage = stage
        n_in = reduction.n_in
        self.param_dtypes = in_dtypes[n_in:]
        self.load_dtypes, self.as_dtypes = in_dtypes[:n_in], as_dtypes
        self.algebra, self.blocked = reduction.algebra, reduction.blocked
        self.outer = outer
        if stage == "combine":
            self.algebra = _StateAlgebra(reduction.algebra, reduction.counts)
            self.outer = inner = outer + ("int64",) * reduction.counts
            self.load_dtypes = self.as_dtypes = self.outer
            self.blocked = 0
        self.inner = inner
        self.out_dtypes = tuple(out_dtypes)
        if stage == "partial":
            self.out_dtypes = outer + ("int64",) * reduction.counts
        self.mode, access = mode[0], mode[1:]
        self.access = access or {"g": "g"}.get(self.mode, "c") * len(self.load_dtypes)
        self.width = 1 if self.mode == "g" else lanes_for(self.target, (*self.as_dtypes, inner[0]))
        if self.target.name == "ptx":
            self.access = self.access.replace("c", "g")
        # The reduction in whose states the lanes of short rows meet, if that is another.
        self.met = reduction.meets if stage == "full" and self.width > 1 else None
        # A load of a whole line and one of a byte there together bring 16 MB from the last cache in 0.92 of the time of
        # the first alone, where a vector takes one operation; two inputs, or truth values beside, gain nothing.
        self.touches = (
            self.mode == "r"
            and self.access == "c"
            and self.width * DTYPES[self.load_dtypes[0]].itemsize == LINE
            and len(inner) == 1
            and inner[0] != "bool"
            and not self.algebra.calls
            and stage != "combine"
        )
        # Enough copies to hide the latency of an addition; maths calls fill the pipeline alone.
        self.copies = 1 if self.algebra.calls or stage == "combine" else 4 // min(2, len(inner))
        self.f = Function(module, "kernel", PARAMETERS)

    def write(self):
        f = self.f
        n_out, n_in = len(self.out_dtypes), len(self.load_dtypes)
        operands = range(n_out + n_in)
        self.pointers = [f.element("%ptrs", i, "ptr") for i in range(n_out + n_in)]
        self.out_strides = [f.element("%out_strides", i, "i64") for i in operands]
        self.strides0 = [f.element("%red0_strides", i, "i64") for i in operands[n_out:]]
        self.strides1 = [f.element("%red1_strides", i, "i64") for i in operands[n_out:]]
        self.params = []
        for i, dtype in enumerate(self.param_dtypes):
            pointer = f.element("%ptrs", n_out + n_in + i, "ptr")
            self.params.append((pointer, dtype))
        self.count = f.mul("%n_red0", "%n_red1")
        begin, step = self.target.thread(f) if self.target.name == "ptx" else (0, 1)
        if self.mode == "o" and self.width > 1:
            self.across_outputs()
        elif self.width > 1:
            self.groups_of_outputs()
        else:
            with f.loop(begin, "%n_out", step) as o:
                state = self.accumulators()
                self.one_output(o, state)
                self.store_outputs(state.close(), self.outputs_at(o), 1, None)
        f.finish()

    # -- lanes along the reduction ----------------------------------------------------------------

    def accumulators(self):
        f, width = self.f, self.width
        own = f, self.algebra, self.inner, self.outer, width, self.copies
        if not self.met:
            return Accumulators(*own)
        algebra = self.met.algebra
        dtypes = self.outer[: algebra.n_state]
        return Accumulators(*own, Accumulators(f, algebra, dtypes, dtypes, width, 1), self.packed)

    def packed(self, state):
        """A state as one of `met`."""
        return lower(self.f.at(self.width), self.reduction.finish_roots, state)

    def groups_of_outputs(self):
        """Several reductions of a single block and run before the lanes meet; longer ones alone."""
        f = self.f
        rows = min(self.width, GROUP)
        state = self.accumulators()
        group = Group(f, state, rows)
        longest = longest_run(self.width, self.copies, self.blocked)
        above = f.pick("eq", "%n_red0", 1, longest, 0)
        short = f.pick("ult", f.sub(self.count, 1), above, 1, 0)
        with f.when("ne", short, 0), f.loop(0, "%n_out", rows) as first:
            count = f.smaller(f.sub("%n_out", first), rows)
            with f.loop(0, count) as r:
                self.short_output(f.add(first, r), state)
                group.put(r)
            last = f.sub(count, 1)
            values = group.close([f.smaller(r, last) for r in range(rows)])
            self.store_group(values, self.outputs_at(first), rows, count)
        with f.when("eq", short, 0), f.loop(0, "%n_out") as o:
            self.one_output(o, state)
            self.store_outputs(state.close(), self.outputs_at(o), 1, None)

    def store_group(self, state, pointers, rows, count):
        """Outputs of a group: packed in memory first, as their strides may be any."""
        f = self.f
        packed = []
        for dtype in self.out_dtypes:
            packed.append(f.slot(f"[{rows * DTYPES[dtype].itemsize} x i8], align 64"))
        self.store_outputs(state, packed, rows, None, self.met)
        with f.loop(0, count) as r:
            for dtype, source, pointer, stride in zip(
                self.out_dtypes, packed, pointers, self.out_strides
            ):
                nbytes = DTYPES[dtype].itemsize
                type = f"i{8 * nbytes}"
                one = f.emit(f"load {type}, ptr {f.offset(source, f.mul(r, nbytes))}, align 1")
                f.do(f"store {type} {one}, ptr {f.offset(pointer, f.mul(r, stride))}, align 1")

    def one_output(self, o, state):
        """Brings the elements of output o into `state`."""
        f = self.f
        at_o, params = self.inputs_at(o), self.load_params(self.width)
        state.open()
        with f.loop(0, "%n_red0") as r0:
            at_r0 = [f.offset(p, f.mul(r0, s)) for p, s in zip(at_o, self.strides0)]
            index = f.add("%index0", f.mul(r0, "%n_red1"))
            evaluate = self.evaluator(at_r0, index, params, self.touches)
            sweep(f, [state], "%n_red1", evaluate, self.width, self.copies, self.blocked)

    def short_output(self, o, state):
        """The same for few elements in one run."""
        f = self.f
        evaluate = self.evaluator(self.inputs_at(o), "%index0", self.load_params(self.width))
        short_sweep(f, [state], "%n_red1", evaluate, self.width, self.copies)

    def outputs_at(self, o):
        n_out, f = len(self.out_dtypes), self.f
        places = zip(self.pointers[:n_out], self.out_strides[:n_out])
        return [f.offset(p, f.mul(o, s)) for p, s in places]

    def inputs_at(self, o):
        n_out, f = len(self.out_dtypes), self.f
        places = zip(self.pointers[n_out:], self.out_strides[n_out:])
        return [f.offset(p, f.mul(o, s)) for p, s in places]

    def evaluator(self, pointers, index, params, touch=False):
        """evaluate(i, count) of `sweep`: elements from i on, which have the positions index + i."""
        f = self.f

        def evaluate(i, count):
            if self.algebra.uses_index:
                f.at(self.width).index = ramp(f, f.add(index, i), self.width)
            values = [self.load(p, i, k, count, touch) for k, p in enumerate(pointers)]
            return [values + params]

        return evaluate

    def load(self, pointer, i, k, count, touch):
        """Input k of the elements from i on."""
        f, block = self.f, self.f.at(self.width)
        dtype, access = self.load_dtypes[k], self.access[k]
        if access == "s":
            return block.convert(block.load_splat(pointer, dtype), self.as_dtypes[k])
        stride = DTYPES[dtype].itemsize if access == "c" else self.strides1[k]
        place = f.offset(pointer, f.mul(i, stride))
        if touch and count is None:
            block.emit(f"load volatile i8, ptr {place}")
        value = block.load(place, dtype, count)
        return block.convert(value, self.as_dtypes[k])

    def load_params(self, width):
        block = self.f.at(width)
        return [block.load_splat(pointer, dtype) for pointer, dtype in self.params]

    def store_outputs(self, state, pointers, width, count, reduction=None):
        """Finishes a state, of `reduction` or the kernel's own, and stores what it gives."""
        reduction = reduction or self.reduction
        block = self.f.at(width)
        values = state
        if self.stage == "partial":
            values = state + [self.count_value(width)] * reduction.counts
        else:
            k = reduction.algebra.n_state
            n = self.count_value(width) if self.stage == "full" or len(state) == k else state[k]
            values = lower(block, reduction.finish_roots, [*state[:k], n, *self.load_params(width)])
        for value, dtype, pointer in zip(values, self.out_dtypes, pointers):
            block.store(value, dtype, pointer, count)

    def count_value(self, width):
        return Value("int64", self.f.at(width).splat(self.count, "i64"))

    # -- lanes across outputs ---------------------------------------------------------------------

    def across_outputs(self):
        """Blocks of outputs, several registers wide, down the whole reduction each."""
        f, width = self.f, self.width
        columns = 1 if self.algebra.calls else 4 // len(self.inner) or 1
        done = 0
        if columns > 1:
            done = f.round_down("%n_out", width * columns)
            with f.loop(0, done, width * columns) as o:
                self.columns(o, columns, None)
        with f.loop(done, "%n_out", width) as o:
            self.columns(o, 1, f.smaller(f.sub("%n_out", o), width))

    def columns(self, o, columns, count):
        f, width = self.f, self.width
        n_out = len(self.out_dtypes)
        states = [
            Accumulators(f, self.algebra, self.inner, self.outer, width, 1) for _ in range(columns)
        ]
        at_o = [f.offset(p, f.mul(o, self.step_across(k))) for k, p in enumerate(self.pointers)]
        params = self.load_params(width)
        inner = [s.outer if s.direct and not self.blocked else s.inner[0] for s in states]
        for s in states:
            s.open()
        with f.loop(0, "%n_red0") as r0:
            at_r0 = [f.offset(p, f.mul(r0, s)) for p, s in zip(at_o[n_out:], self.strides0)]
            index = f.add("%index0", f.mul(r0, "%n_red1"))

            def steps(begin, end):
                with f.loop(begin, end) as r1:
                    at = [f.offset(p, f.mul(r1, s)) for p, s in zip(at_r0, self.strides1)]
                    block = f.at(width)
                    if self.algebra.uses_index:
                        block.index = Value("int64", block.splat(f.add(index, r1), "i64"))
                    for c, state in enumerate(states):
                        values = [self.load_across(p, c, k, count) for k, p in enumerate(at)]
                        state.step(inner[c], values + params)

            def block_of(begin, end):
                for s in states:
                    s.reset(1)
                steps(begin, end)
                for s in states:
                    s.fold(1)

            if not self.blocked and states[0].direct:
                steps(0, "%n_red1")
            elif not self.blocked:
                block_of(0, "%n_red1")
            else:
                with f.loop(0, "%n_red1", self.blocked) as begin:
                    block_of(begin, f.smaller(f.add(begin, self.blocked), "%n_red1"))
        for c, state in enumerate(states):
            at = [f.offset(p, c * width * self.step_across(k)) for k, p in enumerate(at_o[:n_out])]
            self.store_outputs(state.outer.get(), at, width, count)

    def step_across(self, k):
        """Bytes from one output to the next in operand k."""
        n_out = len(self.out_dtypes)
        if k < n_out:
            return DTYPES[self.out_dtypes[k]].itemsize
        if self.access[k - n_out] == "s":
            return 0
        if self.access[k - n_out] == "g":
            return self.out_strides[k]
        return DTYPES[self.load_dtypes[k - n_out]].itemsize

    def load_across(self, pointer, column, k, count):
        block = self.f.at(self.width)
        dtype = self.load_dtypes[k]
        if self.access[k] == "s":
            value = block.load_splat(pointer, dtype)
        elif self.access[k] == "g":
            stride = self.out_strides[len(self.out_dtypes) + k]
            pointer = self.f.offset(pointer, self.f.mul(stride, column * self.width))
            value = block.gather(pointer, stride, dtype, count)
        else:
            nbytes = column * self.width * DTYPES[dtype].itemsize
            value = block.load(self.f.offset(pointer, nbytes), dtype, count)
        return block.convert(value, self.as_dtypes[k])
