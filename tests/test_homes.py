"""PyTorch's modules that are no files here."""

import importlib
import importlib.util
import subprocess
import sys

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


def test_modules_that_pytorch_imports_itself_are_attributes_of_their_packages():
    names = (
        "export.decomp_utils export.dynamic_shapes export.exported_program export.graph_signature "
        "nn.modules.linear_cross_entropy_options sparse.semi_structured utils.data.datapipes utils.data.distributed "
        "utils.data.graph utils.data.graph_settings"
    )
    program = f"import flambeau; [eval('flambeau.' + name).__spec__ for name in {names.split()}]"
    subprocess.run([sys.executable, "-c", program], check=True)
