"""The graph from outside: hooks on what is saved, edges, several gradients at once."""

import pytest

import flambeau
from flambeau.autograd import graph


@pytest.fixture
def x():
    return flambeau.ones(3, requires_grad=True)


def test_saved_tensors_go_through_the_hooks(x):
    packed, unpacked = [], []

    def pack(tensor):
        packed.append(tensor.shape)
        return tensor.detach().numpy()

    def unpack(array):
        unpacked.append(array.shape)
        return flambeau.from_numpy(array)

    with graph.saved_tensors_hooks(pack, unpack):
        y = x.exp()
    assert packed and not unpacked
    y.sum().backward()
    assert len(unpacked) == len(packed)
    assert flambeau.allclose(x.grad, x.detach().exp())


def test_save_on_cpu_changes_nothing_but_the_place(x):
    with graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_hooks_can_be_forbidden():
    hooks = graph.saved_tensors_hooks(lambda t: t, lambda t: t)
    refused = pytest.raises(RuntimeError, match="not here")
    with graph.disable_saved_tensors_hooks("not here"), refused, hooks:
        pass


@pytest.mark.parametrize("mode", ["all", "any"])
def test_multi_grad_hook(x, mode):
    seen = []
    a, b = x * 2, x * 3
    handle = graph.register_multi_grad_hook([a, b], seen.append, mode=mode)
    (a + b).sum().backward(retain_graph=True)
    assert len(seen) == 1
    assert isinstance(seen[0], list) is (mode == "all")
    handle.remove()
    (a + b).sum().backward()
    assert len(seen) == 1


def test_edges_and_versions(x):
    y = x * 2
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and edge.output_nr == 0
    assert isinstance(y.grad_fn, graph.Node)
    z = y.exp()
    graph.increment_version(z)
    with pytest.raises(RuntimeError, match="in.?place"):
        z.sum().backward()
