"""Programs traced to graphs, changed, and run again."""

import copy
import math
import operator
import pickle

import pytest

import flambeau as torch
from flambeau import fx, nn
from flambeau.fx.passes.shape_prop import ShapeProp
from flambeau.fx.passes.split_module import split_module
from flambeau.fx.proxy import TraceError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.scale = nn.Parameter(torch.randn(4))
        self.register_buffer("shift", torch.randn(4))
        self.rest = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(2, 2)))

    def forward(self, x, times=2, *, extra=None):
        a = self.first(x) * self.scale + self.shift
        b = torch.relu(a).view(-1, 2)
        c = self.rest(b)
        d = torch.cat([c, b], dim=1)[:, 1:3]
        return {"mean": d.mean(), "rows": a.shape[0] * times, "pair": (d, -d)}


def same(a, b):
    leaves = torch.utils.pytree.tree_leaves
    return all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y
        for x, y in zip(leaves(a), leaves(b), strict=True)
    )


def test_a_module_becomes_a_graph_and_code_that_do_the_same():
    net, x = Net(), torch.randn(4, 3)
    gm = fx.symbolic_trace(net)
    gm.graph.lint()
    assert same(gm(x), net(x)) and same(gm(x, 5), net(x, 5))
    assert same(fx.Interpreter(gm).run(x), net(x))
    names = [n.name for n in gm.graph.nodes]
    assert names[:5] == ["x", "times", "extra", "first", "scale"] and "rest_1_0" in names
    assert "relu = torch.relu(add)" in gm.code and 'getattr(self.rest, "0")(view)' in gm.code
    assert type(gm).__name__ == "Net" and isinstance(gm, fx.GraphModule)
    assert gm.first is net.first and set(gm.state_dict()) == set(net.state_dict())
    gm(x)["mean"].backward()
    assert net.scale.grad is not None
    for again in (copy.deepcopy(gm), pickle.loads(pickle.dumps(gm))):
        assert same(again(x), net(x)) and again.code == gm.code
        assert again.first is not net.first and type(again).__name__ == "Net"
    assert "call_module" in str(gm.graph) and "class Net" in gm.print_readable(False)


def test_functions_stars_and_defaults():
    def program(x, *rest, scale=2.0, **more):
        return x * scale + rest[0] - more["z"]

    gm = fx.symbolic_trace(program)
    x = torch.arange(3.0)
    assert torch.equal(gm(x, x, z=1), program(x, x, z=1))
    assert torch.equal(gm(x, x, scale=3, z=1), program(x, x, scale=3, z=1))


@pytest.mark.parametrize("program", [
    lambda x: x[..., None, ::2] + x.T.unsqueeze(1).sum(),
    lambda x: torch.where(x > 0, x, -x) ** 2 // 1 % 3 @ x.mT,
    lambda x: torch.nn.functional.softmax(x.float(), dim=-1).to(torch.float64) + math.inf,
    lambda x: x.new_zeros(x.shape) + torch.zeros(2, dtype=torch.int64).sum() + (2 - x) / 3,
    lambda x: torch.stack([x, x]) * x.size(0),
    lambda x: [x.max(dim=1).values, {"k": (x.add_(0), slice(1, x.dim()))}, None, -x, +x, ~(x > 0)],
    lambda x: torch.max(x, 1)[0].clamp(min=-1.0, max=float("inf")).relu().to("cpu", torch.float32),
], ids=range(7))  # fmt: skip
def test_programs(program):
    x = torch.randn(2, 2)
    gm = fx.symbolic_trace(program)
    assert same(gm(x.clone()), program(x.clone()))
    assert same(pickle.loads(pickle.dumps(gm))(x.clone()), program(x.clone()))


def helper(x, n):
    return x * n if x.sum() > 0 else x


fx.wrap("helper")
fx.wrap("len")


@fx.wrap
def decorated(x):
    return x + len(x)


