"""One tensor into several views of it."""

import pytest

import flambeau


def sizes(pieces, dim=0):
    return [piece.shape[dim] for piece in pieces]


def test_split_by_size_and_by_sections():
    x = flambeau.arange(10)
    assert sizes(flambeau.split(x, 4)) == [4, 4, 2]
    assert sizes(x.split([1, 2, 7])) == [1, 2, 7]
    assert x.split(3)[2].tolist() == [6, 7, 8]
    assert sizes(flambeau.zeros(3, 5).split(2, dim=-1), 1) == [2, 2, 1]
    assert sizes(flambeau.empty(0).split(0)) == [0]
    for wrong in ([1, 2], -1, [11, -1]):
        with pytest.raises(RuntimeError, match="split"):
            x.split(wrong)


def test_chunk():
    x = flambeau.arange(10)
    assert sizes(x.chunk(4)) == [3, 3, 3, 1]
    assert sizes(x.chunk(20)) == [1] * 10
    with pytest.raises(RuntimeError, match="chunk: chunks is 0; it must be 1 or more"):
        x.chunk(0)
    with pytest.raises(IndexError, match="out of range"):
        x.chunk(2, dim=1)


def test_tensor_split():
    x = flambeau.arange(7)
    assert sizes(flambeau.tensor_split(x, 3)) == [3, 2, 2]
    assert sizes(x.tensor_split((1, 6))) == [1, 5, 1]
    assert sizes(x.tensor_split((5, 2))) == [5, 0, 5]
    assert sizes(x.tensor_split(flambeau.tensor([2, 20]))) == [2, 5, 0]


def test_splits_named_after_directions():
    x = flambeau.arange(24).view(2, 4, 3)
    assert sizes(x.hsplit(2), 1) == [2, 2]
    assert sizes(flambeau.vsplit(x, 2)) == [1, 1]
    assert sizes(flambeau.dsplit(x, [1]), 2) == [1, 2]
    assert sizes(flambeau.arange(4).hsplit(2)) == [2, 2]
    with pytest.raises(
        RuntimeError,
        match=r"hsplit: size 4 of dim 1 does not divide into 3 equal parts\. tensor_split makes unequal ones",
    ):
        x.hsplit(3)


def test_pieces_are_views_and_carry_gradients():
    x = flambeau.ones(5, requires_grad=True)
    first, second = x.split([2, 3])
    assert first.data_ptr() == x.data_ptr()
    (first.sum() * 2 + second.sum() * 3).backward()
    assert x.grad.tolist() == [2, 2, 3, 3, 3]


def test_places_to_split_at_are_int64():
    x = flambeau.arange(4)
    assert [p.tolist() for p in x.tensor_split(flambeau.tensor([1, 3]))] == [[0], [1, 2], [3]]
    assert len(x.tensor_split(flambeau.tensor(2))) == 2
    for bad in (
        flambeau.tensor(2.0),
        flambeau.tensor([[1]]),
        flambeau.tensor([1], dtype=flambeau.int32),
    ):
        with pytest.raises(RuntimeError, match="int64"):
            x.tensor_split(bad)


@pytest.mark.parametrize(
    "split",
    [
        lambda t: t.unsafe_split(1),
        lambda t: t.unsafe_split_with_sizes((1, 1, 1)),
        lambda t: t.unsafe_chunk(3),
    ],
)
def test_unsafe_parts_may_be_written(split):
    a = flambeau.arange(6.0).reshape(3, 2).requires_grad_()
    whole = a * 2
    first, second, third = split(whole)
    assert first.data_ptr() == whole.data_ptr() and first._base is None
    first.mul_(second)
    (first + third).sum().backward()
    assert a.grad.tolist() == [[8, 12], [0, 4], [2, 2]]
