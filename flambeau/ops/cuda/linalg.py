"""Linear algebra on GPUs: stacks of matrices that fit into the memory of a block of threads.

Of larger ones triangles are solved and Cholesky factors made part by part; the others cuSOLVER takes where it is
installed, and else the CPU.
"""

import functools

from ... import _core
from ..core import operators as fl
from .launch import function, launch
from .libraries import cusolver
from .rules import rule

_REAL = (_core.float32, _core.float64)


def _count(matrices):
    n = 1
    for size in matrices.shape[:-2]:
        n *= size
    return n


def _size(matrices, *others):
    """Shared elements of a kernel for these, or 0 where there is none."""
    if matrices.dtype not in _REAL or any(o.dtype is not matrices.dtype for o in others):
        return 0
    from ...kernels.gpu import linalg

    return linalg.capacity(matrices.dtype.name, matrices.shape[-2] * matrices.shape[-1])


def _launch(kind, options, sizes, tensors, blocks):
    from ...kernels.gpu import linalg

    device = tensors[0].device.index
    key = (kind, tensors[0].dtype.name, *options)
    write = lambda: getattr(linalg, "write_" + kind)(*key[1:])
    found = function(kind, ("linalg", *key), write, device)
    _core._cuda_launch(found, kind, device, blocks, linalg.THREADS, 0, [sizes, tensors])


def _made(like, *sizes, dtype=None):
    return _core.empty(sizes, dtype=dtype or like.dtype, device=like.device)


def of_matrices(name):
    """rule(name), with what the core says of matrices without elements: it needs none, wherever they lie."""
    native = getattr(_core, name)

    def register(function):
        @functools.wraps(function)
        def asked(*arguments, **named):
            given = [a for a in arguments if isinstance(a, _core.Tensor)]
            if all(t.numel() for t in given):
                return function(*arguments, **named)
            here = [a.cpu() if isinstance(a, _core.Tensor) else a for a in arguments]
            made = native(*here, **named)
            if isinstance(made, _core.Tensor):
                return made.to(given[0].device)
            return tuple(None if t is None else t.to(given[0].device) for t in made)

        return rule(name)(asked)

    return register


def of_factors(name):
    """of_matrices(name) of a function(A, size) of what some library or loop of ours factors; size: of our loop, or 0."""

    def register(function):
        @of_matrices(name)
        def found(A):
            size = _size(A)
            return function(A, size) if size or cusolver.takes(A) else NotImplemented

        return found

    return register


@of_matrices("_cholesky")
def cholesky(A, by_rows=True):
    size = _size(A)
    if not size:
        return cusolver.cholesky(A) if cusolver.takes(A) else _cholesky_in_parts(A)
    batch, n, count = A.shape[:-2], A.shape[-1], _count(A)
    L, info = _made(A, *A.shape), _made(A, *batch, dtype=_core.int32)
    _launch("cholesky", (size,), [count, n], [L, A.contiguous(), info], min(count, 65535))
    return L, info


def _cholesky_in_parts(A):
    """(L, info) from the factors of the first half and of what it leaves of the second."""
    if A.dtype not in _REAL:
        return NotImplemented
    n = A.shape[-1]
    half = n // 2
    first, info = cholesky(A[..., :half, :half])
    across = solve_triangular(first, A[..., half:, :half].mT, False, False).mT
    rest, later = cholesky(A[..., half:, half:] - across @ across.mT)
    L = _core.zeros(A.shape, dtype=A.dtype, device=A.device)
    L[..., :half, :half] = first
    L[..., half:, :half] = across
    L[..., half:, half:] = rest
    return L, fl.where(info != 0, info, fl.where(later != 0, later + half, 0)).int()


def _factors(A, size):
    """(LU, pivots, the rows' order, info)"""
    if not size:
        LU, pivots, info = cusolver.lu(A)
        return LU, pivots, _order(pivots, A.shape[-2]), info
    batch, (m, n), count = A.shape[:-2], A.shape[-2:], _count(A)
    LU, info = _made(A, *A.shape), _made(A, *batch, dtype=_core.int32)
    pivots = _made(A, *batch, min(m, n), dtype=_core.int32)
    order = _made(A, *batch, m, dtype=_core.int64)
    tensors = [LU, A.contiguous(), pivots, order, info]
    _launch("lu", (size,), [count, m, n], tensors, min(count, 65535))
    return LU, pivots, order, info


@of_factors("_lu")
def lu(A, size):
    LU, pivots, _, info = _factors(A, size)
    return LU, pivots, info


def _order(pivots, m):
    """The order (*, m) of rows that exchanging them by pivots (*, k) makes."""
    pivots = pivots.int().contiguous()
    swaps, batch = pivots.shape[-1], pivots.shape[:-1]
    order = _made(pivots, *batch, m, dtype=_core.int64)
    count = order.numel() // max(m, 1)

    def write():
        from ...kernels.gpu import linalg

        return linalg.write_order()

    sizes = [[count, swaps, m], [order, pivots]]
    launch("lu_unpack", ("order of pivots",), write, pivots.device.index, count, sizes)
    return order


