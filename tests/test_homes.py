"""PyTorch's modules that are no files here."""

import importlib
import importlib.util

import pytest

import flambeau as torch
from flambeau.homes import HOMES


@pytest.mark.parametrize("home", HOMES)
def test_names_are_found_where_pytorch_defines_them(home):
    source, names = HOMES[home]
    module = importlib.import_module(f"flambeau.{home}")
    ours = importlib.import_module(f"flambeau.{source}".rstrip("."))
    assert module.__all__ == names.split() and set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is getattr(ours, name)
    with pytest.raises(AttributeError, match="no attribute 'wibble'"):
        module.wibble


def test_what_is_not_there_is_not_found():
    for name in ("npu", "optim.wibble", "nested._internal.wibble"):
        assert importlib.util.find_spec(f"flambeau.{name}") is None
        with pytest.raises(ModuleNotFoundError, match=f"No module named 'flambeau.{name}'"):
            importlib.import_module(f"flambeau.{name}")


def test_a_module_with_the_name_of_a_function_is_called_as_that():
    import flambeau.nn.utils.weight_norm  # noqa: F401

    layer = torch.nn.utils.weight_norm(torch.nn.Linear(2, 3))
    assert layer.weight_g.shape == (3, 1)
