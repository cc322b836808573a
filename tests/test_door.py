"""The door of operators: what watches calls, and that nothing stays behind when it stops."""

import inspect
import pickle

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.ops.core import observers


@pytest.fixture
def events():
    """events(function): what was noted while it ran."""

    def record(function):
        _core._record_events(True, True)
        try:
            function()
        finally:
            _core._record_events(False)
        return _core._take_events()

    return record


def test_every_public_callable_is_one_type():
    for name in ("add", "sum", "softmax", "amax", "trace", "numel", "einsum", "clamp"):
        assert type(getattr(torch, name)) is _core.Operator, name
    for name in ("add_", "view", "softmax", "clamp_", "float", "backward"):
        assert type(getattr(torch.Tensor, name)) is _core.Operator, name
    for name in ("mse_loss", "gelu", "linear", "conv2d"):
        assert type(getattr(torch.nn.functional, name)) is _core.Operator, name


def test_signatures():
    assert str(inspect.signature(torch.add)) == "(input, other, *, alpha=1, out=None)"
    assert str(inspect.signature(torch.Tensor.add_)) == "(input, other, *, alpha=1)"
    assert str(inspect.signature(torch.amax)) == "(input, dim=None, keepdim=False, *, out=None)"
    assert str(inspect.signature(torch.trace)) == "(input)"
    assert "reduction='mean'" in str(inspect.signature(torch.nn.functional.mse_loss))


def test_operators_are_pickled_by_name():
    for operator in (torch.add, torch.softmax, torch.numel, torch.linalg.inv, torch.special.erf):
        assert pickle.loads(pickle.dumps(operator)) is operator


def test_events_have_names_shapes_and_times(events):
    x, w = torch.ones(2, 3), torch.ones(4, 3)
    noted = events(lambda: torch.relu(torch.nn.functional.linear(x, w)))
    assert [e[0] for e in noted] == ["linear", "relu"]
    name, backward, depth, thread, start, stop, sequence, shapes = noted[0]
    assert not backward and depth == 0 and start <= stop <= noted[1][4]
    assert shapes == [([2, 3], torch.float32), ([4, 3], torch.float32)]


def test_events_nest_and_include_backward(events):
    x = torch.ones(3, requires_grad=True)
    noted = events(lambda: torch.softmax(x * 2, 0).sum().backward())
    depths = {}
    for name, backward, depth, *_ in noted:
        depths.setdefault(name, (backward, depth))
    assert depths["mul"] == (False, 0) and depths["backward"] == (False, 0)
    assert depths["MulBackward0"] == (True, 1)
    outer = [e for e in noted if e[0] == "softmax"]
    assert {e[2] for e in outer} == {0, 1}
    assert outer[0][4] >= outer[1][4] and outer[0][5] <= outer[1][5]
    forward = next(e for e in noted if e[0] == "mul")
    node = next(e for e in noted if e[0] == "MulBackward0")
    assert forward[6] == node[6]


def test_slots_and_subscripts_are_seen(events):
    x = torch.ones(2, 2)

    def program():
        y = x @ x + 1
        y[0] = 2
        return y[1]

    assert [e[0] for e in events(program) if e[2] == 0] == [
        "matmul",
        "add",
        "__setitem__",
        "__getitem__",
    ]


def test_facts_are_no_events(events):
    x = torch.ones(2)
    assert events(lambda: (x.dim(), x.numel(), x.size(), x.is_floating_point())) == []


def test_nothing_is_noted_when_off(events):
    events(lambda: torch.ones(2) + 1)
    torch.ones(2) + 1
    assert _core._take_events() == []


class Observer:
    def __init__(self):
        self.seen = []

    def enter(self, operator, args, kwargs):
        self.seen.append(("enter", operator.__name__, len(args), sorted(kwargs)))

    def leave(self, operator, result):
        self.seen.append(("leave", operator.__name__, result))

    def node(self, node, grads, results):
        self.seen.append(("node", node.name()))


@pytest.fixture
def observer():
    observer = Observer()
    before = observers.exchange((observer,))
    yield observer
    observers.exchange(before)


def test_observers_see_calls_and_nodes(observer):
    x = torch.ones(2, requires_grad=True)
    y = torch.sub(x, x, alpha=2)
    y.sum().backward()
    assert observer.seen[2] == ("enter", "sub", 2, ["alpha"])
    assert observer.seen[3] == ("leave", "sub", y)
    assert ("node", "SubBackward0") in observer.seen


def test_observers_hear_of_calls_that_raise(observer):
    with pytest.raises(RuntimeError):
        torch.mm(torch.ones(2, 3), torch.ones(2, 3))
    assert ("leave", "mm", None) in observer.seen


def test_an_observer_that_raises_ends_the_call(observer):
    def fail(operator, args, kwargs):
        raise KeyError("observer")

    observer.enter = fail
    with pytest.raises(KeyError):
        torch.ones(2)


def test_primitives_refuse_what_they_do_not_take():
    with pytest.raises(TypeError, match=r"amax: takes 3 arguments by position but was given 4"):
        torch.amax(torch.ones(2), 0, False, 1)
    with pytest.raises(TypeError, match=r"amax: has no argument 'nonsense'"):
        torch.amax(torch.ones(2), 0, nonsense=1)
    with pytest.raises(TypeError, match=r"add: argument 'other' is missing"):
        torch.add(torch.ones(2))


def test_aten_has_the_backward_of_pooling():
    x = torch.randn(1, 2, 6, 7, requires_grad=True)
    y, places = torch.nn.functional.max_pool2d(x, 3, 2, 1, return_indices=True)
    weights = torch.randn(y.shape)
    (wanted,) = torch.autograd.grad(y, x, weights)
    backward = torch.ops.aten.max_pool2d_with_indices_backward
    got = backward(weights, x, [3, 3], [2, 2], [1, 1], [1, 1], False, places)
    assert torch.allclose(got, wanted)
    assert torch.autograd.grad(got.sum(), x)[0].count_nonzero() == 0
