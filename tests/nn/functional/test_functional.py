"""What parity does not show: special values, warnings, errors, derivatives of higher order."""

import math
import warnings

import numpy as np
import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau.autograd import gradcheck, gradgradcheck


def double(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=shape)).requires_grad_(True)


TARGET = [0, 2, -100, 1]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_derivatives(reduction, smoothing):
    target = torch.tensor(TARGET)

    def loss(x):
        return F.cross_entropy(x, target, reduction=reduction, label_smoothing=smoothing)

    x = double(4, 3)
    assert gradcheck(loss, (x,)) and gradgradcheck(loss, (x,))


def test_cross_entropy_names_the_wrong_target():
    with pytest.raises(IndexError, match="cross_entropy: target 3 at position 1 is no class"):
        F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3]))


def test_cross_entropy_is_finite_for_huge_logits():
    x = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor([1]))
    loss.backward()
    assert loss.item() == 2e4 and x.grad.tolist() == [[1.0, -1.0]]


def test_cross_entropy_of_ignored_rows_only_is_nan_and_of_none():
    x = torch.zeros(2, 3)
    ignored = torch.tensor([-100, -100])
    assert math.isnan(F.cross_entropy(x, ignored).item())
    assert F.cross_entropy(x, ignored, reduction="none").tolist() == [0.0, 0.0]
    assert math.isnan(F.cross_entropy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).item())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_derivatives(training, affine):
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    vectors = (double(3, seed=1), double(3, seed=2)) if affine else ()

    def norm(x, *vectors):
        weight, bias = vectors if vectors else (None, None)
        running = (None, None) if training else (mean, var)
        return F.batch_norm(x, *running, weight, bias, training)

    x = double(4, 3, 2)
    assert gradcheck(norm, (x, *vectors)) and gradgradcheck(norm, (x, *vectors))


def test_batch_norm_updates_running_statistics():
    mean, var = torch.zeros(2), torch.ones(2)
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    F.batch_norm(x, mean, var, training=True, momentum=0.5)
    assert mean.tolist() == [1.0, 2.0] and var.tolist() == [1.5, 4.5]
    with pytest.raises(
        ValueError,
        match=r"batch_norm: input \(1, 2\) has one value for each channel, which has no variance",
    ):
        F.batch_norm(x[:1], None, None, training=True)


@pytest.mark.parametrize(
    "loss",
    [
        F.mse_loss,
        F.huber_loss,
        F.smooth_l1_loss,
        F.binary_cross_entropy_with_logits,
        lambda x, y: F.binary_cross_entropy(x.sigmoid(), y.sigmoid()),
    ],
)
def test_pointwise_losses_derivatives(loss):
    x, y = double(3, 4), double(3, 4, seed=5)
    assert gradcheck(loss, (x, y)) and gradgradcheck(loss, (x, y))


