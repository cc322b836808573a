"""Lazy layers take their sizes from the first input."""

import copy
import pickle

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.modules.lazy import LazyModuleMixin
from flambeau.nn.parameter import UninitializedBuffer, UninitializedParameter


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


def test_buffers_stay_uninitialized_through_pickling_and_conversion():
    layer = pickle.loads(pickle.dumps(nn.LazyBatchNorm1d()))
    assert isinstance(layer.running_mean, UninitializedBuffer)
    layer.double()
    assert isinstance(layer.running_mean, UninitializedBuffer)
    assert layer.running_mean.dtype == torch.float64
    layer(torch.ones(4, 3, dtype=torch.float64))
    assert type(layer) is nn.BatchNorm1d
    copied = pickle.loads(pickle.dumps(layer))
    assert copied.running_mean.tolist() == layer.running_mean.tolist()
    assert copied.running_mean.dtype == torch.float64


def test_nothing_computes_with_what_has_no_shape():
    parameter = UninitializedParameter()
    for call in (
        lambda: parameter + parameter,
        lambda: torch.add(parameter, 1),
        lambda: torch.empty_like(parameter),
        lambda: nn.utils.weight_norm(nn.LazyLinear(3)),
        lambda: nn.utils.spectral_norm(nn.LazyLinear(3)),
        lambda: torch.optim.Adagrad([parameter]),
    ):
        with pytest.raises(ValueError, match="shape"):
            call()
    assert parameter.dtype == torch.float32
    assert parameter.device.type == "cpu"
    assert parameter.is_leaf
    torch.optim.Adam([parameter])


def test_a_lazy_module_of_ones_own():
    class Doubling(LazyModuleMixin, nn.Module):
        calls = 0

        def initialize_parameters(self, input):
            Doubling.calls += 1

        def forward(self, input):
            return 2 * input

    module = Doubling()
    module.register_forward_hook(lambda module, args, output: output + 1)
    assert module(torch.ones(1)).item() == 3
    assert module(torch.ones(1)).item() == 3
    assert Doubling.calls == 1


def test_states_without_shapes():
    first, second = nn.LazyLinear(2), nn.LazyLinear(2)
    first.load_state_dict(second.state_dict())
    assert first.has_uninitialized_params()
    with pytest.raises(RuntimeError, match="shape"):
        nn.Linear(3, 2).load_state_dict(first.state_dict())
