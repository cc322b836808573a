"""The solvers of PyTorch 0.1 to 0.4 solve, in their own form."""

import pytest

import flambeau as torch


def matrices(*sizes):
    return torch.randn(*sizes, dtype=torch.float64)


def near(a, b):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_gesv_solves():
    A, B = matrices(4, 4), matrices(4, 2)
    X, LU = torch.gesv(B, A)
    near(A @ X, B)
    near(LU, torch.linalg.lu_factor(A)[0])
    near(B.gesv(A)[0], X)
    out = torch.empty(0, dtype=A.dtype), torch.empty(0, dtype=A.dtype)
    assert torch.gesv(B, A, out=out) is out
    near(out[0], X)


@pytest.mark.parametrize("shape", [(6, 3), (3, 3), (3, 6)])
def test_gels_solves_by_least_squares(shape):
    A, B = matrices(*shape), matrices(shape[0], 2)
    X, QR = torch.gels(B, A)
    assert X.shape == (max(shape), 2) and QR.shape == A.shape
    solution = torch.linalg.lstsq(A, B).solution
    near(X[: shape[1]], solution)
    if shape[0] > shape[1]:
        near(X[shape[1] :].norm(dim=0), (A @ solution - B).norm(dim=0))


@pytest.mark.parametrize("upper", [True, False])
def test_cholesky_by_its_old_names(upper):
    root = matrices(4, 4)
    a, b = root @ root.T + torch.eye(4, dtype=root.dtype), matrices(4, 2)
    u = torch.potrf(a, upper)
    near(u.T @ u if upper else u @ u.T, a)
    near(torch.potri(u, upper) @ a, torch.eye(4, dtype=a.dtype))
    near(a @ torch.potrs(b, u, upper), b)
    near(a @ b.potrs(u, upper), b)


@pytest.mark.parametrize("upper", [True, False])
def test_pstrf_orders_and_ends_at_the_rank(upper):
    root = matrices(5, 3)
    a = root @ root.T
    u, piv = a.pstrf(upper, tol=1e-9)
    order = piv.long()
    near(u.T @ u if upper else u @ u.T, a[order][:, order])
    factor = u.T if upper else u
    assert not factor[:, 3:].any() and sorted(order.tolist()) == [0, 1, 2, 3, 4]
    assert (factor.diagonal()[:3].diff() <= 0).all()


def test_trtrs_and_batches():
    A, b = matrices(3, 3).triu() + 3 * torch.eye(3, dtype=torch.float64), matrices(3, 2)
    near(A @ b.trtrs(A)[0], b)
    near(A.T @ b.trtrs(A, transpose=True)[0], b)
    many, rows, info = matrices(5, 3, 3), matrices(5, 3), torch.IntTensor()
    LU, pivots = torch.btrifact(many, info)
    assert info.tolist() == [0] * 5
    near((many @ torch.btrisolve(rows, LU, pivots)[..., None])[..., 0], rows)
    P, L, U = torch.btriunpack(LU, pivots)
    near(P @ L @ U, many)
    assert torch.btriunpack(LU, pivots, unpack_data=False)[1:] == (None, None)


def test_masked_copy_takes_masks_of_numbers():
    mask, source = torch.tensor([1, 0, 1], dtype=torch.uint8), torch.tensor([5.0, 6.0])
    assert torch.zeros(3).masked_copy(mask, source).tolist() == [5, 0, 6]
    assert torch.zeros(3).masked_copy_(mask, source).tolist() == [5, 0, 6]
