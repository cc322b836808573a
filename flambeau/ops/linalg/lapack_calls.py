"""Rare LAPACK routines of the BLAS library, called through ctypes on stacks of matrices (count, m, n).

The others are called by the core (csrc/dispatch/lapack.h). The interpreter lock is free while a routine runs.
"""

import ctypes
import functools

from ... import _core

_letters = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}


@functools.cache
def _routine(name, letter):
    from .blas import load

    load()
    address = _core._lapack_symbol(f"{letter}{name}_")
    if not address:
        raise RuntimeError(f"the BLAS library has no LAPACK routine {letter}{name}.")
    return ctypes.CFUNCTYPE(None)(address)


def _call(name, dtype, *arguments):
    """Call a routine once."""
    _prepared(name, dtype, *arguments)()


def _prepared(name, dtype, *arguments):
    """The call of a routine: ints and letters by reference, as Fortran has them, the letters' lengths at the end.

    A ctypes.c_void_p among the arguments may point elsewhere at each call.
    """
    passed, lengths = [], []
    for argument in arguments:
        if isinstance(argument, int):
            passed.append(ctypes.byref(ctypes.c_int32(argument)))
        elif isinstance(argument, str):
            passed.append(ctypes.c_char_p(argument.encode()))
            lengths.append(ctypes.c_size_t(1))
        else:
            passed.append(argument)
    return functools.partial(_routine(name, _letters[dtype.name]), *passed, *lengths)


class _Stack:
    """The addresses of the matrices, or rows, of a contiguous array."""

    def __init__(self, values):
        self.base = values.ctypes.data
        self.step = values.strides[0] if len(values) else 0

    def __getitem__(self, i):
        return ctypes.c_void_p(self.base + i * self.step)


def _by_columns(values):
    """A copy whose memory holds each matrix column by column: contiguous, of shape (count, n, m)."""
    import numpy

    return numpy.ascontiguousarray(values.swapaxes(-1, -2)).copy()


def ldl_factor(values, hermitian):
    """(LD, pivots, info) of symmetric or Hermitian matrices, from the lower triangle of each."""
    import numpy

    count, n, _ = values.shape
    factors = _by_columns(numpy.tril(values))
    pivots, infos = numpy.zeros((count, n), numpy.int32), numpy.zeros(count, numpy.int32)
    work = numpy.empty(64 * max(n, 1), values.dtype)
    w, name = ctypes.c_void_p(work.ctypes.data), _symmetric(values.dtype, hermitian) + "trf"
    a, p, info = _Stack(factors), _Stack(pivots), ctypes.c_int32()
    for i in range(count if n else 0):
        _call(name, values.dtype, "L", n, a[i], n, p[i], w, len(work), ctypes.byref(info))
        infos[i] = info.value
    return factors.swapaxes(-1, -2), pivots, infos


def ldl_solve(LD, pivots, B, hermitian):
    """X with A X = B, given what `ldl_factor` gives for A."""
    import numpy

    count, n, k = B.shape
    factors, X = _by_columns(LD), _by_columns(B)
    pivots = numpy.ascontiguousarray(pivots, numpy.int32)
    name = _symmetric(LD.dtype, hermitian) + "trs"
    a, p, x, info = _Stack(factors), _Stack(pivots), _Stack(X), ctypes.c_int32()
    for i in range(count if n and k else 0):
        _call(name, LD.dtype, "L", n, k, a[i], n, p[i], x[i], n, ctypes.byref(info))
    return X.swapaxes(-1, -2)


def _symmetric(dtype, hermitian):
    return "he" if hermitian and dtype.kind == "c" else "sy"
