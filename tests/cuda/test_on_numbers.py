"""Fourier transforms, linear algebra, searching and counting on a GPU: the values of the CPU."""

import pytest

import flambeau as torch
from tests.cuda.here_and_there import as_on_the_cpu

X, Y = torch.randn(7, 5), torch.randn(7, 5)
WHOLE = torch.randint(-6, 40, (7, 5))
HOLES = torch.randint(4, (9, 6)).float()
HOLES[2, 1] = HOLES[3] = float("nan")
SQUARES = torch.randn(3, 6, 6)
DEFINITE = SQUARES @ SQUARES.mT + torch.eye(6)
B = torch.randn(3, 6, 4)
TALL = torch.randn(2, 7, 5)
SPREAD = torch.tensor(
    [0.0, -0.0, 1.0, -3.5, 2.0**-140, -(2.0**-149), 1e30, float("inf"), float("nan")]
)

CASES = {
    "fft": (lambda a: torch.fft.fft(a), torch.randn(3, 60)),
    "fft_of_a_prime": (lambda a: torch.fft.ifft(a, norm="ortho"), torch.randn(2, 101)),
    "rfft2": (lambda a: torch.fft.rfft2(a.double()), torch.randn(2, 3, 7, 9)),
    "irfft": (lambda a: torch.fft.irfft(torch.fft.rfft(a, dim=1), n=6, dim=1), torch.randn(2, 7, 3)),
    "cholesky": (lambda a: torch.linalg.cholesky_ex(a), DEFINITE),
    "cholesky_upper": (lambda a: torch.linalg.cholesky(a.double(), upper=True), DEFINITE),
    "cholesky_solve": (lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky(a)), DEFINITE, B),
    "lu_factor": (lambda a: torch.linalg.lu_factor_ex(a), TALL),
    "lu": (lambda a: torch.linalg.lu(a), TALL.mT),
    "solve": (lambda a, b: torch.linalg.solve(a, b), SQUARES, B),
    "inv": (lambda a: torch.linalg.inv(a.double()), SQUARES),
    "inv_of_a_singular_one": (lambda a: torch.linalg.inv_ex(a * 0)[1], SQUARES),
    "det": (lambda a: torch.linalg.det(a), SQUARES),
    "slogdet": (lambda a: torch.linalg.slogdet(a), SQUARES),
    "solve_triangular": (lambda a, b: torch.linalg.solve_triangular(a, b, upper=False, unitriangular=True), SQUARES, B),
    "qr": (lambda a: torch.linalg.qr(a), TALL),
    "qr_complete": (lambda a: torch.linalg.qr(a, mode="complete"), TALL),
    "geqrf": (lambda a: torch.geqrf(a), TALL),
    "householder_product": (lambda a: torch.linalg.householder_product(*torch.geqrf(a)), TALL),
    "searchsorted": (lambda a, b: torch.searchsorted(a.sort(1)[0], b), X, Y),
    "bucketize": (lambda a: torch.bucketize(a, torch.tensor([-1.0, 0, 1], device=a.device), right=True), X),
    "isin": (lambda a: torch.isin(a, torch.tensor([3, 5, 7], device=a.device)), WHOLE),
    "bincount": (lambda a, w: torch.bincount(a.abs().reshape(-1), w.reshape(-1)), WHOLE, X),
    "histc": (lambda a: torch.histc(a, 7), X),
    "histogram": (lambda a: torch.histogram(a, 7), X),
    "unique": (lambda a: torch.unique(a, return_inverse=True, return_counts=True), WHOLE),
    "unique_nan": (lambda a: torch.unique(a, return_counts=True), HOLES),
    "unique_rows": (lambda a: torch.unique(a[:2].repeat(2, 1), dim=0, return_inverse=True), X),
    "unique_consecutive": (lambda a: torch.unique_consecutive(a // 20, return_counts=True), WHOLE),
    "median": (lambda a: a.median(1), HOLES),
    "nanmedian": (lambda a: a.nanmedian(0), HOLES),
    "mode": (lambda a: (a // 20).mode(1), WHOLE),
    "gcd": (lambda a: torch.gcd(a, a.flip(0)), WHOLE),
    "lcm": (lambda a: torch.lcm(a.int(), a.flip(0).int()), WHOLE),
    "cross": (lambda a, b: torch.linalg.cross(a, b, dim=0), X[:3], Y[:3]),
    "frexp": (lambda a: torch.frexp(a), SPREAD),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_cpu(name):
    as_on_the_cpu(*CASES[name], rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_eigenvalues_of_symmetric_matrices(dtype, tolerance):
    for a in (
        SQUARES,
        torch.tensor([[0.0, 1.0], [1.0, 0.0]]),
        torch.eye(4),
        torch.zeros(3, 3),
        torch.randn(1, 1),
    ):
        a = a.to(dtype)
        a = a + a.mT
        values, vectors = (t.cpu() for t in torch.linalg.eigh(a.cuda()))
        torch.testing.assert_close(values, torch.linalg.eigvalsh(a), rtol=tolerance, atol=tolerance)
        again = vectors @ torch.diag_embed(values) @ vectors.mT
        torch.testing.assert_close(again, a, rtol=tolerance, atol=tolerance)
        identity = torch.eye(a.shape[-1], dtype=dtype).expand(a.shape)
        torch.testing.assert_close(vectors.mT @ vectors, identity, rtol=0, atol=tolerance)


@pytest.mark.parametrize("full", [False, True])
def test_singular_values(full):
    for a in (TALL, TALL.mT, torch.ones(4, 3), torch.zeros(3, 2)):
        a = a.double()
        U, S, Vh = (t.cpu() for t in torch.linalg.svd(a.cuda(), full_matrices=full))
        torch.testing.assert_close(S, torch.linalg.svdvals(a))
        n = S.shape[-1]
        torch.testing.assert_close(U[..., :n] * S.unsqueeze(-2) @ Vh[..., :n, :], a)
        for basis in (U, Vh.mT):
            identity = torch.eye(basis.shape[-1], dtype=a.dtype)
            torch.testing.assert_close(basis.mT @ basis, identity.expand(*basis.shape[:-2], -1, -1))


EMPTY = {
    "svd": lambda a: torch.linalg.svd(a, full_matrices=True),
    "qr": torch.linalg.qr,
    "lu_factor": torch.linalg.lu_factor,
    "eigh": torch.linalg.eigh,
    "cholesky": torch.linalg.cholesky,
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "slogdet": torch.linalg.slogdet,
    "solve": lambda a: torch.linalg.solve(a, a),
}


@pytest.mark.parametrize("name", EMPTY)
def test_matrices_without_elements(name):
    shapes = [(0, 4, 4), (0, 0), (2, 0, 0)]
    for shape in shapes + ([(2, 0, 3), (3, 0)] if name in ("svd", "qr", "lu_factor") else []):
        here, there = (
            EMPTY[name](torch.zeros(shape)),
            EMPTY[name](torch.zeros(shape, device="cuda")),
        )
        for a, b in zip(*[v if isinstance(v, tuple) else (v,) for v in (here, there)], strict=True):
            assert b.is_cuda and b.dtype is a.dtype and torch.equal(b.cpu(), a)


def test_gradients_of_systems():
    found = []
    for device in ("cpu", "cuda"):
        a, b = (t.to(device).detach().requires_grad_() for t in (SQUARES.double(), B.double()))
        torch.linalg.solve(a, b).sin().sum().backward()
        found.append([a.grad, b.grad])
    for here, there in zip(*found):
        torch.testing.assert_close(there.cpu(), here)


def test_draws_by_weight_are_those_of_the_cpu():
    weights = torch.rand(3, 6)
    drawn = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(5)
        given = weights.to(device)
        drawn.append([given.multinomial(4, replacement=True), given[0].multinomial(3)])
    for here, there in zip(*drawn):
        assert torch.equal(there.cpu(), here)
    with pytest.raises(RuntimeError, match="multinomial"):
        (-weights).cuda().multinomial(2, replacement=True)


def test_a_negative_number_to_count_is_named():
    with pytest.raises(RuntimeError, match="bincount: element 1 is -2"):
        torch.bincount(torch.tensor([0, -2], device="cuda"))


def test_the_matrix_that_fails_is_named():
    with pytest.raises(
        torch.linalg.LinAlgError, match="matrix 1 of the batch.*not positive-definite"
    ):
        torch.linalg.cholesky(torch.stack([torch.eye(2), -torch.eye(2)]).cuda())


def test_a_large_matrix_without_the_cpu_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="solve.*cuda:0"):
        torch.linalg.solve(torch.eye(200, device="cuda"), torch.ones(200, 1, device="cuda"))
