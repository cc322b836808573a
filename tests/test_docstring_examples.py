"""Examples in docstrings print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import flambeau

PACKAGES = [
    "flambeau.legacy",
    "flambeau.train",
    "flambeau.autograd.profiler",
    "flambeau.profiler",
    "flambeau.utils.benchmark",
    "flambeau.utils.collect_env",
    "flambeau.utils.flop_counter",
    "flambeau.utils.model_summary",
    "flambeau.utils.pictures",
    "flambeau.utils.tensorboard",
    "flambeau.utils.trainer",
]
NEEDS = {"flambeau.utils.tensorboard": "tensorboardX"}


def modules():
    for name in PACKAGES:
        module = importlib.import_module(name)
        yield name
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), name + "."):
            yield found.name


@pytest.mark.parametrize("name", [*modules()])
def test_examples(name):
    for package, needed in NEEDS.items():
        if name.startswith(package):
            pytest.importorskip(needed)
    module = importlib.import_module(name)
    names = {"torch": flambeau, "nn": flambeau.nn, "F": flambeau.nn.functional}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failures = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=names):
        runner.run(test, out=failures.append)
    assert not failures, "".join(failures)
