"""segment_reduce: reductions over segments of different lengths."""

import numpy as np
import pytest

import flambeau as torch

HOW = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod}
EMPTY = {"sum": 0, "mean": np.nan, "max": -np.inf, "min": np.inf, "prod": 1}


@pytest.mark.parametrize("reduce", HOW)
@pytest.mark.parametrize("rest", [(), (3,), (2, 2), (0,)])
def test_segments_by_lengths_and_offsets(reduce, rest):
    x, lengths = torch.randn(9, *rest), torch.tensor([3, 0, 5, 1])
    offsets = torch.tensor([0, 3, 3, 8, 9])
    parts = np.split(x.numpy(), [3, 3, 8])
    expected = [HOW[reduce](p, 0) if len(p) else np.full(rest, EMPTY[reduce]) for p in parts]
    for options in ({"lengths": lengths}, {"offsets": offsets}, {"lengths": lengths.int()}):
        got = torch.segment_reduce(x, reduce, **options)
        np.testing.assert_allclose(got.numpy(), np.array(expected), rtol=1e-5, atol=1e-6)


def test_what_each_segment_begins_with():
    x, lengths = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([2, 0, 1])
    for reduce, expected in (
        ("sum", [7, 4, 9]), ("mean", [3.5, 4, 9]), ("max", [4, 4, 5]), ("min", [1, 4, 4]), ("prod", [8, 4, 20]),
    ):  # fmt: skip
        assert torch.segment_reduce(x, reduce, lengths=lengths, initial=4).tolist() == expected


def test_a_batch_has_lengths_of_its_own():
    x = torch.arange(12.0).reshape(2, 6)
    got = torch.segment_reduce(x, "sum", lengths=torch.tensor([[2, 4], [3, 3]]), axis=1)
    assert got.tolist() == [[1, 14], [21, 30]]
    got = torch.segment_reduce(x, "max", offsets=torch.tensor([[0, 2, 6], [1, 3, 5]]), axis=-1)
    assert got.tolist() == [[1, 5], [8, 10]]
    assert torch.segment_reduce(
        x[0], "sum", lengths=torch.tensor([2, 1]), unsafe=True
    ).tolist() == [1, 2]
    assert torch.segment_reduce(
        x.to("meta"), "sum", lengths=torch.ones(2, 6, dtype=torch.int64, device="meta"), axis=1
    ).shape == (2, 6)


@pytest.mark.parametrize("initial", [None, 0.7])
@pytest.mark.parametrize("reduce", HOW)
def test_gradients(reduce, initial):
    x = torch.rand(6, 2, dtype=torch.float64) + 0.5
    x.requires_grad_()

    def f(x):
        return torch.segment_reduce(x, reduce, lengths=torch.tensor([2, 3, 1]), initial=initial)

    assert torch.autograd.gradcheck(f, x) and torch.autograd.gradgradcheck(f, x)


def test_equal_maxima_share_the_gradient():
    x = torch.tensor([1.0, 2.0, 2.0, 0.0], requires_grad=True)
    torch.segment_reduce(x, "max", lengths=torch.tensor([3, 1])).sum().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5, 1]


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "give lengths or offsets"),
        ({"lengths": [2, 2]}, r"lengths add up to 4, but data has 3"),
        ({"lengths": [2, 0], "unsafe": False}, "add up to 2"),
        ({"lengths": [4, -1]}, "a number below 0"),
        ({"offsets": [0, 2, 1]}, "offsets must not fall"),
        ({"offsets": [0, 4]}, "lie from 0 to 3"),
        ({"lengths": [3], "indices": [0]}, "indices is not offered"),
        ({"lengths": [3.0]}, "lengths of int64 or int32"),
        ({"lengths": [[3]]}, "do not meet"),
    ],
)
def test_what_does_not_fit(options, message):
    options = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in options.items()}
    with pytest.raises(RuntimeError, match=f"segment_reduce: .*{message}"):
        torch.segment_reduce(torch.ones(3), "sum", **options)
    with pytest.raises(RuntimeError, match="reduce is 'median'"):
        torch.segment_reduce(torch.ones(3), "median", lengths=torch.tensor([3]))
