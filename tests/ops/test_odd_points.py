"""Gradients where a formula would say 0 / 0, inf - inf or 0 * inf: at zeros, infinities, ties and NaN."""

import itertools
import math

import numpy
import pytest
from scipy import special

import flambeau

functional = flambeau.nn.functional
inf, nan = math.inf, math.nan
tensor = flambeau.tensor


def gradients(function, *inputs):
    """The gradients of the sum of function(*inputs), as lists."""
    inputs = [tensor(x, dtype=flambeau.float32, requires_grad=True) for x in inputs]
    return [g.tolist() for g in flambeau.autograd.grad(function(*inputs).sum(), inputs)]


POINTS = [
    # function, points, gradients
    ("atan2", ([0.0, 1e-25, 0.0, -1e-25], [0.0, 0.0, 1e-25, -1e-25]),
     ([0, 0, 1e25, -5e24], [0, -1e25, 0, 5e24])),
    ("hypot", ([0.0, 3.0], [0.0, 4.0]), ([0, 0.6], [0, 0.8])),
    ("xlogy", ([0.0, 0.0, 2.0], [0.0, 2.0, 4.0]), ([0, math.log(2), math.log(4)], [0, 0, 0.5])),
    ("special.xlog1py", ([0.0, 2.0], [-1.0, 3.0]), ([0, math.log(4)], [0, 0.5])),
    ("special.entr", ([0.0, 1.0, inf],), ([inf, -1, -inf],)),
    ("logaddexp", ([-inf, inf, -inf, 0.0], [-inf, inf, 1.0, 0.0]), ([0, 0.5, 0, 0.5], [0, 0.5, 1, 0.5])),
    ("logaddexp2", ([-inf, inf, -inf], [-inf, inf, 1.0]), ([0, 0.5, 0], [0, 0.5, 1])),
    ("special.i1e", ([1e-42, 0.0],), ([0.5, 0.5],)),
    ("special.erfcx", ([1e25, 100.0],), ([0, -5.6410493e-5],)),
    ("copysign", ([inf, 0.0, nan], [-1.0, -1.0, 1.0]), ([nan, 0, nan], [0, 0, 0])),
    ("relu", ([0.0, nan],), ([0, 1],)),
    ("logit", ([-0.0, 0.0, 0.5],), ([-inf, inf, 4],)),
    ("sgn", ([0.0, nan, inf],), ([0, 0, 0],)),
    ("acosh", ([1.25, -1.25, -1.0, 0.5, -inf, 1e30],), ([4 / 3, 4 / 3, inf, nan, 0, 1e-30],)),
]  # fmt: skip


@pytest.mark.parametrize("name, points, expected", POINTS, ids=[p[0] for p in POINTS])
def test_pointwise(name, points, expected):
    function = flambeau
    for part in name.split("."):
        function = getattr(function, part)
    numpy.testing.assert_allclose(gradients(function, *points), expected, rtol=1e-5)


SECOND = [
    # function, points, second derivatives: PyTorch's where these are not NaN
    (flambeau.acosh, [1.0, -1.0, 1.25], [-inf, inf, -1.25 / 0.5625**1.5]),
    (functional.elu, [0.0, -0.0, 1.0, -1.0], [0, 0, 0, math.exp(-1)]),
    (functional.celu, [0.0, -0.0, 1.0, -1.0], [0, 0, 0, math.exp(-1)]),
    (functional.selu, [0.0, -0.0, 1.0, -1.0], [0, 0, 0, 1.7580993408473766 * math.exp(-1)]),
    (functional.silu, [0.0, -1000.0, 1000.0, -1e30], [0.5, 0, 0, 0]),
    (functional.softplus, [0.0, -1000.0, 1000.0, -inf], [0.25, 0, 0, 0]),
    (functional.logsigmoid, [0.0, -1000.0, 1000.0, inf, -inf], [-0.25, 0, 0, 0, 0]),
    (lambda x: functional.binary_cross_entropy_with_logits(x, flambeau.full_like(x, 0.5), reduction="none"),
     [0.0, -inf, inf, -1000.0], [0.25, 0, 0, 0]),
    (lambda x: flambeau.logaddexp(x, tensor([0.0, 1.0, 1000.0, -1000.0])), [0.0, 1.0, 0.0, 0.0], [0.25, 0.25, 0, 0]),
    (lambda x: flambeau.logaddexp2(x, tensor([0.0, 1.0])), [0.0, 1.0], [0.25 * math.log(2)] * 2),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(SECOND)))
