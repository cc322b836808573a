"""Images of channels last whose copies in another order would take long are multiplied as they lie."""

import numpy as np
import pytest

import flambeau as torch
import flambeau.nn.functional as F
from tests.on_threads import on_threads

RNG = np.random.default_rng(12)

# items, channels, targets, spatial sizes, kernel; stride, padding, dilation
CASES = [
    (2, 40, 20, (21, 30), (3, 3), {"stride": 2, "padding": 1}),
    (1, 3, 70, (19, 23), (3, 3), {}),
    (3, 2, 190, (30, 17), (3, 4), {"stride": 2, "padding": (1, 3)}),
    (1, 200, 9, (18, 14), (2, 2), {"stride": 2}),
    (2, 7, 33, (18, 18), (2, 2), {"dilation": 3, "padding": 1, "stride": 2}),
    (1, 400, 18, (24, 26), (2, 3), {"padding": 2}),  # weights in some slices
    (1, 8, 300, (40, 40), (2, 2), {}),  # and parts
    (40, 9, 8, (5, 6), (3, 3), {"stride": 3, "padding": 1}),
    (1, 9, 12, (30, 3), (1, 2), {"padding": (0, 4)}),  # more border than image
    (1, 20, 4, (300, 9), (5, 1), {"stride": (4, 3)}),
]


def operands(case, dtype):
    n, channels, targets, sizes, kernel, window = case
    shapes = (n, channels, *sizes), (targets, channels, *kernel), (targets,)
    x, w, b = (torch.from_numpy(RNG.standard_normal(s)).to(dtype) for s in shapes)
    return x, w, b, window


def last(t):
    return t.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_images_of_channels_last_give_what_others_give(case, dtype):
    x, w, b, window = operands(case, dtype)
    expected = F.conv2d(x, w, b, **window).numpy()
    tolerance = (3e-6 if dtype == torch.float32 else 1e-14) * np.abs(expected).max()
    for weight in (w, last(w)):
        found = F.conv2d(last(x), weight, b, **window)
        assert found.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        F.conv2d(last(x), w, **window).numpy(),
        F.conv2d(x, w, **window).numpy(),
        rtol=0,
        atol=tolerance,
    )


