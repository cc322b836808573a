"""Inputs at the ends of what operators take: numbers, infinities, wrong dtypes."""

import math

import numpy
import pytest

import flambeau as torch
from flambeau.nn import functional as F

inf, nan = math.inf, math.nan


def test_indices_of_a_number():
    number, one, none, two = torch.tensor(5.0), *(torch.zeros(n).long() for n in (1, 0, 2))
    assert number.index_select(0, one) == 5
    for index in (none, two):
        with pytest.raises(RuntimeError, match="a number, which takes 1 index"):
            number.index_select(0, index)
        with pytest.raises(IndexError, match="a number, which takes 1 index"):
            number.index_copy(0, index, torch.tensor(3.0))
        with pytest.raises(IndexError, match="a number, which takes 1 index"):
            number.index_add(0, index, torch.tensor(3.0))
    assert number.index_fill(0, two, 3) == 3 and number.index_fill(0, none, 3) == 5
    assert number.clone().index_fill_(0, torch.zeros(300).long(), 3) == 3
    with pytest.raises(IndexError):
        number.flatten(1)
    assert number.mT == 5 and number.mH == 5


def test_a_factor_with_a_fraction_needs_a_floating_tensor():
    whole = torch.tensor([1, 2])
    with pytest.raises(RuntimeError, match="alpha is a float"):
        torch.add(whole, whole, alpha=0.5)
    assert torch.add(whole, whole, alpha=2).tolist() == [3, 6]
    assert torch.sub(whole, torch.tensor([1.0, 1.0]), alpha=0.5).tolist() == [0.5, 1.5]


def test_out_keeps_the_dtype_of_what_does_not_promote():
    x = torch.tensor([1.5, -2.5])
    wide, whole = torch.empty(2, dtype=torch.float64), torch.empty(2, dtype=torch.int64)
    for operator in (torch.ceil, torch.floor, torch.round, torch.neg, torch.abs, torch.sign):
        with pytest.raises(RuntimeError, match="out"):
            operator(x, out=wide)
    for operator in (torch.msort, torch.tril):
        with pytest.raises(RuntimeError):
            operator(torch.ones(2, 2), out=torch.empty(2, 2, dtype=torch.float64))
    assert torch.sin(x, out=wide).dtype == torch.float64
    assert torch.logical_not(x, out=whole).tolist() == [0, 0]
    for quantifier in (torch.all, torch.any):
        with pytest.raises(RuntimeError, match="takes bool or uint8"):
            quantifier(x, out=torch.empty((), dtype=torch.float32))
        assert quantifier(x, out=torch.empty((), dtype=torch.bool))
        assert quantifier(x, dim=0, out=torch.empty((), dtype=torch.uint8)) == 1


def test_random_numbers_within_their_dtype():
    with pytest.raises(RuntimeError, match="torch.uint8 holds the integers to 255"):
        torch.randperm(300, dtype=torch.uint8)
    assert sorted(torch.randperm(256, dtype=torch.uint8).tolist()) == list(range(256))
    with pytest.raises(RuntimeError, match="integers, floating"):
        torch.randint_like(torch.ones(2, dtype=torch.complex64), 3)
    with pytest.raises(RuntimeError, match="0 or more everywhere"):
        torch.normal(torch.ones(0), -1.0)
    with pytest.raises(NotImplementedError, match="numbers are real"):
        torch.ones(2, dtype=torch.complex64).exponential_()


def test_rounding_to_any_number_of_places():
    for places in (400, -400, 2**31, -(2**31)):
        assert torch.round(torch.tensor([1.5, 0.0]), decimals=places).isnan().all()


