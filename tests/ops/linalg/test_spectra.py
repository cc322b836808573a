"""Eigenvalues and singular values, and what is made of them."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck

linalg = flambeau.linalg


@pytest.mark.parametrize("complex", [False, True])
def test_eigh(agrees, random, complex):
    A = random(2, 3, 3, complex=complex)
    A = A + A.mH
    w, V = linalg.eigh(A)
    agrees(V @ flambeau.diag_embed(w.to(V.dtype)) @ V.mH, A)
    agrees(linalg.eigvalsh(A), numpy.linalg.eigvalsh(A.numpy()))
    x = random(3, 3, complex=complex).requires_grad_()
    assert gradcheck(lambda x: linalg.eigvalsh(x + x.mH), (x,))
    assert gradcheck(lambda x: linalg.eigh(x + x.mH)[1].abs(), (x,))
    assert gradgradcheck(lambda x: linalg.eigvalsh(x + x.mH), (x,))


@pytest.mark.parametrize("complex", [False, True])
def test_eig(agrees, random, complex):
    A = random(3, 3, complex=complex)
    w, V = linalg.eig(A)
    assert w.dtype == V.dtype == flambeau.complex128
    agrees(A.to(V.dtype) @ V, V @ flambeau.diag_embed(w))
    assert gradcheck(lambda A: linalg.eigvals(A), (A.requires_grad_(),))
    assert gradcheck(lambda A: linalg.eig(A)[1].abs(), (A,))


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 3, 2)])
@pytest.mark.parametrize("complex", [False, True])
def test_svd(agrees, random, shape, complex):
    A = random(*shape, complex=complex)
    U, S, Vh = linalg.svd(A, full_matrices=False)
    agrees(U @ flambeau.diag_embed(S.to(U.dtype)) @ Vh, A)
    agrees(linalg.svdvals(A), numpy.linalg.svd(A.numpy(), compute_uv=False))
    full = linalg.svd(A)
    assert full.U.shape[-1] == shape[-2] and full.Vh.shape[-1] == shape[-1]
    A.requires_grad_()
    assert gradcheck(linalg.svdvals, (A,))
    assert gradcheck(lambda A: [part.abs() for part in linalg.svd(A, full_matrices=False)], (A,))
    assert gradgradcheck(linalg.svdvals, (A,))


@pytest.mark.parametrize("complex", [False, True])
def test_slopes_of_singular_values_see_close_ones_apart(random, complex):
    A = random(60, 60, complex=complex)
    slopes = []
    for M in (A, A.to(flambeau.complex64 if complex else flambeau.float32)):
        S = linalg.svdvals(M.requires_grad_())
        slopes += flambeau.autograd.grad((S * flambeau.arange(60.0)).sum(), M)
    exact, single = slopes
    assert single.dtype is not exact.dtype
    assert (single - exact).abs().max() < 3e-7 * exact.abs().max()


def test_rank_and_condition(random):
    A = random(4, 3)
    A[:, 2] = A[:, 0] + A[:, 1]
    assert linalg.matrix_rank(A) == 2
    assert linalg.matrix_rank(flambeau.zeros(2, 3, 3)).tolist() == [0, 0]
    assert linalg.cond(random(3, 3), 2) >= 1
    assert linalg.cond(flambeau.ones(2, 2), 1) == float("inf")


@pytest.mark.parametrize("values", ["falling", "cut"])
def test_pinv_of_large_matrices_of_single_precision(values):
    # The vectors of small values lack digits that the pseudo-inverse multiplies.
    generator = numpy.random.default_rng(0)
    U, V = (numpy.linalg.qr(generator.standard_normal((n, n)))[0][:, :660] for n in (700, 660))
    S = numpy.logspace(0, -3, 660) if values == "falling" else numpy.repeat([1, 1e-9], 330)
    A = ((U * S) @ V.T).astype(numpy.float32)
    expected = numpy.linalg.pinv(A.astype(float), rcond=1e-5)
    found = linalg.pinv(flambeau.from_numpy(A)).numpy()
    assert abs(found - expected).max() <= 5e-5 * abs(expected).max()


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3)])
@pytest.mark.parametrize("complex", [False, True])
def test_pinv(agrees, random, shape, complex):
    A = random(*shape, complex=complex)
    agrees(linalg.pinv(A), numpy.linalg.pinv(A.numpy()))
    assert gradcheck(linalg.pinv, (A.requires_grad_(),))
    assert gradgradcheck(linalg.pinv, (A,))
    low = (random(4, 2), random(2, 3))
    assert gradcheck(lambda a, b: linalg.pinv(a @ b), [x.requires_grad_() for x in low])


def test_lstsq(agrees, random):
    A, B = random(5, 3), random(5, 2)
    solution, residuals, rank, values = linalg.lstsq(A, B, driver="gelsd")
    expected = numpy.linalg.lstsq(A.numpy(), B.numpy(), rcond=None)
    agrees([solution, residuals, values], [expected[0], expected[1], expected[3]])
    assert rank == 3


def test_matrix_exp(agrees, random):
    import scipy.linalg

    A = random(4, 4) * 3
    agrees(flambeau.matrix_exp(A), scipy.linalg.expm(A.numpy()))
    agrees(linalg.matrix_exp(flambeau.zeros(2, 2)), numpy.eye(2, dtype="float32"))
    assert gradcheck(flambeau.matrix_exp, (random(2, 2).requires_grad_(),))


def test_matrix_exp_of_large_matrices(agrees):
    import scipy.linalg

    rates = numpy.random.default_rng(0).uniform(20, 60, (5, 5))
    numpy.fill_diagonal(rates, 0)
    rates -= numpy.diag(rates.sum(1))  # of a Markov chain
    A = flambeau.tensor(rates.astype("float32"), requires_grad=True)
    want = scipy.linalg.expm(A.detach().double().numpy())
    numpy.testing.assert_allclose(flambeau.matrix_exp(A).detach().numpy(), want, rtol=1e-6)
    grown = (A.detach().abs() * 2).requires_grad_()
    flambeau.matrix_exp(grown).sum().backward()
    assert grown.grad.isposinf().all()


@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd"])
def test_gradients_of_least_squares_keep_their_digits(driver):
    rng = numpy.random.default_rng(0)
    A = flambeau.tensor(rng.uniform(1, 1.001, (40, 3)).astype("float32"))  # condition 5e3
    B = flambeau.tensor(rng.standard_normal((40, 2)).astype("float32"))
    grads = []
    for dtype in (flambeau.float32, flambeau.float64):
        x = A.to(dtype).clone().requires_grad_()
        linalg.lstsq(x, B.to(dtype), driver=driver, rcond=1e-6).solution.sum().backward()
        grads.append(x.grad.numpy())
    numpy.testing.assert_allclose(grads[0], grads[1], rtol=2e-3, atol=1e-6 * abs(grads[1]).max())


def test_nuclear_and_spectral_norms(agrees, random):
    A = random(3, 4)
    for order in ("nuc", 2, -2):
        agrees(linalg.matrix_norm(A, order), numpy.linalg.norm(A.numpy(), order))


@pytest.mark.parametrize("function", [linalg.svd, linalg.svdvals])
def test_svd_has_no_drivers_on_the_cpu(function):
    with pytest.raises(
        RuntimeError, match=r"linalg\.svd(vals)?: driver= chooses between CUDA's routines"
    ):
        function(flambeau.eye(2), driver="gesvd")


def test_svd_lowrank_of_a_matrix_of_low_rank(agrees, random):
    for shape in ((8, 5), (5, 8)):
        A = random(shape[0], 2) @ random(2, shape[1])
        U, S, V = flambeau.svd_lowrank(A, q=3)
        agrees(U @ flambeau.diag(S) @ V.mH, A)
    U, S, V = flambeau.pca_lowrank(A + 3, q=2)
    centered = A - A.mean(0)
    agrees(S, linalg.svdvals(centered)[:2])


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (4, 4), (20, 20)])
@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd"])
def test_least_squares_by_every_driver(shape, driver):
    A = flambeau.randn(2, *shape, dtype=flambeau.float64)
    B = flambeau.randn(2, shape[0], 2, dtype=flambeau.float64)
    found = linalg.lstsq(A, B, driver=driver)
    flambeau.testing.assert_close(found.solution, linalg.pinv(A) @ B)
    if driver != "gels":
        assert found.rank.tolist() == [min(shape)] * 2


@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares_near_the_end_of_the_range(driver):
    # Products on the way overflowed: columns are divided by powers of 2 first.
    A = flambeau.tensor([[1.0, 2.0], [3.0, -4.0], [2.0, 2.0]])
    B = flambeau.tensor([[3.0, 3e38], [1.0, -3e38], [2.0, 3e38]])
    solution = linalg.lstsq(A, B, driver=driver).solution
    expected = linalg.lstsq(A.double(), B.double(), driver=driver).solution
    flambeau.testing.assert_close(solution, expected.float(), rtol=1e-5, atol=0)
    B[0, 1] = float("inf")
    assert linalg.lstsq(A, B, driver=driver).solution.isnan().all()


def test_least_squares_has_a_gradient():
    A = flambeau.randn(4, 3, dtype=flambeau.float64, requires_grad=True)
    B = flambeau.randn(4, 2, dtype=flambeau.float64, requires_grad=True)
    assert gradcheck(lambda a, b: linalg.lstsq(a, b).solution, (A, B))


def test_empty_residuals_of_least_squares_are_in_the_graph():
    A, B = flambeau.eye(3).requires_grad_(), flambeau.ones(3, 2)
    for driver in ("gelsy", "gels"):
        result = flambeau.linalg.lstsq(A, B, driver=driver)
        assert result.residuals.shape == result.singular_values.shape == (0,)
        assert result.residuals.requires_grad and not result.singular_values.requires_grad
        (grad,) = flambeau.autograd.grad(result.residuals.sum(), A)
        assert (grad == 0).all()
    assert not flambeau.linalg.lstsq(A.detach(), B).residuals.requires_grad


def test_complete_qr_of_no_columns_is_the_identity():
    Q, R = linalg.qr(flambeau.empty(3, 0), mode="complete")
    assert flambeau.equal(Q, flambeau.eye(3)) and R.shape == (3, 0)


SCALES = [1.0, 1e25, 1e-25]


@pytest.mark.parametrize("scale", SCALES)
def test_values_alone_have_gradients_where_they_repeat(agrees, scale):
    # Terms of the vectors made these 0 / 0, their squared gaps overflowed.
    identity = flambeau.eye(3)
    for values in (
        linalg.eigvalsh,
        lambda A: linalg.eigh(A).eigenvalues,
        lambda A: linalg.eigvals(A).real,
        lambda A: linalg.svd(A).S,
        lambda A: flambeau.svd(A).S,
        linalg.svdvals,
        lambda A: linalg.matrix_norm(A, "nuc"),
    ):
        A = (identity * scale).requires_grad_()
        (grad,) = flambeau.autograd.grad(values(A).sum(), A)
        agrees(grad, identity)


@pytest.mark.parametrize("scale", SCALES)
def test_svd_gradient_of_the_vectors_at_any_scale(scale):
    A = flambeau.tensor([[3.0, 1.0], [0.5, -2.0], [1.0, 1.0]])
    weights = flambeau.tensor([[1.0, 2.0], [-1.0, 0.5], [0.25, 3.0]])

    def gradient(A):
        A = A.requires_grad_()
        U, _, Vh = linalg.svd(A, full_matrices=False)
        loss = (U.abs() * weights).sum() + (Vh.abs() * weights[:2]).sum()
        return flambeau.autograd.grad(loss, A)[0]

    expected = gradient(A.double())
    assert flambeau.allclose((gradient(A * scale) * scale).double(), expected, 1e-3, 1e-4)


@pytest.mark.parametrize("complex", [False, True])
def test_vectors_with_a_zero_gradient(complex):
    dtype = flambeau.complex128 if complex else flambeau.float64
    for A in (flambeau.eye(3, dtype=dtype), flambeau.zeros(3, 3, dtype=dtype)):
        A.requires_grad_()
        U, S, Vh = linalg.svd(A)
        w, V = linalg.eigh(A)
        total = ((U * 0).sum() + (Vh * 0).sum() + (V * 0).sum()).real + S.sum() + w.sum()
        (grad,) = flambeau.autograd.grad(total, A)
        assert grad.isfinite().all()


def test_a_loss_of_the_phase_is_refused(random):
    A = random(3, 3, complex=True).requires_grad_()
    for loss in (
        lambda: linalg.svd(A).U.sum(),
        lambda: linalg.eigh(A + A.mH).eigenvectors.sum(),
        lambda: linalg.eig(A).eigenvectors.sum(),
    ):
        with pytest.raises(RuntimeError, match="the loss depends on the phase of the vectors"):
            loss().abs().backward()


def test_infinite_matrices_in_a_stack():
    A = flambeau.stack([flambeau.eye(2), flambeau.full((2, 2), float("inf"))])
    agreed = [True, False]
    assert linalg.svdvals(A).isfinite().all(-1).tolist() == agreed
    assert linalg.eigvals(A).isfinite().all(-1).tolist() == agreed
    assert linalg.matrix_exp(A).isfinite().all(-1).all(-1).tolist() == agreed
    assert linalg.matrix_exp(A)[1].isnan().all()
    assert linalg.lstsq(A, A).solution.isfinite().all(-1).all(-1).tolist() == agreed
    assert linalg.matrix_rank(A).tolist() == [2, 0]
    A[1, 0, 0] = float("nan")
    with pytest.raises(
        linalg.LinAlgError,
        match=r"linalg\.svdvals: \(matrix 1 of the batch\) the iteration did not converge: the input has a NaN",
    ):
        linalg.svdvals(A)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (0, 0), (2, 0, 0), (0, 3, 3), (65, 4, 4), (2, 3, 5, 5)])
def test_eig_of_any_stack(dtype, shape):
    A = flambeau.randn(shape, dtype=getattr(flambeau, dtype)).mT
    w, V = linalg.eig(A)
    assert w.shape == shape[:-1] and V.shape == shape
    assert w.dtype == V.dtype == (A.dtype if A.dtype.is_complex else A.dtype.to_complex())
    tolerance = 1e-3 if dtype in ("float32", "complex64") else 1e-9
    assert flambeau.allclose(A.to(V.dtype) @ V, V * w.unsqueeze(-2), tolerance, tolerance)
    values = linalg.eigvals(A).abs().sort(-1).values
    assert flambeau.allclose(values, w.abs().sort(-1).values, tolerance, tolerance)


def test_least_squares_of_full_rank_takes_what_is_nearly_singular():
    A = flambeau.eye(3)
    A[2, 2] = 1e-9
    B = A @ flambeau.ones(3, 1)
    assert linalg.lstsq(A, B, driver="gelsy").rank == 2
    assert linalg.lstsq(A, B, driver="gels").solution.flatten().tolist() == [1, 1, 1]
    A[2, 2] = 0
    with pytest.raises(linalg.LinAlgError, match="full rank"):
        linalg.lstsq(A, B, driver="gels")


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (8, 8), (30, 4), (40, 40)])
def test_signs_of_singular_vectors_are_those_of_pytorch(shape):
    torch = pytest.importorskip("torch")
    A = numpy.random.default_rng(0).standard_normal(shape)
    for got, expected in zip(
        linalg.svd(flambeau.from_numpy(A), full_matrices=False),
        torch.linalg.svd(torch.from_numpy(A), full_matrices=False),
        strict=True,
    ):
        numpy.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-10)
        assert got.stride() == expected.stride()


@pytest.mark.parametrize("uplo", ["L", "U"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_signs_of_eigenvectors_are_those_of_pytorch(dtype, uplo):
    torch = pytest.importorskip("torch")
    for n in (1, 2, 3, 5, 8, 16, 25, 26, 40):
        A = numpy.random.default_rng(n).standard_normal((2, n, n))
        A = (A[0] + 1j * A[1] if dtype == "complex128" else A[0]).astype(dtype)
        values, V = linalg.eigh(flambeau.from_numpy(A), UPLO=uplo)
        expected = torch.linalg.eigh(torch.from_numpy(A), UPLO=uplo)
        numpy.testing.assert_allclose(values.numpy(), expected[0].numpy(), atol=1e-10)
        numpy.testing.assert_allclose(V.numpy(), expected[1].numpy(), atol=1e-8)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("n", [1, 2, 7, 25])
def test_eigenvectors_of_every_scale(n, scale):
    A = numpy.random.default_rng(n).standard_normal((n, n))
    A = (A + A.T) * scale
    values, V = (x.numpy() for x in linalg.eigh(flambeau.from_numpy(A)))
    numpy.testing.assert_allclose(V.T @ V, numpy.eye(n), atol=1e-13)
    numpy.testing.assert_allclose(A / scale @ V, V * (values / scale), atol=1e-13 * n)
    assert (numpy.diff(values) >= 0).all()


def test_eigenvectors_of_blocks_and_of_what_is_not_finite():
    A = flambeau.diag(flambeau.tensor([3.0, -1.0, 2.0, 0.0]))
    A[1, 0] = 1e-42  # nothing beside 3, but not 0 either
    values, V = linalg.eigh(A)
    assert values.tolist() == [-1, 0, 2, 3]
    assert V.abs().equal(flambeau.eye(4)[:, [1, 3, 2, 0]])
    A[0, 3] = float("nan")  # above the diagonal, which is not read
    assert linalg.eigh(A).eigenvalues.isfinite().all()
    with pytest.raises(linalg.LinAlgError, match="did not converge"):
        linalg.eigh(A, UPLO="U")
    A[0, 0] = float("inf")
    assert linalg.eigh(A).eigenvalues.isnan().all()
    assert linalg.eigh(A[:1, :1]).eigenvalues.isinf().all()


@pytest.mark.parametrize("atol", [-1.0, 0.0])
def test_an_absolute_tolerance_that_is_none_leaves_the_relative_one(atol):
    A = flambeau.diag(flambeau.tensor([1.0, 1e-9, 0.0]))
    assert linalg.matrix_rank(A, atol=atol).item() == 1
    assert linalg.pinv(A, atol=atol)[1, 1].item() == 0
