"""The layout of results: the order of the operands' dimensions, without gaps, as in PyTorch."""

import itertools

import pytest

import flambeau as torch

X = {
    "dense": torch.zeros(2, 3, 4),
    "with gaps": torch.zeros(2, 3, 8)[:, :, ::2],
    "expanded": torch.zeros(3, 4).expand(2, 3, 4),
    "of one in two dims": torch.zeros(1, 1, 4, 12)[:, :, :, ::2],
}
OPERATORS = {
    "exp": lambda of, x, **out: of.exp(x, **out),
    "a row behind": lambda of, x, **out: of.add(x, of.zeros(x.size(-1)), **out),
    "a row in front": lambda of, x, **out: of.add(of.zeros(x.size(-1)), x, **out),
    "lerp": lambda of, x, **out: of.lerp(x, x, 0.5, **out),
}


def _orders():
    for name, x in X.items():
        for order in itertools.permutations(range(x.dim())):
            yield pytest.param(x.permute(order), id=f"{name} {order}")


@pytest.mark.parametrize("x", list(_orders()))
@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_as_pytorchs(operator, x):
    result, out = operator(torch, x), torch.empty(0)
    assert operator(torch, x, out=out).stride() == result.stride()
    oracle = pytest.importorskip("torch")
    same = oracle.zeros(200).as_strided(tuple(x.shape), x.stride())
    assert result.stride() == operator(oracle, same).stride()


def test_out_keeps_a_layout_that_fits():
    x, out = torch.rand(2, 3).t(), torch.empty(3, 2)
    assert torch.exp(x, out=out).stride() == (2, 1)
    assert torch.exp(x, out=torch.empty(0)).stride() == (1, 3)
    assert torch.cumsum(x, 0, out=torch.empty(0)).shape == (3, 2)


def test_clones_of_expanded_tensors_keep_the_order_of_dims():
    x = torch.zeros(3, 4).expand(2, 3, 4).permute(0, 2, 1)
    assert x.clone().stride() == torch.empty_like(x).stride() == (12, 1, 4)
    assert x.contiguous().stride() == (12, 3, 1)
