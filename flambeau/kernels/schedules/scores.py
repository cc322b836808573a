"""The scores schedule: a function of a score, its places and elements of tensors, over a tile of scores.

    void kernel(const ScoreTile* tile, const int64* arrays)        csrc/kernels/attention/flex.h

Input 0 of the expressions is the score, 1 to 4 are batch, head, query and key (int64); then come the loads in
order, each an element of an array at places that are expressions of the inputs before it. The kernel
writes the changed scores; that of the gradient turns the gradients of those into the gradients of the scores, and
adds what loads get to the gradients of their arrays.

    rows (queries):    what no key takes part in is computed once
      columns (keys):  vectors; a load whose last place is the key, or its negative, and something of the row
                       takes neighbours, any other gathers

Negative places count from the end. A place outside of its array marks the tile, and reads another element.
"""

from typing import NamedTuple

from ..cache import compiled
from ..derive import simplify, vjp
from ..emit import Module, Value
from ..expression import Expression, digest_text, is_const, topological
from ..expression import input as symbol
from ..function import Function, Variables
from ..lower import lower
from ..types import DTYPES

SCORE, BATCH, HEAD, QUERY, KEY, FIRST_LOAD = range(6)
_TILE = (
    "n_rows",
    "n_columns",
    "row_bytes",
    "scores",
    "out",
    *("b", "h", "query", "key"),
    "outside",
)


class Array(NamedTuple):
    """What is known of a tensor when a kernel is compiled."""

    dtype: str
    ndim: int


class Load(NamedTuple):
    """An element of array `array` at `places`, an expression for each dim."""

    array: int
    places: tuple[Expression, ...]


class Scores:
    """A function of scores for given arrays and loads."""

    def __init__(self, root, loads, arrays, dtype):
        self.root, self.loads, self.arrays, self.dtype = root, tuple(loads), tuple(arrays), dtype

    def compile(self):
        """The address of the kernel that changes scores."""
        return self._compiled("scores", self.root, ())

    def compile_slope(self, wanted):
        """The address of the gradient's kernel, for the arrays of which `wanted` holds."""
        g = symbol(FIRST_LOAD + len(self.loads))
        gradient = lambda i: vjp([self.root], [g], i)
        root = gradient(SCORE)
        root = g * 0.0 if root is None else simplify(root)
        shares = []
        for j, load in enumerate(self.loads):
            share = gradient(FIRST_LOAD + j) if wanted[load.array] else None
            if share is not None:
                shares.append((j, simplify(share)))
        return self._compiled("scores.slope", root, shares)

    def _compiled(self, name, root, shares):
        slope = name.endswith("slope")
        roots = [
            root,
            *(share for _, share in shares),
            *(p for load in self.loads for p in load.places),
        ]
        key = "\n".join(
            (name, self.dtype, digest_text(roots), str([j for j, _ in shares]),
             str([(load.array, len(load.places)) for load in self.loads]), str(self.arrays))
        )  # fmt: skip
        ir = lambda target: _Schedule(self, root, shares, slope, target).text()
        return compiled(name, f"({self.dtype})", key, ir)


