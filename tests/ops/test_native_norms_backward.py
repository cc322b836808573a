"""Gradients of layer_norm and group_norm, whose recorded calls stay in the core."""

import numpy
import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck

F = torch.nn.functional


def parameters(kinds, size):
    return [
        torch.rand(size, dtype=torch.float64, requires_grad=True) if kind else None
        for kind in kinds
    ]


@pytest.mark.parametrize("kinds", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("sizes", [(2, 6), (2, 6, 5), (3, 4, 2, 7)])
def test_group_norm_gradients(kinds, sizes):
    torch.manual_seed(0)
    x = torch.rand(sizes, dtype=torch.float64, requires_grad=True)
    weight, bias = parameters(kinds, sizes[1])
    given = [t for t in (x, weight, bias) if t is not None]

    def norm(*_):
        return F.group_norm(x, 2, weight, bias, eps=1e-3)

    assert type(norm().grad_fn).__name__ == "NativeGroupNormBackward0"
    assert gradcheck(norm, given) and gradgradcheck(norm, given)


@pytest.mark.parametrize("kinds", [(0, 0), (1, 1)])
def test_layer_norm_gradients(kinds):
    torch.manual_seed(0)
    x = torch.rand(5, 7, dtype=torch.float64, requires_grad=True)
    weight, bias = parameters(kinds, 7)
    given = [t for t in (x, weight, bias) if t is not None]
    assert gradcheck(lambda *_: F.layer_norm(x, (7,), weight, bias), given)
    assert gradgradcheck(lambda *_: F.layer_norm(x, (7,), weight, bias), given)


def test_layer_norm_gradients_of_vectors_of_two_dims_have_their_sizes():
    x = torch.rand(3, 2, 4, requires_grad=True)
    weight, bias = torch.rand(2, 4, requires_grad=True), torch.rand(2, 4, requires_grad=True)
    F.layer_norm(x, (2, 4), weight, bias).sum().backward()
    assert weight.grad.shape == bias.grad.shape == (2, 4)


def test_group_norm_of_any_layout_is_that_of_its_copy():
    x = torch.rand(2, 5, 6).transpose(1, 2)
    numpy.testing.assert_allclose(
        F.group_norm(x, 3).numpy(), F.group_norm(x.contiguous(), 3).numpy(), rtol=1e-5, atol=1e-6
    )


def test_group_norm_only_wanted_gradients_are_computed():
    x, weight = torch.rand(2, 4, 3), torch.rand(4, requires_grad=True)
    out = F.group_norm(x, 2, weight)
    (grad,) = torch.autograd.grad(out.sum(), [weight])
    assert grad.shape == (4,) and x.grad is None


def test_group_norm_refuses_a_single_value_and_uneven_groups():
    with pytest.raises(ValueError, match="group_norm"):
        F.group_norm(torch.rand(1, 2), 2)
    with pytest.raises(RuntimeError, match="does not divide"):
        F.group_norm(torch.rand(2, 5), 2)