def test_second_derivatives_at_kinks_and_ends(case):
    function, points, expected = SECOND[case]
    x = tensor(points, requires_grad=True)
    (first,) = flambeau.autograd.grad(function(x).sum(), x, create_graph=True)
    (second,) = flambeau.autograd.grad(first.sum(), x)
    numpy.testing.assert_allclose(second.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["xlogy", "special.entr", "atan2", "logaddexp", "hypot"])
def test_a_zero_gradient_stays_zero(name):
    function = flambeau.special.entr if "." in name else getattr(flambeau, name)
    points = [[0.0, 1.0, inf, 0.0], [0.0, 0.0, 1.0, 1e-30]][: 1 if "." in name else 2]
    for gradient in gradients(lambda *x: function(*x) * 0, *points):
        assert gradient == [0] * 4


def test_angle_of_tiny_numbers():
    z = flambeau.complex(tensor([3e-25, 0.0]), tensor([4e-25, 0.0])).requires_grad_()
    (grad,) = flambeau.autograd.grad(z.angle().sum(), z)
    numpy.testing.assert_allclose(grad.numpy(), [-1.6e24 + 1.2e24j, 0], rtol=1e-5)


def test_logsumexp_of_infinities():
    x = [[inf, 1.0], [inf, inf], [-inf, -inf], [-inf, 2.0], [nan, 1.0]]
    expected = [[nan, 0], [nan, nan], [0, 0], [0, 1], [nan, nan]]
    numpy.testing.assert_array_equal(gradients(lambda x: x.logsumexp(1), x)[0], expected)


def test_norms_far_out_and_beside_nan():
    norm = flambeau.linalg.vector_norm
    rows = [[1e25, 1e25], [1e-25, 1e-25], [0.0, 0.0]]
    half = gradients(lambda x: norm(x, 0.5, 1), rows)[0]
    numpy.testing.assert_allclose(half, [[2, 2], [2, 2], [0, 0]], rtol=1e-5)
    inverse = gradients(lambda x: norm(x, -1, 1), rows)[0]
    numpy.testing.assert_allclose(inverse, [[0.25, 0.25], [0.25, 0.25], [0, 0]], rtol=1e-5)
    # An infinite length has slopes of 0, and NaN for what is infinite itself.
    for order in (2, 3):
        found = gradients(lambda x, order=order: norm(x, order, 1), [[inf, 1.0], [nan, 1.0]])[0]
        numpy.testing.assert_array_equal(found, [[nan, 0], [nan, nan]])
    # Rows that renorm leaves alone, whatever they hold.
    rows = [[nan, 1.0], [1e-30, 1e-30], [0.0, 0.0], [6.0, 8.0]]
    found = gradients(lambda x: flambeau.renorm(x, 2, 0, 5.0), rows)[0]
    numpy.testing.assert_allclose(found[:3], numpy.ones((3, 2)))
    numpy.testing.assert_allclose(found[3], [0.08, -0.06], atol=1e-6)


def test_cross_entropy_of_large_ties():
    # The logarithm of the sum is lost beside 1e25, and each of two equal classes had all of it.
    x = [[1e25, 0.5, 1e25], [1e25, 1e25, 0.3]]
    loss = lambda x: functional.cross_entropy(x, tensor([0, 1]), reduction="sum")
    assert gradients(loss, x)[0] == [[-0.5, 0, 0.5], [0.5, -0.5, 0]]


