"""Inputs that have no answer are refused: integers that would be cut, factors out of range, wrong types."""

import itertools
import math

import pytest

import flambeau as torch
from flambeau.nn import functional as F

inf, nan = math.inf, math.nan

SMOOTH = "mish leaky_relu elu celu selu softplus logsigmoid hardsigmoid hardswish softshrink hardshrink silu"


@pytest.mark.parametrize("name", SMOOTH.split())
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_activations_are_no_integers(name, dtype):
    # silu of 1, 2, -3 was 0, 1, 0.
    with pytest.raises(RuntimeError, match="must be floating|hold integers"):
        getattr(F, name)(torch.ones(3, dtype=dtype))


def test_interpolated_values_are_no_integers():
    x = torch.ones(1, 1, 4, dtype=torch.int64)
    with pytest.raises(NotImplementedError, match="gives no integers"):
        F.interpolate(x, 5, mode="linear")
    assert F.interpolate(x, 5).dtype is torch.int64


def test_threshold_refuses_what_the_dtype_does_not_hold():
    with pytest.raises(RuntimeError, match="out of range"):
        F.threshold(torch.ones(3, dtype=torch.uint8), 2, -4)
    assert F.threshold(torch.ones(3, dtype=torch.uint8), 2, 4).tolist() == [4, 4, 4]


REFUSED = [
    (lambda: torch.ones(2).prod(None), TypeError, "dim takes an int"),
    (lambda: torch.prod(torch.ones(2), dim=None, keepdim=True), TypeError, "dim takes an int"),
    (lambda: torch.max(torch.ones(2), None), TypeError, "dim takes an int"),
    (lambda: torch.ones(2).min(dim=None), TypeError, "dim takes an int"),
    (lambda: torch.ones(2).max(other=None), TypeError, "other takes"),
    (lambda: torch.tensor([1.0], requires_grad=None), TypeError, "requires_grad takes True"),
    (lambda: torch.tensor([1.0], pin_memory=None), TypeError, "pin_memory takes True"),
    (lambda: torch.permute_copy(torch.ones(3), 0), TypeError, "sequence of ints"),
    (lambda: torch.expand_copy(torch.ones(1), 3), TypeError, "sequence of ints"),
    (lambda: torch.view_copy(torch.ones(4), 4), TypeError, "sequence of ints"),
    (lambda: torch.broadcast_to(torch.ones(1), 3), TypeError, "sequence of ints"),
    (lambda: torch.zeros(3).scatter(0, torch.tensor([0]), torch.tensor(1)), RuntimeError, "int64"),
    (
        lambda: torch.zeros(3).scatter_(0, torch.tensor([0, 1]), torch.tensor(1.0)),
        RuntimeError,
        "src",
    ),
    (lambda: torch.zeros(2**70), TypeError, "64 bits"),
    (lambda: torch.ones(2).reshape(-(2**70)), TypeError, "64 bits"),
    (lambda: torch.ones(2, 2**70), TypeError, "64 bits"),
    (lambda: torch.ones(2).narrow(0, 0, 2**70), ValueError, "64 bits"),
    (lambda: torch.ones(2).sum(2**70), ValueError, "64 bits"),
    (lambda: torch.ones(3).copy_(torch.ones(3), non_blocking="x"), TypeError, "non_blocking"),
    (lambda: torch.ones(3).repeat(True), TypeError, "takes ints"),
    (lambda: torch.add(torch.ones(3), 1, alpha=True), RuntimeError, "alpha is a bool"),
    (lambda: torch.ones(3).sub_(torch.ones(3), alpha=False), RuntimeError, "alpha is a bool"),
    (lambda: torch.rsub(torch.ones(3), 2, alpha=True), RuntimeError, "alpha is a bool"),
    (lambda: torch.ones(3).repeat(1.5), TypeError, "takes ints"),
    (lambda: torch.ones(3).tile((2.0,)), TypeError, "takes ints"),
    (
        lambda: torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2), 1),
        TypeError,
        "sequence of ints",
    ),
    (lambda: torch.masked.logsumexp(torch.ones(3), 0, keepdim=1), TypeError, "True or False"),
    (lambda: torch.masked.prod(torch.ones(3, 2), dim=65), IndexError, "out of range"),
    (lambda: torch.topk(torch.ones(3, dtype=torch.bool), 1), RuntimeError, "bool"),
    (lambda: F.prelu(torch.ones(3), torch.ones(1).double()), RuntimeError, "float64"),
    (lambda: F.kl_div(torch.ones(2).long(), torch.ones(2), reduction="sum"), RuntimeError, "input"),
    (lambda: torch.normal(torch.ones(2), nan), RuntimeError, "std"),
    (lambda: F.dropout2d(torch.ones(1, 2, 2, 2), p=nan, training=False), ValueError, "p is nan"),
    (lambda: torch.take(torch.ones(3), torch.zeros(1, dtype=torch.int32)), RuntimeError, "int64"),
    (lambda: torch.tensor_split(torch.ones(3), True), TypeError, "bool"),
    (lambda: torch.unique_consecutive(torch.ones(()), dim=0), IndexError, "number"),
    (lambda: torch.allclose(torch.ones(2), torch.ones(2), atol=nan), RuntimeError, "0 or more"),
    (lambda: torch.renorm(torch.ones(2, 2), nan, 0, 1.0), RuntimeError, "above 0"),
    (
        lambda: torch.cov(torch.ones(2, 0), fweights=torch.ones(0, dtype=torch.int64)),
        RuntimeError,
        "sum to zero",
    ),
    (
        lambda: torch.native_group_norm(torch.ones(1, 0), torch.ones(0), None, -1, 3, 1, 1, 1e-5),
        RuntimeError,
        "one for each channel",
    ),
    (
        lambda: F.linear_cross_entropy(torch.ones(8), torch.ones(8, 8), torch.tensor(1), options=1),
        TypeError,
        "options",
    ),
]


