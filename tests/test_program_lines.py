"""Warnings and errors show the program's line, wherever its files lie."""

import ast
import os
import warnings
from pathlib import Path

import numpy
import pytest

import flambeau as torch
from flambeau import fx
from flambeau.compiled.state import is_ours
from flambeau.utils.nonfinite import NonFiniteError, detect_nan

PACKAGE = os.path.dirname(torch.__file__)
PLACES = [
    "/home/me/flambeau/program.py",  # a clone of the repository, say: it was taken for the package
    PACKAGE + "_tools/program.py",  # beside the package in site-packages
]


def function_in(file, text):
    """The function `f` of a program with this text, whose file that would be."""
    names = {"torch": torch}
    exec(compile(text, file, "exec"), names)
    return names["f"]


@pytest.mark.parametrize("file", [__file__, *PLACES])
def test_a_warning_of_the_core_names_the_program(file):
    array = numpy.zeros(3)
    array.flags.writeable = False
    f = function_in(file, "def f(array):\n    return torch.utils.data.default_convert(array)")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        f(array)
    assert [(w.filename, w.lineno) for w in told] == [(file, 2)]


@pytest.mark.parametrize("file", PLACES)
def test_errors_name_the_program(file):
    with detect_nan(), pytest.raises(NonFiniteError, match=f"In {file} line 1"):
        function_in(file, "f = lambda: torch.nn.functional.logsigmoid(torch.ones(2) / 0 * 0)")()
    tracer = fx.Tracer()
    tracer.record_stack_traces = True
    graph = tracer.trace(function_in(file, "def f(x):\n    return torch.relu(x)"))
    (call,) = graph.find_nodes(op="call_function", target=torch.relu)
    assert f'"{file}", line 2' in call.stack_trace


def test_a_neighbour_of_the_package_is_not_the_package():
    assert not is_ours(function_in(PLACES[1], "f = lambda: 1").__code__)
    assert is_ours(is_ours.__code__)


WARNING_PROGRAMS = [
    "torch.autograd.set_detect_anomaly, torch.autograd.detect_anomaly()",
    "torch.nn.functional.softmax(torch.ones(3))",
    "torch.nn.Sequential(torch.nn.Sequential(torch.nn.LogSoftmax()))(torch.ones(3))",
    "torch.nn.functional.dropout2d(torch.ones(2, 3))",
    "torch.nn.functional.mse_loss(torch.ones(2), torch.ones(1))",
    "torch.nn.MSELoss()(torch.ones(2), torch.ones(1))",
    "torch.nn.init.kaiming_uniform_(torch.empty(0))",
    "torch.nn.LSTM(2, 3, 1, dropout=0.5)",
    "torch.ones(3)[torch.ones(3, dtype=torch.uint8)]",
    "torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.ones(1)], 1), 1).step()",
    "torch.tensor(torch.ones(3))",
]


@pytest.mark.parametrize("text", WARNING_PROGRAMS)
def test_a_warning_names_the_program(text):
    f = function_in("/home/me/program.py", f"def f():\n    return {text}")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        f()
    assert {(w.filename, w.lineno) for w in told} == {("/home/me/program.py", 2)}


def test_every_warning_looks_for_the_program():
    guesses = [
        f"{path}:{node.lineno}"
        for path in sorted(Path(PACKAGE).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "warnings.warn"
    ]
    assert guesses == [], "write _core._warn(message, category)"
