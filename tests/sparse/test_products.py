"""Products with sparse tensors."""

import flambeau as torch


def test_linear_without_features():
    weight = torch.zeros(3, 0).to_sparse()
    got = torch.nn.functional.linear(torch.zeros(2, 4, 0), weight, torch.ones(3))
    assert torch.equal(got, torch.ones(2, 4, 3))