def test_gradients_where_the_input_is_nan():
    x = torch.tensor([nan, -1.0, 2.0], requires_grad=True)
    for function, expected in (
        (torch.relu, [1, 0, 1]),
        (F.hardshrink, [0, 1, 1]),
        (F.softshrink, [0, 1, 1]),
        (F.hardtanh, [1, 0, 0]),
        (F.relu6, [1, 0, 1]),
        (torch.angle, [0, 0, 0]),
        (F.elu, [1, math.exp(-1), 1]),
        (F.celu, [1, math.exp(-1), 1]),
        (F.selu, [1.0507010, 1.7580993 * math.exp(-1), 1.0507010]),
        (F.hardswish, [nan, 1 / 6, 7 / 6]),
    ):
        (grad,) = torch.autograd.grad(function(x).sum(), x)
        assert grad.tolist() == pytest.approx(expected, nan_ok=True), function
    for function in (torch.special.i1, torch.special.i1e):
        (grad,) = torch.autograd.grad(function(x).sum(), x)
        assert grad[0] == 0.5, function


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_tangents_at_infinity_are_slopes(dtype):
    x = torch.tensor([inf, -inf, 3.0, -3.0, 0.0, 1e30, -1e30], dtype=dtype)
    slopes = [1, 0, 1, 0, 0.5, 1, 0]
    _, tangent = torch.func.jvp(F.hardswish, (x,), (torch.full_like(x, 2),))
    assert tangent.tolist() == [2 * slope for slope in slopes]
    x.requires_grad_()
    (grad,) = torch.autograd.grad(F.hardswish(x).sum(), x)
    assert grad.tolist() == slopes


def test_gradients_where_the_result_is_nan():
    """amax and most norms make them NaN for all; max hands its own to the NaN, the inf-norm to nobody."""
    x = torch.tensor([1.0, nan, 3.0], requires_grad=True)
    for function in (torch.amax, torch.amin, lambda x: x.norm(2.0), lambda x: x.norm(3.0)):
        (grad,) = torch.autograd.grad(function(x), x)
        assert grad.isnan().all(), function
    for order in (inf, -inf):
        assert torch.autograd.grad(torch.norm(x, order), x)[0].tolist() == [0, 0, 0]
    for function in (torch.max, torch.min):
        assert torch.autograd.grad(function(x), x)[0].tolist() == [0, 1, 0]
        with torch.autocast("cpu"):  # which goes by the implementation, not by its native way
            assert torch.autograd.grad(function(x), x)[0].tolist() == [0, 1, 0]


def test_gradients_of_norms_beyond_the_range():
    """What is 0 beside an infinite norm is 0; what reached infinity itself is not known."""
    x = torch.tensor([3e38, 2.0], requires_grad=True)
    (grad,) = torch.autograd.grad(x.norm(4.0), x)
    assert grad[0].isnan() and grad[1] == 0


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64])
def test_divisors_of_the_least_integer(dtype):
    least = torch.iinfo(dtype).min
    x = torch.tensor([least, 6, least, least, 0, least, 3], dtype=dtype)
    y = torch.tensor([6, least, 3, 0, least, least, least], dtype=dtype)
    assert torch.gcd(x, y).tolist() == [-2, -2, 1, least, least, least, 1]


def test_a_transform_of_an_infinity_scales_each_part():
    x = torch.tensor([inf, 1.0, 2.0, 4.0])
    assert torch.fft.rfft(x, norm="ortho")[0] == complex(inf, 0)
    assert torch.fft.ifft(x)[0].imag == 0
    great = torch.full((4,), 3e38)
    assert torch.fft.fft(great, norm="ortho")[0].real.isinf()
    assert torch.fft.ifft(great)[0].real == great[0]  # 12e38 on the way would be infinite


def test_copies_of_views_take_any_layout():
    x = torch.arange(6).reshape(2, 3).t()
    assert torch.view_copy(x, (6,)).tolist() == [0, 3, 1, 4, 2, 5]
    assert torch.view_copy(x, size=(6,)).shape == (6,)
    assert torch.view_copy(torch.ones(2), torch.int32).dtype == torch.int32


def test_masked_reductions_take_keepdim_by_its_truth():
    assert torch.masked.sum(torch.ones(2, 3), 0, keepdim=1).shape == (1, 3)
    assert torch.masked.amax(torch.ones(2, 3), 0, keepdim=()).shape == (3,)


def test_products_of_vectors_have_one_dtype():
    x = torch.ones(3)
    for product in (torch.linalg.vecdot, torch.linalg.cross, torch.cross):
        with pytest.raises(RuntimeError, match="takes one dtype"):
            product(x, x.double())
    with pytest.raises(RuntimeError):
        torch.linalg.vecdot(x.long(), x.long())


