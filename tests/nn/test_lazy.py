"""Lazy layers take their sizes from the first input."""

import copy

import pytest

import flambeau as torch
from flambeau import nn


def net():
    return nn.Sequential(
        nn.LazyConv2d(4, 3, padding=1), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)
    )


def test_first_call_makes_ordinary_layers():
    model = net()
    assert repr(model[3]) == "LazyLinear(in_features=0, out_features=2, bias=True)"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weight = model[3].weight
    model(torch.randn(2, 3, 5, 5)).sum().backward()
    assert [type(layer) for layer in model] == [
        nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear,
    ]  # fmt: skip
    assert model[3].weight is weight and type(weight) is nn.Parameter
    assert tuple(weight.shape) == (2, 100)
    optimizer.step()


def test_loading_gives_the_shapes():
    first, second = net(), net()
    first(torch.randn(2, 3, 5, 5))
    second.load_state_dict(first.state_dict())
    x = torch.randn(2, 3, 5, 5)
    assert bool((first.eval()(x) == second.eval()(x)).all())
    assert second[0].in_channels == 3 and second[3].in_features == 100


def test_no_shape_before():
    layer = nn.LazyLinear(2)
    with pytest.raises(
        RuntimeError, match="this parameter is not initialized and has no shape yet"
    ):
        layer.weight.shape
    assert copy.deepcopy(layer).has_uninitialized_params()
    with pytest.raises(
        RuntimeError,
        match=r"LazyConv2d: input \(3, 3\) must have 4 dims, \(N, C, sizes\), or 3 without a batch",
    ):
        nn.LazyConv2d(2, 3)(torch.zeros(3, 3))
