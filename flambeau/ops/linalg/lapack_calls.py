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
    """A pointer to one of the matrices, or rows, of a contiguous array after the other."""

    def __init__(self, values):
        self.step = values.strides[0] if len(values) else 0
        self.pointer = ctypes.c_void_p(values.ctypes.data)

    def go_on(self):
        self.pointer.value += self.step


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
    given = "L", n, a.pointer, n, p.pointer, w, len(work), ctypes.byref(info)
    factor = _prepared(name, values.dtype, *given)
    for i in range(count if n else 0):
        factor()
        infos[i] = info.value
        a.go_on()
        p.go_on()
    return factors.swapaxes(-1, -2), pivots, infos


def ldl_solve(LD, pivots, B, hermitian):
    """X with A X = B, given what `ldl_factor` gives for A."""
    import numpy

    count, n, k = B.shape
    factors, X = _by_columns(LD), _by_columns(B)
    pivots = numpy.ascontiguousarray(pivots, numpy.int32)
    name = _symmetric(LD.dtype, hermitian) + "trs"
    a, p, x, info = _Stack(factors), _Stack(pivots), _Stack(X), ctypes.c_int32()
    given = "L", n, k, a.pointer, n, p.pointer, x.pointer, n, ctypes.byref(info)
    solve = _prepared(name, LD.dtype, *given)
    for _ in range(count if n and k else 0):
        solve()
        for stack in (a, p, x):
            stack.go_on()
    return X.swapaxes(-1, -2)


def _symmetric(dtype, hermitian):
    return "he" if hermitian and dtype.kind == "c" else "sy"
