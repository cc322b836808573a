"""Factorizations and solutions that run in loops of our own instead of LAPACK's: sizes around their blocks,
layouts, and the same bits for any number of threads."""

import itertools

import numpy as np
import pytest

import flambeau as fl

RANDOM = np.random.default_rng(11)


def _matrix(*sizes, dtype="float64"):
    return fl.from_numpy(RANDOM.standard_normal(sizes)).to(getattr(fl, dtype))


def _same_with_threads(compute):
    """compute() with 1, 2, 3 and 16 threads gives the same bits."""
    before = fl.get_num_threads()
    results = []
    try:
        for n in (1, 2, 3, 16):
            fl.set_num_threads(n)
            results.append([t.numpy().copy() for t in compute()])
    finally:
        fl.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("m, n", [(17, 17), (33, 32), (40, 100), (100, 40), (130, 130), (65, 1), (1, 40)])  # fmt: skip
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr_in_blocks(m, n, mode):
    A = _matrix(2, m, n)
    Q, R = fl.linalg.qr(A, mode)
    np.testing.assert_allclose((Q @ R).numpy(), A.numpy(), atol=1e-12)
    identity = np.eye(Q.shape[-1])
    np.testing.assert_allclose((Q.mT @ Q)[1].numpy(), identity, atol=1e-12)
    assert (R.tril(-1) == 0).all()
    expected = np.linalg.qr(A.numpy(), mode)[1]
    np.testing.assert_allclose(R.numpy(), expected, atol=1e-11)  # LAPACK's signs


def test_qr_of_dependent_and_zero_columns():
    A = _matrix(40, 40)
    A[:, 7] = 0
    A[:, 20] = A[:, 3]
    Q, R = fl.linalg.qr(A)
    np.testing.assert_allclose((Q @ R).numpy(), A.numpy(), atol=1e-12)
    np.testing.assert_allclose((Q.mT @ Q).numpy(), np.eye(40), atol=1e-12)


def test_qr_in_float32_is_as_exact_as_it_can_be():
    A = _matrix(200, 150, dtype="float32")
    Q, R = fl.linalg.qr(A)
    assert (Q @ R - A).abs().max() < 2e-5
    assert (Q.mT @ Q - fl.eye(150)).abs().max() < 5e-6


@pytest.mark.parametrize("n", [1, 2, 5, 26, 33, 64, 130])
@pytest.mark.parametrize("UPLO", ["L", "U"])
def test_eigenvalues_of_symmetric_matrices(n, UPLO):
    A = _matrix(n, n)
    A = A + A.mT
    # The other triangle is not read.
    given = A.tril() if UPLO == "L" else A.triu()
    expected = np.linalg.eigvalsh(A.numpy())
    np.testing.assert_allclose(fl.linalg.eigvalsh(given, UPLO).numpy(), expected, atol=1e-11)
    values, V = fl.linalg.eigh(given, UPLO)
    np.testing.assert_allclose(values.numpy(), expected, atol=1e-11)
    np.testing.assert_allclose((A @ V).numpy(), (V * values).numpy(), atol=1e-11)
    np.testing.assert_allclose((V.mT @ V).numpy(), np.eye(n), atol=1e-12)


@pytest.mark.parametrize("scale", [1e-36, 1e-25, 1.0, 1e18, 1e32])
def test_eigvalsh_of_large_and_small_float32(scale):
    A = _matrix(40, 40, dtype="float32")
    A = A + A.mT
    values = fl.linalg.eigvalsh(A * scale).double() / scale
    np.testing.assert_allclose(values.numpy(), np.linalg.eigvalsh(A.double().numpy()), atol=1e-4)


def test_eigvalsh_of_diagonal_and_block_matrices():
    assert fl.linalg.eigvalsh(fl.diag(fl.arange(40.0).flip(0))).tolist() == list(range(40))
    A = fl.zeros(40, 40, dtype=fl.float64)
    A[:20, :20] = _matrix(20, 20)
    A = A + A.mT
    values, V = fl.linalg.eigh(A)
    np.testing.assert_allclose((A @ V).numpy(), (V * values).numpy(), atol=1e-12)


