"""Examples in docstrings print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import flambeau

PACKAGES = ["flambeau.legacy", "flambeau.utils.trainer", "flambeau.train"]


def modules():
    for name in PACKAGES:
        module = importlib.import_module(name)
        yield name
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), name + "."):
            yield found.name


@pytest.mark.parametrize("name", [*modules()])
def test_examples(name):
    module = importlib.import_module(name)
    names = {"torch": flambeau, "nn": flambeau.nn, "F": flambeau.nn.functional}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failures = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=names):
        runner.run(test, out=failures.append)
    assert not failures, "".join(failures)
