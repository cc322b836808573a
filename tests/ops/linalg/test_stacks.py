"""Singular values and eigenvalues of stacks of little matrices, of which each lane of a vector takes one."""

import os

import numpy as np
import pytest

import flambeau as fl
from tests.at_level import at_lower_levels, run_at_level

RANDOM = np.random.default_rng(5)
DTYPES = ["float32", "float64", "complex64", "complex128"]
KINDS = ["random", "graded", "dependent", "small", "large", "whole", "zeros", "orthogonal"]


def _stack(kind, count, m, n, dtype):
    A = RANDOM.standard_normal((count, m, n))
    if "complex" in dtype:
        A = A + 1j * RANDOM.standard_normal((count, m, n))
    A = {
        "random": lambda: A,
        "graded": lambda: A * 10.0 ** -np.linspace(0, 12, n),
        "dependent": lambda: A[..., np.arange(n) // 2],
        "small": lambda: A * 1e-36,
        "large": lambda: A * 1e36,
        "whole": lambda: np.round(A),
        "zeros": lambda: A * 0,
        "orthogonal": lambda: np.linalg.qr(A.swapaxes(1, 2) if m < n else A)[0].reshape(A.shape),
    }[kind]()
    return A.astype(dtype)


def _wide(A):
    return A.astype("complex128" if np.iscomplexobj(A) else "float64")


def _check(found, expected, dtype, n):
    size = np.abs(expected).max(-1, keepdims=True)
    size[size == 0] = 1
    tolerance = (12 + n) * np.finfo(dtype).eps
    np.testing.assert_allclose(found.double().numpy() / size, expected / size, atol=tolerance)


def _check_stacks(kinds=KINDS):
    for dtype in DTYPES:
        for kind in kinds:
            for count, m, n in [(1, 1, 1), (33, 2, 2), (3, 3, 5), (17, 8, 8), (16, 16, 32), (9, 15, 13), (2, 12, 12), (5, 17, 1)]:  # fmt: skip
                A = _stack(kind, count, m, n, dtype)
                expected = np.linalg.svd(_wide(A), compute_uv=False)
                _check(fl.linalg.svdvals(fl.from_numpy(A)), expected, dtype, n)
                if m == n:
                    H = A + A.conj().swapaxes(1, 2)
                    expected = np.linalg.eigvalsh(_wide(H))
                    for UPLO, part in (("L", np.tril(H)), ("U", np.triu(H))):
                        _check(fl.linalg.eigvalsh(fl.from_numpy(part), UPLO), expected, dtype, n)


def test_values_of_stacks():
    _check_stacks()


@at_lower_levels
def test_values_of_stacks_at_level(level):
    run_at_level(
        level,
        "import test_stacks as t; t._check_stacks(['random', 'graded'])",
        os.path.dirname(__file__),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_matrix_gets_the_same_beside_any_others(dtype):
    A = fl.from_numpy(_stack("random", 40, 6, 6, dtype))
    A[3] *= 1e-20
    A[4] = 0
    H = A + A.mH
    values, eigenvalues = fl.linalg.svdvals(A), fl.linalg.eigvalsh(H)
    for b in range(40):
        assert (fl.linalg.svdvals(A[b]) == values[b]).all()
        assert (fl.linalg.eigvalsh(H[b]) == eigenvalues[b]).all()


def test_singular_values_of_graded_columns_keep_their_digits():
    A = fl.from_numpy(_stack("graded", 20, 8, 8, "float64"))
    scale = fl.diag(fl.tensor(10.0 ** np.linspace(0, 12, 8)))
    B = A @ scale  # well conditioned, so each value of A is known to a few units of itself
    # det A is the product of the values, and exact to a few units times the condition of B.
    product = fl.linalg.svdvals(A).log().sum(-1)
    assert (product - B.det().abs().log() + scale.diagonal().log().sum()).abs().max() < 1e-11


def test_matrices_that_are_not_finite_leave_the_others_alone():
    A = fl.from_numpy(_stack("random", 20, 4, 4, "float32"))
    expected = fl.linalg.svdvals(A)
    A[7, 1, 2] = fl.inf
    found = fl.linalg.svdvals(A)
    assert found[7].isnan().all()
    keep = [b for b in range(20) if b != 7]
    assert (found[keep] == expected[keep]).all()
    A[7, 1, 2] = fl.nan
    with pytest.raises(fl.linalg.LinAlgError):
        fl.linalg.svdvals(A)


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_of_matrices_of_one_number(dtype):
    A = _stack("random", 50, 1, 1, dtype).astype(dtype)
    A[:4, 0, 0] = [0, -1, 1e30, -1e-30]
    for full in (True, False):
        U, S, Vh = (part.numpy() for part in fl.linalg.svd(fl.from_numpy(A), full))
        np.testing.assert_allclose(U * S[..., None] * Vh, A, rtol=1e-6)
        np.testing.assert_allclose(np.abs(U), 1, rtol=1e-6)
        assert (S >= 0).all() and (Vh == 1).all()
    tiny = np.full((2, 1, 1), np.finfo(dtype).smallest_subnormal, dtype)
    U, S, Vh = fl.linalg.svd(fl.from_numpy(tiny))
    np.testing.assert_allclose(U.abs().numpy(), 1, rtol=1e-6)
    with pytest.raises(fl.linalg.LinAlgError):
        fl.linalg.svd(fl.full((2, 1, 1), float("nan")))
