"""Lower precision by context: which operators autocast computes in bfloat16, and which in float32.

The two lists are PyTorch's for the CPU. Declared operators follow them by their names (declare.py), functions
of nn.functional by a decorator; `linear` asks in C++. Operators on neither list compute in what they are given.
"""

import functools

from .. import _core
from .arguments import name_wrong_type

LOWER = frozenset(
    "conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d mm bmm matmul "
    "addmm addbmm baddbmm prelu linalg.vecdot linalg.multi_dot einsum".split()
)
FLOAT32 = frozenset(
    "prod quantile nanquantile stft cdist trace view_as_complex polar cholesky cholesky_inverse cholesky_solve "
    "inverse lu_solve orgqr ormqr pinverse geqrf qr svd triangular_solve avg_pool3d adaptive_avg_pool3d "
    "linalg.cond linalg.matrix_rank linalg.solve linalg.cholesky linalg.cholesky_ex linalg.svd linalg.svdvals "
    "linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.inv linalg.inv_ex linalg.householder_product "
    "linalg.tensorinv linalg.tensorsolve linalg.qr linalg.lstsq".split()
)


def _lowered(value, dtype):
    if isinstance(value, _core.Tensor):
        kind = value.dtype
        eligible = kind.is_floating_point and kind is not _core.float64 and kind is not dtype
        return value.to(dtype) if eligible else value
    if isinstance(value, (list, tuple)) and any(isinstance(v, _core.Tensor) for v in value):
        return type(value)([_lowered(v, dtype) for v in value])
    return value


def lower_precision(function):
    """`function`, whose floating arguments are cast to autocast's dtype where it is on."""

    @functools.wraps(function)
    def lowered(*args, **kwargs):
        dtype = _core._autocast_dtype()
        return (
            function(*args, **kwargs) if dtype is None else run_cast(function, dtype, args, kwargs)
        )

    return lowered


def full_precision(function):
    """`function`, whose arguments of half precision are cast to float32 where autocast is on."""

    @functools.wraps(function)
    def raised(*args, **kwargs):
        try:
            if _core._autocast_dtype() is None:
                return function(*args, **kwargs)
            return run_cast(function, _core.float32, args, kwargs)
        except AttributeError as error:
            name_wrong_type(error, function.__name__, args, kwargs)
            raise

    return raised


def run_cast(function, dtype, args, kwargs):
    """Cast, then called with autocast off: what it calls gets what was meant for it."""
    before = _core._set_autocast(False, None)
    try:
        args = [_lowered(value, dtype) for value in args]
        return function(*args, **{key: _lowered(value, dtype) for key, value in kwargs.items()})
    finally:
        _core._set_autocast(*before)


def follow(name, call):
    """`call`, of the operator of this qualified name, as the lists say."""
    if name in LOWER:
        return lower_precision(call)
    if name in FLOAT32 or name.startswith("fft."):
        return full_precision(call)
    return call
