"""torch.compile of modules: what they hold may change, and the compiled module shows it."""

import copy
import pickle

import pytest

import flambeau as torch
from flambeau import nn


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.scale = nn.Parameter(torch.randn(4)), 2
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))

    def forward(self, x):
        y = self.body(x) * self.weight * self.scale
        return y.relu() if self.training else y.tanh()


def test_modules_may_change():
    module = Layer()
    compiled, twin, x = torch.compile(module), copy.deepcopy(module), torch.randn(3, 4)

    def agrees():
        for _ in range(3):
            torch.manual_seed(1)
            expected = twin(x)
            torch.manual_seed(1)
            assert torch.equal(compiled(x), expected)

    agrees()
    for m in (module, twin):
        m.eval()
    agrees()
    for m in (module, twin):
        m.scale = 3
    agrees()
    for m in (module, twin):
        with torch.no_grad():
            m.weight.mul_(2)
    agrees()
    for m in (module, twin):
        m.weight = nn.Parameter(torch.ones(4))
    agrees()
    for m in (module, twin):
        m.body[0].register_forward_hook(lambda module, args, output: output * 2)
    agrees()
    for m in (module, twin):
        m.body.append(nn.Tanh())
    agrees()
    for m in (module, twin):
        m.load_state_dict({k: torch.ones_like(v) for k, v in m.state_dict().items()})
    agrees()


def test_a_compiled_module_shows_the_one_it_holds():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    compiled = torch.compile(model)
    assert isinstance(compiled, torch._dynamo.OptimizedModule) and compiled._orig_mod is model
    assert list(compiled.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    compiled.eval()
    assert not model.training and compiled[0] is model[0] and compiled.forward is not None
    compiled.note = 5
    assert model.note == 5
    x = torch.randn(4, 3)
    for m in (compiled, copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        assert torch.equal(m(x), model(x)) and torch.equal(m(x), model(x))


def test_module_compile_works_in_place():
    model = nn.Sequential(nn.Linear(3, 2), nn.GELU())
    twin, x = copy.deepcopy(model), torch.randn(4, 3)
    model.compile()
    for _ in range(3):
        assert torch.equal(model(x), twin(x))
    with torch.no_grad():
        model[0].weight.zero_()
    clone = copy.deepcopy(model)
    with torch.no_grad():
        clone[0].weight.fill_(1)
    assert not torch.equal(clone(x), model(x)) and "_compiled_call_impl" not in vars(clone)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(4, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        rows, _ = self.recurrent(x)
        return torch.tanh(self.head(rows)) * 2 + 1


def test_a_module_with_an_lstm_is_one_program():
    torch.manual_seed(0)
    module, x = Tagger(), torch.randn(2, 5, 4)
    compiled = torch.compile(module, fullgraph=True)
    for _ in range(3):
        module.zero_grad()
        expected = module(x)
        expected.sum().backward()
        wanted = [p.grad.clone() for p in module.parameters()]
        module.zero_grad()
        result = compiled(x)
        assert torch.equal(result, expected)
        result.sum().backward()
        assert all(map(torch.equal, [p.grad for p in module.parameters()], wanted))


@pytest.mark.parametrize("owner, name", [(torch.Tensor, "tanh"), (nn.Linear, "forward")])
def test_a_replaced_method_is_noticed(monkeypatch, owner, name):
    linear = nn.Linear(3, 3)
    compiled, x = torch.compile(lambda x: linear(x).tanh() + 1), torch.randn(2, 3)
    before = [compiled(x), compiled(x)][1]
    monkeypatch.setattr(owner, name, lambda self, *given: self.weight * 0 if given else self * 0)
    x = torch.randn(3, 3)
    assert not torch.equal(compiled(x)[:2], before)
    assert torch.equal(compiled(x), torch.ones(3, 3))
    monkeypatch.undo()
    assert torch.equal(compiled(x), linear(x).tanh() + 1)


def test_a_compiled_module_trains_when_its_module_does():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout())
    compiled = torch.compile(module)
    module.eval()
    assert not compiled.training
    compiled.train()
    assert module.training and module[1].training


def test_options_are_patched_for_a_while():
    dynamo, inductor = torch._dynamo.config, torch._inductor.config
    with dynamo.patch(verbose=True, of_no_name=3), inductor.patch({"triton.cudagraphs": True}):
        assert dynamo.verbose and dynamo.of_no_name == 3 and inductor.triton.cudagraphs
        with dynamo.patch("verbose", False):
            assert not dynamo.verbose
        assert dynamo.verbose

    @inductor.patch(max_autotune=True)
    def wished(depth):
        return [inductor.max_autotune, *(wished(depth - 1) if depth else [])]

    assert wished(2) == [True, True, True]
    assert not (dynamo.verbose or inductor.triton.cudagraphs or inductor.max_autotune)
    assert not hasattr(dynamo, "of_no_name")
    with pytest.raises(torch._dynamo.exc.InvalidBackend, match="no backend 'nope'"):
        torch.compile(lambda x: x, backend="nope")


@pytest.mark.parametrize(
    "make",
    [lambda: torch.nn.Linear(4, 3), lambda: torch.nn.ReLU(), lambda: torch.nn.LayerNorm(4)],
)
def test_a_layer_of_one_operator_is_called_as_it_is(make):
    layer = make()
    compiled, x = torch.compile(layer), torch.rand(5, 4)
    for _ in range(3):
        assert torch.equal(compiled(x), layer(x)) and torch.equal(compiled(input=x), layer(x))
    seen = []
    handle = layer.register_forward_hook(lambda *given: seen.append(1))
    assert torch.equal(compiled(x), layer(x)) and len(seen) == 2
    handle.remove()
    layer.forward = lambda x: x * 3
    assert torch.equal(compiled(x), x * 3)
    del layer.forward
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(1)
    assert torch.equal(compiled(x), layer(x))


def test_a_call_of_modules_that_is_replaced_is_seen(monkeypatch):
    layer = torch.nn.Linear(4, 3)
    compiled, x = torch.compile(layer), torch.rand(5, 4)
    compiled(x), compiled(x)
    call, seen = torch.nn.Module.__call__, []

    def watched(self, *args, **kwargs):
        seen.append(type(self))
        return call(self, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, "__call__", watched)
    assert torch.equal(compiled(x), layer(x)) and seen == [torch.nn.Linear] * 2
