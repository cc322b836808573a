"""nn.utils.prune: masks, pruning twice, making it permanent."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.utils import prune

rng = np.random.default_rng(0)


def linear(T, values):
    layer = T.nn.Linear(values.shape[1], values.shape[0], bias=False)
    with T.no_grad():
        layer.weight.copy_(T.from_numpy(values))
    return layer


METHODS = {
    "l1": lambda P, layer: P.l1_unstructured(layer, "weight", 0.3),
    "l1 count": lambda P, layer: P.l1_unstructured(layer, "weight", 4),
    "l2 of columns": lambda P, layer: P.ln_structured(layer, "weight", 2, n=2, dim=1),
    "maximum of rows": lambda P, layer: P.ln_structured(layer, "weight", 0.5, n=float("inf"), dim=0),
    "twice": lambda P, layer: P.l1_unstructured(P.l1_unstructured(layer, "weight", 5), "weight", 0.5),
    "rows, then entries": lambda P, layer: P.l1_unstructured(
        P.ln_structured(layer, "weight", 1, n=1, dim=0), "weight", 3
    ),
    "entries, then columns": lambda P, layer: P.ln_structured(
        P.l1_unstructured(layer, "weight", 6), "weight", 2, n=2, dim=-1
    ),
    "global": lambda P, layer: P.global_unstructured(
        [(layer, "weight")], pruning_method=P.L1Unstructured, amount=0.25
    ),
    "identity": lambda P, layer: P.identity(layer, "weight"),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_prune_masks_what_pytorch_masks(name):
    pytorch = pytest.importorskip("torch")
    from torch.nn.utils import prune as theirs

    values = rng.normal(size=(4, 6)).astype("f4")
    ours, other = linear(torch, values), linear(pytorch, values)
    METHODS[name](prune, ours)
    METHODS[name](theirs, other)
    assert ours.state_dict().keys() == other.state_dict().keys()
    for key, value in other.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[key].numpy(), value.numpy())
    np.testing.assert_array_equal(ours.weight.detach().numpy(), other.weight.detach().numpy())


def test_pruned_entries_stay_zero_while_the_rest_learns():
    layer = linear(torch, rng.normal(size=(3, 5)).astype("f4"))
    prune.random_unstructured(layer, "weight", 0.4)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    before = layer.weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(2, 5)).pow(2).sum().backward()
        optimizer.step()
    layer(torch.ones(2, 5))
    assert int((layer.weight == 0).sum()) == 6
    assert torch.equal(layer.weight == 0, before == 0) and not torch.equal(layer.weight, before)


def test_remove_leaves_a_plain_parameter():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    prune.random_structured(net[0], "weight", 1, dim=0)
    assert prune.is_pruned(net) and "0.weight_orig" in net.state_dict()
    pruned = net[0].weight.detach().clone()
    prune.remove(net[0], "weight")
    assert not prune.is_pruned(net)
    assert isinstance(net[0].weight, nn.Parameter) and torch.equal(net[0].weight, pruned)
    assert [*net[0].state_dict()] == ["bias", "weight"]
    with pytest.raises(
        ValueError, match="prune: 'weight' of Linear is not pruned, so there is nothing to remove"
    ):
        prune.remove(net[0], "weight")


def test_global_pruning_compares_all_parameters():
    small, large = nn.Linear(3, 2), nn.Linear(3, 2)
    with torch.no_grad():
        small.weight.fill_(0.1)
        large.weight.fill_(1.0)
    places = [(small, "weight"), (large, "weight")]
    prune.global_unstructured(places, prune.L1Unstructured, amount=6)
    assert small.weight.abs().sum() == 0 and (large.weight == 1).all()


def test_a_refused_amount_changes_nothing():
    layer = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="prune: amount is 7, but there are only 6 to prune"):
        prune.l1_unstructured(layer, "weight", 7)
    with pytest.raises(
        ValueError,
        match=r"prune: amount is 1\.5; it must be a float from 0 to 1, or an int of 0 or more",
    ):
        prune.l1_unstructured(layer, "weight", 1.5)
    with pytest.raises(TypeError, match="prune: amount must be an int or a float, not 'half'"):
        prune.l1_unstructured(layer, "weight", "half")
    assert [*layer.state_dict()] == ["weight", "bias"] and not prune.is_pruned(layer)


def test_scores_and_masks_of_ones_own():
    layer = nn.Linear(2, 2)
    prune.l1_unstructured(layer, "weight", 1, importance_scores=torch.tensor([[3.0, 1], [2, 4]]))
    assert layer.weight_mask.tolist() == [[1, 0], [1, 1]]
    prune.custom_from_mask(layer, "weight", torch.tensor([[1, 1], [0, 1]]))
    assert layer.weight_mask.tolist() == [[1, 0], [0, 1]]
    assert isinstance(next(iter(layer._forward_pre_hooks.values())), prune.PruningContainer)
