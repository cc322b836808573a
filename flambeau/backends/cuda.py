"""Switches of CUDA. allow_tf32 is heard; the others can be set and change nothing."""

import contextlib
import importlib

from .. import _core
from ..ops.core import float32


class _Products:
    """allow_tf32: whether tensor cores may round factors of float32 products to tf32. Sums are float32 in any case."""

    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True

    @property
    def allow_tf32(self):
        return float32.allows_tf32()

    @allow_tf32.setter
    def allow_tf32(self, allowed):
        float32.set_precision("high" if allowed else "highest")

    @property
    def fp32_precision(self):
        return "tf32" if float32.allows_tf32() else "ieee"

    @fp32_precision.setter
    def fp32_precision(self, precision):
        if precision not in ("ieee", "tf32", "none"):
            raise RuntimeError(
                f"backends.cuda.matmul.fp32_precision: {precision!r} is unknown; use 'ieee' or 'tf32'."
            )
        self.allow_tf32 = precision == "tf32"


matmul = _Products()

_attention = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built():
    """Whether kernels for CUDA are part of this build: False."""
    return False


def _switch(kind):
    def enabled():
        return _attention[kind]

    def enable(enabled):
        _attention[kind] = bool(enabled)

    enabled.__doc__ = "What the switch was last told."
    enable.__doc__ = "Notes the wish; attention has one implementation here."
    return enabled, enable


flash_sdp_enabled, enable_flash_sdp = _switch("flash")
mem_efficient_sdp_enabled, enable_mem_efficient_sdp = _switch("mem_efficient")
math_sdp_enabled, enable_math_sdp = _switch("math")
cudnn_sdp_enabled, enable_cudnn_sdp = _switch("cudnn")

_linalg_library = "default"


def preferred_linalg_library(backend=None):
    """The library that linear algebra on a GPU was last wished for: "default", "cusolver" or "magma".

    With `backend` the wish is noted first.
    """
    global _linalg_library
    if backend is not None:
        if backend not in ("default", "cusolver", "magma"):
            raise RuntimeError(
                f"preferred_linalg_library: {backend!r} is unknown; use 'default', 'cusolver' or 'magma'."
            )
        _linalg_library = backend
    return _linalg_library


def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Other values of the attention switches, until the end of the block."""
    _core._warn(
        "backends.cuda.sdp_kernel: is deprecated. Use nn.attention.sdpa_kernel.", FutureWarning
    )
    return _switched(
        flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn
    )


@contextlib.contextmanager
def _switched(**values):
    before = dict(_attention)
    _attention.update(values)
    try:
        yield {}
    finally:
        _attention.update(before)


def __getattr__(name):
    if name == "SDPBackend":  # from a higher floor, when it is asked for
        return importlib.import_module("flambeau.nn.attention").SDPBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
