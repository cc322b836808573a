"""Names that are another operator, and questions about tensors."""

import pytest

import flambeau as torch


def test_reflected_and_older_spellings():
    x = torch.tensor([1.0, 2.0, 4.0])
    assert x.__rdiv__(4).tolist() == [4, 2, 1] and torch.Tensor.__div__(x, 2).tolist() == [
        0.5,
        1,
        2,
    ]
    assert list(reversed(x)) == [4, 2, 1]
    assert x.resize(3, 1).shape == (3, 1) and x.dense_dim() == 3 - 2


def test_questions():
    assert torch.is_nonzero(torch.tensor(2)) and not torch.tensor(0.0).is_nonzero()
    with pytest.raises(RuntimeError, match="is_nonzero: the truth of 2 elements is ambiguous"):
        torch.ones(2).is_nonzero()
    assert torch.get_device(torch.ones(1)) == -1
    with pytest.raises(RuntimeError, match="linalg.eigh"):
        torch.symeig(torch.eye(2))


def test_forked_random_numbers():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with torch.random.fork_rng():
        torch.rand(5)
    assert torch.equal(torch.rand(2), expected)
