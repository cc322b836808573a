"""functional_call: a module computed with other tensors than its own."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.func import functional_call


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.register_buffer("offset", torch.zeros(1))
        self.scale = torch.ones(1)

    def forward(self, x, times=1, *, plus=0):
        return self.layer(x) * self.scale * times + self.offset + plus


GIVEN = {"layer.weight": torch.full((1, 1), 3.0), "layer.bias": torch.ones(1)}
X = torch.full((1, 1), 2.0)


def test_arguments():
    module = Scaled()
    assert functional_call(module, GIVEN, X).item() == 7
    assert functional_call(module, GIVEN, (X, 2)).item() == 14
    assert functional_call(module, GIVEN, X, {"times": 2, "plus": 1}).item() == 15
    assert functional_call(module, GIVEN, kwargs={"x": X}).item() == 7
    assert functional_call(module, (GIVEN, {"offset": torch.ones(1)}), X).item() == 8
    assert functional_call(module, GIVEN | {"scale": torch.zeros(1)}, X).item() == 0
    assert module.scale.item() == 1
    with pytest.raises(ValueError, match="layer.bias stand"):
        functional_call(module, (GIVEN, {"layer.bias": torch.ones(1)}), X)
    with pytest.raises(ValueError, match="sequence of dicts"):
        functional_call(module, [1], X)


def test_the_module_is_as_it_was_even_after_an_error():
    module = Scaled()
    before = dict(module.named_parameters())
    with pytest.raises(TypeError, match="not a Tensor"):
        functional_call(module, GIVEN | {"offset": 1}, X)
    with pytest.raises(TypeError):
        functional_call(module, GIVEN, (X, 1, 2))
    with pytest.raises(AttributeError, match="leads nowhere"):
        functional_call(module, GIVEN | {"no.weight": X}, X)
    with pytest.raises(TypeError, match="not a tensor"):
        functional_call(module, GIVEN | {"training": X}, X)
    after = dict(module.named_parameters())
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)
    assert module.training is True
    functional_call(module, GIVEN | {"layer.more": nn.Parameter(X)}, X)
    assert not hasattr(module.layer, "more")


def test_strict():
    module = Scaled()
    functional_call(module, GIVEN | {"offset": X[0]}, X, strict=True)
    with pytest.raises(RuntimeError, match="missing.*offset"):
        functional_call(module, GIVEN, X, strict=True)
    with pytest.raises(RuntimeError, match="unexpected.*other"):
        functional_call(module, GIVEN | {"offset": X[0], "other": X}, X, strict=True)


def test_tied_weights():
    module = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    module[1].weight = module[0].weight
    x, twice = torch.ones(1, 2), {"0.weight": 2 * torch.eye(2)}
    assert functional_call(module, twice, x).tolist() == [[4, 4]]
    assert functional_call(module, {"1.weight": 2 * torch.eye(2)}, x).tolist() == [[4, 4]]
    assert functional_call(module, twice | {"1.weight": twice["0.weight"]}, x).sum() == 8
    with pytest.raises(ValueError, match="names of one tensor"):
        functional_call(module, twice | {"1.weight": torch.eye(2)}, x)
    both = twice | {"1.weight": torch.eye(2)}
    assert functional_call(module, both, x, tie_weights=False).tolist() == [[2, 2]]
    assert module[0].weight is module[1].weight


@pytest.mark.parametrize("tie_weights", [True, False])
def test_a_module_that_contains_itself(tie_weights):
    module = Scaled()
    module.layer.owner = module
    given = {f"layer.owner.{name}": value for name, value in GIVEN.items()}
    assert functional_call(module, given, X, tie_weights=tie_weights).item() == 7
    assert functional_call(module, GIVEN, X, tie_weights=tie_weights).item() == 7


def test_what_the_module_assigns_goes_into_the_dict():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(1))

        def forward(self, x):
            self.count = self.count + 1
            return x

    module, given = Counter(), {"count": torch.full((1,), 5.0)}
    functional_call(module, given, X)
    assert given["count"].item() == 6
    assert module.count.item() == 0
