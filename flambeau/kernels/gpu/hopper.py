"""Products of float16 and bfloat16 on Hopper: wgmma, by which four warps multiply tiles of shared memory at once.

Parameters are those of tensor_cores.py. A block makes 128 by 256 results, each of two groups of four warps 64 rows of
them; tiles are 64 deep. Only sm_90 has these instructions, as sm_90a.

    tile        i-1      i         i+1       i+2              of A and B, in four stages of shared memory
                waited   multiplied  landed    on its way     cp.async brings 16 bytes a thread and turn

In turn i all threads wait for their part of tile i, meet, begin its product, ask for tile i+2 and wait for the product of
tile i-1: what tile i+2 overwrites is tile i-2, whose product all had waited for when they met. Depths and rows beyond a
matrix are filled with zeros. Shared memory holds cores of 8 by 16 bytes, with 16 bytes more behind each line of cores,
so that what threads write side by side lies in different banks. A matrix lies in memory along the depth, or along its rows:

    "k"   core (r, d)    128 r + LINE d .. + 127     line by line rows 8 r .. + 7, of depths 8 d .. + 7
    "r"   core (r, d)    128 d + GROUP r .. + 127    line by line depths 8 d .. + 7, of rows 8 r .. + 7

A descriptor names a tile by its address and two strides from core to core, all by 16: "k" leading along the depth, stride
along the rows; "r" the other way round, and the instruction is told to turn it. What cp.async has written becomes
visible to wgmma by a fence of the async proxy before threads meet.
Source: NVIDIA, PTX ISA, "Asynchronous warpgroup level matrix instructions", "Matrix descriptor", "Register fragments".
"""

from ..emit import Value
from .code import Code, Number
from .tensor_cores import store_scaled

