"""Fused eager mode's kernels: made in the background of groups of operators that csrc/dispatch/waiting.cpp saw more than once.

Until a kernel is there its group runs operator by operator, so no call waits for the compiler.
"""

import os
import sys

from .. import _core
from ..kernels.background import Background
from ..kernels.expression import input as symbol
from ..kernels.targets.elf import unload
from .fuse import Kernel
from .pointwise import apply

__all__ = ["ask", "kernel_of", "wait"]

FIRST_NUMBER, FIRST_NODE = 64, 128  # as in dispatch/waiting.h


def kernel_of(steps, inputs, numbers, outputs):
    """The Kernel of a group.

    Args:
        steps (list): (spec, dtype computed in, dtype of the result, operands, a byte each) of each operator.
        inputs, numbers (list of str): their dtypes.
        outputs (list of int): the steps whose results are stored.
    """
    made = []

    def operand(code):
        if code >= FIRST_NODE:
            return made[code - FIRST_NODE], steps[code - FIRST_NODE][2]
        if code >= FIRST_NUMBER:
            return symbol(len(inputs) + code - FIRST_NUMBER), numbers[code - FIRST_NUMBER]
        return symbol(code), inputs[code]

    for spec, compute, dtype, operands in steps:
        made.append(apply(spec, [operand(code) for code in operands], compute, dtype))
    name = "_".join(dict.fromkeys(step[0].name for step in steps))[:60]
    return Kernel(
        [made[k] for k in outputs],
        [*inputs, *numbers],
        [steps[k][2] for k in outputs],
        "",
        name,
        check=False,
    )


def ask(key, steps, inputs, numbers, outputs, modes, now):
    """Has the kernel of `key` made: now, or in the background."""
    job = key, steps, inputs, numbers, outputs, modes
    if now:
        _make(job)
    else:
        _background.add(job)


def wait():
    """Returns when no kernel is being made."""
    _background.wait()


def _make(job):
    key, steps, inputs, numbers, outputs, modes = job
    calls = 0
    try:
        kernel = kernel_of(steps, inputs, numbers, outputs)
        address, calls = kernel.compile(modes, apart=True), kernel.calls
    except Exception as error:  # the group goes on without: what it computes is the same
        address = 0
        if "compile" in os.environ.get("FLAMBEAU_LOG", ""):
            names = ", ".join(step[0].name for step in steps)
            print(f"compile: no kernel of {names}: {error!r}", file=sys.stderr)
    for unused in _core._set_waiting_kernel(key, address, calls):
        unload(unused)


_background = Background("flambeau fusion", _make)
os.register_at_fork(after_in_child=_background.reset)
