"""Sizes, counts and degrees at their limits: refused at once, or answered at once."""

import math

import pytest

import flambeau
import flambeau.nn.functional as F
from flambeau import nn

HUGE = 2**51  # more than any memory holds, of one byte each
inf, nan = math.inf, math.nan


def ones(*sizes, **options):
    return flambeau.ones(*sizes, **options)


TOO_LARGE = {
    "empty": lambda: flambeau.empty(HUGE),
    "arange": lambda: flambeau.arange(HUGE),
    "randperm": lambda: flambeau.randperm(HUGE),
    "out": lambda: flambeau.add(ones(1).expand(2**62), 1, out=flambeau.empty(0)),
    "resize_": lambda: ones(1).resize_(HUGE),
    "pad": lambda: F.pad(ones(3), (0, HUGE)),
    "pad replicate": lambda: F.pad(ones(1, 1, 3), (0, HUGE), mode="replicate"),
    "nearest": lambda: F.interpolate(ones(1, 1, 4), size=HUGE),
    "linear": lambda: F.interpolate(ones(1, 1, 4), size=HUGE, mode="linear"),
    "bicubic": lambda: F.interpolate(ones(1, 1, 4, 4), size=(HUGE, 1), mode="bicubic"),
    "adaptive_avg_pool1d": lambda: F.adaptive_avg_pool1d(ones(1, 1, 3), HUGE),
    "adaptive_max_pool2d": lambda: F.adaptive_max_pool2d(ones(1, 1, 3, 3), (2**31, 2**31)),
    "vander": lambda: flambeau.vander(ones(3), N=HUGE),
    "linalg.vander": lambda: flambeau.linalg.vander(ones(3), N=HUGE),
    "mvlgamma": lambda: flambeau.mvlgamma(ones(3) * 5, HUGE),
    "combinations": lambda: flambeau.combinations(ones(100), 50),
    "combinations again": lambda: flambeau.combinations(ones(9), HUGE, with_replacement=True),
    "cartesian_prod": lambda: flambeau.cartesian_prod(*[ones(1000)] * 6),
    "unbind": lambda: ones(1).expand(HUGE).unbind(),
    "split": lambda: ones(1).expand(HUGE).split(1),
    "chunk": lambda: ones(0).chunk(HUGE),
    "tensor_split": lambda: ones(0).tensor_split(HUGE),
    "one_hot": lambda: F.one_hot(flambeau.tensor([0]), HUGE),
    "bincount": lambda: flambeau.bincount(flambeau.tensor([HUGE])),
    "repeat_interleave": lambda: flambeau.repeat_interleave(ones(3), HUGE),
    "repeat": lambda: ones(3).repeat(HUGE),
    "hann_window": lambda: flambeau.hann_window(HUGE),
    "fft": lambda: flambeau.fft.fft(ones(3), n=HUGE),
    "conv1d": lambda: F.conv1d(ones(1, 1, 3), ones(1, 1, 1), padding=HUGE),
    "conv_transpose1d": lambda: F.conv_transpose1d(ones(1, 1, 3), ones(1, 1, 1), stride=HUGE),
    "diag_embed": lambda: flambeau.diag_embed(ones(3), offset=HUGE),
    "multinomial": lambda: flambeau.multinomial(ones(3), HUGE, replacement=True),
    "histogram": lambda: flambeau.histogram(ones(3), HUGE),
    "LSTM": lambda: nn.LSTM(3, 4, num_layers=HUGE),
    "pad_packed_sequence": lambda: nn.utils.rnn.pad_packed_sequence(
        nn.utils.rnn.pack_sequence([ones(2, 1)]), total_length=HUGE
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_no_memory_holds_is_refused_at_once(name):
    with pytest.raises(flambeau.OutOfMemoryError, match="out of memory|overflow"):
        TOO_LARGE[name]()


def test_an_int_beyond_64_bits_is_refused():
    for call, error in (
        (lambda: flambeau.empty(2**63), TypeError),
        (lambda: ones(3).select(0, 2**70), ValueError),
        (lambda: F.pad(ones(3), (2**62, 2**62)), RuntimeError),
    ):
        with pytest.raises(error):
            call()


def test_empty_results_of_any_size_are_made():
    assert F.interpolate(ones(0, 2, 4), size=HUGE).shape == (0, 2, HUGE)
    assert F.adaptive_avg_pool1d(ones(0, 1, 3), HUGE).shape == (0, 1, HUGE)
    assert flambeau.linalg.vander(ones(0), N=HUGE).shape == (0, HUGE)
    assert flambeau.diff(ones(3), n=HUGE).shape == (0,)


def test_steps_and_offsets_at_the_ends_of_their_range():
    x = flambeau.arange(3.0)
    least, most = -(2**63), 2**63 - 1
    assert x[::most].tolist() == [0]
    assert x[1::most].tolist() == [1]
    assert x.unfold(0, 2, most).tolist() == [[0, 1]]
    with pytest.raises(RuntimeError, match="narrow"):
        x.narrow(0, 1, most)
    square = ones(3, 3)
    assert square.diagonal(least).shape == square.diagonal(most).shape == (0,)
    assert square.tril(most).equal(square) and square.triu(least).equal(square)
    assert x.roll(most).tolist() == x.roll(most % 3).tolist()
    assert x.roll(least).tolist() == x.roll(least % 3).tolist()
    assert flambeau.tensor([least]).div(-1, rounding_mode="floor").tolist() == [least]


# ------------------------------------------------------------------------------ degrees and orders


def test_polynomials_of_huge_and_infinite_degree_end():
    x = flambeau.tensor([-2, -1, -0.5, 0, 0.3, 1, 3, nan], dtype=flambeau.float64)
    special = flambeau.special
    for name in (
        "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v",
        "chebyshev_polynomial_w", "shifted_chebyshev_polynomial_t", "hermite_polynomial_h",
        "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
    ):  # fmt: skip
        for degree in (2**31, 2**62, inf):
            assert getattr(special, name)(x, degree).shape == x.shape


def test_legendre_and_laguerre_polynomials_beyond_their_recurrences():
    scipy_special = pytest.importorskip("scipy.special")
    x = flambeau.tensor([0.3, -0.7, 0.99999, 1, -1, 0, 1.00001], dtype=flambeau.float64)
    for n in (150_001, 200_000):
        got = flambeau.special.legendre_polynomial_p(x, n).numpy()
        expected = scipy_special.eval_legendre(n, x.numpy())
        assert abs(got[:6] - expected[:6]).max() < 1e-9
        x_laguerre = flambeau.tensor([0.3, 5, -0.01, 0, 40], dtype=flambeau.float64)
        got = flambeau.special.laguerre_polynomial_l(x_laguerre, n).numpy()
        expected = scipy_special.eval_laguerre(n, x_laguerre.numpy())
        assert (abs(got - expected) <= 1e-5 * abs(expected).clip(1e-2)).all()


def test_mvlgamma_is_the_sum_of_its_terms():
    x = flambeau.tensor([3.5, 40.25], dtype=flambeau.float64)
    for p in (1, 2, 5, 65):
        expected = sum(flambeau.lgamma(x - j / 2) for j in range(p))
        expected = expected + p * (p - 1) / 4 * math.log(math.pi)
        flambeau.testing.assert_close(flambeau.mvlgamma(x, p), expected)


def test_powers_of_bool_end():
    x, y = flambeau.tensor([[True], [False]]), flambeau.tensor([True, False])
    assert flambeau.pow(x, y).tolist() == [[True, True], [False, True]]
    assert x.__rpow__(True).tolist() == [[True], [True]]


def test_vander_is_made_of_products():
    x = flambeau.tensor([2, -3, 0])
    assert flambeau.vander(x, 4).tolist() == [[8, 4, 2, 1], [-27, 9, -3, 1], [0, 0, 0, 1]]
    assert flambeau.vander(x, 0).shape == (3, 0) and flambeau.vander(x, 1).tolist() == [[1]] * 3
    assert flambeau.linalg.vander(x, N=3).tolist() == [[1, 2, 4], [1, -3, 9], [1, 0, 0]]


# ------------------------------------------------------------------------------------ pools, borders


def test_pools_of_nothing_are_refused():
    for call in (
        lambda: F.max_pool1d(ones(1, 1, 0), 2, padding=1),
        lambda: F.max_pool2d(ones(1, 1, 0, 4), 2, padding=1),
        lambda: F.max_pool3d(ones(1, 1, 0, 0, 0), 2, padding=1),
        lambda: F.avg_pool2d(ones(1, 1, 0, 4), 2, padding=1),
    ):
        with pytest.raises(RuntimeError, match="no element"):
            call()
    assert F.max_pool2d(ones(0, 1, 4, 4), 2).shape == (0, 1, 2, 2)


def test_dilated_windows_that_step_over_the_input_have_no_maximum():
    def holds(size, k, s, p, d):
        count = (size + 2 * p - d * (k - 1) - 1) // s + 1
        return [any(0 <= i * s - p + t * d < size for t in range(k)) for i in range(count)]

    for size in range(1, 5):
        for k in (1, 2, 3):
            for s in (1, 2):
                for d in (1, 2, 3, 5):
                    for p in range((d * (k - 1) + 1) // 2 + 1):
                        if size + 2 * p < d * (k - 1) + 1:
                            continue
                        held = holds(size, k, s, p, d)
                        found = F.max_pool1d(ones(1, 1, size), k, s, p, d).flatten().tolist()
                        assert found == [1.0 if some else -math.inf for some in held]
                        if not all(held):
                            with pytest.raises(RuntimeError, match="holds no element"):
                                F.max_pool1d(ones(1, 1, size), k, s, p, d, return_indices=True)


def test_borders_come_from_inside():
    x = flambeau.arange(4.0).reshape(1, 1, 4)
    pads = {
        ("reflect", (3, 2)): [3, 2, 1, 0, 1, 2, 3, 2, 1],
        ("replicate", (2, 3)): [0, 0, 0, 1, 2, 3, 3, 3, 3],
        ("circular", (3, 4)): [1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3],
        ("reflect", (-1, 2)): [1, 2, 3, 2, 1],
        ("circular", (2, -1)): [1, 2, 0, 1, 2],
    }
    for (mode, pad), expected in pads.items():
        assert F.pad(x, pad, mode=mode).flatten().tolist() == expected
    assert F.pad(x, (-2, -2), mode="circular").shape == (1, 1, 0)
    for mode, pad in (("circular", (-3, -2)), ("circular", (-4, 2)), ("replicate", (-4, 0))):
        with pytest.raises(RuntimeError):
            F.pad(x, pad, mode=mode)


def test_wrapped_diagonals_are_filled():
    for rows, columns in ((7, 3), (8, 3), (9, 3), (5, 1), (4, 3), (3, 5), (6, 2)):
        x = flambeau.zeros(rows, columns)
        x.fill_diagonal_(1, wrap=True)
        step = [i for i in range(0, rows * columns, columns + 1)]
        step = step if rows > columns else step[: min(rows, columns)]
        assert x.flatten().nonzero().flatten().tolist() == step


# ------------------------------------------------------------------------------------ convolutions


@pytest.mark.parametrize("dtype", (flambeau.float32, flambeau.float64, flambeau.float16))
def test_strides_beyond_the_input(dtype):
    """Most places of the input belong to no window: their gradient is 0, and costs nothing to find."""
    x = flambeau.arange(24.0, dtype=dtype).reshape(1, 2, 3, 4).requires_grad_()
    weight = ones(2, 2, 2, 2, dtype=dtype)
    out = F.conv2d(x, weight, stride=2**31 - 1)
    (grad,) = flambeau.autograd.grad(out.sum(), x)
    expected = flambeau.zeros(3, 4, dtype=dtype)
    expected[:2, :2] = 2
    assert grad.equal(expected.expand(1, 2, 3, 4))
    bias = flambeau.tensor([5, 7], dtype=dtype)
    for groups in (1, 2):
        wide = F.conv_transpose2d(
            ones(1, 2, 2, 2, dtype=dtype), ones(2, 2 // groups, 1, 1, dtype=dtype), bias, 3,
            groups=groups,
        )  # fmt: skip
        places = flambeau.zeros(4, 4, dtype=dtype)
        places[::3, ::3] = 2 // groups
        assert wide.equal(places + bias.reshape(1, 2, 1, 1))


def test_scale_factors_without_end_are_refused():
    for scale in (inf, nan):
        with pytest.raises(RuntimeError, match="must be finite"):
            F.interpolate(ones(1, 1, 4), scale_factor=scale)


def test_lists_of_more_than_memory_holds():
    for x in (flambeau.ones(HUGE, 0), ones(1).expand(HUGE)):
        with pytest.raises(flambeau.OutOfMemoryError):
            x.tolist()


@pytest.mark.parametrize("reduce", [flambeau.amax, flambeau.amin, flambeau.sum, flambeau.logsumexp])
@pytest.mark.parametrize("dim", [0, -1, 64])
def test_reductions_of_too_many_dimensions_are_refused_by_every_way(reduce, dim):
    with pytest.raises(RuntimeError, match="at most 64"):
        reduce(flambeau.zeros([1] * 66), dim)


def test_max_unpool_of_a_negative_kernel_is_refused():
    unpool = flambeau.nn.MaxUnpool2d(-44717, stride=2)
    with pytest.raises(RuntimeError, match="negative"):
        unpool(flambeau.rand(1, 1, 2, 2), flambeau.zeros(1, 1, 2, 2, dtype=flambeau.int64))


def test_as_many_long_dimensions_as_there_can_be():
    """Loops keep those that are longer than 1 only; of others a tensor may have more."""
    x = flambeau.zeros([1, 2] * 40 + [1] * 40 + [0])
    assert (x + 1).exp().shape == x.shape and x.nonzero().shape == (0, 121)
    assert flambeau.masked_select(x, x > 0).shape == (0,) and x.gather(0, x.long()).shape == x.shape
    assert x.transpose(1, 79).contiguous().sort(5).values.shape == x.shape
    y = flambeau.ones([2, 1] * 16).expand([2, 3] + [2, 1] * 15).transpose(0, 30)
    assert (y + y.clone()).sum() == 2 * y.numel() and flambeau.masked_select(
        y, y > 0
    ).numel() == y.numel()


def test_counts_beyond_64_bits_name_their_operator():
    for call, words in (
        (lambda: ones(3).repeat_interleave(2**62), "repeat_interleave: the repeats sum"),
        (lambda: F.conv1d(ones(1, 1, 8), ones(1, 1, 3), padding=2**62), "conv1d: out of memory"),
        (
            lambda: F.conv_transpose1d(ones(1, 1, 8), ones(1, 1, 3), stride=2**62),
            "conv_transpose1d: out of memory",
        ),
    ):
        with pytest.raises(RuntimeError, match=words):
            call()


def test_sizes_of_modules_are_named_where_they_are_wrong():
    for make, name in (
        (lambda size: nn.Linear(size, 3), "in_features"),
        (lambda size: nn.Bilinear(2, size, 3), "in2_features"),
        (lambda size: nn.Conv2d(3, size, 3), "out_channels"),
        (lambda size: nn.BatchNorm1d(size), "num_features"),
        (lambda size: nn.LayerNorm(size), "normalized_shape"),
        (lambda size: nn.GroupNorm(1, size), "num_channels"),
        (lambda size: nn.Embedding(size, 3), "num_embeddings"),
        (lambda size: nn.GRUCell(3, size), "hidden_size"),
        (lambda size: nn.PReLU(size), "num_parameters"),
        (lambda size: nn.MultiheadAttention(size, 1), "embed_dim"),
    ):
        for wrong in ("2", 2.5, None):
            with pytest.raises(TypeError, match=f": {name} is .* it must be an int"):
                make(wrong)
    with pytest.raises(RuntimeError, match="Linear: out_features is -2; it must be 0 or more"):
        nn.Linear(3, -2)


def test_windows_of_no_channel_are_refused():
    for size in (0, -1):
        with pytest.raises(RuntimeError, match=f"local_response_norm: size is {size}"):
            F.local_response_norm(ones(1, 2, 3), size)


def test_rounds_without_end_stop():
    values = flambeau.svd_lowrank(flambeau.eye(3, 2), 2, niter=2**40)[1]
    assert values.tolist() == pytest.approx([1, 1])


def test_long_chains_of_matrices_are_multiplied():
    product = flambeau.linalg.multi_dot([flambeau.eye(2, dtype=flambeau.float64)] * 300)
    assert product.tolist() == [[1, 0], [0, 1]]
    # Each factor halves the rows: the first product is the dearest, and is done last.
    chain = [flambeau.full((2 ** (9 - i), 2 ** (8 - i)), 0.5) for i in range(9)]
    assert flambeau.linalg.multi_dot(chain).unique().tolist() == [
        pytest.approx(0.5**9 * 2 ** sum(range(1, 9)))
    ]
