"""Products of float16 and bfloat16 on Hopper: wgmma, by which four warps multiply tiles of shared memory at once.

Parameters, tiles of 128 by 128 and what a thread brings of them are those of tensor_cores.py; tiles are 64 deep, two
groups of four warps make 64 rows each. Only sm_90 has these instructions, as sm_90a.

Shared memory holds cores of 8 rows by 16 bytes, side by side along the rows; further along the depth come further
columns of cores, 16 bytes apart so that what warps write side by side lies in different banks:

    core (r, d)    bytes 128 r + COLUMN d .. + 127     rows 8 r .. 8 r + 7, depths 8 d .. 8 d + 7

A descriptor names a tile by its address, the bytes from core to core along the depth (leading) and along the rows
(stride), all by 16. Writes of threads become visible to wgmma by a fence of the async proxy before the barrier.
Source: NVIDIA, PTX ISA, "Asynchronous warpgroup level matrix instructions", "Matrix descriptor", "Register fragments".
"""

from .code import Number
from .tensor_cores import Products

TILE, DEPTH = 128, 64
COLUMN = TILE * 16 + 16  # bytes from a column of cores to the next
STRIDE = 128
_COLUMNS = DEPTH // 8
_SUMS = TILE // 2  # of a thread
_TYPES = {"float16": "f16", "bfloat16": "bf16"}
THREADS = 256


def write(dtype, left, right, scaled, vectors):
    """The LLVM IR; the arguments are those of tensor_cores.write."""
    return _Kernel(dtype, left, right, scaled, TILE, vectors).text()


class _Kernel(Products):
    def lay_out(self):
        self.depth = DEPTH
        self.count = THREADS

    def share(self, thread):
        k = self.k
        self.memory = [k.shared(name, "int8", _COLUMNS * COLUMN) for name in ("left", "right")]
        lane, warp = thread & 31, thread >> 5
        self.group, self.quad = lane >> 2, lane & 3
        self.row_of_warp, self.column_of_warp = warp * 16, k.number(0, "int64")
        self.fragments = 1, TILE // 8
        base = [self.descriptor(memory) for memory in self.memory]
        # The group's 64 rows begin 8 cores further for the second.
        self.descriptors = base[0] + (thread >> 7) * (8 * STRIDE >> 4), base[1]

    def descriptor(self, memory):
        f = self.k.f
        address = f.emit(f"ptrtoint ptr addrspace(3) {memory.pointer} to i64")
        start = (Number(self.k, "int64", address) & 0x3FFFF) >> 4
        return start | (COLUMN >> 4 << 16 | STRIDE >> 4 << 32)

    def place(self, which, row, depth):
        at = (depth >> 3) * COLUMN + row * 16 + (depth & 7) * 2
        return self.k.f.emit(
            f"getelementptr i8, ptr addrspace(3) {self.memory[which].pointer}, i64 {at.name}"
        )

    def written(self):
        self.k.f.do('call void asm sideeffect "fence.proxy.async.shared::cta;", "~{memory}"()')

    def use(self, sums):
        """sums += the product of the tiles: one piece of assembly, so that no register moves while sums are on their way."""
        f, name = self.k.f, _TYPES[self.dtype]
        registers = ", ".join(f"${i}" for i in range(_SUMS))
        lines = [
            "{ .reg .pred yes;",
            ".reg .b64 rows;",
            ".reg .b64 columns;",
            "setp.eq.u32 yes, 0, 0;",
            f"mov.b64 rows, ${_SUMS};",
            f"mov.b64 columns, ${_SUMS + 1};",
            "wgmma.fence.sync.aligned;",
        ]
        for step in range(DEPTH // 16):
            lines.append(
                f"wgmma.mma_async.sync.aligned.m64n{TILE}k16.f32.{name}.{name} "
                f"{{{registers}}}, rows, columns, yes, 1, 1, 0, 0;"
            )
            if step < DEPTH // 16 - 1:
                further = 2 * COLUMN >> 4
                lines += [f"add.s64 {r}, {r}, {further};" for r in ("rows", "columns")]
        lines += ["wgmma.commit_group.sync.aligned;", "wgmma.wait_group.sync.aligned 0; }"]
        text = "\\0A".join(lines)
        flat = [s for line in sums for fragment in line for s in fragment]
        outputs = ",".join(["=f"] * _SUMS)
        tied = ",".join(str(i) for i in range(_SUMS))
        result = "{ " + ", ".join(["float"] * _SUMS) + " }"
        given = [f"i64 {d.name}" for d in self.descriptors] + [
            f"float {s.value.name}" for s in flat
        ]
        made = f.emit(
            f'call {result} asm sideeffect "{text}", "{outputs},l,l,{tied},~{{memory}}"({", ".join(given)})'
        )
        for i, s in enumerate(flat):
            s.value = Number(self.k, "float32", f.emit(f"extractvalue {result} {made}, {i}"))