def test_margin_losses_do_not_count_nan():
    for value, loss in ((nan, 2 / 3), (-inf, 2 / 3), (inf, inf)):
        scores = tensor([value, 2.0, 3.0])
        for p, factor in ((1, 1), (2, 2)):
            got = functional.multi_margin_loss(scores, tensor(1), p=p).item()
            assert got == pytest.approx(factor * loss)
        got = functional.multilabel_margin_loss(scores, tensor([1, -1, 0])).item()
        assert got == pytest.approx(loss)
    for value, loss in ((nan, 0), (inf, 0), (-inf, inf)):  # the target's own score
        scores = tensor([1.0, value, 3.0])
        assert functional.multi_margin_loss(scores, tensor(1)).item() == loss
        assert functional.multilabel_margin_loss(scores, tensor([1, -1, 0])).item() == loss


def test_multilabel_soft_margin_loss_multiplies_before_it_adds():
    loss = functional.multilabel_soft_margin_loss
    for score, label in ((inf, 1.0), (-inf, 0.0), (0.0, inf), (nan, 1.0)):
        assert loss(tensor([score]), tensor([label])).isnan()
    assert loss(tensor([inf]), tensor([0.0])).item() == inf
    assert loss(tensor([2.0]), tensor([0.25])).item() == pytest.approx(1.62692801)
    slopes = [
        gradients(lambda x, y: loss(x, y), [v], [t])[0][0] for v, t in ((-1e4, 1.0), (1e4, 0.5))
    ]
    assert slopes == [-1.0, 0.5]


def test_margin_losses_at_the_margin():
    scores = [1e25, 1e25, 3.0]
    assert gradients(lambda x: functional.multi_margin_loss(x, tensor(1)), scores)[0] == [0] * 3
    labels = tensor([1, -1, 0])
    assert gradients(lambda x: functional.multilabel_margin_loss(x, labels), scores)[0] == [0] * 3


def test_losses_of_nan_have_no_gradient():
    target = tensor([nan, 1.0, inf])
    found = gradients(lambda x: functional.smooth_l1_loss(x, target), [1.0, 4.0, inf])[0]
    numpy.testing.assert_array_equal(numpy.isnan(found), [True, False, True])


def test_weighted_logits_at_infinity():
    loss = functional.binary_cross_entropy_with_logits
    found = gradients(
        lambda target: loss(tensor([-inf, inf]), target, pos_weight=tensor([2.0, 3.0]),
                            reduction="sum"),
        [0.5, 0.5],
    )  # fmt: skip
    assert found[0] == [inf, -inf]


def test_batch_norm_with_given_statistics_reads_no_input():
    x = [[inf, 1.0], [nan, 3.0]]
    mean, var = tensor([0.0, 1.0]), tensor([1.0, 4.0])
    found = gradients(lambda x: functional.batch_norm(x, mean, var, eps=0.0), x)[0]
    assert found == [[1, 0.5], [1, 0.5]]


def test_grid_sample_beside_an_infinity():
    # Outside the picture a neighbour counts for nothing: it was 0 * inf.
    picture = [[[[inf, 1.0], [1.0, 1.0]]]]
    for outside in (-5.0, 5.0):
        grid = [[[[outside, 0.5]]]]
        call = lambda x, g: functional.grid_sample(x, g, align_corners=True)
        assert call(tensor(picture), tensor(grid)).item() == 0
        of_picture, of_grid = gradients(call, picture, grid)
        assert of_picture == [[[[0, 0], [0, 0]]]] and of_grid == [[[[0, 0]]]]


def test_scatter_reduce_with_nan_and_zeros():
    index = tensor([0, 0, 1, 1])
    call = lambda x, y, how: x.scatter_reduce(0, index, y, how)
    of_input, of_source = gradients(
        lambda x, y: call(x, y, "amax"), [1.0, nan], [0.0, 2.0, 0.0, 3.0]
    )
    assert of_input[0] == 0 and math.isnan(of_input[1])
    of_input, of_source = gradients(
        lambda x, y: call(x, y, "prod"), [0.0, 2.0], [5.0, 0.0, 0.0, 3.0]
    )
    assert of_input == [0, 0] and of_source == [0, 0, 6, 0]


def test_cumprod_of_one_infinity():
    assert gradients(lambda x: x.cumprod(0), [inf])[0] == [1]