@pytest.mark.parametrize("place", ["image", "weight"])
def test_what_is_not_finite_is_where_it_was(place):
    x, w, b, window = operands(CASES[0], torch.float32)
    (x if place == "image" else w)[0, 7, 1, 1] = float("nan")
    expected = torch.isfinite(F.conv2d(x, w, b, **window)).numpy()
    np.testing.assert_array_equal(torch.isfinite(F.conv2d(last(x), w, b, **window)), expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_any_number_of_threads_gives_the_same_bits(case):
    x, w, b, window = operands(case, torch.float32)
    found = on_threads(lambda: F.conv2d(last(x), w, b, **window).numpy().tobytes())
    assert found == [found[0]] * 4


# As above; of some the gradients of weights are such products, of some not.
WEIGHTS = [
    (1, 90, 3, (40, 33), (2, 2), {"stride": 3, "padding": 1}),
    (2, 70, 1, (30, 31), (3, 3), {"padding": 1}),  # gradients of one channel
    (3, 3, 60, (40, 41), (3, 3), {"stride": 2, "padding": (2, 1)}),
    (1, 4, 37, (64, 50), (3, 2), {"dilation": 2, "padding": (2, 1)}),
    (1, 120, 5, (50, 40), (4, 4), {"stride": 2, "padding": 3}),
    (2, 5, 40, (44, 60), (3, 5), {"padding": (1, 4)}),  # taps by themselves
    (1, 6, 30, (90, 40), (3, 4), {"padding": (0, 3), "stride": (1, 38)}),
    (1, 40, 3, (40, 300), (2, 2), {"stride": (1, 3), "dilation": (3, 1)}),
]


def gradient_of_weight(x, w, window, layout):
    w = w.detach().requires_grad_()
    output = F.conv2d(layout(x), w, **window)
    grad = torch.cos(torch.arange(output.numel())).reshape(output.shape).to(x.dtype)
    return torch.autograd.grad(output, [w], layout(grad))[0].numpy()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", CASES + WEIGHTS, ids=str)
def test_gradients_of_weights_agree(case, dtype):
    x, w, _, window = operands(case, dtype)
    expected = gradient_of_weight(x, w, window, lambda t: t)
    found = gradient_of_weight(x, w, window, last)
    tolerance = (3e-6 if dtype == torch.float32 else 1e-14) * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    for other in on_threads(lambda: gradient_of_weight(x, w, window, last)):
        np.testing.assert_array_equal(other, found)


def test_gradients_that_are_not_finite_meet_no_border():
    x, w, _, window = operands((1, 90, 1, (40, 32), (3, 3), {"padding": 1}), torch.float32)
    w = w.requires_grad_()
    output = F.conv2d(last(x), w, **window)
    grad = torch.ones_like(output)
    grad[0, 0, 0, 0] = float("inf")
    (found,) = torch.autograd.grad(output, [w], grad)
    outside = found[0, :, 0].abs().max().item(), found[0, :, 1:, 0].abs().max().item()
    assert np.isfinite(outside).all()  # of taps that lie outside there
    assert not torch.isfinite(found[0, :, 1:, 1:]).any()


# items, channels, targets, sizes of the input, kernel; window. To 24 channels and more of a group.
BACK = [
    (1, 90, 3, (20, 23), (3, 3), {"stride": 2, "padding": 1}),
    (2, 300, 2, (21, 18), (4, 4), {"stride": 2}),  # parts of the targets
    (1, 120, 8, (18, 19), (3, 3), {"stride": 3, "padding": 1, "groups": 4}),
    (2, 64, 4, (25, 22), (2, 2), {"stride": 3, "groups": 2}),  # pixels that no tap meets
    (1, 50, 6, (21, 22), (5, 3), {"padding": (2, 3), "dilation": (1, 3), "stride": (2, 3)}),
    (3, 40, 20, (9, 30), (3, 4), {"stride": (1, 2), "padding": (0, 5)}),
    (1, 48, 5, (19, 20), (3, 3), {"dilation": 2, "padding": 2, "stride": 2}),
    (1, 33, 120, (30, 31), (1, 7), {"stride": 3, "padding": (0, 3)}),  # lines in some slices
    (4, 26, 3, (7, 8), (3, 3), {"padding": 1}),
    (2, 64, 16, (20, 20), (3, 3), {"padding": 1}),  # weights as they lie
]


def backward(case, dtype, layout):
    """The gradient for the input, and the transposed convolution of its size with a bias."""
    n, channels, targets, sizes, kernel, window = case
    rng = np.random.default_rng(4)

    def drawn(*shape):
        return torch.from_numpy(rng.standard_normal(shape)).to(dtype)

    w, bias = drawn(targets, channels // window.get("groups", 1), *kernel), drawn(channels)
    w = layout(w)
    x = layout(torch.zeros(n, channels, *sizes, dtype=dtype)).requires_grad_()
    output = F.conv2d(x, w, **window)
    grad = layout(drawn(*output.shape))
    (found,) = torch.autograd.grad(output, [x], grad)
    return found.numpy(), F.conv_transpose2d(grad, w, bias, **window).numpy()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("case", BACK, ids=str)
def test_gradients_of_inputs_and_transposed_convolutions_agree(case, dtype):
    expected, found = backward(case, dtype, lambda t: t), backward(case, dtype, last)
    for a, b in zip(found, expected, strict=True):
        tolerance = (3e-6 if dtype == torch.float32 else 1e-14) * np.abs(b).max()
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)
    for others in on_threads(lambda: backward(case, dtype, last)):
        for a, b in zip(found, others, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", BACK[:3] + WEIGHTS[:3] + CASES[:3], ids=str)
def test_both_gradients_at_once_are_those_of_each(case, transposed):
    x, w, _, window = operands(case, torch.float32)
    w = w[:, : case[1] // window.get("groups", 1)]
    image = last(F.conv2d(x, w, **window) if transposed else x)
    leaves = [image.detach().requires_grad_(), w.detach().requires_grad_()]
    output = (F.conv_transpose2d if transposed else F.conv2d)(*leaves, **window)
    grad = last(torch.cos(torch.arange(output.numel())).reshape(output.shape))

    def gradients(of):
        return torch.autograd.grad(output, of, grad, retain_graph=True)

    for both, leaf in zip(gradients(leaves), leaves, strict=True):
        alone = gradients([leaf])[0].numpy()
        np.testing.assert_allclose(both.numpy(), alone, rtol=0, atol=3e-6 * np.abs(alone).max())


def test_what_is_not_finite_in_transposed_convolutions_is_where_it_was():
    grad, w = (
        torch.from_numpy(RNG.standard_normal(s)).float() for s in ((1, 3, 20, 21), (3, 90, 3, 3))
    )
    for place in (grad, w):
        kept = place[0, 1, 2, 2].item()
        place[0, 1, 2, 2] = float("inf")
        expected = torch.isfinite(F.conv_transpose2d(grad, w, stride=2)).numpy()
        found = torch.isfinite(F.conv_transpose2d(last(grad), w, stride=2)).numpy()
        np.testing.assert_array_equal(found, expected)
        place[0, 1, 2, 2] = kept


def test_the_gradient_of_a_transposed_convolution_agrees():
    x, w = (
        torch.from_numpy(RNG.standard_normal(s)).float() for s in ((1, 60, 14, 15), (60, 6, 3, 3))
    )
    w.requires_grad_()

    def gradient(image):
        image = image.detach().requires_grad_()
        output = F.conv_transpose2d(image, w, stride=3)
        grad = torch.cos(torch.arange(output.numel())).reshape(output.shape)
        (found,) = torch.autograd.grad(output, [image], last(grad))
        return found.numpy()

    np.testing.assert_allclose(gradient(last(x)), gradient(x), rtol=0, atol=2e-5)