def permutations(pivots, m, dtype):
    """The permutation matrices (*, m, m) that exchanging rows by pivots (*, k) makes."""
    order = _order(pivots, m)
    zeros = _core.zeros((*order.shape, m), dtype=dtype, device=pivots.device)
    return zeros.scatter_(-2, order.unsqueeze(-2), 1)


def _substituted(A, B, size, upper, unit):
    n, columns, count = A.shape[-1], B.shape[-1], _count(A)
    X = _made(B, *B.shape)
    blocks = -(-columns // 64), min(count, 65535)
    tensors = [X, A.contiguous(), B.contiguous()]
    _launch("triangular", (size, bool(upper), bool(unit)), [count, n, columns], tensors, blocks)
    return X


@of_matrices("_solve_triangular")
def solve_triangular(A, B, upper, unitriangular, by_rows=True):
    size = _size(A, B)
    if A.shape[:-2] != B.shape[:-2] or A.dtype not in _REAL or B.dtype is not A.dtype:
        return NotImplemented
    if size:
        return _substituted(A, B, size, upper, unitriangular)
    half = A.shape[-1] // 2
    parts = [slice(None, half), slice(half, None)]
    here, there = parts[::-1] if upper else parts
    solved = solve_triangular(A[..., here, here], B[..., here, :], upper, unitriangular)
    left = B[..., there, :] - A[..., there, here] @ solved
    rest = solve_triangular(A[..., there, there], left, upper, unitriangular)
    return _core.cat([rest, solved] if upper else [solved, rest], -2)


@of_matrices("_solve")
def solve(A, B):
    size = _size(A, B)
    if A.shape[:-2] != B.shape[:-2] or not (size or cusolver.takes(A, B)):
        return NotImplemented
    LU, pivots, order, info = _factors(A, size)
    if not size:
        return cusolver.solve_factored(LU, pivots, B), info, LU, pivots
    turned = B.gather(-2, order.unsqueeze(-1).expand(B.shape))
    half = _substituted(LU, turned, size, False, True)
    return _substituted(LU, half, size, True, False), info, LU, pivots


@of_matrices("_solve_transposed")
def solve_transposed(LU, pivots, B):
    """A.mT**-1 B: the rows of A in their new order are L U."""
    size = _size(LU, B)
    if LU.shape[:-2] != B.shape[:-2] or not (size or cusolver.takes(LU, B)):
        return NotImplemented
    if not size:
        return cusolver.solve_factored(LU, pivots, B, transposed=True)
    half = _substituted(LU.mT, B, size, False, False)
    found = _substituted(LU.mT, half, size, True, True)
    places = _order(pivots, LU.shape[-1]).unsqueeze(-1).expand(B.shape)
    return _core.empty_like(found).scatter_(-2, places, found)


@of_factors("_inverse")
def inverse(A, _):
    identity = fl.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return solve(A, identity.expand(A.shape))[:2]


def _signs(order):
    """The signs of permutations (*, n): -1 to the number of pairs that stand the wrong way round."""
    pairs = (order.unsqueeze(-1) > order.unsqueeze(-2)).long()
    return 1 - 2 * (fl.triu(pairs, 1).sum((-2, -1)) % 2)


@of_factors("_det")
def det(A, size):
    LU, _, order, _ = _factors(A, size)
    return LU.diagonal(0, -2, -1).prod(-1) * _signs(order)


@of_factors("_slogdet")
def slogdet(A, size):
    LU, _, order, _ = _factors(A, size)
    diagonal = LU.diagonal(0, -2, -1)
    return diagonal.sign().prod(-1) * _signs(order), diagonal.abs().log().sum(-1)


@of_matrices("_qr")
def qr(A, complete=False):
    size = _size(A)
    m, n = A.shape[-2:]
    if not size or min(m, n) > 512:
        return NotImplemented
    width, count = m if complete else min(m, n), _count(A)
    Q, R = _made(A, *A.shape[:-2], m, width), _made(A, *A.shape[:-2], width, n)
    _launch("qr", (size,), [count, m, n, width], [Q, R, A.contiguous()], min(count, 65535))
    return Q, R


def geqrf(A):
    """(the reflections below R in one matrix, their factors), or None where no kernel takes A."""
    size = _size(A)
    m, n = A.shape[-2:]
    if not size or A.numel() == 0 or min(m, n) > 512:
        return None
    least, count = min(m, n), _count(A)
    factors, taus = _made(A, *A.shape), _made(A, *A.shape[:-2], least)
    sizes, tensors = [count, m, n, least], [taus, factors, A.contiguous()]
    _launch("qr", (size, True), sizes, tensors, min(count, 65535))
    return factors, taus
