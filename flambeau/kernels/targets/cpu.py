"""The host CPU: which vectors it has, and LLVM IR to machine code for it.

Code is made for one of a few levels rather than for the exact model, so that a cache on a shared
disk serves every machine of a level. FLAMBEAU_CPU=avx512|avx2|portable chooses a lower one.
"""

import functools
import os
import sys
from typing import NamedTuple

EVEN_STEPS = "even-steps"  # an attribute of kernels whose inner loops go by sizes, not by strides


class CpuTarget(NamedTuple):
    """What emission must know about a level of CPU."""

    name: str
    triple: str
    cpu: str
    vector_bytes: int
    half: bool  # converts float16 in hardware
    fma: bool


_LEVELS = {
    "avx512": CpuTarget("avx512", "x86_64-unknown-linux-gnu", "x86-64-v4", 64, True, True),
    "avx2": CpuTarget("avx2", "x86_64-unknown-linux-gnu", "x86-64-v3", 32, True, True),
    "portable": CpuTarget("portable", "x86_64-unknown-linux-gnu", "x86-64-v2", 16, False, False),
    "neon": CpuTarget("neon", "aarch64-unknown-linux-gnu", "generic", 16, True, True),
}
_NEEDS = {
    "avx512": frozenset(
        "avx512f avx512bw avx512dq avx512vl avx512cd avx2 fma f16c bmi1 bmi2".split()
    ),
    "avx2": frozenset("avx2 fma f16c bmi1 bmi2".split()),
}


def _flags():
    """The CPU's feature names, read without LLVM where the system tells them."""
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("flags"):
                    return frozenset(line.split(":", 1)[1].split())
    except OSError:
        pass
    import llvmlite.binding as llvm

    renamed = {"bmi": "bmi1"}
    return frozenset(renamed.get(f, f) for f, on in llvm.get_host_cpu_features().items() if on)


@functools.cache
def host():
    """The level of this CPU, or the one that FLAMBEAU_CPU asks for."""
    machine = os.uname().machine.lower() if hasattr(os, "uname") else "windows"
    if machine in ("arm64", "aarch64"):
        return _LEVELS["neon"]
    if machine not in ("x86_64", "amd64"):
        raise NotImplementedError(f"flambeau makes no kernels for {machine} on {sys.platform} yet")
    flags = _flags()
    possible = [name for name in ("avx512", "avx2") if _NEEDS[name] <= flags] + ["portable"]
    asked = os.environ.get("FLAMBEAU_CPU", possible[0])
    if asked not in _LEVELS:
        raise ValueError(f"FLAMBEAU_CPU={asked!r}: choose one of {', '.join(possible)}")
    return _LEVELS[asked if asked in possible else possible[0]]


def level(name):
    """The level of that name."""
    return _LEVELS[name]


@functools.cache
def _machine(level):
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = _LEVELS[level]
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, opt=2, reloc="pic", codemodel="small"
    )


def _optimised(ir, target):
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(ir)
    if os.environ.get("FLAMBEAU_VERIFY"):
        module.verify()
    builder = llvm.create_pass_builder(_machine(target.name), llvm.create_pipeline_tuning_options())
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    if "%slot." in ir:  # local variables of function.py
        passes.add_sroa_pass()
        passes.add_loop_rotate_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_dead_code_elimination_pass()
    passes.run(module, builder)
    return module


def compile_ir(ir, target, alone=False):
    """Machine code of the function `kernel`: a position-independent blob (elf.Blob).

    `alone` is for a process that does nothing else: options of LLVM are those of the whole process.
    """
    from .elf import link

    if alone:
        _choose_strength_reduction(ir)
    return link(_machine(target.name).emit_object(_optimised(ir, target)), "kernel")


def _choose_strength_reduction(ir):
    """LLVM's loop strength reduction only where loops multiply by strides: addresses scale by sizes themselves.

    It takes a third of code generation.
    """
    import llvmlite.binding as llvm

    llvm.set_option("", f"-disable-lsr={str(EVEN_STEPS in ir).lower()}")


def assembly(ir, target):
    """The machine code as text."""
    return _machine(target.name).emit_assembly(_optimised(ir, target))
