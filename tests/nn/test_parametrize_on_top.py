"""A second parametrization on top of the first: from one tensor to one, and the originals stay."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.utils import parametrize


class AddOne(nn.Module):
    def forward(self, x):
        return x + 1.0


class Double(nn.Module):
    def forward(self, x):
        return 2.0 * x

    def right_inverse(self, x):
        return 0.5 * x


class RankOne(nn.Module):
    def forward(self, x, y):
        return x.unsqueeze(-1) @ y.unsqueeze(-2)

    def right_inverse(self, matrix):
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        return u[:, 0] * s[0].sqrt(), vh[0] * s[0].sqrt()


@pytest.mark.parametrize("first", [AddOne, Double, RankOne, nn.Identity])
def test_it_is_applied_to_what_there_is(first):
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", first())
    before = layer.weight.detach().clone()
    originals = {name: p.clone() for name, p in layer.parametrizations.weight.named_parameters()}
    parametrize.register_parametrization(layer, "weight", Double())
    assert torch.equal(layer.weight, 2 * before)
    for name, p in layer.parametrizations.weight.named_parameters():
        assert torch.equal(p, originals[name])


def test_assigning_goes_through_both_inverses():
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Double())
    parametrize.register_parametrization(layer, "weight", Double())
    layer.weight = torch.ones(2, 2)
    assert layer.parametrizations.weight.original.tolist() == [[0.25, 0.25], [0.25, 0.25]]


def _returning(forward, inverse=None):
    methods = {"forward": lambda self, x: forward(x)}
    if inverse is not None:
        methods["right_inverse"] = lambda self, x: inverse(x)
    return type("Wrong", (nn.Module,), methods)()


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda: _returning(lambda x: (x, x)),
        lambda: _returning(lambda x: x.bool()),
        lambda: _returning(lambda x: x[:-1]),
        lambda: _returning(lambda x: x, lambda x: x.bool()),
        lambda: _returning(lambda x: x, lambda x: x[:-1]),
        lambda: _returning(lambda x: x, lambda x: None),
    ],
)
def test_what_is_no_such_function_is_refused_and_changes_nothing(make, registered):
    layer = nn.Linear(3, 4)
    if registered:
        parametrize.register_parametrization(layer, "weight", nn.Identity())
    before = layer.weight.detach().clone()
    with pytest.raises(ValueError, match="parametrize: "):
        parametrize.register_parametrization(layer, "weight", make())
    assert parametrize.is_parametrized(layer) == registered
    assert torch.equal(layer.weight, before)
