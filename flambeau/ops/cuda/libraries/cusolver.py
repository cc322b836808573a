"""Factorizations of matrices that are too large for a block of threads, by cuSOLVER's 64-bit interface.

There matrices lie column after column, so a contiguous A is read as A.T. Each matrix of a stack is a call.
"""

import ctypes
import functools

from .... import _core
from .open import DATA_TYPES, INT, INT64, POINTER, SIZE, address, library, stream, workspace

_LOWER, _UPPER = 0, 1  # cublasFillMode_t
_PLAIN, _TRANSPOSED = 0, 1  # cublasOperation_t
_STATUS = {
    1: "CUSOLVER_STATUS_NOT_INITIALIZED", 2: "CUSOLVER_STATUS_ALLOC_FAILED", 3: "CUSOLVER_STATUS_INVALID_VALUE",
    4: "CUSOLVER_STATUS_ARCH_MISMATCH", 5: "CUSOLVER_STATUS_MAPPING_ERROR", 6: "CUSOLVER_STATUS_EXECUTION_FAILED",
    7: "CUSOLVER_STATUS_INTERNAL_ERROR", 9: "CUSOLVER_STATUS_NOT_SUPPORTED",
}  # fmt: skip
_REAL = {
    "float32": _core.float32, "float64": _core.float64, "complex64": _core.float32, "complex128": _core.float64,
}  # fmt: skip
_CHARACTER = ctypes.c_byte


def _entries():
    p = POINTER
    matrix = INT, p, INT64  # dtype, address, leading dimension
    operands = {
        "potrf": (INT, INT64, *matrix, INT),
        "getrf": (INT64, INT64, *matrix, p, INT),
        "syevd": (INT, INT, INT64, *matrix, INT, p, INT),
        "gesvd": (_CHARACTER, _CHARACTER, INT64, INT64, *matrix, INT, p, *matrix, *matrix, INT),
    }
    made = {
        "cusolverDnCreate": (p,),
        "cusolverDnSetStream": (p, p),
        "cusolverDnCreateParams": (p,),
        "cusolverDnXgetrs": (p, p, INT, INT64, INT64, *matrix, p, *matrix, p),
    }
    for name, types in operands.items():
        # The question how much room a call needs has no pivots yet.
        asked = (*types[:5], types[6]) if name == "getrf" else types
        made[f"cusolverDnX{name}_bufferSize"] = (p, p, *asked, p, p)
        made[f"cusolverDnX{name}"] = (p, p, *types, p, SIZE, p, SIZE, p)
    return made


def _texts():
    return _STATUS


def solver():
    """cuSOLVER's table, or None."""
    return library("cusolver", "cusolver", _entries, _texts, None)


@functools.cache
def _handles(index):
    handle, parameters = POINTER(), POINTER()
    solver().cusolverDnCreate(ctypes.byref(handle))
    solver().cusolverDnCreateParams(ctypes.byref(parameters))
    return handle, parameters


def takes(*tensors):
    """Whether cuSOLVER is here, and takes matrices of these dtypes."""
    dtype = tensors[0].dtype
    return dtype.name in _REAL and all(t.dtype is dtype for t in tensors) and solver() is not None


class _Calls:
    """Calls on the current stream, for matrices of one dtype."""

    def __init__(self, like):
        self.device = like.device
        index = like.device.index
        self.handles = _handles(index)
        solver().cusolverDnSetStream(self.handles[0], stream(index))
        self.type = DATA_TYPES[like.dtype.name]
        self.real = DATA_TYPES[_REAL[like.dtype.name].name]

    def run(self, name, info, operands, asked=None):
        """Asks how much room a call needs, then calls it; info: an int32 of the device."""
        there, here = SIZE(0), SIZE(0)
        question = getattr(solver(), f"cusolverDnX{name}_bufferSize")
        question(*self.handles, *(asked or operands), ctypes.byref(there), ctypes.byref(here))
        room = workspace(there.value, self.device)
        host = ctypes.create_string_buffer(max(here.value, 1))
        call = getattr(solver(), f"cusolverDnX{name}")
        call(*self.handles, *operands, address(room), there.value, host, here.value, address(info))


