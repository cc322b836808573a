"""Products of float16, bfloat16 and float32 (as tf32) matrices by tensor cores: mma.sync, from sm_80 on.

    kernel(i64 sizes[4], i64 pointers[3], i64 strides[9], i64 factors[2])      as in product.py

A block makes a tile of `tile` by `tile` results, each of its warps a part of it, as fragments of 16 by 8 that
are summed in float32. Tiles of A and B lie in shared memory with the depth innermost, each line a few
elements longer than the tile is deep, so that the lanes of a fragment read different banks:

    A fragment, 16 rows x depth     lane l holds rows l / 4 and l / 4 + 8, words l % 4 and l % 4 + 4 of 8
    B fragment, depth x 8 columns   lane l holds column l / 4, words l % 4 and l % 4 + 4 of 8
    C fragment, 16 rows x 8         lane l holds rows l / 4 and l / 4 + 8, columns 2 (l % 4) and + 1

A word of 4 bytes is two halves or one tf32, so a fragment is 16 halves or 8 tf32 deep. While the warps
compute with one tile, the next is on its way into registers.
Source: NVIDIA, PTX ISA, "Matrix fragments for mma.m16n8k16" and "mma.m16n8k8".
"""

from ..emit import Value
from ..types import DTYPES
from .code import Code, Number

LINES = {64: (2, 2), 128: (2, 4)}  # warps of a tile: along rows, along columns
INSTRUCTIONS = {
    "float16": ("llvm.nvvm.mma.m16n8k16.row.col.f32.f32", "<2 x half>"),
    "bfloat16": ("llvm.nvvm.mma.m16n8k16.row.col.bf16", "i32"),
    "float32": ("llvm.nvvm.mma.m16n8k8.row.col.tf32", "i32"),
}


def threads(tile):
    """Threads of a block."""
    down, across = LINES[tile]
    return 32 * down * across


def write(dtype, left, right, scaled, tile, vectors):
    """The LLVM IR. `left` and `right`: along which dimension A and B lie in memory, "k" or "r"; `vectors`: of each,
    whether 16 bytes from there can be read at once."""
    return Products(dtype, left, right, scaled, tile, vectors).text()


def store_scaled(k, dtype, value, place, factors):
    """Stores a sum; with factors (alpha, beta), alpha * sum + beta * what is there."""
    if factors:
        alpha, beta = factors
        result = k.variable(alpha * value, "float32")
        # With beta 0 what C holds does not matter, not even a NaN.
        with k.when(beta != 0.0):
            old = k.block.load(place, dtype)
            result.value += beta * Number(k, "float32", old.name)
        value = result.value
    k.block.store(Value("float32", value.name), dtype, place)


