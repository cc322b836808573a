"""Examples in docstrings print what they say."""

import doctest
import importlib
import pkgutil
import types

import pytest

import flambeau
from flambeau.vision import ops

PACKAGES = [
    "flambeau.nn",
    "flambeau.optim",
    "flambeau.distributions",
    "flambeau.func",
    "flambeau.utils.data",
    "flambeau.vision.ops",
    "flambeau.autograd.anomaly_mode",
    "flambeau.autograd.differentiate",
    "flambeau.autograd.function",
    "flambeau.autograd.grad_mode",
    "flambeau.autograd.gradcheck",
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
    names = {"torch": flambeau, "nn": flambeau.nn, "F": flambeau.nn.functional, "ops": ops}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failures = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=names):
        runner.run(test, out=failures.append)
    assert not failures, "".join(failures)


SPACES = (
    "nn optim optim.lr_scheduler utils.data distributions autograd nn.utils nn.init func vision.ops"
).split()


@pytest.mark.parametrize("space", SPACES)
def test_every_public_name_has_an_example(space):
    module = importlib.import_module(f"flambeau.{space}")
    public = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    objects = {name: getattr(module, name) for name in public}
    without = [
        name
        for name, value in objects.items()
        if callable(value) and not isinstance(value, (flambeau._core.Operator, types.ModuleType))
        if ">>> "
        not in (
            (vars(value) if isinstance(value, type) else {}).get("__doc__") or value.__doc__ or ""
        )
    ]
    assert not without
