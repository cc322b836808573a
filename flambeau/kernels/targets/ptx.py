"""NVIDIA GPUs: the same expressions as PTX text, which the GPU's driver compiles.

A kernel has the parameters of its CPU form, except that the arrays of pointers and strides are
passed by value (they are few), and one thread serves one element, then the one a whole grid further.
"""

import functools
import re
from typing import NamedTuple

from ..emit import Module, Value
from ..expression import topological
from ..function import Function
from ..lower import lower
from ..types import DTYPES

_ARRAYS = re.compile(r"ptr (%ptrs|%\w*strides)")


class PtxTarget(NamedTuple):
    """What emission must know about a GPU: each thread computes one element."""

    name: str = "ptx"
    triple: str = "nvptx64-nvidia-cuda"
    cpu: str = "sm_70"
    vector_bytes: int = 1
    half: bool = True
    fma: bool = True

    def thread(self, function):
        """(first, step): the index of this thread in its grid, and the number of threads, int64."""
        words = []
        for register in ("ctaid", "ntid", "tid", "nctaid"):
            name = f"llvm.nvvm.read.ptx.sreg.{register}.x"
            function.module.declare(name, "i32", [])
            word = function.emit(f"call i32 @{name}()")
            words.append(function.emit(f"zext i32 {word} to i64"))
        block, size, thread, blocks = words
        first = function.add(function.mul(block, size), thread)
        return first, function.mul(blocks, size)


@functools.cache
def _machine(arch):
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple("nvptx64-nvidia-cuda").create_target_machine(cpu=arch, opt=3)


def emit(ir, arch, name="kernel"):
    """The PTX of a module whose function `kernel` is the GPU's entry, there called `name`."""
    entry = "define ptx_kernel void @" + re.sub(r"\W", "_", name) + "("
    return _compiled(ir.replace("define void @kernel(", entry), arch)


def _compiled(ir, arch):
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(ir)
    module.verify()
    machine = _machine(arch)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = False
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options)
    )
    return machine.emit_assembly(module)


def assemble(ir, n_operands, arch="sm_70"):
    """The PTX of a module whose function `kernel` takes arrays of n_operands pointers and strides."""
    lines = ir.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("define void @kernel("):
            by_value = _ARRAYS.sub(rf"ptr byval([{n_operands} x i64]) align 8 \1", line)
            lines[i] = by_value.replace("define void", "define ptx_kernel void")
    return _compiled("\n".join(lines), arch)


def map_ptx(map_, in_dtypes, as_dtypes, out_dtypes, modes, arch="sm_70"):
    """The PTX of a map: see map.py for its parameters."""
    return assemble(map_ir(map_, in_dtypes, as_dtypes, out_dtypes, modes), len(modes), arch)


def map_ir(map_, in_dtypes, as_dtypes, out_dtypes, modes):
    """The LLVM IR of a map for one thread of a GPU."""
    target = PtxTarget()
    f = Function(
        Module(target),
        "kernel",
        "i64 %n_inner, i64 %n_outer, i64 %index0, ptr %ptrs, "
        "ptr %inner_strides, ptr %outer_strides",
    )
    dtypes, n_out = (*out_dtypes, *in_dtypes), len(out_dtypes)
    pointers = [f.element("%ptrs", k, "ptr") for k in range(len(dtypes))]
    outer = [f.element("%outer_strides", k, "i64") for k in range(len(dtypes))]
    inner = [
        DTYPES[d].itemsize if m == "c" else 0 if m == "s" else f.element("%inner_strides", k, "i64")
        for k, (d, m) in enumerate(zip(dtypes, modes))
    ]
    first, step = target.thread(f)
    with f.loop(first, f.mul("%n_inner", "%n_outer"), step) as element:
        o, i = _split(f, element)
        places = []
        for pointer, per_row, per_element in zip(pointers, outer, inner):
            row = f.offset(pointer, f.mul(o, per_row))
            places.append(f.offset(row, f.mul(i, per_element)) if per_element != 0 else row)
        block = f.at(1)
        if any(n.op == "index" for n in topological(map_.expressions)):
            block.index = Value("int64", f.add(element, "%index0"))
        inputs = [
            block.convert(block.load(p, d), a)
            for p, d, a in zip(places[n_out:], in_dtypes, as_dtypes)
        ]
        for value, place, dtype in zip(lower(block, map_.expressions, inputs), places, out_dtypes):
            block.store(value, dtype, place)
    f.finish()
    return f.module.text()


def _split(f, element):
    """(row, place in it) of an element; a single row, the usual case, is spared the division."""
    divide, whole, joined = f.fresh("divide"), f.fresh("whole"), f.fresh("joined")
    single = f.emit("icmp eq i64 %n_outer, 1")
    f.do(f"br i1 {single}, label %{whole}, label %{divide}")
    f.label(divide)
    row = f.emit(f"udiv i64 {element}, %n_inner")
    place = f.sub(element, f.mul(row, "%n_inner"))
    f.do(f"br label %{joined}")
    f.label(whole)
    f.do(f"br label %{joined}")
    f.label(joined)
    o = f.emit(f"phi i64 [ {row}, %{divide} ], [ 0, %{whole} ]")
    return o, f.emit(f"phi i64 [ {place}, %{divide} ], [ {element}, %{whole} ]")
