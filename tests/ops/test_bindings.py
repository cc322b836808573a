"""Functions of the core that are bound by their C++ signature: how arguments are read and what errors say."""

import re
from pathlib import Path

import pytest

import flambeau
from flambeau import _core
from flambeau._core import indexing
from flambeau.calls import IndexRangeError


def test_private_functions_take_names_and_say_what_is_missing():
    x = flambeau.tensor([3.0, 1.0, 2.0])
    assert indexing.argsort(x, dim=0, descending=False).tolist() == [1, 2, 0]
    with pytest.raises(TypeError, match="argsort: argument 'descending' is missing"):
        indexing.argsort(x, 0)
    with pytest.raises(TypeError, match="argsort: has no argument 'way'"):
        indexing.argsort(x, 0, False, way=1)
    with pytest.raises(TypeError, match="gather: index must be a Tensor, not list"):
        indexing.gather(x, 0, [0])


def test_an_index_outside_is_both_errors():
    x = flambeau.arange(3)
    for error in (IndexError, RuntimeError):
        with pytest.raises(error, match="index_select"):
            indexing.index_select(x, 0, flambeau.tensor([5]))
    with pytest.raises(IndexRangeError, match="gather: dim 4"):
        indexing.gather(x, 4, flambeau.tensor([0]))


def test_functions_for_several_operators_speak_for_the_one_called():
    x, index = flambeau.zeros(3), flambeau.tensor([0])
    for name in ("scatter_", "scatter_add_", "scatter_reduce_"):
        with pytest.raises(RuntimeError, match=f"{name}: src is float64 and self is float32"):
            getattr(indexing, name)(x, 0, index, flambeau.ones(1, dtype=flambeau.float64), 0, True)


def test_none_stands_for_what_is_left_out():
    x = flambeau.arange(6.0).reshape(1, 1, 6)
    values, indices = _core._max_pool(x, False, (6,), (3,), (2,), (2,), (0,), (1,))
    assert values.tolist() == [[[1.0, 3.0, 5.0]]] and indices is None
    adaptive, _ = _core._max_pool(x, False, (6,), (2,), None, None, None, None)
    assert adaptive.tolist() == [[[2.0, 5.0]]]


def test_arguments_are_read_from_left_to_right():
    with pytest.raises(TypeError, match="grad_output must be a Tensor"):
        _core._conv_backward_weight(1, 2, 3, 4, 5, 6, 7)
    with pytest.raises(TypeError, match="conv_backward_weight: takes an int here, not str"):
        x = flambeau.ones(1, 1, 2)
        _core._conv_backward_weight(x, x, "kernel", (1,), (0,), (1,), 1)


CORE = Path(__file__).parents[2] / "csrc"


def test_every_table_of_functions_is_bound():
    tables = {
        name
        for header in CORE.rglob("*.h")
        for name in re.findall(r"^inline constexpr std::tuple (\w+)\{", header.read_text(), re.M)
    }
    assert len(tables) > 20
    bound = "\n".join(file.read_text() for file in (CORE / "python").rglob("*.cpp"))
    unbound = {name for name in tables if not re.search(rf"\b{name}\b", bound)}
    assert not unbound, f"no file of csrc/python makes operators of these: {unbound}"


def test_arguments_that_are_no_tensors_are_named():
    x = flambeau.ones(2)
    for call, message in (
        (lambda: flambeau.fliplr("a"), "fliplr: input must be a Tensor, not str"),
        (lambda: flambeau.tensordot(x, [1.0, 2.0], 1), "tensordot: b must be a Tensor, not list"),
        (lambda: flambeau.tensordot(x, b=[1.0], dims=1), "tensordot: b must be a Tensor, not list"),
        (lambda: flambeau.rot90(None), "rot90: input must be a Tensor, not NoneType"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