def test_binary_cross_entropy_at_the_edges():
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(x, torch.tensor([1.0, 0.0]), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [100.0, 100.0]
    assert np.isfinite(x.grad.numpy()).all()
    with pytest.raises(
        RuntimeError, match="binary_cross_entropy: input holds numbers outside of 0 to 1"
    ):
        F.binary_cross_entropy(torch.tensor([2.0]), torch.tensor([1.0]))


def test_mse_loss_warns_where_it_broadcasts():
    with pytest.warns(
        UserWarning,
        match=r"mse_loss: target \(3, 1\) and input \(3, 4\) differ and are broadcast, which is rarely meant\.",
    ):
        F.mse_loss(torch.zeros(3, 4), torch.zeros(3, 1))
    with pytest.warns(UserWarning, match="reduction='sum'"):
        F.mse_loss(torch.zeros(3), torch.ones(3), size_average=False)
    with pytest.raises(ValueError, match="mse_loss: reduction is 'most'"):
        F.mse_loss(torch.zeros(3), torch.ones(3), reduction="most")


def test_mse_loss_takes_integer_targets():
    x = torch.zeros(1, 10, requires_grad=True)
    loss = F.mse_loss(x, torch.arange(1, 11).view(1, 10))
    loss.backward()
    assert loss.item() == 38.5


def test_softmax_without_dim_warns():
    with pytest.warns(
        UserWarning, match="softmax: without dim it guesses the dim from input's shape"
    ):
        assert F.softmax(torch.zeros(2, 2)).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_dropout():
    x = torch.ones(1000)
    y = F.dropout(x, 0.25)
    kept = y[y != 0]
    assert 650 < kept.numel() < 850 and bool((kept == 4 / 3).all())
    assert F.dropout(x, 0.25, training=False) is x
    assert bool((F.dropout(x, 1.0) == 0).all())
    channels = F.dropout2d(torch.ones(4, 50, 3, 3), 0.5)
    assert bool(((channels == 0).all(-1).all(-1) | (channels == 2).all(-1).all(-1)).all())
    generator = torch.Generator().manual_seed(5)
    again = torch.Generator().manual_seed(5)
    first = F.dropout(x, generator=generator)
    assert bool((first == F.dropout(x, generator=again)).all())
    with pytest.raises(ValueError, match=r"dropout: p is 1\.5; a probability is from 0 to 1"):
        F.dropout(x, 1.5)


def test_inplace_activations_write_into_their_input():
    x = torch.tensor([-1.0, 2.0])
    assert F.relu(x, inplace=True) is x and x.tolist() == [0.0, 2.0]
    y = torch.tensor([-1.0, 2.0])
    assert F.leaky_relu(y, 0.5, inplace=True) is y and y.tolist() == [-0.5, 2.0]


def test_embedding_max_norm_shortens_the_rows_in_use():
    table = torch.tensor([[3.0, 4.0], [6.0, 8.0], [0.3, 0.4]])
    F.embedding(torch.tensor([1, 2]), table, max_norm=5.0)
    np.testing.assert_allclose(table.numpy(), [[3, 4], [3, 4], [0.3, 0.4]], rtol=1e-5)


def test_no_warning_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.cross_entropy(F.softmax(torch.zeros(2, 3), 1), torch.tensor([0, 1]))
        F.mse_loss(torch.zeros(2), torch.ones(2))


def test_attention_row_that_may_look_nowhere_gives_zero():
    q = torch.ones(1, 2, 3)
    mask = torch.tensor([[True, True], [False, False]])
    assert F.scaled_dot_product_attention(q, q, q, mask)[0, 1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("padding_mode", ["border", "reflection"])
def test_grid_sample_has_no_gradient_for_places_at_the_limit(padding_mode):
    # -0.75 is the middle of the first of four pixels, 0.75 of the last; clamp gave these a gradient.
    image = torch.arange(16.0).view(1, 1, 4, 4) ** 2
    grid = (
        torch.tensor([[-0.75, -0.25], [0.75, 0.3], [0.1, -0.75]]).view(1, 3, 1, 2).requires_grad_()
    )
    F.grid_sample(image, grid, padding_mode=padding_mode, align_corners=False).sum().backward()
    slopes = grid.grad.view(3, 2)
    assert slopes[0, 0] == 0 and slopes[1, 0] == 0 and slopes[2, 1] == 0
    assert (slopes[[0, 1, 2], [1, 1, 0]] != 0).all()


def test_the_numbers_of_grid_samples_modes():
    assert F.GRID_SAMPLE_INTERPOLATION_MODES == {"bilinear": 0, "nearest": 1, "bicubic": 2}
    assert F.GRID_SAMPLE_PADDING_MODES["reflection"] == 2


@pytest.mark.parametrize("operator", [F.softmax, F.log_softmax])
def test_softmax_of_nothing_has_a_second_derivative(operator):
    x = torch.ones(0, 3, requires_grad=True)
    (g,) = torch.autograd.grad(operator(x, dim=1), x, torch.ones(0, 3), create_graph=True)
    g.sum().backward()
    assert x.grad.shape == (0, 3)


def test_integers_stay_what_they_are():
    ones = torch.ones(2, 3, dtype=torch.int32)
    assert F.bilinear(ones, ones, torch.ones(4, 3, 3, dtype=torch.int32)).dtype == torch.int32
    assert F.alpha_dropout(ones > 0, 1.0, training=True).dtype == torch.bool


def test_rrelu_lets_nan_through_with_slope_one():
    x = torch.tensor([math.nan, 2.0], requires_grad=True)
    F.rrelu(x, 0.0, 0.5, training=True).sum().backward()
    assert x.grad.tolist() == [1, 1]