def test_wrapped_functions_are_not_entered():
    gm = fx.symbolic_trace(lambda x: decorated(helper(x, 2)) + math.sqrt(x.size(0)) + len(x))
    targets = [n.target for n in gm.graph.nodes if n.op == "call_function"]
    assert helper in targets and decorated in targets and math.sqrt in targets
    x = torch.ones(4)
    assert torch.equal(gm(x), torch.full((4,), 2.0 + 4 + 2 + 4))
    assert not fx._symbolic_trace.is_fx_tracing() and math.sqrt(4) == 2
    with pytest.raises(NotImplementedError, match="at the top of a module"):
        fx.wrap("helper")


def test_what_cannot_be_traced_says_why():
    for program, message in (
        (lambda x: x if x.sum() > 0 else -x, "branches on"),
        (lambda x: [y for y in x], "loops over"),
        (lambda x: 1 in x, "whether x contains"),
    ):
        with pytest.raises(TraceError, match=message):
            fx.symbolic_trace(program)
    with pytest.raises(NameError, match="no submodule"):
        fx.symbolic_trace(lambda x: nn.Linear(2, 2)(x))
    a, b = None, None

    def unpacks(x):
        a, b = x.chunk(2)
        return a - b

    assert torch.equal(fx.symbolic_trace(unpacks)(torch.arange(4.0)), torch.tensor([-2.0, -2.0]))
    assert a is b


def test_concrete_arguments():
    def program(x, flag, n=None):
        return x * 2 if flag else x + (0 if n is None else n)

    gm = fx.symbolic_trace(program, concrete_args={"flag": True, "n": None})
    assert torch.equal(gm(torch.ones(2), True), torch.full((2,), 2.0))
    with pytest.raises(AssertionError, match="flag has been traced as True"):
        gm(torch.ones(2), False)
    with pytest.raises(ValueError, match="no arguments"):
        fx.symbolic_trace(program, concrete_args={"other": 1})


def test_graphs_by_hand_and_changes():
    graph = fx.Graph()
    x = graph.placeholder("x")
    w = graph.get_attr("w")
    y = graph.call_function(torch.add, (x, w), {"alpha": 2})
    unused = graph.call_method("neg", (y,))
    graph.output(graph.call_module("act", (y,)))
    gm = fx.GraphModule({"w": torch.tensor([1.0, -1.0]), "act": nn.ReLU()}, graph)
    assert gm(torch.tensor([1.0, 1.0])).tolist() == [3, 0]
    assert list(y.users) == [unused, graph.output_node().args[0]] and y.all_input_nodes == [x, w]
    with pytest.raises(RuntimeError, match="still has 2 users"):
        graph.erase_node(y)
    assert graph.eliminate_dead_code() and not graph.eliminate_dead_code() and unused._erased
    with graph.inserting_after(y):
        doubled = graph.call_function(operator.mul, (y, 2))
    y.replace_all_uses_with(doubled, delete_user_cb=lambda user: user is not doubled)
    gm.recompile()
    assert gm(torch.tensor([1.0, 1.0])).tolist() == [6, 0]
    assert [n.name for n in graph.nodes] == ["x", "w", "add", "mul", "act", "output"]
    assert next(n.name for n in reversed(graph.nodes)) == "output" and len(graph.nodes) == 6
    doubled.update_arg(1, 3)
    doubled.kwargs = {}
    gm.recompile()
    assert gm(torch.tensor([1.0, 1.0])).tolist() == [9, 0]
    y.append(doubled)
    doubled.prepend(y)
    graph.lint()
    doubled.args = (graph.output_node(), 2)
    with pytest.raises(RuntimeError, match="before it is there"):
        graph.lint()
    with pytest.raises(RuntimeError, match="node of another graph"):
        fx.Graph().call_function(torch.relu, (y,))
    with pytest.raises(NotImplementedError, match="do not change in place"):
        gm.graph.create_node("call_function", torch.cat, ([x],)).args[0].append(1)
    with pytest.raises(RuntimeError, match="names w, but root has no such key"):
        fx.GraphModule({}, graph)


def test_submodules_by_path():
    gm = fx.symbolic_trace(Net())
    assert gm.add_submodule("a.b", nn.ReLU()) and isinstance(gm.a.b, nn.ReLU)
    assert gm.delete_submodule("a.b") and not gm.delete_submodule("a.c")
    gm.add_submodule("spare", nn.ReLU())
    gm.delete_all_unused_submodules()
    assert not hasattr(gm, "spare") and not hasattr(gm, "a") and gm.first is not None


