"""Docstrings of operators: what STYLE asks of them, and that their examples run."""

import doctest
import importlib
import inspect
import re

import pytest

import flambeau
from tests import taken_dtypes

SPACES = "special linalg fft nn.functional signal.windows".split()

# Operators without a tensor have no dtype to tell; old names warn, which an example should not.
EXCEPTIONS = {
    "dtype": set(
        "broadcast_shapes can_cast get_default_dtype get_num_threads initial_seed is_grad_enabled "
        "is_inference_mode_enabled manual_seed memory_stats promote_types reset_peak_memory_stats seed "
        "set_default_dtype set_num_threads".split()
    ),
    "example": {
        "range",
        *(f"nn.functional.upsample{kind}" for kind in ("", "_bilinear", "_nearest")),
    },
}


def operators():
    """(name, operator) of each public operator, once."""
    found = {}
    for space in ("", *SPACES):
        module = importlib.import_module(f"flambeau.{space}".rstrip("."))
        for name in sorted(dir(module)):
            operator = getattr(module, name)
            if isinstance(operator, flambeau._core.Operator) and not name.startswith("_"):
                found.setdefault(id(operator), (f"{space}.{name}".lstrip("."), operator))
    return sorted(found.values(), key=lambda pair: pair[0])


OPERATORS = operators()


def lacks(operator):
    text = inspect.getdoc(operator) or ""
    has = {
        "arguments": "Args:" in text or not inspect.signature(operator).parameters,
        "returns": "Returns:" in text,
        "shapes": re.search(r"shape|sizes|\(\*|\([A-Z]\w*,", text, re.IGNORECASE),
        "dtype": "Dtype:" in text,
        "errors": "Raises:" in text or "Raises " in text,
        "example": ">>> " in text,
    }
    return [what for what, there in has.items() if not there]


def test_every_operator_has_a_sentence():
    without = [name for name, operator in OPERATORS if not (operator.__doc__ or "").strip()]
    assert not without
    unfinished = [
        name
        for name, operator in OPERATORS
        if not re.search(r"[.:]$", inspect.getdoc(operator).split("\n\n")[0])
    ]
    assert not unfinished


def test_every_docstring_has_all_that_style_asks_for():
    lacking = {}
    for name, operator in OPERATORS:
        for what in lacks(operator):
            lacking.setdefault(what, set()).add(name)
    new = {what: names - EXCEPTIONS.get(what, set()) for what, names in lacking.items()}
    assert not any(new.values()), new
    written = {what: names - lacking.get(what, set()) for what, names in EXCEPTIONS.items()}
    assert not any(written.values()), f"no exceptions any more: {written}"


@pytest.mark.parametrize(
    "operator", [o for _, o in OPERATORS if ">>>" in o.__doc__], ids=lambda o: o.__name__
)
def test_examples_print_what_they_say(operator):
    names = {"torch": flambeau, "nn": flambeau.nn, "F": flambeau.nn.functional}
    test = doctest.DocTestParser().get_doctest(
        inspect.getdoc(operator), names, operator.__name__, None, 0
    )
    failures = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=failures.append)
    assert not failures, "".join(failures)


def test_dtypes_are_those_that_are_taken():
    told = dict(line.split(": ", 1) for line in taken_dtypes.FILE.read_text().splitlines())
    by_name = {taken_dtypes.full_name(operator): operator for _, operator in OPERATORS}
    wrong = {
        name: found
        for name, text in told.items()
        if (found := f"{taken_dtypes.described(by_name[name])}.") != text
    }
    assert not wrong, "Run: python -m tests.taken_dtypes"


def test_sections_follow_from_the_declaration():
    text = flambeau.add.__doc__
    assert text.startswith("input + alpha * other.\n")
    order = [text.index(head) for head in ("Args:", "Returns:", "Dtype:", "Raises:")]
    assert order == sorted(order)
    assert "other (Tensor or number)." in text and "alpha (number): 1 if not given." in text
    assert "named tuple: values, indices." in flambeau.cummax.__doc__
    assert "bool" in flambeau.lt.__doc__[flambeau.lt.__doc__.index("Dtype:") :]
    own = flambeau.nn.functional.layer_norm.__doc__
    assert own.count("Args:") == own.count("Raises:") == 1
