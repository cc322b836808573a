"""Compiled kernels on disk."""
from .targets import cpu, elf


def compiled(name, signature, key, ir):
    target = cpu.host()
    return elf.load(cpu.compile_ir(ir(target), target))
