"""Python's own errors about the arguments of a layer name the layer, not a private base."""

import inspect

import pytest

import flambeau
from flambeau import nn

LAYERS = [
    value for name in dir(nn) if isinstance(value := getattr(nn, name), type)
    if issubclass(value, nn.Module) and name not in ("Module", "Container", "Identity", "NLLLoss2d")
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_errors_name_no_private_base(layer):
    assert not layer.__init__.__qualname__.startswith("_")
    with pytest.raises(TypeError) as error:
        layer(no_such_argument=1)
    assert not str(error.value).startswith("_")


def test_missing_arguments():
    for layer in (nn.Conv2d, nn.ConvTranspose1d, nn.BatchNorm2d, nn.AvgPool2d, nn.ZeroPad2d):
        with pytest.raises(TypeError, match=rf"{layer.__name__}.__init__\(\) missing"):
            layer()
    assert list(inspect.signature(nn.Conv2d).parameters)[:3] == [
        "in_channels", "out_channels", "kernel_size",
    ]  # fmt: skip


def test_classes_of_programs_inherit_what_they_did():
    class Mine(nn.Conv2d):
        pass

    class Other(nn.modules.conv._ConvNd):
        pass

    assert Mine.__init__ is nn.Conv2d.__init__
    assert Other.__init__ is nn.modules.conv._ConvNd.__init__
    assert Mine(3, 4, 3)(flambeau.ones(1, 3, 5, 5)).shape == (1, 4, 3, 3)
