"""PyTorch's switches of foreign libraries. None of those libraries is used here: switches can be set and
change nothing, and what asks for a library is told that it is not there.
"""

import contextlib
import importlib

__all__ = [
    "cpu", "cuda", "cudnn", "cusparselt", "kleidiai", "mha", "miopen", "mkl", "mkldnn", "mps", "nnpack", "openmp",
    "opt_einsum", "python_native", "quantized",
]  # fmt: skip


def __allow_nonbracketed_mutation():
    """A context in which switches may be set one by one; here they always may."""
    return contextlib.nullcontext()


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