class Products:
    """The kernel of one dtype and layout."""

    def __init__(self, dtype, left, right, scaled, tile, vectors):
        self.dtype, self.scaled, self.tile = dtype, scaled, tile
        self.along = left, right
        self.vectors = vectors
        self.itemsize = DTYPES[dtype].itemsize
        self.word = f"i{8 * self.itemsize}"
        self.per_word = 4 // self.itemsize
        self.lay_out()
        self.k = Code(sizes=4, pointers=3, strides=9, factors=2)

    def lay_out(self):
        self.depth = 16 * self.per_word  # of a tile, in elements: two fragments
        self.line = self.depth + 4 * self.per_word
        self.count = threads(self.tile)

    def share(self, thread):
        """Shared memory, and which part of a tile's results is whose."""
        self.memory = [
            self.k.shared(name, "int8", self.tile * self.line * self.itemsize)
            for name in ("left", "right")
        ]
        down, across = LINES[self.tile]
        lane, warp = thread & 31, thread >> 5
        self.group, self.quad = lane >> 2, lane & 3
        self.row_of_warp = warp // across * (self.tile // down)
        self.column_of_warp = warp % across * (self.tile // across)
        self.fragments = self.tile // down // 16, self.tile // across // 8

    def text(self):
        k = self.k
        self.m, self.n, self.deep, count = k.integers("sizes")
        self.c, a, b = k.arrays("pointers", self.dtype, self.dtype, self.dtype)
        self.strides = k.integers("strides")
        thread = k.thread()
        columns = (self.n + (self.tile - 1)) // self.tile
        number = k.block_number()
        self.row0 = number // columns * self.tile
        self.column0 = number % columns * self.tile
        self.share(thread)
        fragments = self.fragments
        sums = [
            [k.variables(4, 0.0, "float32") for _ in range(fragments[1])]
            for _ in range(fragments[0])
        ]
        with k.loop(k.block_number("y"), count, k.block_count("y")) as z:
            at = [
                k.f.offset(p.pointer, k.f.mul(z.name, self.strides[3 * i].name))
                for i, p in enumerate((self.c, a, b))
            ]
            for line in sums:
                for fragment in line:
                    for s in fragment:
                        s.value = 0.0
            # What a thread brings of each tile lives in slots until the tile before it has been used.
            carried = [self.slots(which) for which in range(2)]
            self.fetch(carried, at, k.number(0, "int64"), thread)
            with k.loop(0, self.deep, self.depth) as k0:
                self.put(carried, thread)
                self.written()
                k.barrier()
                with k.when(k0 + self.depth < self.deep):
                    self.fetch(carried, at, k0 + self.depth, thread)
                self.use(sums)
                k.barrier()
            self.finish(sums, fragments, at[0])
        return k.text()

    # -- from memory to tiles

    def slots(self, which):
        """Variables for what a thread brings of a tile: four words of 4 bytes a run, or an element each."""
        elements = self.tile * self.depth // self.count
        if self.vectors[which]:
            return [self.k.f.slot("i32") for _ in range(elements // self.per_word)]
        return [self.k.f.slot(self.word) for _ in range(elements)]

    def run(self, which):
        """How many elements a thread brings that lie side by side: 16 bytes of them, or one."""
        return 4 * self.per_word if self.vectors[which] else 1

    def places(self, which, thread):
        """(row, depth) of each run of elements that this thread brings."""
        run = self.run(which)
        inner = (self.depth if self.along[which] == "k" else self.tile) // run
        for u in range(self.tile * self.depth // self.count // run):
            item = thread + u * self.count
            first, second = item // inner, item % inner * run
            yield (first, second) if self.along[which] == "k" else (second, first)

    def fetch(self, carried, at, k0, thread):
        """This thread's part of the tiles at depth k0; rows beyond a matrix repeat its last, depths beyond it are 0."""
        for which in range(2):
            row_stride, deep = (
                (self.strides[4], self.strides[5])
                if which == 0
                else (self.strides[8], self.strides[7])
            )
            start, limit = ((self.row0, self.m), (self.column0, self.n))[which]
            for u, (row, depth) in enumerate(self.places(which, thread)):
                there = at[1 + which], start + row, limit, row_stride, k0 + depth, deep
                if self.vectors[which]:
                    self.fetch_run(carried[which][4 * u : 4 * u + 4], which, *there)
                else:
                    value = self.element(*there)
                    self.k.f.do(f"store {self.word} {value}, ptr {carried[which][u]}")

    def element(self, pointer, row, limit, row_stride, depth, deep):
        k, f = self.k, self.k.f
        inside = depth < self.deep
        there = k.smaller(row, limit - 1) * row_stride + k.where(inside, depth, 0) * deep
        place = f.offset(pointer, there.name)
        value = f.emit(f"load {self.word}, ptr {place}, align {self.itemsize}")
        return k.block.select(inside.name, self.word, value, "0")

    def fetch_run(self, slots, which, pointer, row, limit, row_stride, depth, deep):
        """16 bytes at once where they are whole, else element by element."""
        k, f, along_depth = self.k, self.k.f, self.along[which] == "k"
        last = (depth if along_depth else row) + (self.run(which) - 1)
        whole = (
            (last < self.deep) & (row < limit)
            if along_depth
            else (last < limit) & (depth < self.deep)
        )
        with k.when(whole):
            place = f.offset(pointer, (row * row_stride + depth * deep).name)
            vector = f.emit(f"load <4 x i32>, ptr {place}, align 16")
            for w, slot in enumerate(slots):
                f.do(
                    f"store i32 {f.emit(f'extractelement <4 x i32> {vector}, i32 {w}')}, ptr {slot}"
                )
        with k.when(~whole):
            for w, slot in enumerate(slots):
                word = None
                for part in range(self.per_word):
                    i = w * self.per_word + part
                    at = (row, depth + i) if along_depth else (row + i, depth)
                    value = self.element(pointer, at[0], limit, row_stride, at[1], deep)
                    word = self.joined(word, value, part)
                f.do(f"store i32 {word}, ptr {slot}")

    def joined(self, word, value, part):
        """A word of 4 bytes with a further element in it."""
        if self.per_word == 1:
            return value
        f = self.k.f
        wide = f.emit(f"zext i16 {value} to i32")
        if part:
            wide = f.emit(f"shl i32 {wide}, {16 * part}")
        return wide if word is None else f.emit(f"or i32 {word}, {wide}")

    def put(self, carried, thread):
        """Into shared memory, element (row, depth) at row * line + depth."""
        f = self.k.f
        for which in range(2):
            type = "i32" if self.vectors[which] else self.word
            for u, (row, depth) in enumerate(self.places(which, thread)):
                slots = (
                    carried[which][4 * u : 4 * u + 4]
                    if self.vectors[which]
                    else [carried[which][u]]
                )
                values = [f.emit(f"load {type}, ptr {slot}") for slot in slots]
                if self.dtype == "float32":
                    values = [self.as_tf32(v) for v in values]
                if self.along[which] == "k":
                    for w, value in enumerate(values):
                        self.store_shared(which, row, depth + w * self.per_word, type, value)
                    continue
                for w, value in enumerate(values):
                    for part in range(self.per_word if len(values) > 1 else 1):
                        piece = value
                        if type != self.word:
                            moved = f.emit(f"lshr i32 {value}, {16 * part}") if part else value
                            piece = f.emit(f"trunc i32 {moved} to i16")
                        self.store_shared(
                            which, row + (w * self.per_word + part), depth, self.word, piece
                        )

    def store_shared(self, which, row, depth, type, value):
        place = self.place(which, row, depth)
        align = 4 if type == "i32" else self.itemsize
        self.k.f.do(f"store {type} {value}, ptr addrspace(3) {place}, align {align}")

    def as_tf32(self, bits):
        """The bits of a float32 rounded to 10 bits of significand, ties away from zero; infinities and NaN as they are."""
        f = self.k.f
        up = f.emit(f"and i32 {f.emit(f'add i32 {bits}, 4096')}, -8192")
        exponent = f.emit(f"and i32 {bits}, 2139095040")
        special = f.emit(f"icmp eq i32 {exponent}, 2139095040")
        return f.emit(f"select i1 {special}, i32 {bits}, i32 {up}")

    def place(self, which, row, depth):
        at = (row * self.line + depth) * self.itemsize
        return self.k.f.emit(
            f"getelementptr i8, ptr addrspace(3) {self.memory[which].pointer}, i64 {at.name}"
        )

    def written(self):
        """What must be said between writing a tile and the barrier: nothing."""

    # -- products of fragments

    def use(self, sums):
        """sums += the product of the tiles."""
        for part in range(2):
            self.multiply(sums, self.fragments, part)

    def multiply(self, sums, fragments, part):
        """One depth of fragments: 8 words, beginning with word 8 * part of each line."""
        k, f = self.k, self.k.f
        name, word = INSTRUCTIONS[self.dtype]
        start = 8 * part * self.per_word

        def words(which, row, places):
            found = []
            for extra, word_number in places:
                depth = (self.quad + word_number) * self.per_word + start
                place = self.place(which, row + extra, depth)
                found.append(f.emit(f"load {word}, ptr addrspace(3) {place}, align 4"))
            return found

        a = [
            words(0, self.row_of_warp + self.group + 16 * i, ((0, 0), (8, 0), (0, 4), (8, 4)))
            for i in range(fragments[0])
        ]
        b = [
            words(1, self.column_of_warp + self.group + 8 * j, ((0, 0), (0, 4)))
            for j in range(fragments[1])
        ]
        four = "{ float, float, float, float }"
        k.f.module.declare(name, four, [word] * 6 + ["float"] * 4)
        for i in range(fragments[0]):
            for j in range(fragments[1]):
                given = [f"{word} {w}" for w in (*a[i], *b[j])]
                given += [f"float {s.value.name}" for s in sums[i][j]]
                made = f.emit(f"call {four} @{name}({', '.join(given)})")
                for e, s in enumerate(sums[i][j]):
                    s.value = Number(k, "float32", f.emit(f"extractvalue {four} {made}, {e}"))

    # -- results

    def finish(self, sums, fragments, pointer):
        k, f = self.k, self.k.f
        factors = [r.cast("float32") for r in k.reals("factors")] if self.scaled else None
        for i in range(fragments[0]):
            for j in range(fragments[1]):
                for e, s in enumerate(sums[i][j]):
                    row = self.row0 + self.row_of_warp + self.group + (16 * i + 8 * (e // 2))
                    column = self.column0 + self.column_of_warp + self.quad * 2 + (8 * j + e % 2)
                    with k.when((row < self.m) & (column < self.n)):
                        place = f.offset(
                            pointer, (row * self.strides[1] + column * self.strides[2]).name
                        )
                        store_scaled(k, self.dtype, s.value, place, factors)
