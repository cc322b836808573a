"""What operators do on GPUs where the CPU has loops written by hand: rules by the name of the core's function.

A rule takes the arguments of the function it stands for, or, where the core calls it, outputs to fill; it
returns NotImplemented for calls that it leaves to the CPU. Imported when the first tensor is on a GPU.
"""

from . import (  # noqa: F401
    attention,
    border,
    boxes,
    conv,
    counts,
    ctc,
    fourier,
    grid,
    index,
    linalg,
    order,
    planes,
    product,
    recurrent,
    search,
    sparse,
    spectra,
    windows,
)
from .rules import RULES

__all__ = ["RULES"]
