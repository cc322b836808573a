"""More than 2**31 elements: what a 32-bit number of an index would lose.

Each takes 2 to 7 GB and some seconds, so they run only with FLAMBEAU_LARGE_TESTS=1.
"""

import os

import pytest

import flambeau

pytestmark = pytest.mark.skipif(
    not os.environ.get("FLAMBEAU_LARGE_TESTS"), reason="needs 8 GB; FLAMBEAU_LARGE_TESTS=1 runs it"
)

N = 2**31 + 5


@pytest.fixture
def marked():
    """Zeros of one byte each, but for a 7 in the last place but one."""
    x = flambeau.zeros(N, dtype=flambeau.uint8)
    x[-2] = 7
    return x


def test_pointwise_and_reductions(marked):
    assert marked.sum().item() == 7 and marked.max().item() == 7
    assert marked.argmax().item() == N - 2
    assert marked.any().item() and not marked.all().item()
    assert (marked + 1)[-2:].tolist() == [8, 1]
    assert marked.count_nonzero().item() == 1


def test_picking(marked):
    assert marked.nonzero().tolist() == [[N - 2]]
    assert marked[marked > 0].tolist() == [7]
    places = flambeau.tensor([N - 2, 0, N - 1])
    assert marked[places].tolist() == marked.take(places).tolist() == [7, 0, 0]
    marked.index_fill_(0, places[2:], 3)
    assert marked[-2:].tolist() == [7, 3]


def test_moving(marked):
    assert marked.flip(0)[:3].tolist() == [0, 7, 0]
    assert marked.roll(3)[:3].tolist() == [0, 7, 0]
    assert flambeau.cat([marked[: 2**30], marked[2**30 :]])[-2].item() == 7


def test_rows_and_columns(marked):
    column = marked.unsqueeze(1)
    assert column.sum(0).tolist() == [7] and column.sum(1)[-2].item() == 7
    assert marked.expand(2, N).sum(1).tolist() == [7, 7]
    strided = marked[1::2]
    assert strided.numel() == 2**30 + 2 and strided.clone()[-2:].tolist() == [0, 7]
    assert marked.unfold(0, 2, 1)[-1].tolist() == [7, 0]


def test_writing_by_index(marked):
    last = flambeau.tensor([N - 1])
    three = flambeau.tensor([3], dtype=flambeau.uint8)
    marked.scatter_(0, last, three).scatter_add_(0, last, three).index_add_(0, last, three)
    assert marked.gather(0, last).tolist() == [9]
    marked.put_(last - 1, three)
    marked[last] = 1
    assert marked.masked_fill_(marked == 3, 4)[-2:].tolist() == [4, 1]
    assert flambeau.where(marked > 0, marked, marked)[-2:].tolist() == [4, 1]


def test_scans_and_copies(marked):
    assert marked.cumsum(0, dtype=flambeau.uint8)[-3:].tolist() == [0, 7, 7]
    assert flambeau.equal(marked, marked.clone())
    square = marked[-(2**31) :].view(2**16, 2**15)
    assert square.t().contiguous()[-2, -1].item() == 7


def test_saving(marked, tmp_path):
    flambeau.save(marked, tmp_path / "large.pt")
    assert flambeau.load(tmp_path / "large.pt", mmap=True)[-2:].tolist() == [7, 0]
