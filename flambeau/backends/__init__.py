"""PyTorch's switches of foreign libraries. None of those libraries is used here: switches can be set and
change nothing, and what asks for a library is told that it is not there.
"""

import contextlib

from ..lazy_modules import lazy_modules

__all__ = [
    "cpu", "cuda", "cudnn", "cusparselt", "kleidiai", "mha", "miopen", "mkl", "mkldnn", "mps", "nnpack", "openmp",
    "opt_einsum", "python_native", "quantized",
]  # fmt: skip


def __allow_nonbracketed_mutation():
    """A context in which switches may be set one by one; here they always may."""
    return contextlib.nullcontext()


__getattr__, __dir__ = lazy_modules(__name__, __all__)
