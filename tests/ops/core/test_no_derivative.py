"""Operators without a derivative: backward through them raises, and does not take them for constants."""

import pytest

import flambeau as torch


def values(*shape):
    return torch.linspace(1, 2, torch.Size(shape).numel()).reshape(shape).requires_grad_()


CALLS = {
    "unique": lambda: torch.unique(values(3)),
    "unique, dim": lambda: torch.unique(values(3, 2), dim=0, return_inverse=True)[0],
    "unique_consecutive": lambda: torch.unique_consecutive(values(3)),
    "bincount": lambda: torch.bincount(torch.tensor([0, 1, 1]), values(3)),
    "histogramdd": lambda: torch.histogramdd(values(4, 2), [2, 2]).hist,
    "histogramdd, weight": lambda: torch.histogram(torch.ones(4), 3, weight=values(4)).hist,
    "geqrf": lambda: torch.geqrf(values(2, 2)).a,
    "linalg.ldl_solve": lambda: torch.linalg.ldl_solve(
        *torch.linalg.ldl_factor(values(2, 2).detach()), values(2, 1)
    ),
    "linalg.ldl_factor_ex": lambda: torch.linalg.ldl_factor(values(2, 2)).LD,
}


@pytest.mark.parametrize("name", CALLS)
def test_backward_raises(name):
    result = CALLS[name]()
    with pytest.raises(NotImplementedError, match=f"{name.split(',')[0]}: it has no derivative"):
        (result.sum() + values(1).sum()).backward()
    with torch.no_grad():
        assert torch.equal(CALLS[name](), result)


def test_places_and_counts_need_no_gradient():
    found, *others = torch.unique(values(3), return_inverse=True, return_counts=True)
    assert found.requires_grad and not any(other.requires_grad for other in others)
    assert not torch.unique(torch.ones(2)).requires_grad
