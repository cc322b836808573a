"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from collections import OrderedDict

import pytest

import flambeau as torch
from flambeau import nn


def test_sequential():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    net = nn.Sequential(a, b)
    assert net[0] is a and net[-1] is b and len(net) == 2
    net.append(c)
    assert isinstance(net[1:], nn.Sequential) and list(net[1:]) == [b, c]
    net.insert(1, c)
    assert list(net) == [a, c, b, c] and list(net._modules) == ["0", "1", "2", "3"]
    del net[1]
    assert list(net) == [a, b, c]
    assert net.pop(0) is a
    net[0] = a
    assert list(net) == [a, c]
    assert list(net + nn.Sequential(b)) == [a, c, b]
    assert list(net * 2) == [a, c, a, c]
    with pytest.raises(IndexError, match="Sequential: index 5 is outside of its 2 items"):
        net[5]
    with pytest.raises(ValueError):
        net + [b]
    named = nn.Sequential(OrderedDict(relu=a, tanh=b))
    assert named.relu is a and repr(named) == "Sequential(\n  (relu): ReLU()\n  (tanh): Tanh()\n)"
    with pytest.raises(
        TypeError, match=r"Sequential: child '0' must be an nn\.Module or None, not int"
    ):
        nn.Sequential(3)


def test_module_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(list(layers.parameters())) == 6
    assert repr(layers) == (
        "ModuleList(\n  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)\n)"
    )
    layers.insert(0, nn.ReLU())
    layers += [nn.Tanh()]
    assert isinstance(layers[0], nn.ReLU) and isinstance(layers[-1], nn.Tanh)
    del layers[1:4]
    assert len(layers) == 2 and isinstance(layers + [nn.ReLU()], nn.ModuleList)
    with pytest.raises(NotImplementedError):
        layers(1)
    with pytest.raises(
        TypeError, match=r"ModuleList\.extend: takes an iterable of modules, not int"
    ):
        nn.ModuleList(3)


def test_module_dict():
    layers = nn.ModuleDict({"a": nn.ReLU()})
    layers["b"] = nn.Tanh()
    layers.update([("c", nn.Sigmoid())])
    assert list(layers) == list(layers.keys()) == ["a", "b", "c"] and "a" in layers
    assert isinstance(layers.pop("a"), nn.ReLU)
    del layers["b"]
    assert len(layers) == 1
    layers.clear()
    assert repr(layers) == "ModuleDict()"
    with pytest.raises(ValueError, match=r"ModuleDict\.update: item 0 has length 3"):
        nn.ModuleDict([(1, 2, 3)])
    with pytest.raises(KeyError):
        layers["missing"]


def test_parameter_list():
    values = nn.ParameterList([torch.zeros(2, 3), "text"])
    assert isinstance(values[0], nn.Parameter) and values[1] == "text"
    values.append(nn.Parameter(torch.zeros(1)))
    assert len(values) == 3 and len(list(values.parameters())) == 2
    assert list(values.state_dict()) == ["0", "2"]
    assert repr(values) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 2x3]\n"
        "    (1): Object of type: str\n"
        "    (2): Parameter containing: [torch.float32 of size 1]\n"
        ")"
    )


def test_parameter_dict():
    values = nn.ParameterDict({"a": torch.zeros(2)})
    values["b"] = 3
    assert isinstance(values["a"], nn.Parameter) and values.get("x", 1) == 1
    assert list((values | nn.ParameterDict({"c": torch.ones(1)})).keys()) == ["a", "b", "c"]
    assert values.popitem() == ("b", 3)
    assert values.setdefault("a") is values["a"]
    with pytest.raises(KeyError):
        values["x"]
    with pytest.raises(TypeError, match="ParameterDict: a key must be a str, not int"):
        values[1] = 1


def test_parameter_dict_copies_keep_the_order():
    values = nn.ParameterDict([("b", nn.Parameter(torch.ones(1))), ("a", 1)])
    for copied in (values.copy(), values | {}, nn.ParameterDict(values)):
        assert list(copied) == ["b", "a"]
    assert list(values.fromkeys(["d", "c"])) == ["d", "c"]
    assert list(nn.ParameterDict({"b": 1, "a": 2})) == ["a", "b"]