def test_patterns_are_replaced():
    def program(x, w):
        a = torch.relu(x @ w) + 1
        return torch.relu(a @ w) + 1, torch.relu(a)

    gm = fx.symbolic_trace(program)
    x, w = torch.randn(3, 3), torch.randn(3, 3)
    wanted = gm(x, w)
    places = fx.replace_pattern(
        gm,
        lambda a, b: torch.relu(torch.matmul(a, b)),
        lambda a, b: torch.matmul(a, b).clamp(min=0),
    )
    assert places == []  # x @ w is operator.matmul
    places = fx.replace_pattern(
        gm, lambda a, b: torch.relu(a @ b), lambda a, b: (a @ b).clamp(min=0)
    )
    assert len(places) == 2 and same(gm(x, w), wanted)
    gm.graph.lint()
    assert sum(n.target == "clamp" for n in gm.graph.nodes) == 2
    assert sum(n.target is torch.relu for n in gm.graph.nodes) == 1


def test_a_value_used_outside_of_the_pattern_stays():
    gm = fx.symbolic_trace(lambda x: (torch.relu(x.exp()), x.exp() * 2))
    gm = fx.symbolic_trace(lambda x: [torch.relu(e := x.exp()), e * 2])
    assert fx.replace_pattern(gm, lambda x: torch.relu(x.exp()), lambda x: x.exp()) == []


def test_shapes_parts_and_transformers():
    net, x = Net(), torch.randn(4, 3)
    gm = fx.symbolic_trace(net)
    ShapeProp(gm).propagate(x)
    metas = {n.name: n.meta.get("tensor_meta") for n in gm.graph.nodes}
    assert tuple(metas["view"].shape) == (8, 2) and metas["first"].dtype is torch.float32
    order = [n for n in gm.graph.nodes if n.op not in ("placeholder", "output", "get_attr")]
    parts = split_module(gm, net, lambda n: order.index(n) * 3 // len(order))
    assert same(parts(x), net(x))
    assert [n.target for n in parts.graph.nodes if n.op == "call_module"] == [
        "submod_0",
        "submod_1",
        "submod_2",
    ]

    class Gelu(fx.Transformer):
        def call_function(self, target, args, kwargs):
            return super().call_function(
                nn.functional.gelu if target is torch.relu else target, args, kwargs
            )

    changed = Gelu(gm).transform()
    assert "gelu" in changed.code and not same(changed(x), net(x)) and same(gm(x), net(x))
    assert same(fx.Transformer(gm).transform()(x), net(x))


def test_norms_are_folded_into_convolutions():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout())
    net(torch.randn(4, 2, 8, 8))
    fused = fx.experimental.optimization.fuse(net.eval())
    x = torch.randn(2, 2, 8, 8)
    assert torch.allclose(fused(x), net(x), atol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fused.modules() if m is not fused and m in
                   [fused.get_submodule(n.target) for n in fused.graph.nodes if n.op == "call_module"])  # fmt: skip


def test_a_failing_node_is_named():
    gm = fx.symbolic_trace(lambda x: torch.relu(x @ x))
    with pytest.raises(RuntimeError) as error:
        fx.Interpreter(gm).run(torch.ones(2, 3))
    assert any("while running the node %matmul" in note for note in error.value.__notes__)
    with pytest.raises(RuntimeError, match="no argument is given for x"):
        fx.Interpreter(gm).run()


def test_leaves_and_metaclasses():
    class Flat(fx.Tracer):
        def is_leaf_module(self, m, name):
            return False

    class Pair(metaclass=fx.ProxyableClassMeta):
        def __init__(self, a, b):
            self.a, self.b = a, b

    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    tracer = Flat()
    gm = fx.GraphModule(net, tracer.trace(net))
    assert not any(n.op == "call_module" for n in gm.graph.nodes)
    x = torch.randn(3, 2)
    assert torch.equal(gm(x), net(x))
    gm = fx.symbolic_trace(lambda x, y: (lambda p: p.a + p.b)(Pair(x, y)))
    assert torch.equal(gm(x, x), 2 * x)
