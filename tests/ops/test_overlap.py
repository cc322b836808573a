"""Operands that live in the memory that is written: refused where they meet, copied where strides hide it."""

import pytest

import flambeau as torch


def _line(n=6):
    return torch.arange(float(n))


def _square():
    return torch.arange(9.0).view(3, 3)


WHERE = torch.tensor([2, 1, 0])

MEETING = {
    "add_ of the neighbour": lambda x: x[1:].add_(x[:-1]),
    "add_ of its first element": lambda x: x.add_(x[0]),
    "add_ of its first row": lambda x: x.view(2, 3).add_(x.view(2, 3)[0]),
    "lerp_": lambda x: x[1:].lerp_(torch.ones(5), x[:-1]),
    "copy_ of the neighbour": lambda x: x[1:].copy_(x[:-1]),
    "x[1:] = x[:-1]": lambda x: x.__setitem__(slice(1, None), x[:-1]),
    "x[index] = x[:3]": lambda x: x.__setitem__(WHERE, x[:3]),
    "out=": lambda x: torch.add(x[1:], 1, out=x[:-1]),
    "index_add_": lambda x: x.index_add_(0, WHERE, x[:3]),
    "index_copy_": lambda x: x.index_copy_(0, WHERE, x[:3]),
    "index_reduce_": lambda x: x.index_reduce_(0, WHERE, x[:3], "amax"),
    "index_put_": lambda x: x.index_put_((WHERE,), x[:3]),
    "put_": lambda x: x.put_(WHERE, x[:3]),
    "scatter_": lambda x: x.scatter_(0, WHERE, x[:3]),
    "scatter_add_": lambda x: x.scatter_add_(0, WHERE, x[:3]),
}


@pytest.mark.parametrize("write", MEETING.values(), ids=MEETING)
def test_operands_that_meet_the_written_tensor_are_refused(write):
    x = _line()
    with pytest.raises(RuntimeError, match=r"lies in the memory|share elements"):
        write(x)
    assert x.tolist() == _line().tolist()


def test_a_transposed_operand_is_refused():
    x = _square()
    for write in (x.copy_, x.mul_, lambda other: torch.sub(other, x, out=x)):
        with pytest.raises(
            RuntimeError, match=r"\(3, 3\) lies in the memory of the tensor written to, \(3, 3\)"
        ):
            write(x.t())


@pytest.mark.parametrize(
    "write",
    [
        lambda i: i.index_add_(0, i, i.clone()),
        lambda i: i.index_copy_(0, i, i.clone()),
        lambda i: i.index_fill_(0, i, 0),
        lambda i: i.put_(i, i.clone()),
        lambda i: i.index_put_((i,), i.clone()),
        lambda i: i.scatter_(0, i, i.clone()),
    ],
)
def test_an_index_that_is_written_is_refused(write):
    with pytest.raises(RuntimeError, match=r"lies in the memory|share elements"):
        write(WHERE.clone())


def test_a_shifted_mask_is_refused():
    mask = torch.tensor([True, False, True, True])
    with pytest.raises(RuntimeError, match="masked_fill_: an input"):
        mask[1:].masked_fill_(mask[:-1], False)


def test_the_same_elements_and_elements_apart_are_fine():
    x = _line()
    assert x.add_(x).tolist() == (2 * _line()).tolist()
    assert x[:3].add_(x[3:]).tolist() == [6.0, 10.0, 14.0]
    x = _line()
    assert x[:3].copy_(x[3:]).tolist() == [3.0, 4.0, 5.0]
    assert torch.exp(x, out=x) is x


def test_what_strides_hide_is_read_before_it_is_written():
    x = _line()
    assert x[::2].add_(x[:3]).tolist() == [0.0, 3.0, 6.0]
    x = _line()
    x[0:6:2] = x[:3]
    assert x.tolist() == [0.0, 1.0, 1.0, 3.0, 2.0, 5.0]


def test_a_number_of_the_tensor_itself_fills_a_mask():
    x = _line()
    x[x > 2] = x[1]
    assert x.tolist() == [0.0, 1.0, 2.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("write", "result"),
    [
        (lambda x: x.index_fill_(1, WHERE, 3.0), 3.0),
        (lambda x: x.index_put_((torch.tensor([0, 1]),), torch.tensor(5.0)), 5.0),
        (lambda x: x.masked_fill_(torch.eye(4, 3) > 0, 2.0), 2.0),
    ],
)
def test_filling_an_expanded_tensor_warns(write, result):
    x = torch.ones(1)
    with pytest.warns(UserWarning, match=r"on expanded tensors writes some elements of \(4, 3\)"):
        write(x.expand(4, 3))
    assert x.item() == result


def test_masked_fill_of_an_expanded_tensor_fills_what_any_place_asks_for():
    x = torch.zeros(1, 3)
    mask = torch.tensor([[True, False, False], [True, False, True]])
    with pytest.warns(UserWarning, match="masked_fill_ on expanded tensors"):
        x.expand(2, 3).masked_fill_(mask, 1.0)
    assert x.tolist() == [[1.0, 0.0, 1.0]]


def test_the_same_elements_may_be_read_whatever_the_strides_of_dims_of_size_1():
    x = torch.tensor([[3.0], [4.0], [5.0]])
    diagonal = x.diagonal()
    assert diagonal.stride() != diagonal.view_as(diagonal).stride()
    diagonal.view_as(diagonal).sub_(diagonal)
    assert x.flatten().tolist() == [0, 4, 5]
