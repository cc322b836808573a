"""What a thread of a GPU knows of its block: its number, memory shared with the others, barriers."""

from ..emit import Value
from ..types import DTYPES


def register(function, name):
    """A special register such as tid.x, as int64."""
    full = f"llvm.nvvm.read.ptx.sreg.{name}"
    function.module.declare(full, "i32", [])
    word = function.emit(f"call i32 @{full}()")
    return function.emit(f"zext i32 {word} to i64")


def barrier(function):
    """Waits until all threads of the block are here; what they wrote to shared memory can be read."""
    function.module.declare("llvm.nvvm.barrier.cta.sync.aligned.all", "void", ["i32"])
    function.do("call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)")


def shared(module, name, nbytes):
    """Memory of the block: a pointer in address space 3."""
    module.helpers[name] = (
        f"@{name} = internal addrspace(3) global [{nbytes} x i8] undef, align 16\n"
    )
    return f"@{name}"


def memory_type(register_type):
    """The type in memory of a scalar register type."""
    return "i8" if register_type == "i1" else register_type


class Joined:
    """The states of a block's threads, brought together in a fixed order.

    t:  0 1 2 3 4 5 6 7
        0+4 1+5 2+6 3+7
        (0+4)+(2+6) ...
    """

    def __init__(self, function, name, dtypes, threads):
        self.f, self.threads = function, threads
        self.parts = []  # of each component: (dtype, register type, pointer of each part)
        for k, dtype in enumerate(dtypes):
            d = DTYPES[dtype]
            nbytes = threads * max(1, d.bits // 8)
            pointers = [
                shared(function.module, f"{name}.{k}.{p}", nbytes)
                for p in range(2 if d.kind == "c" else 1)
            ]
            self.parts.append((dtype, d.register, pointers))

    def place(self, pointer, register_type, thread):
        type = memory_type(register_type)
        return self.f.emit(f"getelementptr {type}, ptr addrspace(3) {pointer}, i64 {thread}")

    def put(self, thread, values):
        f = self.f
        for value, (_, register_type, pointers) in zip(values, self.parts):
            for part, pointer in zip((value.name, value.im), pointers):
                if register_type == "i1":
                    part = f.emit(f"zext i1 {part} to i8")
                where = self.place(pointer, register_type, thread)
                f.do(f"store {memory_type(register_type)} {part}, ptr addrspace(3) {where}")

    def get(self, thread):
        f, values = self.f, []
        for dtype, register_type, pointers in self.parts:
            names = []
            for pointer in pointers:
                where = self.place(pointer, register_type, thread)
                name = f.emit(f"load {memory_type(register_type)}, ptr addrspace(3) {where}")
                if register_type == "i1":
                    name = f.emit(f"icmp ne i8 {name}, 0")
                names.append(name)
            values.append(Value(dtype, *names))
        return values

    def join(self, thread, values, combine):
        """All threads' `values` as one state, which every thread gets."""
        f = self.f
        barrier(f)  # nobody still reads what was joined before
        self.put(thread, values)
        barrier(f)
        step = self.threads // 2
        while step:
            with f.when("ult", thread, step):
                other = self.get(f.add(thread, step))
                self.put(thread, combine(self.get(thread), other))
            barrier(f)
            step //= 2
        return self.get(0)
