"""The CPU that kernels are compiled for."""

from ..kernels.targets import cpu


def get_cpu_capability():
    """ "AVX512", "AVX2" or "DEFAULT"."""
    return {"avx512": "AVX512", "avx2": "AVX2"}.get(cpu.host().name, "DEFAULT")