ROWS, COLUMNS, DEPTH = 128, 256, 64  # of a tile
THREADS = 256
STAGES, AHEAD = 4, 2
GROUP = 128 * (DEPTH // 8) + 16
_BYTES = {n: n // 8 * GROUP for n in (ROWS, COLUMNS)}  # of a stage; lines "k" take less
SHARED = STAGES * sum(_BYTES.values())
_SUMS = COLUMNS // 2  # of a thread
_TYPES = {"float16": "f16", "bfloat16": "bf16"}
_BAND = 8  # rows of tiles that follow each other column by column, so that what they read stays in the cache


def write(dtype, left, right, scaled, paired):
    """The LLVM IR; `paired`: two results side by side can be written at once. Both matrices lie in vectors of 16 bytes."""
    return _Kernel(dtype, left, right, scaled, paired).text()


class _Side:
    """How a thread brings its part of A's or B's tiles."""

    def __init__(self, k, name, along, rows, thread):
        self.name, self.along, self.rows = name, along, rows
        line = rows * 16 + 16
        if along == "k":  # a thread has one depth, and every 32nd row
            self.inner, self.outer = thread % 8, thread // 8
            self.turns, self.step, self.apart = rows // 32, 32, 512
            self.place = self.inner * line + self.outer * 16
            self.leading, self.stride, self.further = line, 128, 2 * line
        else:  # one group of rows, and every 16th (8th) depth
            across = rows // 8
            self.inner, self.outer = thread % across, thread // across
            self.turns, self.step = DEPTH * across // THREADS, THREADS // across
            self.apart = self.step // 8 * 128
            self.place = self.inner * GROUP + self.outer // 8 * 128 + self.outer % 8 * 16
            self.leading, self.stride, self.further = 128, GROUP, 256
        self.of_warps = 64 // 8 * self.stride  # from the first group's rows to the second's

    def descriptor(self, address):
        return (address >> 4 & 0x3FFF) | (self.leading >> 4 << 16 | self.stride >> 4 << 32)

    def given(self, pointer, start, limit, row_stride, depth_stride):
        """(address, from turn to turn, from tile to tile, what is left, what a turn is measured by), for `bring`."""
        if self.along == "k":
            where = (start + self.outer) * row_stride + self.inner * 16
            turn, tile = row_stride * self.step, depth_stride * DEPTH
            left, measure = limit - start - self.outer, self.inner * 16
        else:
            where = self.outer * depth_stride + (start + self.inner * 8) * 2
            turn, tile = depth_stride * self.step, depth_stride * DEPTH
            k = self.inner.code
            room = (limit - start - self.inner * 8) * 2
            left, measure = self.outer, k.smaller(k.larger(room, 0), 16)
        return pointer + where, turn, tile, left, measure

    def bring(self, base):
        """PTX that asks for this thread's part of the tile at depth K - deep, into the stage `to`."""
        at, start, turn, tile, left, measure = base
        yield from (f"mov.b64 source, {self.name}_at;", f"add.s32 target, to, {at};")
        if self.along == "k":
            yield from ("shl.b32 room, deep, 1;", f"sub.s32 room, room, {measure};")
            yield from ("min.s32 room, room, 16;", "max.s32 room, room, 0;")
        else:
            yield f"sub.s32 room, deep, {left};"
        for u in range(self.turns):
            measured, whole = (left, "room") if self.along == "k" else ("room", measure)
            yield f"setp.gt.s32 inside, {measured}, {self.step * u};"
            yield f"selp.b32 count, {whole}, 0, inside;"
            yield f"cp.async.cg.shared.global [target+{self.apart * u}], [source], 16, count;"
            if u < self.turns - 1:
                yield f"add.s64 source, source, {turn};"
        yield f"add.s64 {self.name}_at, {self.name}_at, {tile};"


class _Kernel:
    def __init__(self, dtype, left, right, scaled, paired):
        self.dtype, self.scaled, self.paired = dtype, scaled, paired
        self.along = left, right
        self.k = Code(sizes=4, pointers=3, strides=9, factors=2)

    def text(self):
        k, f = self.k, self.k.f
        m, n, deep, count = k.integers("sizes")
        pointers = [Number(k, "int64", f.element("%pointers", i, "i64")) for i in range(3)]
        strides = k.integers("strides")
        thread = k.thread()
        row0, column0 = self.tile_of(m, n)
        f.module.helpers["tiles"] = "@tiles = external addrspace(3) global [0 x i8], align 128\n"
        memory = Number(k, "int64", f.emit("ptrtoint ptr addrspace(3) @tiles to i64"))
        a = _Side(k, "a", self.along[0], ROWS, thread)
        b = _Side(k, "b", self.along[1], COLUMNS, thread)
        in_memory = memory, memory + _BYTES[ROWS]
        descriptors = [
            a.descriptor(in_memory[0] + (thread >> 7) * a.of_warps), b.descriptor(in_memory[1])
        ]  # fmt: skip
        sums = [k.variable(0.0, "float32") for _ in range(_SUMS)]
        with k.loop(k.block_number("y"), count, k.block_count("y")) as z:
            at = [p + z * strides[3 * i] for i, p in enumerate(pointers)]
            for s in sums:
                s.value = 0.0
            words = [*descriptors, deep]
            for side, where, first, limit, row, depth, to in (
                (a, at[1], row0, m, strides[4], strides[5], in_memory[0]),
                (b, at[2], column0, n, strides[8], strides[7], in_memory[1]),
            ):
                words += [to + side.place, *side.given(where, first, limit, row, depth)]
            self.multiply(sums, (a, b), words)
            self.finish(sums, at[0], (m, n), (row0, column0), strides, thread)
        return k.text()

    def tile_of(self, m, n):
        """(row, column) of the first result of this block's tile."""
        k = self.k
        down, across = (m + (ROWS - 1)) // ROWS, (n + (COLUMNS - 1)) // COLUMNS
        number = k.block_number()
        band = number // (across * _BAND)
        first = band * _BAND
        height = k.smaller(down - first, _BAND)
        within = number - band * (across * _BAND)
        return (first + within % height) * ROWS, within // height * COLUMNS

    def multiply(self, sums, sides, words):
        """sums += the product, all depths: one piece of assembly, so that no register moves while sums are on their way."""
        f, name = self.k.f, _TYPES[self.dtype]
        registers = ", ".join(f"${i}" for i in range(_SUMS))
        kinds = ["l", "l", "r"] + ["r", "l", "l", "l", "r", "r"] * 2
        numbers = [f"${_SUMS + i}" for i in range(len(kinds))]
        left, right, deep = numbers[:3]
        bases = numbers[3:9], numbers[9:]
        load = [
            line for side, base in zip(sides, bases) for line in side.bring(base)
        ] + ["cp.async.commit_group;", f"sub.s32 deep, deep, {DEPTH};"]  # fmt: skip
        size = SHARED // STAGES
        onward = lambda stage: [
            f"add.s32 {stage}, {stage}, {size};",
            f"setp.eq.s32 inside, {stage}, {SHARED};",
            f"selp.b32 {stage}, 0, {stage}, inside;",
        ]
        turned = [int(side.along == "r") for side in sides]
        lines = ["{ .reg .pred inside;", ".reg .pred yes;"]
        lines += [
            f".reg .b32 {r};" for r in ("deep", "room", "count", "target", "to", "of", "left")
        ]
        lines += [f".reg .b64 {r};" for r in ("source", "a_at", "b_at", "rows", "columns", "step")]
        lines += [
            "setp.eq.u32 yes, 0, 0;",
            f"mov.b32 deep, {deep};",
            f"mov.b32 left, {deep};",
            "mov.b32 to, 0;",
            "mov.b32 of, 0;",
            *[f"mov.b64 {s.name}_at, {base[1]};" for s, base in zip(sides, bases)],
        ]
        for _ in range(AHEAD):
            lines += [*load, *onward("to")]
        lines += [
            "NEXT_TILE:",
            f"cp.async.wait_group {AHEAD - 1};",
            "fence.proxy.async.shared::cta;",
            "bar.sync 0;",
            "shr.u32 target, of, 4;",
            "cvt.u64.u32 step, target;",
            f"add.s64 rows, {left}, step;",
            f"add.s64 columns, {right}, step;",
            "wgmma.fence.sync.aligned;",
        ]
        for step in range(DEPTH // 16):
            lines.append(
                f"wgmma.mma_async.sync.aligned.m64n{COLUMNS}k16.f32.{name}.{name} "
                f"{{{registers}}}, rows, columns, yes, 1, 1, {turned[0]}, {turned[1]};"
            )
            if step < DEPTH // 16 - 1:
                for register, side in zip(("rows", "columns"), sides):
                    lines.append(f"add.s64 {register}, {register}, {side.further >> 4};")
        lines += [
            "wgmma.commit_group.sync.aligned;",
            *load,
            *onward("to"),
            *onward("of"),
            "wgmma.wait_group.sync.aligned 1;",
            f"sub.s32 left, left, {DEPTH};",
            "setp.gt.s32 inside, left, 0;",
            "@inside bra NEXT_TILE;",
            "wgmma.wait_group.sync.aligned 0;",
            "cp.async.wait_group 0;",
            "bar.sync 0; }",
        ]
        text = "\\0A".join(lines)
        result = "{ " + ", ".join(["float"] * _SUMS) + " }"
        given = []
        for kind, word in zip(kinds, words):
            if kind == "l":
                given.append(f"i64 {word.name}")
            else:
                given.append(f"i32 {f.emit(f'trunc i64 {word.name} to i32')}")
        given += [f"float {s.value.name}" for s in sums]
        constraints = ",".join(["=f"] * _SUMS + kinds + [str(i) for i in range(_SUMS)])
        made = f.emit(
            f'call {result} asm sideeffect "{text}", "{constraints},~{{memory}}"({", ".join(given)})'
        )
        for i, s in enumerate(sums):
            s.value = Number(self.k, "float32", f.emit(f"extractvalue {result} {made}, {i}"))

    def finish(self, sums, pointer, sizes, start, strides, thread):
        """Writes the results: sum 4 j + 2 h + e is of row lane / 4 + 8 h of a warp's 16, column 8 j + 2 (lane % 4) + e."""
        k, f = self.k, self.k.f
        factors = [r.cast("float32") for r in k.reals("factors")] if self.scaled else None
        lane = thread & 31
        column = start[1] + (lane & 3) * 2
        for h in range(2):
            row = start[0] + (thread >> 5) * 16 + (lane >> 2) + 8 * h
            with k.when(row < sizes[0]):
                line = pointer + row * strides[1]
                for j in range(COLUMNS // 8):
                    pair = [sums[4 * j + 2 * h + e].value for e in range(2)]
                    if self.paired:
                        with k.when(column + 8 * j < sizes[1]):
                            self.store_pair(pair, line + (column + 8 * j) * 2)
                        continue
                    for e in range(2):
                        with k.when(column + (8 * j + e) < sizes[1]):
                            place = line + (column + (8 * j + e)) * strides[2]
                            there = f.emit(f"inttoptr i64 {place.name} to ptr")
                            store_scaled(self.k, self.dtype, pair[e], there, factors)

    def store_pair(self, pair, place):
        block, f = self.k.block, self.k.f
        low, high = (block.to_memory(Value("float32", v.name), self.dtype)[0] for v in pair)
        low, high = (f.emit(f"zext i16 {v} to i32") for v in (low, high))
        word = f.emit(f"or i32 {low}, {f.emit(f'shl i32 {high}, 16')}")
        f.do(f"store i32 {word}, ptr {f.emit(f'inttoptr i64 {place.name} to ptr')}, align 4")
