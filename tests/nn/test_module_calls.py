"""Calls of modules, which the core makes where no hooks are."""

import inspect

import pytest

import flambeau as torch
from flambeau import nn


class Doubles(nn.Linear):
    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs) * 2


def test_calls_take_what_forward_takes():
    layer, x = nn.Linear(3, 2), torch.rand(4, 3)
    expected = nn.functional.linear(x, layer.weight, layer.bias)
    for found in (layer(x), layer(input=x), nn.Module.__call__(layer, x), layer.__call__(x)):
        assert torch.equal(found, expected)
    assert list(inspect.signature(nn.Module.__call__).parameters) == ["self", "args", "kwargs"]


def test_a_class_calls_the_call_of_modules():
    layer, x = Doubles(3, 2), torch.rand(4, 3)
    assert torch.equal(layer(x), layer.forward(x) * 2)
    seen = []
    layer.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    assert torch.equal(layer(x), layer.forward(x) * 2) and seen[0] is x


def test_hooks_that_come_and_go_are_seen():
    layer, x = nn.Identity(), torch.rand(3)
    for _ in range(2):
        assert layer(x) is x
        handle = layer.register_forward_hook(lambda module, args, result: result + 1)
        assert torch.equal(layer(x), x + 1)
        handle.remove()
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, out: out * 2)
    try:
        assert torch.equal(layer(x), x * 2)
    finally:
        handle.remove()
    assert layer(x) is x


def test_errors_of_calls():
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        nn.Module.__call__()
    with pytest.raises(NotImplementedError, match="has no forward method"):
        nn.Module()(1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        nn.ReLU()(other=1)

    class Endless(nn.Module):
        def forward(self, x):
            return self(x)

    with pytest.raises(RecursionError):
        Endless()(torch.ones(1))
