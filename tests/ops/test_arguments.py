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
        with pytest.raises(TypeError, match=f"{name}.*must be Tensor, not int"):
            function(*arguments)


@pytest.mark.parametrize("name", "eq ne lt le gt ge fmod rsub copysign".split())
def test_a_number_only_on_the_right(name):
    function = getattr(torch, name)
    function(X, 1)
    with pytest.raises(TypeError, match="'input' .* must be Tensor"):
        function(1, X)
    assert (1 == X).all() and not (1 < X).any()


def test_reductions_and_powers_of_numbers():
    for call in (lambda: torch.max(1, 2), lambda: torch.pow(1, 2), lambda: torch.polar(1.0, X)):
        with pytest.raises(TypeError, match="must be Tensor"):
            call()


def test_operations_that_a_dtype_lacks():
    # PyTorch raises RuntimeError; in a user's kernel it is a TypeError.
    for call in (lambda: -torch.ones(2).bool(), lambda: X & X):
        with pytest.raises(RuntimeError, match="a kernel cannot"):
            call()