def _symmetric(kind, n):
    """Matrices that divide and conquer finds hard: values that repeat, lie close together or span many powers."""
    Q = np.linalg.qr(RANDOM.standard_normal((n, n)))[0]
    ones, signs = np.ones(n - 1), RANDOM.standard_normal(n)
    rows = 10.0 ** -np.linspace(0, 12, n)
    return {
        "repeated": lambda: Q * RANDOM.integers(0, 3, n) @ Q.T,
        "clustered": lambda: Q * (1 + 1e-7 * RANDOM.standard_normal(n)) @ Q.T,
        "powers": lambda: Q * 10.0 ** -np.linspace(0, 15, n) @ Q.T,
        "graded": lambda: (Q + Q.T) * np.outer(rows, rows),
        "graded backwards": lambda: (Q + Q.T) * np.outer(rows[::-1], rows[::-1]),
        "pairs": lambda: np.diag(np.abs(np.arange(n) - n // 2) * 1.0) + np.diag(ones, 1) + np.diag(ones, -1),
        "rank 1": lambda: np.outer(signs, signs),
        "ones": lambda: np.ones((n, n)),
        "zeros": lambda: np.zeros((n, n)),
        "identity": lambda: np.eye(n),
        "large": lambda: (Q + Q.T) * 1e25,
        "small": lambda: (Q + Q.T) * 1e-25,
    }[kind]()  # fmt: skip


@pytest.mark.parametrize("UPLO", ["L", "U"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kind",
    ["repeated", "clustered", "powers", "graded", "graded backwards", "pairs", "rank 1", "ones", "zeros", "identity", "large", "small"],
)  # fmt: skip
def test_eigenvectors_of_hard_matrices(kind, dtype, UPLO):
    for n in (27, 131, 300) if kind in ("repeated", "pairs") else (27, 64):
        A = _symmetric(kind, n).astype(dtype)
        A = np.tril(A) + np.tril(A, -1).T
        values, V = (x.double().numpy() for x in fl.linalg.eigh(fl.from_numpy(A), UPLO))
        A = A.astype("float64")
        expected = np.linalg.eigvalsh(A)
        size, unit = np.abs(expected).max() or 1.0, np.finfo(dtype).eps
        assert (np.diff(values) >= 0).all()
        np.testing.assert_allclose(V.T @ V, np.eye(n), atol=(20 + n / 8) * unit)
        np.testing.assert_allclose(A / size @ V, V * (values / size), atol=(20 + n / 8) * unit)
        np.testing.assert_allclose(values / size, expected / size, atol=(30 + n / 4) * unit)


def _general(kind, n):
    """Matrices whose eigenvalues come in pairs, repeat, lack vectors or lie apart by many powers."""
    A, rows = RANDOM.standard_normal((n, n)), 10.0 ** -np.linspace(0, 8, n)
    return {
        "random": lambda: A,
        "orthogonal": lambda: np.linalg.qr(A)[0],
        "skew": lambda: A - A.T,
        "cyclic": lambda: np.roll(np.eye(n), 1, 0),
        "triangular": lambda: np.triu(A),
        "one vector": lambda: np.eye(n) + np.diag(np.ones(n - 1), 1),
        "graded": lambda: A * np.outer(rows, rows),
        "badly scaled": lambda: A * np.outer(rows, 1 / rows),
        "whole": lambda: np.round(A),
        "zeros": lambda: np.zeros((n, n)),
        "large": lambda: A * 1e25,
        "small": lambda: A * 1e-25,
    }[kind]()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kind",
    ["random", "orthogonal", "skew", "cyclic", "triangular", "one vector", "graded", "badly scaled", "whole", "zeros", "large", "small"],
)  # fmt: skip
def test_eigenvectors_of_general_matrices(kind, dtype):
    for n in (2, 5, 33, 70):
        A = _general(kind, n).astype(dtype)
        given = fl.from_numpy(A)
        values, V = (x.to(fl.complex128).numpy() for x in fl.linalg.eig(given))
        size, unit = np.linalg.norm(A.astype("float64")) or 1.0, np.finfo(dtype).eps
        np.testing.assert_allclose(A / size @ V, V * (values / size), atol=(20 + n / 4) * unit)
        np.testing.assert_allclose(np.linalg.norm(V, axis=0), 1, atol=20 * unit)
        if kind in ("random", "orthogonal", "skew", "cyclic"):
            alone = fl.linalg.eigvals(given).to(fl.complex128).numpy()
            distances = np.abs(alone[:, None] - values)
            assert max(distances.min(0).max(), distances.min(1).max()) < 1e4 * unit * size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [17, 32, 33, 64, 100, 200])
def test_cholesky_by_halves(n, dtype):
    A = _matrix(2, n, n, dtype=dtype)
    A = A @ A.mT + n * fl.eye(n, dtype=A.dtype)
    L = fl.linalg.cholesky(A)
    assert (L.triu(1) == 0).all()
    tolerance = n * n * fl.finfo(A.dtype).eps
    np.testing.assert_allclose((L @ L.mT).numpy(), A.numpy(), atol=tolerance)
    A[1, n - 3, n - 3] = -1  # and what stands before it is found nevertheless
    failed, info = fl.linalg.cholesky_ex(A)
    assert info.tolist() == [0, n - 2]
    np.testing.assert_allclose(failed[0].numpy(), L[0].numpy())
    np.testing.assert_allclose(failed[1, :, : n - 4].numpy(), L[1, :, : n - 4].numpy(), atol=tolerance)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("n", [17, 32, 33, 65, 130])
def test_cholesky_of_a_stack_lies_by_columns_or_rows(n, dtype):
    """Definite matrices beside one that is none early and one that is none late, from each layout."""
    root = _matrix(4, n, n, dtype="float64").to(getattr(fl, dtype))
    A = root @ root.mH + n * fl.eye(n, dtype=root.dtype)
    A[1, 3, 3] = -1
    A[2, n - 1, n - 1] = -1
    expected = [np.linalg.cholesky(A[b].numpy()) for b in (0, 3)]
    for given in (A, A.mT.contiguous().mT, A.repeat_interleave(2, -1)[..., ::2]):
        L, info = fl.linalg.cholesky_ex(given)
        U, other = fl.linalg.cholesky_ex(given, upper=True)
        assert info.tolist() == other.tolist() == [0, 4, n, 0]
        assert L.mT.is_contiguous() and U.mT.is_contiguous()
        for b, known in zip((0, 3), expected):
            np.testing.assert_allclose(L[b].numpy(), known, rtol=0, atol=2e-5 * n)
            np.testing.assert_allclose(U[b].mH.numpy(), known, rtol=0, atol=2e-5 * n)
        assert not L.triu(1).count_nonzero() and not U.tril(-1).count_nonzero()


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [1, 5, 16, 17, 33, 65, 129])
def test_cholesky_says_where_it_finds_nan(n, dtype):
    A = n * fl.eye(n, dtype=getattr(fl, dtype)).repeat(4, 1, 1)
    A[1, n // 2, n // 2] = A[2, n - 1, n // 3] = float("nan")
    A[3, n - 1, n - 1] = -1
    info = fl.linalg.cholesky_ex(A).info
    assert info.tolist() == [0, n // 2 + 1, n, n]
    with pytest.raises(fl.linalg.LinAlgError):
        fl.linalg.cholesky(A[1])


@pytest.mark.parametrize("n, k", [(17, 1), (30, 4), (70, 16), (33, 5), (40, 17)])
def test_triangles_with_few_right_sides(n, k):
    full = _matrix(3, n, n) / n**0.5 + 2 * fl.eye(n, dtype=fl.float64)
    B = _matrix(3, n, k)
    for upper, unit, turned in itertools.product((False, True), repeat=3):
        A = full.triu() if upper else full.tril()
        if turned:
            A = A.mT.contiguous().mT
        X = fl.linalg.solve_triangular(A, B, upper=upper, unitriangular=unit)
        if unit:
            A = A - fl.diag_embed(A.diagonal(0, -2, -1)) + fl.eye(n, dtype=fl.float64)
        np.testing.assert_allclose((A @ X).numpy(), B.numpy(), atol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("n, k", [(8, 2), (20, 1), (40, 4), (40, 20), (40, 40)])
def test_solve_and_its_gradient(n, k, dtype):
    A, B, grad = (_matrix(2, n, size) for size in (n, k, k))
    A = A / n**0.5 + 2 * fl.eye(n, dtype=fl.float64)
    if dtype == "complex128":
        A, B, grad = (fl.complex(t, t.flip(-1) / 3) for t in (A, B, grad))
    A, B = A.requires_grad_(), B.requires_grad_()
    X = fl.linalg.solve(A, B)
    np.testing.assert_allclose((A @ X).detach().numpy(), B.detach().numpy(), atol=1e-10)
    of_A, of_B = fl.autograd.grad(X, (A, B), grad)
    expected = np.linalg.solve(A.detach().mH.numpy(), grad.numpy())
    np.testing.assert_allclose(of_B.numpy(), expected, atol=1e-10)
    np.testing.assert_allclose(of_A.numpy(), -expected @ X.detach().mH.numpy(), atol=1e-10)


def test_solve_has_second_derivatives():
    A = (_matrix(18, 18) / 5 + 2 * fl.eye(18, dtype=fl.float64)).requires_grad_()
    B = _matrix(18, 2).requires_grad_()
    assert fl.autograd.gradgradcheck(fl.linalg.solve, (A, B), fast_mode=True)


@pytest.mark.parametrize(
    "shape, dim",
    [
        ((7, 3), -1),
        ((3, 20), 0),
        ((2, 3, 33), 1),
        ((3,), 0),
        ((0, 3, 0), 1),
        ((0, 3), 1),
        ((3, 0), 0),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "complex64", "bfloat16"])
def test_cross(shape, dim, dtype):
    a, b = (fl.from_numpy(RANDOM.integers(-9, 9, shape)).to(getattr(fl, dtype)) for _ in "ab")
    expected = np.cross(a.to(fl.complex64).numpy(), b.to(fl.complex64).numpy(), axis=dim)
    got = fl.linalg.cross(a, b, dim=dim)
    assert got.dtype is a.dtype
    np.testing.assert_array_equal(got.to(fl.complex64).numpy(), expected)


def test_cross_broadcasts_and_is_differentiable_twice():
    a, b = _matrix(4, 1, 3).requires_grad_(), _matrix(2, 3).requires_grad_()
    assert fl.linalg.cross(a, b.expand(4, 2, 3)).shape == (4, 2, 3)
    assert fl.autograd.gradcheck(lambda a, b: fl.linalg.cross(a, b.expand(4, 2, 3)), (a, b))
    assert fl.autograd.gradgradcheck(lambda a, b: fl.linalg.cross(a, b.expand(4, 2, 3)), (a, b))
    c = fl.complex(a.detach(), a.detach() + 1).requires_grad_()
    assert fl.autograd.gradcheck(lambda c: fl.linalg.cross(c, c.conj() * 2), (c,))
    mapped = fl.func.vmap(fl.linalg.cross)(a.detach().expand(4, 2, 3), b.detach().expand(4, 2, 3))
    assert fl.equal(mapped, fl.linalg.cross(a, b.expand(4, 2, 3)).detach())


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_eig_of_a_stack(dtype):
    A = _matrix(3, 5, 20, 20, dtype="float32")
    if dtype == "complex64":
        A = fl.complex(A, A.flip(0))
    values, V = fl.linalg.eig(A)
    left = A.to(fl.complex64) @ V
    assert (left - V * values.unsqueeze(-2)).abs().max() < 1e-4
    assert (fl.linalg.norm(V, dim=-2) - 1).abs().max() < 1e-5


def test_eig_names_the_matrix_that_is_not_finite():
    A = _matrix(3, 4, 4)
    A[1, 2, 2] = float("inf")
    with pytest.raises(fl.linalg.LinAlgError, match=r"matrix 1 of the batch.*infinity or a NaN"):
        fl.linalg.eig(A)
    values = fl.linalg.eigvals(A)
    assert values[1].isnan().all() and not values[[0, 2]].isnan().any()


@pytest.mark.parametrize("norm", [1e-3, 0.7, 2.9, 3.1, 40.0])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-6), ("float64", 1e-13)])
def test_matrix_exp_of_all_norms(norm, dtype, tolerance):
    linalg = pytest.importorskip("scipy.linalg")
    A = _matrix(12, 12)
    A = A / A.abs().sum(0).max() * norm
    expected = linalg.expm(A.numpy())
    for given in (A, fl.stack((A, A / 1000))):
        got = fl.matrix_exp(given.to(getattr(fl, dtype))).double()
        got = got if given is A else got[0]
        assert np.abs(got.numpy() - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("m, n", [(17, 17), (40, 24), (24, 40), (130, 130), (300, 65), (65, 300)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_lu_by_halves(m, n, dtype):
    A = _matrix(2, m, n, dtype=dtype)
    LU, pivots = fl.linalg.lu_factor(A)
    P, L, U = fl.lu_unpack(LU, pivots)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose((P @ L @ U).numpy(), A.numpy(), atol=tolerance)
    assert L.abs().max() <= 1 + 1e-6  # the largest number of each column was taken
    assert LU.stride()[-2] == 1  # by columns, as PyTorch has it


def test_lu_of_dependent_columns_names_the_first_zero():
    A = _matrix(40, 40)
    A[:, 11] = 0
    A[:, 30] = 0
    assert fl.linalg.lu_factor_ex(A).info == 12
    assert fl.linalg.det(A) == 0
    assert fl.linalg.lu_factor_ex(fl.zeros(20, 30)).info == 1


def test_lu_of_the_least_numbers_divides_by_them():
    A = fl.eye(20) * 1e-40  # whose inverses are infinite
    A[5, 4] = 5e-41
    LU, _ = fl.linalg.lu_factor(A)
    np.testing.assert_allclose(LU[5, 4].item(), 0.5, rtol=1e-4)


@pytest.mark.parametrize("n, k", [(17, 1), (40, 17), (65, 40), (130, 70), (200, 600)])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_triangles_with_many_right_sides(n, k, upper, dtype):
    A = _matrix(n, n, dtype=dtype) / n + fl.eye(n, dtype=getattr(fl, dtype))
    B = _matrix(n, k, dtype=dtype)
    for matrix in (A, A.mT.contiguous().mT):
        X = fl.linalg.solve_triangular(matrix, B, upper=upper)
        triangle = A.triu() if upper else A.tril()
        np.testing.assert_allclose((triangle @ X).numpy(), B.numpy(), atol=1e-12)
        unit = fl.linalg.solve_triangular(matrix, B, upper=upper, unitriangular=True)
        triangle = triangle - triangle.diagonal().diag() + fl.eye(n, dtype=A.dtype)
        np.testing.assert_allclose((triangle @ unit).numpy(), B.numpy(), atol=1e-12)


@pytest.mark.parametrize("n", [17, 64, 65, 200])
def test_inverse_of_larger_matrices(n):
    A = _matrix(n, n)
    np.testing.assert_allclose((fl.linalg.inv(A) @ A).numpy(), np.eye(n), atol=1e-9)


def test_multi_dot_takes_the_cheapest_order():
    for _ in range(20):
        sizes = RANDOM.integers(1, 9, RANDOM.integers(3, 8)).tolist()
        steps = fl._core._chain_order(sizes)
        assert len(steps) == len(sizes) - 2
        ends = [(i, i + 1) for i in range(len(sizes) - 1)]
        cost = 0
        for left, right in steps:
            (i, k), (l, j) = ends[left], ends[right]
            assert k == l
            cost += sizes[i] * sizes[k] * sizes[j]
            ends.append((i, j))
        assert ends[-1] == (0, len(sizes) - 1)
        assert cost == _cheapest(tuple(sizes))
    matrices = [_matrix(m, n) for m, n in ((2, 9), (9, 3), (3, 8), (8, 1))]
    expected = np.linalg.multi_dot([m.numpy() for m in matrices])
    np.testing.assert_allclose(fl.linalg.multi_dot(matrices).numpy(), expected)


def _cheapest(sizes):
    if len(sizes) <= 2:
        return 0
    return min(
        _cheapest(sizes[: k + 1]) + _cheapest(sizes[k:]) + sizes[0] * sizes[k] * sizes[-1]
        for k in range(1, len(sizes) - 1)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, n", [(40, 40), (90, 33), (33, 90), (1, 20), (20, 1)])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_least_squares_of_tall_and_wide_matrices(m, n, k, dtype):
    A, B = _matrix(2, m, n, dtype=dtype), _matrix(2, m, k, dtype=dtype)
    solution, _, rank, _ = fl.linalg.lstsq(A, B)
    expected = np.linalg.pinv(A.double().numpy()) @ B.double().numpy()
    tolerance = 1e-9 if dtype == "float64" else 2e-3
    np.testing.assert_allclose(solution.numpy(), expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())  # fmt: skip
    assert rank.tolist() == [min(m, n)] * 2


@pytest.mark.parametrize("turned", [False, True])
def test_least_squares_finds_the_rank(turned):
    Q, P = (np.linalg.qr(RANDOM.standard_normal((k, 30)))[0] for k in (50, 30))
    for power in (3, 8, 11, 13, 15, 17):  # from well conditioned to dependent
        A = Q * 10.0 ** np.r_[np.zeros(20), np.full(10, -power)] @ P.T
        A = np.ascontiguousarray(A.T if turned else A)
        B = RANDOM.standard_normal((A.shape[0], 2))
        solution, _, rank, _ = fl.linalg.lstsq(fl.from_numpy(A), fl.from_numpy(B), rcond=1e-10)
        assert rank == np.linalg.matrix_rank(A, rtol=1e-10)
        expected = np.linalg.pinv(A, rcond=1e-10) @ B
        np.testing.assert_allclose(solution.numpy(), expected, atol=1e-4 * np.abs(expected).max())


def test_same_bits_for_any_number_of_threads():
    A, S, B = _matrix(150, 150), _matrix(5, 40, 40), _matrix(150, 6)
    S = S + S.mT
    large = _matrix(900, 900)[:, :300] @ _matrix(300, 900)
    large = large + large.mT
    wide = _matrix(3, 20_000, dtype="float32")
    _same_with_threads(
        lambda: (
            *fl.linalg.qr(A),
            *fl.linalg.eigh(S),
            fl.linalg.eigvalsh(S),
            *fl.linalg.eigh(large[:300, :300]),
            *fl.linalg.eigh(A + A.mT, "U"),
            fl.linalg.eigvalsh(large),
            fl.linalg.solve(A, B),
            fl.linalg.solve(A, A.mT),
            *fl.linalg.lu_factor(A),
            fl.linalg.inv(A),
            fl.linalg.solve_triangular(A, A.mT, upper=True),
            fl.linalg.lstsq(A, B)[0],
            fl.linalg.lstsq(A[:40], B[:40])[0],
            fl.linalg.cholesky(A @ A.mT + A.shape[0] * fl.eye(A.shape[0], dtype=A.dtype)),
            *fl.linalg.eig(A[:60, :60]),
            fl.linalg.eigvals(S),
            fl.matrix_exp(A / 20),
            fl.linalg.cross(wide, wide.flip(1), dim=0),
            fl.linalg.cross(wide.mT, wide.flip(1).mT),
        )
    )


def test_matrix_exp_of_one_number_is_its_exponential():
    x = fl.tensor([[[float("inf")]], [[-float("inf")]], [[1.0]]])
    assert fl.linalg.matrix_exp(x).flatten().tolist() == x.exp().flatten().tolist()
