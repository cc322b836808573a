"""One pass over a range of elements into the accumulators of one or several reductions.

Elements i .. i + n of a contiguous range go to lanes and copies in a fixed pattern:

    copy 0: i       .. i + W      lane by lane, then i + C W .. (C copies of W lanes)
    copy 1: i + W   .. i + 2 W
    ...

After every block of some steps the copies are combined into the outer accumulators, whose dtype may be
wider: a float32 sum adds at most 32 numbers in float32, and sums those sums in float64. What is
left at the end is taken W at a time, under a mask. The lanes meet in `Accumulators.close`, half
with half. Nothing depends on the number of threads or on alignment.
"""

from .emit import Value
from .function import Variables, halves
from .types import DTYPES


class Accumulators:
    """The running states of one reduction in one kernel.

    `algebra` (see reduce.py) gives init, step and combine; `inner` and `outer` are the dtypes of the
    state's components within a block of steps and between blocks.
    """

    def __init__(self, function, algebra, inner, outer, width, copies):
        self.function = function
        self.algebra = algebra
        self.width = width
        self.block = function.at(width)
        self.direct = tuple(inner) == tuple(outer)
        self.outer = Variables(function, outer, width)
        self.inner = [Variables(function, inner, width) for _ in range(copies)]

    def open(self):
        """Starts a reduction: nothing seen yet."""
        self.outer.set(self.algebra.initial(self.outer.dtypes, self.block))

    def reset(self, copies):
        """Starts a block."""
        for inner in self.inner[:copies]:
            inner.set(self.algebra.initial(inner.dtypes, self.block))

    def step(self, variables, values, mask=None):
        """Takes one more element in every lane (of the mask)."""
        variables.set(self.algebra.step(self.block, variables.get(), values), mask)

    def fold(self, copies):
        """Ends a block: the first `copies` inner states go into the outer one."""
        states = [inner.get() for inner in self.inner[:copies]]
        while len(states) > 1:
            half = (len(states) + 1) // 2
            joined = [self.join(a, b) for a, b in zip(states, states[half:])]
            states = joined + states[len(joined) : half]
        self.outer.set(self.join(self.outer.get(), states[0]))

    def join(self, a, b):
        return self.algebra.combine(self.block, a, b, self.outer.dtypes)

    def close(self):
        """The state of all lanes together: Values of width 1, of the outer dtypes."""
        values, width = self.outer.get(), self.width
        while width > 1:
            low, high = halves(self.function, values, width)
            width //= 2
            block = self.function.at(width)
            values = self.algebra.combine(block, low, high, self.outer.dtypes)
        return values


def sweep(function, accumulators, n, evaluate, width, copies, blocked):
    """Runs over elements 0 .. n: `evaluate(i, count)` gives the step values of each accumulator.

    `count` is None where all lanes hold elements. A block ends after `blocked` steps; 0: never.
    """
    f = function
    per_step = width * copies
    full = f.round_down(n, per_step)

    def steps(begin, end):
        with f.loop(begin, end, per_step) as i:
            for copy in range(copies):
                values = evaluate(f.add(i, copy * width), None)
                for a, v in zip(accumulators, values):
                    a.step(a.inner[copy], v)

    def block_of(begin, end):
        for a in accumulators:
            a.reset(copies)
        steps(begin, end)
        for a in accumulators:
            a.fold(copies)

    if blocked:
        with f.loop(0, full, per_step * blocked) as begin:
            block_of(begin, f.smaller(f.add(begin, per_step * blocked), full))
    else:
        with f.when("sgt", full, 0):
            block_of(0, full)
    if per_step > 1:
        rest(function, accumulators, full, n, evaluate, width)


def rest(function, accumulators, begin, n, evaluate, width):
    """The elements begin .. n, `width` at a time and masked; fewer than a block of steps."""
    f = function
    block = f.at(width)
    for a in accumulators:
        if not a.direct:
            a.reset(1)
    with f.loop(begin, n, width) as i:
        count = mask = None
        if width > 1:
            count = f.smaller(f.sub(n, i), width)
            mask = block._mask(width, count)
        for a, v in zip(accumulators, evaluate(i, count)):
            a.step(a.outer if a.direct else a.inner[0], v, mask)
    for a in accumulators:
        if not a.direct:
            a.fold(1)


def ramp(function, start, width):
    """int64 start, start + 1 ... along the lanes."""
    block = function.at(width)
    if width == 1:
        return Value("int64", start)
    return Value("int64", block.op("add", "i64", block.splat(start, "i64"), block.iota()))


def lanes_for(target, dtypes):
    """How many lanes fill a vector register with the widest of `dtypes`."""
    if target.name == "ptx":
        return 1
    widest = max(32 if d in ("float16", "bfloat16") else DTYPES[d].bits for d in dtypes)
    return target.vector_bytes * 8 // widest
