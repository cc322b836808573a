"""What is a whole number, and what is none, where sizes and operands are expected."""

import numpy
import pytest

import flambeau as torch


class Whole:
    """An int to whoever asks for __index__."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.mark.parametrize("two", [2, numpy.int64(2), numpy.array(2), Whole(2)])
def test_old_constructors_take_whole_numbers_as_sizes(two):
    assert torch.Tensor(two).shape == (2,)
    assert torch.zeros(1).new(two).shape == (2,)
    assert torch.Tensor(two, two).shape == (2, 2)


def test_old_constructors_take_other_arrays_as_values():
    assert torch.Tensor(numpy.array([2])).tolist() == [2.0]
    assert torch.Tensor(numpy.array(2.5)).tolist() == 2.5
    with pytest.raises(TypeError, match="Tensor: expected sizes or a sequence"):
        torch.Tensor(numpy.float32(2))


def test_repeat_asks_for_an_index():
    x = torch.tensor([[1, 2]])
    assert x.repeat([2, Whole(2)]).tolist() == [[1, 2, 1, 2]] * 2
    with pytest.raises(RuntimeError, match="are not all 0 or more"):
        x.repeat(2, Whole(-1))


def test_einsum_names_what_is_no_operand():
    with pytest.raises(
        TypeError, match="einsum: first comes an equation, or an operand .* not int"
    ):
        torch.einsum(3, torch.ones(2, 3))