@pytest.mark.parametrize("call, error, words", REFUSED)
def test_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("training", [False, True])
def test_an_infinite_weight_leaves_no_number_in_its_channel(training):
    x, weight = torch.arange(12.0).reshape(3, 2, 2), torch.tensor([1.0, inf])
    mean, var = torch.zeros(2), torch.ones(2)
    for result in (
        F.batch_norm(x, mean, var, weight, torch.zeros(2), training=training),
        F.group_norm(x, 1, weight, torch.zeros(2)),
        F.group_norm(x, 1, weight),
        F.group_norm(x.repeat(1, 1, 20), 1, weight),
        F.group_norm(x[:, :, 0], 1, weight),
        torch.native_group_norm(x, weight, None, 3, 2, 2, 1, 1e-5)[0],
    ):
        assert result[:, 1].isnan().all() and result[:, 0].isfinite().all()
    assert F.group_norm(x, 1, None, weight)[:, 1].isposinf().all()


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 40)])
def test_an_infinite_weight_of_group_norm_meets_x_and_the_mean_for_themselves(shape):
    x = torch.ones(shape)
    x[0, 1] = -0.5
    result = F.group_norm(x, 1, torch.tensor([1.0, inf, 2.0]), torch.zeros(3))
    assert result[0, 1].isneginf().all() and result[1, 1].isnan().all()
    assert result[:, ::2].isfinite().all()


def test_addmv_of_an_empty_matrix_is_the_scaled_input():
    input, matrix = torch.ones(1, requires_grad=True), torch.ones(5, 0, requires_grad=True)
    result = torch.addmv(input, matrix, torch.ones(0), beta=0.5)
    assert result.tolist() == [0.5]
    result.sum().backward()
    assert input.grad.tolist() == [0.5] and matrix.grad.shape == (5, 0)
    assert torch.addmv(input, matrix, torch.ones(0), beta=0).tolist() == [0] * 5


def test_corrcoef_of_nan_has_a_gradient_of_nan():
    x = torch.ones(2, 1, requires_grad=True)
    torch.corrcoef(x).sum().backward()
    assert x.grad.isnan().all()


def test_addr_takes_fractions_where_a_vector_is_floating():
    whole = torch.ones(2, 2, dtype=torch.uint8)
    result = torch.addr(whole, torch.ones(2, dtype=torch.uint8), torch.ones(2), beta=0.5)
    assert result.equal(torch.full((2, 2), 1.5))