def test_integers_are_not_divided_by_zero():
    whole, zeros = torch.tensor([4, 5]), torch.tensor([2, 0])
    for divide in (
        torch.floor_divide, torch.remainder, torch.fmod, lambda a, b: a // b, lambda a, b: a % b,
        lambda a, b: torch.div(a, b, rounding_mode="trunc"),
        lambda a, b: a.clone().floor_divide_(b),
    ):  # fmt: skip
        for divisor in (0, zeros, False):
            with pytest.raises(RuntimeError, match="division of integers by zero"):
                divide(whole, divisor)
        assert divide(whole, 2).dtype == torch.int64
        assert divide(torch.ones(0, dtype=torch.int64), 0).shape == (0,)
    assert (whole / 0).isinf().all() and (whole // 0.0).isinf().all()


def test_masked_extremes_of_truths():
    x = torch.tensor([True, False])
    assert torch.masked.amin(x, mask=torch.tensor([True, False]))
    assert not torch.masked.amax(x, mask=torch.tensor([False, True]))


def test_bounds_that_cross_and_targets_that_broadcast():
    # PyTorch's order: the upper bound first, the lower one in its place.
    assert torch.logit(torch.tensor([0.3, 0.7]), eps=1).tolist() == [inf, inf]
    assert torch.logit(torch.tensor(0.5), eps=nan) == 0
    loss = F.multilabel_soft_margin_loss(torch.ones(5, 1), torch.ones(5, 5))
    assert loss.item() == pytest.approx(5 * math.log1p(math.exp(-1)))
    assert F.multilabel_soft_margin_loss(torch.ones(1), torch.ones(0)) == 0


def test_addr_scales_before_the_product():
    great, two = torch.tensor([3e38]), torch.tensor([2.0])
    assert torch.addr(torch.zeros(1, 1), great, two, alpha=0.2).isfinite().all()
    third = torch.tensor([1 / 3]).bfloat16()  # not rounded to bfloat16 beside a float32 input
    product = torch.addr(torch.zeros(1, 1), third, third)
    assert product.item() == third.item() ** 2


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding_mode", ["border", "reflection"])
def test_grid_sample_takes_a_place_that_is_none_as_the_first_or_the_last(mode, padding_mode):
    image = torch.arange(1.0, 13.0).reshape(1, 1, 3, 4)
    options = dict(mode=mode, padding_mode=padding_mode, align_corners=True)
    odd = F.grid_sample(image, torch.full((1, 1, 1, 2), nan), **options)
    assert odd.item() == 1
    volume = image.unsqueeze(2).requires_grad_()
    odd = F.grid_sample(volume, torch.full((1, 1, 1, 1, 3), nan), **options)
    assert odd.item() == 12
    odd.backward()
    assert volume.grad.equal(torch.zeros(1, 1, 1, 3, 4))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("outside", [nan, inf, -inf])
def test_grid_sample_of_no_place_is_nan_in_a_plane_and_zero_in_space(mode, outside):
    grid = torch.zeros(1, 1, 1, 2)
    grid[..., 0] = outside
    assert F.grid_sample(torch.ones(1, 1, 3, 4), grid, mode, align_corners=True).isnan().all()
    if mode == "bilinear":
        grid = torch.zeros(1, 1, 1, 1, 3)
        grid[..., 0] = outside
        assert F.grid_sample(torch.ones(1, 1, 2, 3, 4), grid, align_corners=True).item() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradients_of_running_maxima_are_summed_in_float32(dtype):
    x = torch.zeros(4099, dtype=dtype)
    x[0] = 1
    x.requires_grad_()
    torch.cummax(x, 0).values.sum().backward()
    assert x.grad[0] == torch.tensor(4099.0).to(dtype)


@pytest.mark.parametrize("name", ["addmm", "addmv", "addbmm"])
def test_no_product_is_added_with_a_factor_of_zero(name):
    shapes = {
        "addmm": [(2, 2)] * 3,
        "addmv": [(2,), (2, 2), (2,)],
        "addbmm": [(2, 2), (1, 2, 2), (1, 2, 2)],
    }
    input, left, right = (torch.full(shape, nan) for shape in shapes[name])
    input = torch.ones_like(input)
    left.requires_grad_()
    right.requires_grad_()
    result = getattr(torch, name)(input, left, right, alpha=0, beta=0.5)
    assert result.equal(input * 0.5)
    result.sum().backward()
    assert left.grad.equal(torch.zeros_like(left)) and right.grad.equal(torch.zeros_like(right))


def test_the_factor_is_applied_before_the_product():
    great = torch.full((3, 3), 3e38)
    assert torch.addmm(great * 0, great, torch.ones(3, 3), alpha=0.2).isfinite().all()
    assert torch.addbmm(great * 0, great[None], torch.ones(1, 3, 3), alpha=0.2).isfinite().all()


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("columns", [1, 3])
def test_searchsorted_bisects_rows_that_do_not_ascend(right, columns):
    generator = numpy.random.default_rng(0)
    for n in range(40):
        row = generator.integers(0, 9, n)
        expected = []
        for value in range(10):
            begin, end = 0, n
            while begin < end:
                middle = (begin + end) // 2
                before = row[middle] <= value if right else row[middle] < value
                begin, end = (middle + 1, end) if before else (begin, middle)
            expected.append(begin)
        rows = torch.tensor(row).expand(columns, n)
        got = torch.searchsorted(rows, torch.arange(10).expand(columns, 10), right=right)
        assert got.tolist() == [expected] * columns
        order = torch.tensor(numpy.random.default_rng(1).permutation(n))
        shuffled = torch.empty(n, dtype=torch.int64)
        shuffled[order] = torch.tensor(row)
        got = torch.searchsorted(shuffled, torch.arange(10), right=right, sorter=order)
        assert got.tolist() == expected


def test_the_square_of_truths_counts():
    assert torch.square(torch.tensor([True, False])).dtype is torch.int64
    with pytest.raises(RuntimeError, match="int64"):
        torch.ones(2, dtype=torch.bool).square_()


def test_numbers_of_a_wider_dtype_do_not_widen_a_tensor():
    half = torch.ones(3, dtype=torch.float16)
    assert torch.igamma(half, torch.tensor(1.0)).dtype is torch.float16
    assert F.soft_margin_loss(half, torch.ones(3)).dtype is torch.float16


@pytest.mark.parametrize("rows, columns", [(1, 1), (3, 3), (5, 1), (1, 5)])
def test_infinities_of_both_signs_in_a_small_product(rows, columns):
    """Two products that overflow to opposite infinities are NaN, whichever comes first."""
    for numbers in ([inf, 3e38, 1.0], [3e38, inf, 1.0], [1.0, inf, 3e38]):
        a = torch.tensor(numbers).expand(rows, 3)
        b = torch.tensor([-2.0 if x == 3e38 else 1.0 for x in numbers])
        for right in (b[:, None].expand(3, columns), b.expand(columns, 3).contiguous().T):
            assert (a @ right).isnan().all()
            assert (a.contiguous() @ right.contiguous()).isnan().all()
        assert F.linear(a, b.expand(columns, 3)).isnan().all()


def test_an_infinite_end_of_a_trapezoid():
    """The ends are taken away by halves: inf - inf."""
    assert torch.trapezoid(torch.tensor([1.0, 2.0, inf])).isnan()
    assert torch.trapezoid(torch.tensor([1, 2, 4]), dx=2).item() == 9
    assert torch.trapezoid(torch.ones(2, 0, dtype=torch.bool)).dtype is torch.bool


def test_norms_of_one_number():
    """Its size, of any order but 0: no power of it leaves the range."""
    for order in (2.0**31, -3, inf, 0.5, nan):
        for x in (torch.tensor(-8.5), torch.tensor([-8.5]), torch.full((3, 1, 2), -8.5)):
            norm = torch.linalg.vector_norm(x, order, None if x.dim() < 2 else 1, keepdim=True)
            assert norm.shape == x.shape and (norm == 8.5).all()
        for keepdim in (False, True):
            norm = torch.linalg.vector_norm(torch.tensor(-8.5), order, -1, keepdim=keepdim)
            assert norm.item() == 8.5


def test_triangles_of_long_matrices():
    """Rows and columns without a place cost nothing."""
    assert torch.tril_indices(3, 2**62).tolist() == torch.tril_indices(3, 3).tolist()
    assert torch.triu_indices(2**62, 3, 1).tolist() == [[0, 0, 1], [1, 2, 2]]
    assert torch.tril_indices(20, 2**62, 7, device="meta").shape == (2, 350)
    for offset in range(-5, 6):
        below = torch.ones(3, 4).tril(offset).nonzero().T
        assert torch.equal(torch.tril_indices(3, 4, offset), below)
        assert torch.tril_indices(3, 4, offset, device="meta").shape == below.shape
        above = torch.ones(3, 4).triu(offset).nonzero().T
        assert torch.equal(torch.triu_indices(3, 4, offset), above)
        assert torch.triu_indices(3, 4, offset, device="meta").shape == above.shape


def test_the_determinant_of_one_number():
    for value in (0.0, 3e38, inf, nan):
        x = torch.tensor([[value]], requires_grad=True)
        assert torch.autograd.grad(torch.linalg.det(x), x)[0].item() == 1


def test_determinants_beside_one_that_is_none():
    x = torch.stack([torch.zeros(2, 2), torch.full((2, 2), nan), torch.eye(2)]).requires_grad_()
    (grad,) = torch.autograd.grad(torch.linalg.det(x).sum(), x)
    assert grad[0].tolist() == [[0, 0], [0, 0]] and grad[1].isnan().all()
    assert torch.allclose(grad[2], torch.eye(2))


def test_a_correction_beyond_integers():
    x = torch.arange(10.0)
    assert torch.masked.var(x, correction=-(2**63)).item() == pytest.approx(82.5 / 2**63)


def random_with_odd_numbers(rng, *shape):
    numbers = rng.uniform(-9, 9, shape).astype(numpy.float32)
    for _ in range(rng.integers(1, 4)):
        numbers.flat[rng.integers(numbers.size)] = rng.choice([nan, inf, -inf, 3e38, -3e38, 0])
    return numbers


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, a, b: lib.addbmm(a[0], a, b, beta=0.6, alpha=0.2),
        lambda lib, a, b: lib.linalg.multi_dot([a[0], b[0], a[1]]),
        lambda lib, a, b: lib.linalg.matrix_power(a[0], 3),
        lambda lib, a, b: lib.linalg.det(a),
        lambda lib, a, b: lib.linalg.slogdet(a)[0],
        lambda lib, a, b: lib.addmv(a[0, 0], b[0], b[1, 0], beta=0.2, alpha=0.6),
        lambda lib, a, b: lib.linalg.cross(a[..., :3], b[..., 1:]),
        lambda lib, a, b: lib.cross(a[:, :3], b[:, 1:], dim=1),
    ],
    ids=[
        "addbmm",
        "multi_dot",
        "matrix_power",
        "det",
        "slogdet",
        "addmv",
        "cross",
        "cross of dim 1",
    ],
)
def test_sums_that_are_infinite_or_nan_are_so_in_pytorch(call):
    pytorch = pytest.importorskip("torch")
    rng, differ = numpy.random.default_rng(0), 0
    for _ in range(200):
        a, b = (random_with_odd_numbers(rng, 3, 4, 4) for _ in range(2))
        ours = call(torch, torch.tensor(a), torch.tensor(b)).numpy()
        want = call(pytorch, pytorch.tensor(a), pytorch.tensor(b)).numpy()
        differ += not numpy.allclose(ours, want, 1e-3, 1e-3, equal_nan=True)
    assert differ <= 4  # a quarter where sums have an order of their own


