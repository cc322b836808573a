"""What dir(), tab completion and help() show: what a program may use, in pages that a person can read."""

import pydoc
import types

import pytest

import flambeau as torch

PACKAGES = [
    torch, torch.autograd, torch.cuda, torch.fft, torch.func, torch.jit, torch.linalg, torch.nn, torch.nn.functional,
    torch.sparse, torch.special, torch.utils.data,
]  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_dir_lists_what_is_there_and_no_inner_module(package):
    names = dir(package)
    assert names == sorted(set(names))
    assert not {"NAMESPACES", "TYPES", "importlib", "functools", "contextlib"} & set(names)
    for name in names:
        value = getattr(package, name)
        if isinstance(value, types.ModuleType) and not name.startswith("_"):
            assert value.__name__.startswith("flambeau."), name


def test_packages_have_no_inner_modules():
    assert not {"calls", "memory", "modes", "nodes", "printing", "refusals"} & set(dir(torch)) - {
        "printing"
    }
    assert not {"collate", "fetch", "iterators", "worker"} & set(dir(torch.utils.data))
    assert not {"differentiate", "hooks", "mutation"} & set(dir(torch.autograd))


@pytest.mark.parametrize("package", [torch.nn, torch.nn.functional], ids=["nn", "functional"])
def test_help_of_a_package_is_no_book(package):
    text = pydoc.render_doc(package, renderer=pydoc.plaintext)
    assert len(text) < 300_000
    assert "relu" in text.lower()


def test_a_star_import_brings_every_name():
    names = {}
    exec("from flambeau.nn import *\nfrom flambeau.nn.functional import *", names)
    assert {"Linear", "Conv2d", "functional", "init", "relu", "cross_entropy"} <= set(names)
    assert not hasattr(torch.nn, "__all__")
