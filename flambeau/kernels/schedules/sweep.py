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

from ..emit import Value
from ..function import Variables, halves
from ..types import DTYPES, compute_dtype


class Accumulators:
    """The running states of one reduction in one kernel.

    `algebra` (see reduce.py) gives init, step and combine; `inner` and `outer` are the dtypes of the
    state's components within a block of steps and between blocks. Where the lanes of short rows meet in states
    of another reduction, `last` is its Accumulators and `pack` makes such a state of one of this.
    """

    def __init__(self, function, algebra, inner, outer, width, copies, last=None, pack=None):
        self.function = function
        self.algebra = algebra
        self.width = width
        self.block = function.at(width)
        self.direct = tuple(inner) == tuple(outer)
        self.outer = Variables(function, outer, width)
        self.inner = [Variables(function, inner, width) for _ in range(copies)]
        self.last, self.pack = last or self, pack

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
        """Ends a block: the first `copies` inner states go into the outer one.

        Copies of a sum meet in the inner dtype, two roundings more; moments would lose their means.
        """
        self.outer.set(self.join(self.outer.get(), self.together(copies)))

    def together(self, copies):
        """The first `copies` inner states as one."""
        states = [inner.get() for inner in self.inner[:copies]]
        dtypes = self.inner[0].dtypes if len(self.outer.dtypes) == 1 else self.outer.dtypes
        while len(states) > 1:
            half = (len(states) + 1) // 2
            joined = [
                self.algebra.combine(self.block, a, b, dtypes)
                for a, b in zip(states, states[half:])
            ]
            states = joined + states[len(joined) : half]
        return states[0]

    def settle(self, copies):
        """Ends a row of a single block."""
        self.outer.set(self.together(copies))

    def hand_over(self):
        """Gives what has been seen to `last`."""
        if self.pack:
            self.last.outer.set(self.pack(self.outer.get()))

    def join(self, a, b):
        return self.algebra.combine(self.block, a, b, self.outer.dtypes)

    def close(self, lanes=1):
        """The state of all lanes together in `lanes` of them: Values of the outer dtypes."""
        values, width = self.outer.get(), self.width
        while width > lanes:
            low, high = halves(self.function, values, width)
            width //= 2
            block = self.function.at(width)
            values = self.algebra.combine(block, low, high, self.outer.dtypes)
        return values


