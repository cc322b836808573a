"""Fused eager mode's kernels: made in the background of groups of operators that csrc/dispatch/waiting.cpp saw more than once.

Until a kernel is there its group runs operator by operator, so no call waits for the compiler.
"""

import os
import sys

from .. import _core
from ..kernels.background import Background
from ..kernels.expression import const
from ..kernels.expression import input as symbol
from ..kernels.language import cast
from ..kernels.schedules.row_language import own_rmean, own_rsum
from ..kernels.targets.elf import unload
from .fuse import Kernel
from .pointwise import apply

__all__ = ["ask", "kernel_of", "wait"]

TOTALS = {"rsum": own_rsum, "rmean": own_rmean}
FIRST_NUMBER, UNIT_NUMBER, FIRST_NODE = 64, 127, 128  # as in dispatch/waiting.h


def kernel_of(steps, inputs, numbers, outputs, modes, total):
    """The Kernel of a group.

    Args:
        steps (list): (spec, dtype computed in, dtype of the result, operands, a byte each) of each operator.
        inputs, numbers (list of str): their dtypes.
        outputs (list of int): the steps whose results are stored.
        modes, total (str): "" in `total`, or "rsum" or "rmean" of the rows of the one output; then `modes` are the
            kinds of a kernel of rows.
    """
    made = []

    def operand(code):
        if code >= FIRST_NODE:
            return made[code - FIRST_NODE], steps[code - FIRST_NODE][2]
        if code == UNIT_NUMBER:
            return const(1), None
        if code >= FIRST_NUMBER:
            return symbol(len(inputs) + code - FIRST_NUMBER), numbers[code - FIRST_NUMBER]
        return symbol(code), inputs[code]

    for spec, compute, dtype, operands in steps:
        made.append(apply(spec, [operand(code) for code in operands], compute, dtype))
    name = "_".join(dict.fromkeys(step[0].name for step in steps))[:60]
    results, dtypes, kinds = [made[k] for k in outputs], [steps[k][2] for k in outputs], ""
    if total:
        results, kinds = [cast(TOTALS[total](results[0]), dtypes[0])], modes
    return Kernel(results, [*inputs, *numbers], dtypes, kinds, name, forward=False)


def ask(key, *group):
    """Has the kernel of `key` made: now, or in the background. `group`: what `kernel_of` is given, and whether now."""
    *group, now = group
    job = key, group
    if now:
        _make(job)
    else:
        _background.add(job)


def wait():
    """Returns when no kernel is being made."""
    _background.wait()


def _make(job):
    key, group = job
    calls = 0
    try:
        kernel = kernel_of(*group)
        address, calls = kernel.compile(group[4], apart=True), kernel.calls
    except Exception as error:  # the group goes on without: what it computes is the same
        address = 0
        if "compile" in os.environ.get("FLAMBEAU_LOG", ""):
            names = ", ".join(step[0].name for step in group[0])
            print(f"compile: no kernel of {names}: {error!r}", file=sys.stderr)
    for unused in _core._set_waiting_kernel(key, address, calls):
        unload(unused)


_background = Background("flambeau fusion", _make)
os.register_at_fork(after_in_child=_background.reset)
