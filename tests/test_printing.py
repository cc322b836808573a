"""The text of tensors: PyTorch's, character by character."""

import math

import pytest

import flambeau
from flambeau import printing

inf, nan = math.inf, math.nan


@pytest.fixture(autouse=True)
def default_options():
    printing.set_printoptions(profile="default")
    yield
    printing.set_printoptions(profile="default")


def text(data, **options):
    return printing.tensor_repr(flambeau.tensor(data, **options))


@pytest.mark.parametrize(
    "data, expected",
    [
        ([1, 2, 30], "tensor([ 1,  2, 30])"),
        ([-1, 2], "tensor([-1,  2])"),
        ([1.0, 2.0], "tensor([1., 2.])"),
        ([1.0, 2.5], "tensor([1.0000, 2.5000])"),
        ([0.0, -0.0], "tensor([0., -0.])"),
        ([1.0, nan, inf, -inf], "tensor([1., nan, inf, -inf])"),
        ([1.5, nan, -inf], "tensor([1.5000,    nan,   -inf])"),
        ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
        ([1e-5], "tensor([1.0000e-05])"),
        ([1e9, 1.0], "tensor([1.0000e+09, 1.0000e+00])"),
        ([True, False], "tensor([ True, False])"),
        (3.0, "tensor(3.)"),
        (7, "tensor(7)"),
        ([1 + 2j, -0.5j], "tensor([1.+2.0000j, -0.-0.5000j])"),
        ([], "tensor([])"),
        ([[], []], "tensor([], size=(2, 0))"),
        ([[1, 2], [3, 40]], "tensor([[ 1,  2],\n        [ 3, 40]])"),
        ([[[1]], [[2]]], "tensor([[[1]],\n\n        [[2]]])"),
    ],
)
def test_repr_of_small_tensors(data, expected):
    assert text(data) == expected


def test_repr_names_a_dtype_that_the_numbers_do_not_show():
    assert text([1, 2], dtype=flambeau.int32) == "tensor([1, 2], dtype=torch.int32)"
    assert text([1.0], dtype=flambeau.float64) == "tensor([1.], dtype=torch.float64)"
    assert text([], dtype=flambeau.int64) == "tensor([], dtype=torch.int64)"
    assert text([1j], dtype=flambeau.complex128) == "tensor([0.+1.j], dtype=torch.complex128)"


def test_repr_shows_the_place_in_the_graph():
    x = flambeau.tensor([1.0, 2.0], requires_grad=True)
    assert printing.tensor_repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert printing.tensor_repr(x + x) == "tensor([2., 4.], grad_fn=<AddBackward0>)"


def test_repr_cuts_a_long_tensor_to_its_edges():
    expected = "tensor([   0,    1,    2,  ..., 1998, 1999, 2000])"
    assert printing.tensor_repr(flambeau.arange(2001)) == expected
    square = printing.tensor_repr(flambeau.ones(40, 30))
    assert square.splitlines()[0] == "tensor([[1., 1., 1.,  ..., 1., 1., 1.],"
    assert square.splitlines()[3] == "        ...,"
    assert len(square.splitlines()) == 7


def test_repr_measures_only_what_it_shows():
    x = flambeau.ones(5000)
    x[2500] = 12345.678
    assert printing.tensor_repr(x) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


def test_printoptions_change_the_text_and_are_restored():
    with printing.printoptions(precision=2, linewidth=30):
        assert text([1.0, 2.5]) == "tensor([1.00, 2.50])"
        assert text(list(range(10, 20))).count("\n") == 1
    assert text([1.0, 2.5]) == "tensor([1.0000, 2.5000])"
    printing.set_printoptions(sci_mode=True)
    assert text([0.5]) == "tensor([5.0000e-01])"
    printing.set_printoptions(sci_mode=False)
    assert text([1e-6, 2.0]) == "tensor([0.0000, 2.0000])"
    printing.set_printoptions(profile="short")
    assert printing.get_printoptions()["precision"] == 2
    assert printing.tensor_repr(flambeau.ones(2000)) == "tensor([1., 1.,  ..., 1., 1.])"
    printing.set_printoptions(profile="full")
    assert "..." not in printing.tensor_repr(flambeau.ones(2000))


def test_a_suffix_that_does_not_fit_takes_its_own_line():
    assert text([100000] * 7, dtype=flambeau.int32).endswith("100000],\n       dtype=torch.int32)")


def random_arrays():
    import numpy

    rng = numpy.random.default_rng(0)
    shapes = [
        (),
        (1,),
        (7,),
        (0,),
        (3, 0),
        (4, 5),
        (2, 3, 4),
        (1, 1),
        (30,),
        (1200,),
        (50, 40),
        (9, 9, 20),
        (2, 1, 3, 2),
    ]
    for shape in shapes:
        normal = numpy.asarray(rng.standard_normal(shape))
        other = numpy.asarray(rng.standard_normal(shape))
        mixed = numpy.array(normal * 10)
        for value in (nan, inf, 0):
            mixed[rng.random(shape) < 0.2] = value
        arrays = [normal * scale for scale in (1.0, 1e-6, 1e5, 1e12)]
        arrays += [mixed, numpy.round(mixed), numpy.round(normal * 500), normal > 0]
        for array in arrays:
            yield numpy.asarray(array)
            yield numpy.asarray(array, "float32")
        yield numpy.asarray(normal, "float16")
        yield numpy.asarray(normal * 1000, "int64")
        yield numpy.asarray(abs(normal) * 50, "uint8")
        yield numpy.asarray(normal + 100j * other, "complex64")
        yield numpy.asarray(numpy.round(mixed) + 1j * other)


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "default"},
        {"profile": "short"},
        {"precision": 7, "linewidth": 50},
        {"threshold": 10, "edgeitems": 1},
        {"sci_mode": True},
        {"sci_mode": False},
    ],
    ids=str,
)
def test_repr_is_that_of_pytorch(options):
    torch = pytest.importorskip("torch")
    printing.set_printoptions(**options)
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    try:
        for array in random_arrays():
            expected = repr(torch.from_numpy(array))
            assert printing.tensor_repr(flambeau.from_numpy(array)) == expected
    finally:
        torch.set_printoptions(profile="default")
