"""state_dict and load_state_dict."""

import pytest

import flambeau as torch
from flambeau import nn


def net():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


KEYS = [
    "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
    "1.num_batches_tracked",
]  # fmt: skip


def test_round_trip():
    first, second = net(), net()
    state = first.state_dict()
    assert list(state) == KEYS
    assert not state["0.weight"].requires_grad
    assert first.state_dict(keep_vars=True)["0.weight"] is first[0].weight
    result = second.load_state_dict(state)
    assert str(result) == "<All keys matched successfully>"
    del state["0.bias"]
    assert repr(second.load_state_dict({**state, "x": state["0.weight"]}, strict=False)) == (
        "_IncompatibleKeys(missing_keys=['0.bias'], unexpected_keys=['x'])"
    )
    assert bool((second[0].weight == first[0].weight).all())
    assert second[0].weight is not first[0].weight


def test_values_are_shared_not_copied():
    model = net()
    model.state_dict()["0.bias"].fill_(7)
    assert bool((model[0].bias == 7).all())


def test_problems_are_all_listed():
    state = net().state_dict()
    del state["0.bias"]
    state["other"] = torch.zeros(1)
    state["1.weight"] = torch.zeros(4)
    state["0.weight"] = "text"
    with pytest.raises(RuntimeError) as caught:
        net().load_state_dict(state)
    text = str(caught.value)
    assert text.startswith("Error(s) in loading state_dict for Sequential:\n\t")
    assert 'Missing key(s) in state_dict: "0.bias". ' in text
    assert 'Unexpected key(s) in state_dict: "other". ' in text
    assert "size mismatch for 1.weight: the checkpoint has (4,), the model" in text
    assert "0.weight: the checkpoint holds str where the model has a Tensor" in text


def test_not_strict():
    state = net().state_dict()
    del state["0.bias"]
    state["other"] = torch.zeros(1)
    missing, unexpected = net().load_state_dict(state, strict=False)
    assert missing == ["0.bias"] and unexpected == ["other"]


def test_not_a_dict():
    with pytest.raises(
        TypeError, match="load_state_dict: takes a dict of names and tensors, not list"
    ):
        net().load_state_dict([1])


def test_assign_takes_the_tensors_themselves():
    model = net()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    assert isinstance(model[0].weight, nn.Parameter) and model[0].weight.requires_grad
    state["0.weight"].fill_(3)
    assert bool((model[0].weight == 3).all())
    assert model[1].running_mean is state["1.running_mean"]


def test_loading_converts_the_dtype():
    model = net()
    model.load_state_dict(net().double().state_dict())
    assert model[0].weight.dtype == torch.float32


def test_version_one_batch_norm_has_no_counter():
    state = net().state_dict()
    del state["1.num_batches_tracked"]
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        net().load_state_dict(state)
    state._metadata["1"]["version"] = 1
    model = net()
    model[1].num_batches_tracked.fill_(3)
    model.load_state_dict(state)
    assert model[1].num_batches_tracked == 3
    assert torch.equal(model[0].weight, state["0.weight"])


def test_extra_state():
    class WithExtra(nn.Module):
        value = 1

        def get_extra_state(self):
            return {"value": self.value}

        def set_extra_state(self, state):
            self.value = state["value"]

    first, second = WithExtra(), WithExtra()
    first.value = 5
    assert list(first.state_dict()) == ["_extra_state"]
    second.load_state_dict(first.state_dict())
    assert second.value == 5
    with pytest.raises(RuntimeError, match="_extra_state"):
        second.load_state_dict({})
    with pytest.raises(RuntimeError, match="Unexpected"):
        nn.ReLU().load_state_dict(first.state_dict())


def test_hooks():
    model = net()
    seen = []
    model.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append("before"))

    def post(module, state, prefix, metadata):
        state["added"] = torch.zeros(1)

    model.register_state_dict_post_hook(post)
    model.register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: state.pop(prefix + "added")
    )

    def tolerate(module, incompatible):
        seen.append(list(incompatible.missing_keys))
        incompatible.missing_keys.clear()

    model.register_load_state_dict_post_hook(tolerate)
    state = model.state_dict()
    assert "added" in state and seen == ["before"]
    del state["0.bias"]
    model.load_state_dict(state)
    assert seen[-1] == ["0.bias"]
    model.register_state_dict_post_hook(lambda *args: {})
    with pytest.raises(RuntimeError, match="must return None"):
        model.state_dict()


def test_assigning_keeps_tied_tensors_tied():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5, 3)
            self.out = nn.Linear(3, 5, bias=False)
            self.out.weight = self.embedding.weight
            self.register_buffer("a", torch.zeros(2))
            self.register_buffer("b", self.a)

    source, model = Tied(), Tied()
    model.load_state_dict(source.state_dict(), assign=True)
    assert model.embedding.weight is model.out.weight
    assert model.a is model.b
    assert torch.equal(model.out.weight, source.out.weight)
    model.load_state_dict({"out.weight": torch.ones(5, 3)}, strict=False, assign=True)
    assert model.embedding.weight is model.out.weight
    assert model.out.weight.sum() == 15
    assert model.a is model.b


def test_loading_makes_no_cycle_of_references():
    import gc

    source, model = nn.LSTM(4, 4), nn.LSTM(4, 4)
    state = source.state_dict()
    gc.collect()
    model.load_state_dict(state)
    assert gc.collect() == 0