class _Schedule:
    def __init__(self, scores, root, shares, slope, target):
        self.scores, self.root, self.shares, self.slope = scores, root, shares, slope
        self.dtype, self.loads, self.arrays = scores.dtype, scores.loads, scores.arrays
        self.module = Module(target)
        self.f = Function(self.module, "kernel", "ptr %tile, ptr %arrays")
        self.width = target.vector_bytes // DTYPES[self.dtype].itemsize
        self.itemsize = DTYPES[self.dtype].itemsize
        self._classify()

    def _classify(self):
        """Which nodes and loads differ between keys, and which loads are needed."""
        self.roots = [self.root, *(share for _, share in self.shares)]
        self.used = set()
        pending = list(self.roots) + [p for j, _ in self.shares for p in self.loads[j].places]
        self.used.update(FIRST_LOAD + j for j, _ in self.shares)
        while pending:
            for n in topological([pending.pop()]):
                is_load = n.op == "input" and FIRST_LOAD <= n.attr < FIRST_LOAD + len(self.loads)
                if is_load and n.attr not in self.used:
                    self.used.add(n.attr)
                    pending.extend(self.loads[n.attr - FIRST_LOAD].places)
        self.varying = {SCORE, KEY, FIRST_LOAD + len(self.loads)}
        for j, load in enumerate(self.loads):
            if any(self._varies(p) for p in load.places):
                self.varying.add(FIRST_LOAD + j)

    def _varies(self, root):
        return any(n.op == "input" and n.attr in self.varying for n in topological([root]))

    def _steps(self, root):
        """How a place changes from key to key if that is the same everywhere, else None."""
        if not self._varies(root):
            return 0
        if root.op == "input":
            return 1 if root.attr == KEY else None
        steps = [self._steps(a) for a in root.args]
        if None in steps:
            return None
        if root.op in ("add", "sub"):
            return steps[0] + (steps[1] if root.op == "add" else -steps[1])
        if root.op == "neg":
            return -steps[0]
        if root.op == "mul" and any(is_const(a) and type(a.attr) is int for a in root.args):
            return sum(a.attr * s for a, s in zip(reversed(root.args), steps) if is_const(a))
        return None

    def text(self):
        """The LLVM IR."""
        f = self.f
        fields = {
            name: f.element("%tile", i, "ptr" if name in ("scores", "out", "outside") else "i64")
            for i, name in enumerate(_TILE)
        }
        self.fields = fields
        self.outside = f.slot("i64")
        f.do(f"store i64 0, ptr {self.outside}")
        self._read_arrays()
        with f.loop("0", fields["n_rows"]) as i:
            offset = f.mul(i, fields["row_bytes"])
            rows = {
                name: f.emit(f"getelementptr i8, ptr {fields[name]}, i64 {offset}")
                for name in ("scores", "out")
            }
            self._row(f.emit(f"add i64 {fields['query']}, {i}"), rows)
        bad = f.emit(f"load i64, ptr {self.outside}")
        with f.when("ne", bad, "0"):
            f.do(f"store i64 1, ptr {fields['outside']}")
        f.finish()
        return self.module.text()

    def _read_arrays(self):
        """Addresses, sizes and strides of the arrays that are needed, as names."""
        f, at, self.memory = self.f, 0, {}
        needed = {self.loads[i - FIRST_LOAD].array for i in self.used}
        for a, array in enumerate(self.arrays):
            if a in needed:
                self.memory[a] = (
                    f.element("%arrays", at, "ptr"),
                    f.element("%arrays", at + 1, "ptr"),
                    [f.element("%arrays", at + 2 + 2 * d, "i64") for d in range(array.ndim)],
                    [f.element("%arrays", at + 3 + 2 * d, "i64") for d in range(array.ndim)],
                )
            at += 2 + 2 * array.ndim

    # -- a row ------------------------------------------------------------------------------------

    def _row(self, query, rows):
        f = self.f
        one = f.at(1)
        fixed = {BATCH: self.fields["b"], HEAD: self.fields["h"], QUERY: query}
        inputs = [None] * (FIRST_LOAD + len(self.loads) + 1)
        for i, name in fixed.items():
            inputs[i] = Value("int64", name)
        inputs[KEY] = Value("int64", self.fields["key"])  # the first one: for what steps from there
        offsets = {}
        for j, load in enumerate(self.loads):
            i = FIRST_LOAD + j
            if i in self.used and i not in self.varying:
                offsets[j] = self._offset(one, load, inputs, "true")
                inputs[i] = self._loaded(one, load.array, offsets[j])
        shares = [j for j, _ in self.shares if FIRST_LOAD + j not in self.varying]
        sums = Variables(f, [self.dtype] * len(shares), self.width)
        wide = f.at(self.width)
        sums.set([Value(self.dtype, wide.imm(0, DTYPES[self.dtype].register))] * len(shares))
        known = self._known(one, wide, inputs)
        vectors = [
            v and Value(v.dtype, wide.splat(v.name, DTYPES[v.dtype].register), half=v.half)
            for v in inputs
        ]
        neighbours = self._neighbours(one, inputs)
        body = lambda near: self._columns(rows, vectors, known, near, sums, shares)
        if neighbours:
            inside = f.emit(f"zext i1 {self._all_inside(neighbours)} to i64")
            with f.when("ne", inside, "0"):
                body({j: (first, step) for j, (first, step, _) in neighbours.items()})
            with f.when("eq", inside, "0"):
                body({})
        else:
            body({})
        for j, total in zip(shares, sums.get(), strict=True):
            self._add_one(wide, self.loads[j].array, offsets[j], self._sum(wide, total.name))

    def _known(self, one, wide, inputs):
        """The values, in all lanes, of the largest nodes that do not differ between keys."""
        uniform = {}
        roots = self.roots + [
            p for i in self.used for p in self.loads[i - FIRST_LOAD].places if i in self.varying
        ]
        for n in topological(roots):
            for a in n.args if self._varies(n) else ():
                if (
                    a.args
                    and not self._varies(a)
                    and any(m.op == "input" for m in topological([a]))
                ):
                    uniform[id(a)] = a
        for root in roots:
            if (
                root.args
                and not self._varies(root)
                and any(m.op == "input" for m in topological([root]))
            ):
                uniform[id(root)] = root
        nodes = list(uniform.values())
        values = lower(one, nodes, inputs)
        return {
            id(n): Value(
                v.dtype, wide.splat(v.name, DTYPES[v.dtype].register), weak=v.weak, half=v.half
            )
            for n, v in zip(nodes, values, strict=True)
        }

    def _neighbours(self, one, inputs):
        """Of loads that step along the last dim: (offset of the first key's element, step, inside or not)."""
        found = {}
        for j, load in enumerate(self.loads):
            if FIRST_LOAD + j not in self.used or not load.places:
                continue
            *others, last = load.places
            step = self._steps(last)
            if step not in (1, -1) or any(self._varies(p) for p in others):
                continue
            if any(n.op == "input" and inputs[n.attr] is None for n in topological([last])):
                continue
            _, _, sizes, strides = self.memory[load.array]
            first = one.convert(lower(one, [last], inputs)[0], "int64").name
            reach = one.op("sub", "i64", self.fields["n_columns"], "1")
            end = one.op("add" if step == 1 else "sub", "i64", first, reach)
            inside = [one.cmp("ult", "i64", place, sizes[-1]) for place in (first, end)]
            offset = self._offset(one, Load(load.array, tuple(others)), inputs, "true")
            found[j] = (one.op("add", "i64", offset, first), step, one.op("and", "i1", *inside))
        return found

    def _all_inside(self, neighbours):
        inside = None
        for _, _, this in neighbours.values():
            inside = this if inside is None else self.f.emit(f"and i1 {inside}, {this}")
        return inside

    # -- columns ----------------------------------------------------------------------------------

    def _columns(self, rows, vectors, known, near, sums, shares):
        f, width = self.f, self.width
        n = self.fields["n_columns"]
        full = f.round_down(n, width)
        with f.loop("0", full, width) as i:
            self._vector(i, None, rows, vectors, known, near, sums, shares)
        with f.when("slt", full, n):
            self._vector(full, f.sub(n, full), rows, vectors, known, near, sums, shares)

    def _vector(self, i, count, rows, vectors, known, near, sums, shares):
        wide, dtype = self.f.at(self.width), self.dtype
        at = {name: self._element(row, i) for name, row in rows.items()}
        inputs = list(vectors)
        inputs[SCORE] = wide.load(at["scores"], dtype, count)
        key = self.f.emit(f"add i64 {self.fields['key']}, {i}")
        inputs[KEY] = Value("int64", wide.op("add", "i64", wide.splat(key, "i64"), wide.iota()))
        if self.slope:
            inputs[-1] = wide.load(at["out"], dtype, count)
        active = "true" if count is None else wide._mask(self.width, count)
        places = {}
        for j, load in enumerate(self.loads):
            if FIRST_LOAD + j not in self.used or FIRST_LOAD + j not in self.varying:
                continue
            if j in near:
                places[j] = self._near(wide, near[j], i)
                inputs[FIRST_LOAD + j] = self._loaded_near(
                    wide, load.array, places[j], near[j][1], count
                )
            else:
                places[j] = self._offset(wide, load, inputs, active, known)
                inputs[FIRST_LOAD + j] = self._loaded(wide, load.array, places[j])
        results = [wide.convert(v, dtype) for v in lower(wide, self.roots, inputs, known)]
        if self.slope:
            # Where the gradient is 0 (masked, or far below the largest) 0 times infinity shall be no NaN.
            register = DTYPES[dtype].register
            zero = wide.imm(0, register)
            none = wide.cmp("oeq", register, inputs[-1].name, zero)
            if count is not None:
                none = wide.op("or", "i1", none, wide.op("xor", "i1", active, wide.imm(1, "i1")))
            results = [Value(dtype, wide.select(none, register, zero, r.name)) for r in results]
        wide.store(results[0], dtype, at["out"], count)
        for (j, _), share in zip(self.shares, results[1:], strict=True):
            self._share(wide, j, share, places, near, count, sums, shares)

    def _share(self, wide, j, share, places, near, count, sums, shares):
        """Adds what load j gets to the gradient of its array."""
        register = DTYPES[self.dtype].register
        if j in shares:
            values = sums.get()
            k = shares.index(j)
            values[k] = Value(self.dtype, wide.op("fadd", register, values[k].name, share.name))
            sums.set(values)
        elif j in near and count is None:
            address = self._gradient(self.loads[j].array, places[j])
            old = wide.load(address, self.dtype)
            new = self._turned(wide, share.name, register) if near[j][1] < 0 else share.name
            new = wide.op("fadd", register, old.name, new)
            wide.store(Value(self.dtype, new), self.dtype, address)
        else:
            for lane in range(self.width):
                if j in near:
                    if lane:  # only those that there are: addresses are not checked one by one
                        with self.f.when("slt", str(lane), count):
                            self._add_lane(wide, j, places[j], near[j][1], lane, share)
                    else:
                        self._add_lane(wide, j, places[j], near[j][1], lane, share)
                else:
                    offset = wide.emit(f"extractelement {wide.type('i64')} {places[j]}, i64 {lane}")
                    value = wide.emit(
                        f"extractelement {wide.type(register)} {share.name}, i64 {lane}"
                    )
                    self._add_one(wide, self.loads[j].array, offset, value)

    def _add_lane(self, wide, j, first, step, lane, share):
        register = DTYPES[self.dtype].register
        if step < 0:  # `first` is that of the lowest place, the last lane's
            lane_offset = self.width - 1 - lane
        else:
            lane_offset = lane
        offset = self.f.emit(f"add i64 {first}, {lane_offset}")
        value = wide.emit(f"extractelement {wide.type(register)} {share.name}, i64 {lane}")
        self._add_one(wide, self.loads[j].array, offset, value)

    # -- memory -----------------------------------------------------------------------------------

    def _element(self, row, i):
        return self.f.emit(f"getelementptr {DTYPES[self.dtype].register}, ptr {row}, i64 {i}")

    def _offset(self, block, load, inputs, active, known=None):
        """The offsets in elements of a load's first dims at its places; notes what lies outside."""
        total = block.imm(0, "i64")
        if not load.places:
            return total
        places = lower(block, list(load.places), inputs, known)
        _, _, sizes, strides = self.memory[load.array]
        for place, size, stride in zip(places, sizes, strides):
            i = block.convert(place, "int64").name
            size, stride = block.splat(size, "i64"), block.splat(stride, "i64")
            negative = block.cmp("slt", "i64", i, block.imm(0, "i64"))
            i = block.select(negative, "i64", block.op("add", "i64", i, size), i)
            bad = block.cmp("uge", "i64", i, size)
            self._note(block, block.op("and", "i1", bad, active) if active != "true" else bad)
            i = block.select(bad, "i64", block.imm(0, "i64"), i)
            total = block.op("add", "i64", total, block.op("mul", "i64", i, stride))
        return total

    def _note(self, block, bad):
        if block.width > 1:
            word = f"i{block.width}"
            bits = block.emit(f"bitcast {block.type('i1')} {bad} to {word}")
            bad = block.emit(f"icmp ne {word} {bits}, 0")
        old = block.emit(f"load i64, ptr {self.outside}")
        new = block.emit(f"or i64 {old}, {block.emit(f'zext i1 {bad} to i64')}")
        self.f.do(f"store i64 {new}, ptr {self.outside}")

    def _loaded(self, block, array, offset):
        """The elements of an array at offsets, which lie inside of it."""
        memory, dtype = self.memory[array][0], self.arrays[array].dtype
        d = DTYPES[dtype]
        kind = block.type("i64")
        at = block.emit(f"getelementptr {d.memory}, ptr {memory}, {kind} {offset}")
        if block.width == 1:
            return block.load(at, dtype)
        return block.from_memory(block._gather_raw(at, d.memory, None, d.itemsize), dtype=dtype)

    def _near(self, wide, near, i):
        """The lowest of the offsets of a vector of neighbours whose first key is number i of the row."""
        first, step = near
        if step == 1:
            return self.f.emit(f"add i64 {first}, {i}")
        lowest = self.f.emit(f"sub i64 {first}, {i}")
        return self.f.emit(f"sub i64 {lowest}, {self.width - 1}")

    def _loaded_near(self, wide, array, lowest, step, count):
        memory, dtype = self.memory[array][0], self.arrays[array].dtype
        d = DTYPES[dtype]
        if step == -1 and count is not None:  # the lowest lanes are the ones that are missing
            steps = "<" + ", ".join(f"i64 {self.width - 1 - k}" for k in range(self.width)) + ">"
            offsets = wide.op("add", "i64", wide.splat(lowest, "i64"), steps)
            at = wide.emit(f"getelementptr {d.memory}, ptr {memory}, {wide.type('i64')} {offsets}")
            return wide.from_memory(wide._gather_raw(at, d.memory, count, d.itemsize), dtype=dtype)
        at = self.f.emit(f"getelementptr {d.memory}, ptr {memory}, i64 {lowest}")
        raw = wide._load_raw(at, d.memory, self.width, count, d.itemsize)
        return wide.from_memory(
            self._turned(wide, raw, d.memory) if step == -1 else raw, dtype=dtype
        )

    def _turned(self, wide, vector, kind):
        lanes = ", ".join(f"i32 {k}" for k in reversed(range(self.width)))
        kind = wide.type(kind)
        return wide.emit(
            f"shufflevector {kind} {vector}, {kind} poison, <{self.width} x i32> <{lanes}>"
        )

    def _gradient(self, array, offset):
        return self.f.emit(
            f"getelementptr {DTYPES[self.dtype].register}, ptr {self.memory[array][1]}, i64 {offset}"
        )

    def _add_one(self, block, array, offset, value):
        register = DTYPES[self.dtype].register
        address = self._gradient(array, offset)
        old = self.f.emit(f"load {register}, ptr {address}, align {self.itemsize}")
        new = self.f.emit(f"fadd {register} {old}, {value}")
        self.f.do(f"store {register} {new}, ptr {address}, align {self.itemsize}")

    def _sum(self, wide, vector):
        """The sum of all lanes, first to last."""
        register = DTYPES[self.dtype].register
        total = wide.emit(f"extractelement {wide.type(register)} {vector}, i64 0")
        for lane in range(1, self.width):
            value = wide.emit(f"extractelement {wide.type(register)} {vector}, i64 {lane}")
            total = self.f.emit(f"fadd {register} {total}, {value}")
        return total