NORMS = {
    "layer_norm": lambda x, w, b: F.layer_norm(x, (4,), w, b),
    "group_norm": lambda x, w, b: F.group_norm(x, 2, w, b),
    "batch_norm": lambda x, w, b: F.batch_norm(x, w, w.abs(), w, b),
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_take_parameters_of_one_dtype(name):
    ones, norm = torch.ones(2, 4), NORMS[name]
    for x, w, b in ((ones, "double", "double"), (ones, "float", "int"), (ones.half(), "half", "float"),
                    (ones.double(), "float", "float"), (ones, "cfloat", "cfloat")):  # fmt: skip
        with pytest.raises(RuntimeError, match=f"{name}: input is .*one dtype"):
            norm(x, getattr(ones[0], w)(), getattr(ones[0], b)())
    assert norm(ones.half(), ones[0], ones[0]).dtype == torch.float16


def test_bias_of_layer_norm_alone_keeps_the_dtype_of_input():
    assert F.layer_norm(torch.ones(2, 4).half(), (4,), None, torch.ones(4)).dtype == torch.float16


@pytest.mark.parametrize("n", [1, 2, 3])
def test_maxima_of_no_channels_without_a_batch(n):
    x = torch.ones(0, *[4] * n, requires_grad=True)
    pooled = getattr(F, f"adaptive_max_pool{n}d")(x, 2)
    assert pooled.shape == (0, *[2] * n)
    pooled.sum().backward()
    assert x.grad.shape == x.shape
    with pytest.raises(RuntimeError, match="no channels"):
        getattr(F, f"adaptive_max_pool{n}d")(torch.ones(2, 0, *[4] * n), 2)


WHOLE = torch.ones(2, 3, dtype=torch.int64)
EMPTY = torch.ones(1, 0, 3)
ONE = torch.tensor(1.0)
REFUSED = (
    (lambda: torch.masked.mean(WHOLE, 1), ValueError, "masked.mean: input is torch.int64"),
    (lambda: torch.masked.norm(WHOLE, 2, 1), RuntimeError, "masked.norm: input is torch.int64"),
    (lambda: torch.masked.normalize(WHOLE, 2, 1), RuntimeError, "masked.normalize: input is"),
    (lambda: torch.masked.softmax(WHOLE, 1), NotImplementedError, "masked.softmax: input is"),
    (lambda: torch.masked.softmin(WHOLE, 1), NotImplementedError, "masked.softmin: input is"),
    (lambda: torch.masked.log_softmax(WHOLE, 1), NotImplementedError, "masked.log_softmax: input"),
    (lambda: torch.masked.var(WHOLE > 0, 1), RuntimeError, "masked.var: input is bool"),
    (lambda: torch.mvlgamma(WHOLE > 0, 1), RuntimeError, "mvlgamma: input is bool"),
    (lambda: F.huber_loss(WHOLE, WHOLE), NotImplementedError, "huber_loss: input is torch.int64"),
    (lambda: F.huber_loss(ONE, ONE, delta=nan), RuntimeError, "huber_loss: delta is nan"),
    (lambda: F.interpolate(EMPTY, 2), RuntimeError, "has no channels"),
    (lambda: F.max_unpool1d(EMPTY, EMPTY.long(), 3), RuntimeError, "has no elements"),
    (lambda: F.ctc_loss(EMPTY, WHOLE, (1,), (1,)), RuntimeError, "log_probs .* has no elements"),
    (lambda: F.multilabel_soft_margin_loss(ONE, ONE), IndexError, "input is one number"),
    (
        lambda: F.bilinear(*torch.ones(2, 1, 3), torch.ones(4, 3, 3), torch.ones(1)),
        RuntimeError,
        r"bias \(1,\) must be \(4,\)",
    ),
    (lambda: torch.normal(ONE, ONE * nan), RuntimeError, "std must be 0 or more"),
    (lambda: torch.ones(2).normal_(0, nan), RuntimeError, "std is nan"),
)


@pytest.mark.parametrize("call, error, words", REFUSED)
def test_calls_without_an_answer(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_only_a_batch_may_be_empty():
    x = torch.ones(0, 2, 3)
    assert F.interpolate(x, 2).shape == (0, 2, 2)
    assert F.max_unpool1d(x, x.long(), 3).shape == (0, 2, 9)
    assert torch.masked.mean(WHOLE, 1, dtype=torch.float32).tolist() == [1, 1]


def test_numbers_and_shapes_that_mean_nothing():
    ones, nan = torch.ones, float("nan")
    for error, call in (
        (TypeError, lambda: torch.repeat_interleave(ones(3), 1.5)),
        (TypeError, lambda: torch.hsplit(ones(4), True)),
        (TypeError, lambda: torch.histogramdd(ones(5, 2), True)),
        (RuntimeError, lambda: torch.linalg.multi_dot([torch.tensor(1.0), ones(2)])),
        (RuntimeError, lambda: torch.linalg.multi_dot([ones(2), torch.tensor(1.0)])),
        (RuntimeError, lambda: torch.histogramdd(ones(5, 2), (ones(2), ones(1)))),
        (RuntimeError, lambda: torch.cdist(ones(2, 3), ones(2, 3), nan)),
        (RuntimeError, lambda: torch.pdist(ones(2, 3), nan)),
        (RuntimeError, lambda: torch.trapezoid(ones(5), dx=True)),
        (RuntimeError, lambda: torch.cumulative_trapezoid(ones(0), ones(6))),
        (RuntimeError, lambda: torch.nn.functional.softshrink(ones(3), nan)),
        (RuntimeError, lambda: torch.nn.functional.soft_margin_loss(ones(1), ones(5))),
        (RuntimeError, lambda: torch.nn.functional.soft_margin_loss(ones(5).int(), ones(5))),
        (RuntimeError, lambda: torch.nn.functional.grid_sample(ones(1, 1, 2, 2), ones(1, 2, 2, 2).long())),
    ):  # fmt: skip
        with pytest.raises(error):
            call()
    complexes = ones(5, dtype=torch.complex64)
    for reduction in ("mean", "none"):
        with pytest.raises(NotImplementedError, match="mse_loss"):
            torch.nn.functional.mse_loss(complexes, complexes, reduction=reduction)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: torch.median(x, None), "median: dim takes an int, but got None"),
        (lambda x: x.nanmedian(dim=None), "nanmedian: dim takes an int, but got None"),
        (lambda x: torch.trapezoid(x, dx=None), "trapezoid: dx takes a number, but got None"),
        (lambda x: torch.eye(3, None), "eye: m takes an int, but got None"),
        (lambda x: abs(x > 0), r"abs: takes no bool\. To count, convert it with \.int\(\) first"),
        (lambda x: torch.ones(3, layout=3), r"ones: layout must be a torch\.layout, not int"),
    ],
)
def test_what_may_be_left_out_is_not_none(call, message):
    with pytest.raises(TypeError, match=message):
        call(torch.ones(3))


