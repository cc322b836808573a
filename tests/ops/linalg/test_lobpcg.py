"""lobpcg: a few eigenpairs from products with the matrix alone."""

import numpy as np
import pytest

import flambeau as torch

RANDOM = np.random.default_rng(3)


def symmetric(m, *batch):
    q = np.linalg.qr(RANDOM.standard_normal((*batch, m, m)))[0]
    return torch.from_numpy((q * np.linspace(1, 10, m)) @ np.swapaxes(q, -1, -2))


def starting(m, n, *batch):
    return torch.from_numpy(RANDOM.standard_normal((*batch, m, n)))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("generalized", [True, False])
@pytest.mark.parametrize("m, n", [(9, 3), (40, 4)])
def test_values_and_vectors(m, n, generalized, largest):
    A, B = symmetric(m), None
    if generalized:
        B = torch.eye(m, dtype=torch.float64) + 0.1 * symmetric(m)
    values, vectors = torch.lobpcg(A, n, B, starting(m, n), largest=largest, tol=1e-9)
    L = np.linalg.inv(np.linalg.cholesky(np.eye(m) if B is None else B.numpy()))
    expected = np.linalg.eigvalsh(L @ A.numpy() @ L.T)
    expected = expected[::-1][:n] if largest else expected[:n]
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-8)
    right = vectors if B is None else B @ vectors
    np.testing.assert_allclose((A @ vectors).numpy(), (right * values).numpy(), atol=1e-6)


def test_batches_and_random_beginnings():
    torch.manual_seed(0)
    A = symmetric(12, 2).float()
    values, vectors = torch.lobpcg(A, 2)
    assert values.shape == (2, 2) and vectors.shape == (2, 12, 2)
    np.testing.assert_allclose(
        values.numpy(), np.linalg.eigvalsh(A.numpy())[:, ::-1][:, :2], rtol=1e-4
    )


def test_a_preconditioner_saves_steps_and_a_tracker_stops():
    A = torch.diag(torch.linspace(1, 1000, 60, dtype=torch.float64))
    steps = []

    def count(state):
        steps.append(state.ivars["istep"])

    X = starting(60, 2)
    torch.lobpcg(A, 2, X=X, largest=False, tracker=count)
    plain = steps[-1]
    torch.lobpcg(A, 2, X=X, iK=A.inverse(), largest=False, tracker=count)
    assert steps[-1] < plain

    def stop(state):
        state.bvars["force_stop"] = state.ivars["istep"] == 2
        steps.append(state.ivars["istep"])

    torch.lobpcg(A, 2, X=X, tracker=stop)
    assert steps[-1] == 2
    torch.lobpcg(A, 2, X=X, niter=3, tracker=count)
    assert steps[-1] == 3


def test_gradients():
    A, X = symmetric(10).requires_grad_(), starting(10, 2)

    def f(A):
        values, vectors = torch.lobpcg(A, 2, X=X, tol=1e-13, niter=300)
        return values, vectors**2

    assert torch.autograd.gradcheck(f, A)
    B = torch.eye(10, dtype=torch.float64)
    with pytest.raises(NotImplementedError, match="no derivative where B is given"):
        torch.lobpcg(A, 2, B, X)[0].sum().backward()


def test_what_is_refused():
    A = symmetric(8)
    for call, error, message in (
        (lambda: torch.lobpcg(A, 3), ValueError, "A has 8 rows, fewer than 3 times the 3 columns"),
        (lambda: torch.lobpcg(A, 1, method="fast"), ValueError, "method is 'fast'"),
        (lambda: torch.lobpcg(A[:4], 1), RuntimeError, "must be a square matrix"),
        (
            lambda: torch.lobpcg(A, 2, X=starting(8, 1)),
            ValueError,
            "k is 2; it must be from 1 to 1",
        ),
        (lambda: torch.lobpcg(A.long(), 1), NotImplementedError, "must be float32 or float64"),
        (lambda: torch.lobpcg(A, 1, ortho_iparams={"i": 1}), NotImplementedError, "ortho_iparams"),
        (
            lambda: torch.lobpcg(A, 2, X=torch.ones(8, 2, dtype=torch.float64)),
            ValueError,
            "span 1 dimensions",
        ),
    ):
        with pytest.raises(error, match=f"lobpcg: .*{message}"):
            call()
