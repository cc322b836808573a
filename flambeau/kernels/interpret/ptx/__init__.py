"""PTX run by NumPy: the simulated GPU's arithmetic. Slow, and strict about what real GPUs let pass.

A register is an array with one item for each thread of some blocks of the grid. Threads run block by
block of the program, in an order (order.py) in which those that took different branches meet again. Reported
with kernel and line: addresses outside of live memory or misaligned, barriers that not all threads of
their block reach, two threads of which one writes what the other touches, unknown instructions.
Read: parse.py, operations.py, translate.py (a block of instructions to a Python function), memory.py,
fragments.py (tensor cores), warpgroups.py (those of Hopper), on_the_way.py (what is waited for), order.py, machine.py. May import: the kernel language beside it; numpy; LLVM for one function (fma).
"""

from .machine import Module
from .memory import Fault

__all__ = ["Fault", "Module"]