def test_an_infinity_that_comes_last_leaves_a_mean():
    x = torch.tensor([[1.0, 2.0, inf], [1.0, -inf, 2.0], [inf, 1.0, inf]])
    for operator in (torch.var_mean, torch.std_mean):
        assert operator(x, 1)[1].isnan().tolist() == [False, True, True]
        assert operator(x[:1], 1, keepdim=True)[1].tolist() == [[inf]]
        assert operator(x[:1])[1] == inf and operator(x[:2], (0, 1))[1].isnan()
        assert operator(x[:0], 0)[1].isnan().all() and operator(x[0, 2])[1] == inf


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(
    ("dtype", "wide"),
    [
        ("bfloat16", "float32"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("complex128", "float64"),
    ],
)
def test_rms_norm_adds_the_epsilon_of_what_it_computes_in(dtype, wide, affine):
    dtype, eps = getattr(torch, dtype), torch.finfo(getattr(torch, wide)).eps
    x = torch.tensor([0.02, -0.05], dtype=dtype)
    weight = torch.ones(2, dtype=dtype) if affine else None
    for recorded in (False, True):
        out = torch.nn.functional.rms_norm(x.clone().requires_grad_(recorded), (2,), weight)
        assert torch.equal(out, torch.nn.functional.rms_norm(x, (2,), weight, eps))
    assert abs(out[1].item()) > 1.3


def test_margin_ranking_loss_of_integers_is_floating():
    x = torch.arange(3)
    loss = torch.nn.functional.margin_ranking_loss(x, x, torch.ones(3, dtype=torch.int64))
    assert loss.dtype == torch.float32 and loss == 0


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_rms_norm_takes_no_integers(dtype):
    x = torch.ones(2, 3).to(getattr(torch, dtype))
    for eps in (None, 1e-5):
        with pytest.raises(NotImplementedError, match="rms_norm"):
            torch.rms_norm(x, (3,), eps=eps)


def test_truth_over_no_dim_is_that_of_each_element():
    x = torch.tensor([[1.0, 0.0], [nan, -0.0]])
    for operator in (torch.any, torch.all):
        assert operator(x, dim=()).tolist() == [[True, False], [True, False]]
        assert operator(x, dim=[], keepdim=True).shape == (2, 2)
        assert operator(x.to(torch.uint8), dim=()).dtype is torch.uint8


@pytest.mark.parametrize(
    "name, image, weight, options",
    [
        ("conv1d", (1, 4, 5), (3, 4, 3), {}),
        ("conv2d", (1, 4, 5, 5), (2, 4, 2, 3), dict(stride=2)),
        ("conv2d", (1, 3, 6, 6), (3, 3, 3, 3), dict(padding=1, dilation=2)),
        ("conv3d", (1, 1, 5, 5, 5), (1, 1, 3, 3, 3), {}),
        ("conv_transpose2d", (1, 3, 4, 4), (3, 2, 3, 3), dict(stride=2, padding=1)),
    ],
    ids=str,
)
def test_one_image_is_infinite_or_nan_where_it_is_in_pytorch(name, image, weight, options):
    pytorch = pytest.importorskip("torch")
    rng, differ = numpy.random.default_rng(0), 0
    for _ in range(100):
        x, w = random_with_odd_numbers(rng, *image), random_with_odd_numbers(rng, *weight)
        ours = getattr(F, name)(torch.tensor(x), torch.tensor(w), **options).numpy()
        convolve = getattr(pytorch.nn.functional, name)
        want = convolve(pytorch.tensor(x), pytorch.tensor(w), **options).numpy()
        differ += not numpy.allclose(ours, want, 1e-3, 1e-3, equal_nan=True)
    assert differ <= 2  # 6 to 18 where products are added as they come


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
def test_extremes_that_numpy_asks_for(name):
    x = torch.tensor([[1.0, 5.0, 2.0], [4.0, 0.0, 3.0]])
    call = getattr(numpy, name)
    for axis, keepdims in ((0, False), (1, False), (-1, True)):
        options = {"keepdims": True} if keepdims else {}
        got = call(x, axis=axis, **options)
        assert type(got) is torch.Tensor
        assert got.tolist() == call(x.numpy(), axis=axis, **options).tolist()
    own = getattr(x, name[-3:])
    assert own(1, out=None).indices.tolist() == own(axis=1).indices.tolist()


def test_the_place_of_a_new_dim():
    x = torch.ones(2, 3)
    for call in (x.unsqueeze, x.clone().unsqueeze_, lambda dim: torch.stack([x, x], dim)):
        for dim in (3, -4):
            with pytest.raises(IndexError, match="a new dim of a tensor of 2 dims takes -3 to 2"):
                call(dim)
    assert x.unsqueeze(2).shape == (2, 3, 1) and x.unsqueeze(-3).shape == (1, 2, 3)


def test_a_size_that_is_a_dtype():
    with pytest.raises(TypeError, match="view: takes an int here, not dtype"):
        torch.ones(2).view(torch.float16, 3)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_transposed_convolutions_speak_of_themselves(n):
    weight = torch.ones((1,) * (n + 2))
    with pytest.raises(TypeError, match=rf"^conv_transpose{n}d\(\): argument 'input'"):
        getattr(F, f"conv_transpose{n}d")([1.0], weight)


@pytest.mark.parametrize("value", [1j, 0j, torch.tensor(2j), torch.tensor([1j])])
def test_a_complex_value_under_a_mask_of_bool(value):
    truth = bool(torch.as_tensor(value) != 0)
    for mask in (torch.tensor([True, False]), torch.tensor([[True, True, False]] * 2)):
        x = torch.tensor([[True] * 3, [False] * 3])
        expected = torch.where(mask.reshape(2, -1), truth, x)
        x[mask] = value
        assert x.tolist() == expected.tolist()
    with pytest.raises(RuntimeError):
        torch.zeros(2, 3)[torch.tensor([True, False])] = 1j