SEQUENCES = {
    "flip": lambda x: torch.flip(x, 0),
    "flip of a name": lambda x: x.flip(dims=0),
    "reshape": lambda x: torch.reshape(x, -1),
    "permute": lambda x: torch.permute(x, 0),
    "tile": lambda x: torch.tile(x, 2),
    "as_strided": lambda x: x.as_strided(2, (1,)),
    "as_strided of a stride": lambda x: torch.as_strided(x, (2,), 1),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_one_int_is_no_sequence(name):
    with pytest.raises(TypeError, match=f"{name.split()[0]}: .*takes a sequence of ints"):
        SEQUENCES[name](torch.ones(3))


def test_methods_take_ints_by_position():
    x = torch.arange(3)
    assert x.flip(0).tolist() == torch.flip(x, (0,)).tolist() == x.flip(dims=(0,)).tolist()
    assert x.tile(2).tolist() == torch.tile(x, (2,)).tolist() == x.tile(dims=(2,)).tolist()
    assert x.permute(0).equal(x) and torch.permute(x, dims=[0]).equal(x)
    assert x.reshape(3, 1).equal(torch.reshape(x, shape=(3, 1)))
    mapped = torch.vmap(lambda x: torch.permute(torch.reshape(x, (3, 1)), (1, 0)))(x.expand(2, 3))
    assert mapped.equal(x.expand(2, 1, 3))


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "relu"])
def test_nothing_rounds_bools(name):
    with pytest.raises(NotImplementedError, match=f"{name}: takes no bool"):
        getattr(torch, name)(torch.tensor([True]))


def test_seeds_have_64_bits():
    for seed in (2**70, -(2**70)):
        with pytest.raises(ValueError, match="does not fit 64 bits"):
            torch.manual_seed(seed)


def test_no_classes_and_no_elements():
    targets = {
        (2, 0): torch.zeros(2, 0),
        (2, 0, 3): torch.full((2, 3), -100),
        (0, 0, 3): torch.zeros(0, 0, 3),
    }
    for shape, target in targets.items():
        loss = torch.nn.functional.cross_entropy(torch.zeros(shape), target, label_smoothing=0.1)
        assert loss.isnan(), shape
    for weight, reduction in itertools.product((None, torch.ones(0)), ("mean", "sum", "none")):
        loss = torch.nn.functional.cross_entropy(
            torch.zeros(2, 0),
            torch.full((2,), -100),
            weight,
            reduction=reduction,
            label_smoothing=0.1,
        )
        assert loss.isnan().all(), (weight, reduction)
    with pytest.raises(IndexError, match="kthvalue: dim 1 of input .2, 0. is empty"):
        torch.zeros(2, 0).kthvalue(1)
    with pytest.raises(RuntimeError, match="median: input .0, 3. has no elements"):
        torch.zeros(0, 3, dtype=torch.int64).median()


@pytest.mark.parametrize("name", ["sign", "deg2rad", "rad2deg", "logit"])
def test_complex_numbers_that_have_no_order_or_angle_of_degrees(name):
    z = torch.ones(2, dtype=torch.complex64)
    for call in (lambda: getattr(torch, name)(z), lambda: getattr(z, name + "_")()):
        with pytest.raises(RuntimeError, match=f"{name}: takes no complex numbers"):
            call()


