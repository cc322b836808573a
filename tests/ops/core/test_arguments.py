"""Where PyTorch refuses a number for a tensor."""

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
