"""Where PyTorch refuses a number for a tensor."""

import re

import pytest

import flambeau as torch

X = torch.ones(2)


@pytest.mark.parametrize(
    "name", "maximum minimum fmax fmin atan2 hypot logaddexp nextafter ldexp logical_and".split()
)
def test_tensors_only(name):
    function = getattr(torch, name)
    function(X, X)
    for arguments in ((X, 1), (1, X)):
        with pytest.raises(TypeError, match=f"{name}: .*must be a Tensor, not int"):
            function(*arguments)


@pytest.mark.parametrize("name", "eq ne lt le gt ge fmod rsub copysign".split())
def test_a_number_only_on_the_right(name):
    function = getattr(torch, name)
    function(X, 1)
    with pytest.raises(TypeError, match=": input must be a Tensor, not int"):
        function(1, X)
    assert (1 == X).all() and not (1 < X).any()


def test_reductions_and_powers_of_numbers():
    for call in (lambda: torch.max(1, 2), lambda: torch.pow(1, 2), lambda: torch.polar(1.0, X)):
        with pytest.raises(
            TypeError,
            match="(max|pow): input must be a Tensor, not int|polar: abs must be a Tensor, not float",
        ):
            call()


def test_operations_that_a_dtype_lacks():
    # PyTorch raises RuntimeError; in a user's kernel it is a TypeError.
    for call in (lambda: -torch.ones(2).bool(), lambda: X & X):
        with pytest.raises(
            RuntimeError,
            match="^(neg: takes no bool|bitwise_and: takes integers and bool, not float32)",
        ):
            call()


def test_masks_are_not_subtracted():
    mask, x = X > 0, X.clone()
    calls = (
        lambda: mask - 1, lambda: 1 - mask, lambda: mask - mask, lambda: X - mask, lambda: mask - X,
        lambda: torch.sub(mask, 2.0), lambda: torch.rsub(mask, 1), lambda: x.sub_(mask),
        lambda: mask - torch.tensor(1), lambda: torch._foreach_sub([mask], 1),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(RuntimeError, match="^r?sub_?: takes no bool. For masks write"):
            call()
    assert torch.add(mask, mask).dtype == torch.bool


def test_narrow_from_a_tensor_needs_one_integer():
    x = torch.arange(6)
    assert torch.narrow(x, 0, torch.tensor(2), 2).tolist() == [2, 3]
    for start in (torch.tensor([1, 2]), torch.tensor(True)):
        with pytest.raises(
            RuntimeError,
            match=r"narrow: start is .*; it must be an int or a 0-dim integer tensor",
        ):
            torch.narrow(x, 0, start, 1)


def test_a_step_of_arange_that_is_0_in_its_dtype_is_refused():
    with pytest.raises(ValueError, match=r"arange: step .* is 0 in torch\.int64"):
        torch.arange(0, 3, 0.5, dtype=torch.int64)


def test_shorter_integers_repeat_the_start_of_arange():
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        assert torch.arange(0, 5, 0.5, dtype=dtype).tolist() == [0] * 10
        assert torch.arange(5, 0, -0.5, dtype=dtype).tolist() == [5] * 10
        assert torch.arange(1, 1, 0.5, dtype=dtype).tolist() == []
        assert torch.arange(0.7, 5, 0.5, out=torch.empty(9, dtype=dtype)).tolist() == [0] * 9
        with pytest.raises(RuntimeError, match="leads away"):
            torch.arange(0, 5, -0.5, dtype=dtype)


def test_extremes_of_nothing_name_the_missing_dim():
    for extreme in (torch.amax, torch.amin, torch.aminmax):
        with pytest.raises(
            RuntimeError,
            match=r"am.*: input \(5, 0\) is empty, and of nothing there is no such element",
        ):
            extreme(torch.empty(5, 0))
        with pytest.raises(
            IndexError,
            match=r"am.*: input \(5, 0\) is empty along dims \[1\], and of nothing there is no such element",
        ):
            extreme(torch.empty(5, 0), dim=1)


def test_integers_become_what_pytorch_makes_of_them():
    x = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8)
    assert torch.deg2rad(x).dtype is torch.rad2deg(x).dtype is torch.float32
    assert x.sum_to_size(1, 2).dtype is torch.int64 and x.sum_to_size(2, 2).dtype is torch.uint8
    assert torch.unravel_index(x, (5,))[0].dtype is torch.int64
    assert torch.masked.cumsum(x, 0).dtype is torch.uint8
    assert torch.tensordot(x[:1, :1], x, ([1], [0])).dtype is torch.uint8


def test_half_precision_keeps_its_dtype():
    x = torch.rand(2, 3, 3).bfloat16()
    assert torch.matrix_exp(x).dtype is torch.bfloat16
    for statistic in torch.native_layer_norm(x, (3,), None, None, 1e-5):
        assert statistic.dtype is torch.bfloat16
    wide = torch.native_layer_norm(x, (3,), torch.ones(3), torch.zeros(3), 1e-5)
    assert wide[1].dtype is torch.float32


@pytest.mark.parametrize("operator", [torch.remainder, torch.fmod, torch.floor_divide])
def test_bools_have_no_remainders(operator):
    # Two of them died of a KeyError, one of code that LLVM refused.
    with pytest.raises(NotImplementedError, match="bool"):
        operator(torch.tensor([True]), torch.tensor([True]))


def _operators():
    kind = type(torch.all)
    for space in (torch, torch.Tensor, torch.nn.functional, torch.linalg, torch.fft, torch.special):
        for name in sorted(dir(space)):
            function = getattr(space, name, None)
            if isinstance(function, kind) and not name.startswith("_"):
                yield pytest.param(function, id=f"{space.__name__}.{name}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operator", list(_operators()))
def test_calls_that_do_not_fit_are_refused_in_the_words_of_the_operator(operator):
    one = torch.ones(1)
    for given, named in (
        ((), {}),
        ((one,) * 30, {}),
        ((one,), {"no_such": 1}),
        ((), {"no_such": 1}),
    ):
        try:
            operator(*given, **named)
        except (TypeError, RuntimeError, ValueError, IndexError) as error:
            told = str(error)
            # What Python says, with the name of an inner function.
            assert "required positional argument" not in told
            assert not re.search(r"takes .*positional arguments? but|unexpected keyword", told), (
                told
            )
            assert "<locals>" not in told


def test_a_method_speaks_of_its_operator():
    with pytest.raises(
        TypeError, match=r"linspace: argument 'steps' is missing. It takes \(start, end, steps"
    ):
        torch.linspace(0, 1)
    with pytest.raises(TypeError, match="all: has no argument 'no_such'"):
        X.all(no_such=1)
    with pytest.raises(TypeError, match="cumsum_?: argument 'dim' is missing"):
        X.cumsum_()
    with pytest.raises(RuntimeError, match="^div: shapes"):
        torch.ones(2) / torch.ones(3)
    with pytest.raises(RuntimeError, match="^div_: its result is float32"):
        torch.ones(2, dtype=torch.int64).true_divide_(2)


def test_magnitudes_of_complex_numbers_are_not_written_over_them():
    x = torch.ones(2, dtype=torch.complex64)
    for write in (x.abs_, x.absolute_, lambda: torch.abs_(x)):
        with pytest.raises(RuntimeError, match="abs_.*its result is float32"):
            write()
    assert torch.abs(x, out=torch.empty(2)).tolist() == [1, 1]
    assert x.eq_(1).tolist() == [1, 1]