def test_heaviside_takes_one_dtype():
    for first, second in itertools.permutations(["float32", "float64", "int64", "uint8"], 2):
        x, values = (torch.ones(2, dtype=getattr(torch, d)) for d in (first, second))
        for call in (
            lambda x=x, v=values: torch.heaviside(x, v),
            lambda x=x, v=values: torch.heaviside(x, v[0]),
            lambda x=x, v=values: x.heaviside_(v),
        ):
            with pytest.raises(RuntimeError, match=f"heaviside: input is {first}|heaviside_: its"):
                call()


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "complex64"])
def test_float_power_keeps_float64_and_complex128(dtype):
    x = torch.full((2,), 3, dtype=getattr(torch, dtype))
    with pytest.raises(RuntimeError, match="float_power_: its result is"):
        x.float_power_(2)
    with pytest.raises(RuntimeError, match="out"):
        torch.float_power(x, 2, out=torch.empty_like(x))
    wide = x.to(torch.complex128 if x.is_complex() else torch.float64)
    assert wide.float_power_(2) is wide and wide.tolist() == pytest.approx([9, 9])
    assert torch.float_power(x, 2, out=torch.empty_like(wide)).tolist() == pytest.approx([9, 9])


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "complex64"])
def test_frac_takes_floating_numbers(dtype):
    x = torch.ones(2, dtype=getattr(torch, dtype))
    for call in (x.frac, x.frac_):
        with pytest.raises(NotImplementedError, match="frac"):
            call()


def test_take_along_dim_has_no_dim_of_a_number():
    number, index = torch.tensor(1.0), torch.tensor(0)
    with pytest.raises(IndexError, match="no dim"):
        torch.take_along_dim(number, index, 0)
    assert torch.take_along_dim(number, index).tolist() == [1.0]


def test_wrong_dims_have_pytorchs_types():
    x, masked = torch.ones(2, 2, 2), torch.masked
    for error, call in (
        (TypeError, lambda: torch.linalg.vecdot(x, x, dim=())),
        (TypeError, lambda: torch.linalg.vecdot(x, x, dim=(0, 0))),
        (TypeError, lambda: torch._softmax_backward_data(x, x, (0, 0), torch.float32)),
        (TypeError, lambda: torch.tensordot(x, x, (0, 0))),
        (TypeError, lambda: torch.movedim(x, "x", (0,))),
        (RuntimeError, lambda: torch.diag_embed(x, 2**63 - 1)),
        (RuntimeError, lambda: torch.diag(x[0, 0], 2**63 - 1)),
        (RuntimeError, lambda: masked.cumsum(x, (0, 0))),
        (IndexError, lambda: masked.cumprod(x, (0, 99))),
        (IndexError, lambda: masked.softmax(x, (0, 99))),
        (RuntimeError, lambda: masked.median(x, (0, 0))),
    ):
        with pytest.raises(error, match=r"^\w[\w.]*: "):
            call()
    assert torch.equal(masked.cumsum(x, ()), x.cumsum(0))
    assert torch.equal(masked.softmax(x, (1, 2)), x.softmax(1))


def test_scatter_speaks_of_the_value_that_was_given():
    x, index = torch.ones(3, 3), torch.zeros(2, 5, dtype=torch.int64)
    for call in (x.scatter, x.clone().scatter_):
        with pytest.raises(RuntimeError, match=r"larger than self \(3, 3\) in a dim other than 0"):
            call(0, index, value=1.0)
        with pytest.raises(TypeError, match="value must be a number, not str"):
            call(0, index[:, :2], value="a")
        with pytest.raises(TypeError, match=r"value must be a number, not a tensor \(2,\)"):
            call(0, index[:, :2], value=torch.ones(2))
        assert torch.equal(
            call(0, index[:, :2], value=torch.tensor(2.0))[0, :2], torch.full((2,), 2.0)
        )


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_recurrences_refuse_wrong_calls_by_their_name(name):
    call = getattr(torch, name)
    with pytest.raises(TypeError, match=f"^{name}: argument 'input' is missing"):
        call()
    with pytest.raises(TypeError, match=f"^{name}: has no argument 'no_such'"):
        call(torch.ones(1, 1, 1), torch.ones(1, 1, 1), [], no_such=1)
    with pytest.raises(TypeError, match=f"^{name}: argument 'params' is missing"):
        call(torch.ones(1, 1), batch_sizes=torch.ones(1), hx=torch.ones(1))