def test_matrix_exp_of_nan_has_a_nan_gradient():
    x = [[[nan, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    found = numpy.array(gradients(flambeau.matrix_exp, x)[0])
    assert numpy.isnan(found[0]).all() and (found[1] == 1).all()


def test_slogdet_of_a_singular_matrix():
    x = [[[1.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 4.0]]]
    call = lambda x: flambeau.linalg.slogdet(x).logabsdet
    found = numpy.array(gradients(call, x)[0])
    assert numpy.isinf(found[0]).all() and found[1].tolist() == [[0.5, 0], [0, 0.25]]
    assert gradients(lambda x: call(x)[1:], x)[0][0] == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: functional.pad(x, (1, 1), "reflect"),
        lambda x: functional.pad(x, (1, 1), "replicate"),
        lambda x: functional.rrelu(x),
        lambda x: functional.nll_loss(x, flambeau.tensor([0, 1])),
        lambda x: functional.fractional_max_pool2d(x.expand(1, 1, 2, 4), 2, (1, 2)),
        lambda x: flambeau.stft(
            x.reshape(-1), 4, window=flambeau.ones(4), return_complex=True
        ).abs(),
    ],
)
def test_a_constant_slope_has_a_second_derivative_of_zero(call):
    x = flambeau.rand(2, 4, requires_grad=True)
    (grad,) = flambeau.autograd.grad(call(x).sum(), x, create_graph=True)
    assert grad.requires_grad
    (second,) = flambeau.autograd.grad(grad.sum(), x)
    assert second.shape == x.shape and second.isfinite().all()
    assert not flambeau.autograd.grad(call(x).sum(), x)[0].requires_grad


def test_a_sign_of_a_determinant_at_infinity():
    assert [float(v) for v in flambeau.linalg.slogdet(tensor([[-inf]]))] == [-1, inf]
    sign, logarithm = flambeau.linalg.slogdet(tensor([[nan, 1.0], [1.0, 1.0]]))
    assert sign == 0 and logarithm.isnan()


def test_logdet_of_a_singular_matrix_has_an_infinite_slope():
    (slope,) = gradients(flambeau.logdet, [[1.0, 1.0], [1.0, 1.0]])
    assert slope == [[inf, -inf], [-inf, inf]]
    assert gradients(flambeau.logdet, [[0.0]]) == [[[inf]]]


def test_matrix_exp_of_the_greatest_numbers():
    assert flambeau.linalg.matrix_exp(tensor([[3e38, 1.0], [1.0, 1.0]])).isinf().all()
    assert flambeau.linalg.matrix_exp(tensor([[-3e38, 0.0], [0.0, 0.0]])).tolist() == [
        [0, 0],
        [0, 1],
    ]


def test_reflections_do_not_reach_the_columns_before_them():
    A = tensor([[1.0, 2.0], [3.0, 4.0], [5.0, nan]])
    Q = flambeau.linalg.householder_product(A, tensor([1.0, 0.5]))
    assert Q[:, 0].tolist() == [0, -3, -5] and Q[:, 1].isnan().all()


def test_cholesky_ex_leaves_what_lapack_leaves():
    A = tensor([[4.0, 1.0, 1.0], [1.0, -4.0, 1.0], [1.0, 1.0, 4.0]])
    L, info = flambeau.linalg.cholesky_ex(A)
    assert info == 2 and L.tolist() == [[2, 0, 0], [0.5, -4.25, 0], [0.5, 1, 4]]
    for n in (17, 40, 128, 129, 300):  # whole columns before the failed pivot
        A = flambeau.ones(n, n) + 3 * flambeau.eye(n)
        whole = flambeau.linalg.cholesky(A)
        A[9, 9] = -1
        L, info = flambeau.linalg.cholesky_ex(A)
        assert info == 10 and flambeau.allclose(L[:, :9], whole[:, :9])


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (2, 4), (3, 3), (5, 2), (4, 6)])
def test_qr_beside_an_infinity_is_pytorchs(shape):
    pytorch, rng = pytest.importorskip("torch"), numpy.random.default_rng(0)
    for _ in range(30):
        x = rng.standard_normal(shape).astype("float32")
        x[tuple(rng.integers(shape))] = rng.choice([inf, -inf])
        ours, theirs = flambeau.linalg.qr(tensor(x)), pytorch.linalg.qr(pytorch.tensor(x))
        for a, b in zip(ours, theirs, strict=True):
            numpy.testing.assert_allclose(a.numpy(), b.numpy(), 1e-3, 1e-4)


