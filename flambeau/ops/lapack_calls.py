"""LAPACK routines of the BLAS library, called through ctypes on stacks of matrices (count, m, n).

NumPy has its own copy of LAPACK, but no LU, no triangular solver and no LDL, and its threads compete
with ours. A row-major matrix is, to Fortran, its transpose; where that is as good, nothing is copied
for the sake of order: A = U^T U read by rows is A = L L^T, and A^T x = b is asked for instead of A x = b.
The interpreter lock is free while a routine runs.
"""

import ctypes
import functools

from .. import _core

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
    """Call a routine: ints and letters by reference, as Fortran has them, and the letters' lengths at the end."""
    passed, lengths = [], []
    for argument in arguments:
        if isinstance(argument, int):
            passed.append(ctypes.byref(ctypes.c_int32(argument)))
        elif isinstance(argument, str):
            passed.append(ctypes.c_char_p(argument.encode()))
            lengths.append(ctypes.c_size_t(1))
        else:
            passed.append(argument)
    _routine(name, _letters[dtype.name])(*passed, *lengths)


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


def _fail_if(info, operator, sentence):
    from .lapack import LinAlgError

    if info.value > 0:
        raise LinAlgError(f"{operator}: {sentence}.")


def lu_factor(values):
    """(LU, pivots) of each m x n matrix: row swaps counted from 1."""
    import numpy

    count, m, n = values.shape
    factors = _by_columns(values)
    pivots = numpy.zeros((count, min(m, n)), numpy.int32)
    a, p, info = _Stack(factors), _Stack(pivots), ctypes.c_int32()
    for i in range(count if min(m, n) else 0):
        _call("getrf", values.dtype, m, n, a[i], m, p[i], ctypes.byref(info))
    return factors.swapaxes(-1, -2), pivots


def solve(A, B, operator, sentence):
    """X with A X = B, for (count, n, n) and (count, n, k)."""
    import numpy

    count, n, k = B.shape
    factors = numpy.ascontiguousarray(A).copy()
    X = _by_columns(B)
    pivots = numpy.empty(n, numpy.int32)
    p = ctypes.c_void_p(pivots.ctypes.data)
    a, x, info = _Stack(factors), _Stack(X), ctypes.c_int32()
    for i in range(count if n else 0):
        _call("getrf", A.dtype, n, n, a[i], n, p, ctypes.byref(info))
        _fail_if(info, operator, sentence)
        if k:
            _call("getrs", A.dtype, "T", n, k, a[i], n, p, x[i], n, ctypes.byref(info))
    return X.swapaxes(-1, -2)


def inverse(A, operator, sentence):
    """The inverse of each matrix."""
    import numpy

    count, n, _ = A.shape
    result = numpy.ascontiguousarray(A).copy()
    pivots, work = numpy.empty(n, numpy.int32), numpy.empty(64 * max(n, 1), A.dtype)
    p, w = ctypes.c_void_p(pivots.ctypes.data), ctypes.c_void_p(work.ctypes.data)
    a, info = _Stack(result), ctypes.c_int32()
    for i in range(count if n else 0):
        _call("getrf", A.dtype, n, n, a[i], n, p, ctypes.byref(info))
        _fail_if(info, operator, sentence)
        _call("getri", A.dtype, n, a[i], n, p, w, len(work), ctypes.byref(info))
    return result


def cholesky(A, operator, sentence):
    """The lower triangular L with A = L L^H, from the lower triangle of each A."""
    import numpy

    count, n, _ = A.shape
    factor = numpy.tril(A)
    a, info = _Stack(factor), ctypes.c_int32()
    for i in range(count if n else 0):
        _call("potrf", A.dtype, "U", n, a[i], n, ctypes.byref(info))
        _fail_if(info, operator, sentence)
    return factor


def solve_triangular(A, B, upper, unitriangular):
    """X with A X = B, from one triangle of each A; a 0 on the diagonal divides."""
    import numpy

    count, n, k = B.shape
    A = numpy.ascontiguousarray(A)
    X = numpy.ascontiguousarray(B).copy()
    one = numpy.ones(1, A.dtype)
    alpha = ctypes.c_void_p(one.ctypes.data)
    a, x = _Stack(A), _Stack(X)
    triangle, diagonal = "L" if upper else "U", "U" if unitriangular else "N"
    for i in range(count if n and k else 0):
        _call("trsm", A.dtype, "R", triangle, "N", diagonal, k, n, alpha, a[i], n, x[i], k)
    return X


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