class Group:
    """The states of several rows, whose lanes meet for all rows at once.

        row 0: a a a a               a a b b
        row 1: b b b b   even, odd   c c d d   even, odd   a b c d
        row 2: c c c c   lanes  ->             lanes  ->
        row 3: d d d d   combined

    Each step is one `combine` for two rows; closing every row alone takes one a row and step.
    """

    def __init__(self, function, accumulators, rows):
        self.function = function
        self.accumulators = accumulators.last
        self.rows = rows
        block = function.at(rows)
        self.memory = []  # for each component: (dtype, type, bytes of a row, slot of each part)
        for dtype in self.accumulators.outer.dtypes:
            d = DTYPES[dtype]
            type = block.type(d.register)
            nbytes = max(1, rows // 8) if d.register == "i1" else rows * register_bytes(d.register)
            parts = 2 if d.kind == "c" else 1
            slots = [function.slot(f"[{rows} x {type}], align 64") for _ in range(parts)]
            self.memory.append((dtype, type, nbytes, slots))

    def put(self, row):
        """Keeps what the accumulators hold as the state of a row of the group."""
        self._store(row, self.accumulators.close(self.rows))

    def put_sum(self, row):
        """The same of a sum, whose lanes meet at once, in the order of a row by itself: the other lanes add 0."""
        block = self.function.at(self.rows)
        values = self.accumulators.close()
        if self.rows > 1:
            for k, value in enumerate(values):
                register = DTYPES[value.dtype].register
                vector = block.type(register)
                one = f"insertelement {vector} zeroinitializer, {register} {value.name}, i64 0"
                values[k] = Value(value.dtype, block.emit(one))
        self._store(row, values)

    def _store(self, row, values):
        f = self.function
        for value, (_, type, nbytes, slots) in zip(values, self.memory):
            for part, slot in zip((value.name, value.im), slots):
                f.do(f"store {type} {part}, ptr {f.offset(slot, f.mul(row, nbytes))}")

    def close(self, places):
        """The states in one Value per component, a lane for each row; `places` are their rows."""
        f, block = self.function, self.function.at(self.rows)
        states = []
        for row in places:
            values = []
            for dtype, type, nbytes, slots in self.memory:
                at = f.mul(row, nbytes)
                names = [block.emit(f"load {type}, ptr {f.offset(slot, at)}") for slot in slots]
                values.append(Value(dtype, *names))
            states.append(values)
        algebra, dtypes = self.accumulators.algebra, self.accumulators.outer.dtypes
        while len(states) > 1:
            states = [
                algebra.combine(block, *self.split(a, b), dtypes)
                for a, b in zip(states[::2], states[1::2])
            ]
        return states[0]

    def split(self, a, b):
        """(even lanes, odd lanes) of two states, those of `a` first."""
        block, halves = self.function.at(self.rows), []
        for start in (0, 1):
            lanes = ", ".join(f"i32 {i}" for i in range(start, 2 * self.rows, 2))
            half = []
            for x, y in zip(a, b):
                vector = block.type(DTYPES[x.dtype].register)
                names = [
                    block.emit(
                        f"shufflevector {vector} {p}, {vector} {q}, <{self.rows} x i32> <{lanes}>"
                    )
                    for p, q in ((x.name, y.name), (x.im, y.im))
                    if p is not None
                ]
                half.append(Value(x.dtype, *names))
            halves.append(half)
        return halves


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


def short_sweep(function, accumulators, n, evaluate, width, copies):
    """The same over a row of a single block, opened and ended here."""
    f = function
    block = f.at(width)
    vectors = f.round_down(f.sub(n, 1), width)  # the last one, masked, is never empty

    def step(accumulators, i, copy, count=None, mask=None):
        for a, v in zip(accumulators, evaluate(i, count)):
            a.step(a.inner[copy], v, mask)

    def last(accumulators, copies):
        count = f.sub(n, vectors)
        step(accumulators, vectors, 0, count, block._mask(width, count))
        for a in accumulators:
            a.settle(copies)

    with f.when("eq", vectors, 0):
        ends = [a.last for a in accumulators]
        for a in ends:
            a.reset(1)
        last(ends, 1)
    with f.when("ne", vectors, 0):
        for a in accumulators:
            a.reset(copies)
        full = f.round_down(vectors, width * copies)
        with f.loop(0, full, width * copies) as i:
            for copy in range(copies):
                step(accumulators, f.add(i, copy * width), copy)
        with f.loop(full, vectors, width) as i:
            step(accumulators, i, copies - 1)
        last(accumulators, copies)
        for a in accumulators:
            a.hand_over()


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


def register_bytes(register):
    """Bytes of a scalar register type in memory."""
    return {"float": 4, "double": 8, "i1": 1}.get(register) or int(register[1:]) // 8


def ramp(function, start, width):
    """int64 start, start + 1 ... along the lanes."""
    block = function.at(width)
    if width == 1:
        return Value("int64", start)
    return Value("int64", block.op("add", "i64", block.splat(start, "i64"), block.iota()))


GROUP = (
    8  # rows whose lanes meet at once; half a vector of float32, so half the code of a whole one
)

LINE = 64  # bytes of a cache line

SHORT_ROW = 512  # elements; rows above go through the passes one by one, to stay in cache


def longest_run(width, copies, blocked):
    """How many elements a reduction by itself takes in one run."""
    return width * copies * blocked if blocked else SHORT_ROW


def lanes_for(target, dtypes):
    """How many lanes fill a vector register with the widest of `dtypes`."""
    if target.name == "ptx":
        return 1
    widest = max(DTYPES[compute_dtype(d)].bits for d in dtypes)
    return target.vector_bytes * 8 // widest