def test_singular_values_are_exact_to_the_last_digits_beside_much_greater_ones():
    rng = numpy.random.default_rng(0)
    for n in (26, 40, 100, 300):
        x = numpy.tile(rng.standard_normal((5, 5)), (n // 5 + 1, n // 5 + 1))[:n, :n]
        x = (x * rng.uniform(1, 1.2, (n, n))).astype("float32")
        U, S, Vh = (part.numpy() for part in flambeau.linalg.svd(tensor(x)))
        exact = numpy.linalg.svd(x.astype("float64"), compute_uv=False)
        assert U.dtype == S.dtype == Vh.dtype == "float32"
        numpy.testing.assert_allclose(S, exact, 1e-7)
        numpy.testing.assert_allclose(U * S @ Vh, x, 1e-4, 1e-5)


def test_what_a_batch_of_equations_reports_has_the_shape_of_its_matrices():
    eye, right = flambeau.eye(2).expand(1, 3, 2, 2), flambeau.ones(4, 3, 2, 1)
    assert flambeau.linalg.solve_ex(eye, right).info.shape == (1, 3)
    assert flambeau.triangular_solve(right, eye)[1].shape == (4, 3, 2, 2)


def test_huber_at_infinite_distances():
    x, y = [inf, -inf, 3e38, nan], [1.0, inf, -3e38, 1.0]
    slopes = gradients(lambda x, y: functional.huber_loss(x, y, reduction="sum"), x, y)
    assert slopes[0][:3] == [1, -1, 1] and slopes[1][:3] == [-1, 1, -1]


def test_losses_have_the_dtype_of_one_side():
    single, double = flambeau.ones(3), flambeau.ones(3, dtype=flambeau.float64)
    assert functional.huber_loss(single, double).dtype is flambeau.float32
    logits = functional.binary_cross_entropy_with_logits
    assert logits(double, single).dtype is flambeau.float32
    whole = flambeau.ones(3, dtype=flambeau.int32)
    assert functional.hinge_embedding_loss(whole, -whole, 3.5, reduction="none").tolist() == [2] * 3
    with pytest.raises(RuntimeError, match="no integer"):
        functional.huber_loss(whole, single)


def test_a_product_with_two_zeros_has_no_slope():
    assert gradients(flambeau.prod, [2.0, inf, 0.0, 0.0]) == [[0, 0, 0, 0]]


def test_short_rows_without_a_variance():
    assert functional.layer_norm(tensor([[1e25, 1.0, 2.0]]), (3,)).isnan().all()
    assert flambeau.native_layer_norm(tensor([[3e38]]), (1,), None, None, 1e-5)[2].isnan().all()
    assert functional.layer_norm(tensor([[3e38] + [1.0] * 9]), (10,)).equal(flambeau.zeros(1, 10))


def test_the_slope_of_a_tiny_determinant():
    assert gradients(flambeau.det, [[1e-42]]) == [[[1]]]
    (slope,) = gradients(flambeau.det, [[1e-42, 0.0], [0.0, 1.0]])
    assert slope[0] == [1, 0]


def test_what_lstsq_reports_has_the_shape_of_its_matrices():
    found = flambeau.linalg.lstsq(flambeau.eye(3)[None], flambeau.ones(4, 3, 2), driver="gelss")
    assert found.rank.shape == (1,) and found.singular_values.shape == (1, 3)
    with pytest.raises(RuntimeError, match="one less"):
        flambeau.linalg.lstsq(flambeau.eye(3), flambeau.ones(4, 3, 2))


def test_dropout_keeps_nan():
    flambeau.manual_seed(0)
    assert functional.dropout(tensor([nan, inf] * 20), 0.5)[::2].isnan().all()


@pytest.mark.parametrize("x, slope", [(inf, 0.25), (3.0, -inf)])
def test_prelu_multiplies_only_the_side_that_is_taken(x, slope):
    grad_x, grad_slope = gradients(functional.prelu, [x, -1.0, -2.0], slope)
    assert grad_x == [1, slope, slope]
    assert grad_slope == -3


def test_shrinking_stops_the_gradient_of_nan():
    for operator in (functional.hardshrink, functional.softshrink):
        x = tensor([nan, 3.0, -inf, 0.25], requires_grad=True)
        operator(x).sum().backward()
        assert x.grad.tolist() == [0, 1, 1, 0]


def test_logit_held_by_eps_stops_the_gradient_of_nan():
    x = tensor([nan, 0.1, 0.5, inf], requires_grad=True)
    flambeau.logit(x, 0.2).sum().backward()
    assert x.grad.tolist() == [0, 0, 4, 0]


def test_zeta_is_infinite_at_one_and_at_its_poles():
    orders, places = tensor([1, 1, nan, nan, 2]), tensor([nan, 2, -1, 0.5, nan])
    zeta = flambeau.special.zeta(orders, places).tolist()
    assert zeta[:3] == [inf, inf, inf] and all(map(math.isnan, zeta[3:]))


def test_zeta_of_whole_orders_left_of_zero_is_its_sum():
    orders, places = (2, 3, 4, 17, 24), (-0.5, -2.5, -1.2, -3.3, -300.7)
    for order, place in itertools.product(orders, places):
        below = sum((place + k) ** -order for k in range(-math.floor(place)))
        expected = below + special.zeta(order, place - math.floor(place))
        got = flambeau.special.zeta(tensor(order), tensor(place, dtype=flambeau.float64))
        # Odd orders cancel, half between the poles to nothing: the error is that of the largest term.
        assert got.item() == pytest.approx(expected, rel=1e-12, abs=1e-14 * 5.0**order), (
            order,
            place,
        )
    assert flambeau.special.zeta(tensor(7.0), tensor(-1e-5)).item() == pytest.approx(
        -1e35, rel=1e-4
    )
    assert flambeau.special.zeta(tensor(inf), tensor(-8.5)).item() == inf
    assert math.isnan(flambeau.special.zeta(tensor(2.5), tensor(-0.5)).item())


def test_gradients_of_a_grid_are_scaled_last():
    # The pixels' products are within the range, those with the pixels of one step of the grid are not.
    image = flambeau.zeros(1, 1, 4, 40)
    image[..., 1], image[..., 2] = 3e38, 2.9e38
    grid = tensor([[[[-0.91, 0.0]]]], requires_grad=True)
    functional.grid_sample(image, grid, align_corners=False).backward(
        flambeau.full((1, 1, 1, 1), 0.5)
    )
    assert grid.grad[..., 0].item() == pytest.approx(-1e37 * 20 * 0.5, rel=1e-4)


def test_second_derivatives_of_abs_are_0_under_infinite_gradients():
    for dtype in (flambeau.float16, flambeau.float32, flambeau.float64):
        x = tensor([2.0, -1.0, 0.0, nan], dtype=dtype, requires_grad=True)
        y = x.abs() * tensor([inf, -inf, inf, inf])
        (slope,) = flambeau.autograd.grad(y.sum(), x, create_graph=True)
        assert slope[:2].tolist() == [inf, inf]
        assert flambeau.autograd.grad(slope.sum(), x)[0].tolist() == [0.0] * 4


def test_derivatives_of_sinc_near_0():
    points = [0.0, 1e-30, 1e-8, -1e-3, 0.159, 0.161]
    for dtype, rtol in ((flambeau.float64, 1e-12), (flambeau.float32, 1e-4)):
        x = flambeau.tensor(points, dtype=dtype, requires_grad=True)
        slope = flambeau.sinc(x)
        for order in range(1, 4):
            (slope,) = flambeau.autograd.grad(slope.sum(), x, create_graph=True)
            # The derivatives of the series sum((-1)**n * (pi x)**(2 n) / (2 n + 1)!).
            terms = [
                (2 * n, (-1) ** n * numpy.pi ** (2 * n) / math.factorial(2 * n + 1))
                for n in range(20)
            ]
            wanted = [
                sum(c * math.perm(p, order) * at ** (p - order) for p, c in terms if p >= order)
                for at in x.tolist()
            ]
            numpy.testing.assert_allclose(slope.detach().numpy(), wanted, rtol=rtol)