def _stack(matrices):
    """(a copy (count, rows, columns), contiguous, info (count,))"""
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    copy = flat.contiguous()
    copy = copy.clone() if copy.data_ptr() == matrices.data_ptr() else copy
    info = _core.zeros(flat.shape[0], dtype=_core.int32, device=matrices.device)
    return copy, info


def cholesky(A):
    """(L, info)"""
    L, info = _stack(A)
    calls, n = _Calls(A), A.shape[-1]
    for matrix, found in zip(L.unbind(0), info.unbind(0)):
        # The lower triangle is the upper one of what is read, whose upper factor is L.T.
        operands = _UPPER, n, calls.type, address(matrix), n, calls.type
        calls.run("potrf", found, operands)
    return L.tril().reshape(A.shape), info.reshape(A.shape[:-2])


def lu(A):
    """(LU, pivots from 1, info)"""
    m, n = A.shape[-2:]
    columns, info = _stack(A.mT)
    pivots = _core.zeros((columns.shape[0], min(m, n)), dtype=_core.int64, device=A.device)
    calls = _Calls(A)
    for matrix, places, found in zip(columns.unbind(0), pivots.unbind(0), info.unbind(0)):
        asked = m, n, calls.type, address(matrix), m, calls.type
        operands = (*asked[:-1], address(places), asked[-1])
        calls.run("getrf", found, operands, asked)
    batch = A.shape[:-2]
    LU = columns.mT.contiguous().reshape(A.shape)
    return LU, pivots.int().reshape(*batch, min(m, n)), info.reshape(batch)


def solve_factored(LU, pivots, B, transposed=False):
    """X with A X = B, or A.mT X = B, from lu(A)."""
    n, k = B.shape[-2:]
    factors, _ = _stack(LU.mT)
    columns, info = _stack(B.mT)
    places = pivots.long().reshape(factors.shape[0], n).contiguous()
    calls = _Calls(LU)
    way = _TRANSPOSED if transposed else _PLAIN
    for i, (matrix, right) in enumerate(zip(factors.unbind(0), columns.unbind(0))):
        solver().cusolverDnXgetrs(
            *calls.handles, way, n, k, calls.type, address(matrix), n, address(places[i]),
            calls.type, address(right), n, address(info[i]),
        )  # fmt: skip
    return columns.mT.contiguous().reshape(B.shape)


def eigh(A, upper, vectors):
    """(eigenvalues, eigenvectors, info); without vectors what stands for them means nothing."""
    n, real = A.shape[-1], _REAL[A.dtype.name]
    columns, info = _stack(A.mT)
    values = _core.empty((columns.shape[0], n), dtype=real, device=A.device)
    calls = _Calls(A)
    fill = _UPPER if upper else _LOWER
    for matrix, found_values, found in zip(columns.unbind(0), values.unbind(0), info.unbind(0)):
        operands = (int(vectors), fill, n, calls.type, address(matrix), n, calls.real,
                    address(found_values), calls.type)  # fmt: skip
        calls.run("syevd", found, operands)
    batch = A.shape[:-2]
    return values.reshape(*batch, n), columns.mT.contiguous().reshape(A.shape), info.reshape(batch)


def svd(A, full, vectors):
    """(U, S, Vh, info)"""
    m, n = A.shape[-2:]
    if m < n:  # gesvd takes no more columns than rows
        U, S, Vh, info = svd(A.mT, full, vectors)
        return Vh.mT, S, U.mT, info
    columns, info = _stack(A.mT)
    count, real = columns.shape[0], _REAL[A.dtype.name]
    wide = m if full else n
    U = _core.empty((count, wide, m), dtype=A.dtype, device=A.device)
    Vh = _core.empty((count, n, n), dtype=A.dtype, device=A.device)
    S = _core.empty((count, n), dtype=real, device=A.device)
    calls = _Calls(A)
    job = ord("N" if not vectors else "A" if full else "S")
    for i in range(count):
        operands = (job, job, m, n, calls.type, address(columns[i]), m, calls.real, address(S[i]), calls.type,
                    address(U[i]), m, calls.type, address(Vh[i]), n, calls.type)  # fmt: skip
        calls.run("gesvd", info[i], operands)
    batch = A.shape[:-2]
    left = U.mT.contiguous().reshape(*batch, m, wide)
    right = Vh.mT.contiguous().reshape(*batch, n, n)
    return left, S.reshape(*batch, n), right, info.reshape(batch)
