"""Functions that write into their input: results and gradients are those of the ordinary form.

PyTorch keeps a copy of what backward needs of the old values; without one, each of these raised.
"""

import numpy
import pytest

import flambeau as torch
import flambeau.nn.functional as F

rng = numpy.random.default_rng(0)

ACTIVATIONS = {
    "relu": (), "relu6": (), "hardtanh": (-0.5, 0.7), "leaky_relu": (0.2,), "elu": (1.3,), "celu": (0.8,),
    "selu": (), "silu": (), "mish": (), "hardsigmoid": (), "hardswish": (), "threshold": (0.1, 2.0),
    "rrelu": (),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_inside_a_network_written_in_place(name):
    function, arguments = getattr(F, name), ACTIVATIONS[name]
    x = torch.from_numpy(rng.normal(size=(4, 5))).requires_grad_()
    hidden = x * 3
    result = function(hidden, *arguments, inplace=True)
    assert result is hidden
    expected = function(x * 3, *arguments)
    assert torch.allclose(result, expected, rtol=1e-12)
    weight = torch.from_numpy(rng.normal(size=(4, 5)))
    (got,) = torch.autograd.grad((result * weight).sum(), x)
    (want,) = torch.autograd.grad((expected * weight).sum(), x)
    assert torch.allclose(got, want)


@pytest.mark.parametrize(
    "name", ["sin_", "tanh_", "abs_", "reciprocal_", "square_", "log_", "cumsum_", "erf_"]
)
def test_method_inside_a_network_has_both_derivatives(name):
    arguments = (0,) if name == "cumsum_" else ()
    x = torch.from_numpy(rng.uniform(0.5, 2, size=5)).requires_grad_()

    def function(x):
        return getattr(x * 1, name)(*arguments)

    assert torch.autograd.gradcheck(function, (x,))
    assert torch.autograd.gradgradcheck(function, (x,))


def test_factor_of_itself():
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = x * 1
    y.mul_(y)
    y.sum().backward()
    assert torch.equal(x.grad, 2 * x.detach())
