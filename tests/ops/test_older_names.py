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


def test_a_number_before_the_tensors_is_their_factor():
    a, b, c = torch.ones(2), torch.tensor([2.0, 4.0]), torch.tensor([8.0, 8.0])
    for operator, wanted in (
        (torch.addcmul, [1 + 3 * 16, 1 + 3 * 32]),
        (torch.addcdiv, [1 + 3 / 4, 1 + 3 / 2]),
    ):
        with pytest.warns(UserWarning, match="value"):
            assert operator(a, 3, b, c).tolist() == wanted
        assert operator(a, b, c, value=3).tolist() == wanted
    with pytest.warns(UserWarning, match="alpha"):
        assert torch.sub(a, 3, b).tolist() == [-5, -11]


def test_addcdiv_of_integers_is_refused():
    i = torch.ones(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="addcdiv"):
        torch.addcdiv(i, i, i)
    assert torch.addcdiv(torch.ones(2), i, i).tolist() == [2, 2]


def test_bernoulli_writes_into_any_dtype():
    for dtype in (torch.bool, torch.int8, torch.float64):
        out = torch.zeros(3, dtype=dtype)
        assert torch.bernoulli(torch.ones(3), out=out) is out and out.tolist() == [1, 1, 1]


def test_gradient_computes_in_the_dtype_of_its_coordinates():
    x = torch.tensor([0.0, 1e-9, 2e-9], dtype=torch.float64) + 1
    (slope,) = torch.gradient(torch.tensor([0, 1, 2]), spacing=(x,))
    assert slope.dtype is torch.float64
