"""A new operator of each kind, and an optimizer, are one declaration in one module; all its forms follow."""

import ast
import importlib
import importlib.util
import inspect
import pickle
import pydoc
import sys
from pathlib import Path

import pytest

import flambeau as torch
from flambeau.autograd import gradcheck
from flambeau.ops.core import declare

ROOT = Path(__file__).parents[3]

MODULE = '''
import flambeau
from flambeau import _core
from flambeau.kernels import language as k
from flambeau.kernels.schedules import reductions, row_language
from flambeau.kernels.schedules.rows import Rows
from flambeau.ops.core.declare import pointwise, primitive
from flambeau.ops.reduce import ReductionSpec, kept, reduced_dims
from flambeau.ops.rows import run_rows
from flambeau.optim.optimizer import Optimizer
from flambeau.optim.options import with_gradients
from flambeau.optim.rule import Rule


@pointwise(aliases=("tented",), domain=(0.1, 0.8))
def tent(input, width):
    """1 - |input| / width, and 0 beyond."""
    return k.maximum(1 - k.abs(input) / width, 0)


_cubes = _core.Reduction(
    ReductionSpec("sum_of_cubes", kernel=lambda: reductions.sum_.of(lambda x: x * x * x, "sum_of_cubes"))
)


@primitive(timed=(-1,))
def sum_of_cubes(ctx, input, dim=None, keepdim=False):
    """The sum of input**3 over dim or all."""
    ctx.dims, ctx.keepdim = reduced_dims(dim, input.dim(), "sum_of_cubes"), keepdim
    ctx.save_for_backward(input)
    return _core._reduce(_cubes, (input,), ctx.dims, keepdim, (input.dtype,))[0]


@sum_of_cubes.derivative
def _(ctx, grad_output):
    (input,) = ctx.saved
    return 3 * input * input * kept(grad_output, ctx.dims, input.dim(), ctx.keepdim), None, None


_centre = Rows(lambda x: x - row_language.rmean(x), "centre")


@primitive(timed=())
def centre_rows(ctx, input):
    """Each row minus its mean."""
    x = input.contiguous()
    result = _core.empty_like(x)
    run_rows(_centre, (result,), (x,), "vv", x.numel() // x.shape[-1], x.shape[-1])
    return result


@centre_rows.derivative
def _(ctx, grad_output):
    return centre_rows(grad_output)


class SignDescent(Optimizer):
    """param -= lr * sign(grad)."""

    rule = Rule(lambda param, grad, *, lr: param - lr * k.sign(grad), "param")

    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})

    def update(self, group):
        params, grads = zip(*with_gradients(group))
        self.rule.apply([list(params), list(grads)], lr=group["lr"])
'''

DECLARED = ("tent", "tent_", "tented", "tented_", "sum_of_cubes", "centre_rows")
OPERATORS = ("tent", "sum_of_cubes", "centre_rows")


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("declared")
    (folder / "new_operators.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("new_operators")
    finally:
        sys.path.remove(str(folder))
        del sys.modules["new_operators"]
        declare.POINTWISE.pop("tent", None)
        declare.TIMED.pop("sum_of_cubes", None)
        declare.TIMED.pop("centre_rows", None)
        for name in DECLARED:
            declare.METHODS.pop(name, None)
            declare.NAMESPACES["torch"].pop(name, None)
            for owner in (torch, torch.Tensor):
                if name in vars(owner):
                    delattr(owner, name)


def test_a_pointwise_operator_with_a_kink(declared):
    x = torch.tensor([-2.0, -0.5, 0.0, 0.25])
    expected = [0.0, 0.5, 1.0, 0.75]
    assert torch.tent(x, 1.0).tolist() == x.tent(1.0).tolist() == expected
    assert torch.tented(x, torch.ones(4)).tolist() == expected
    out = torch.empty(4)
    assert torch.tent(x, 1.0, out=out) is out and out.tolist() == expected
    y = x.clone()
    assert y.tent_(1.0) is y and y.tolist() == expected
    assert x.double().tent(1).dtype is torch.float64
    assert torch.empty(2, 3, device="meta").tent(1.0).shape == (2, 3)
    a, b = (
        torch.rand(3, dtype=torch.float64) * 0.5 + 0.2,
        torch.full((3,), 1.5, dtype=torch.float64),
    )
    assert gradcheck(torch.tent, (a.requires_grad_(), b.requires_grad_()))
    assert type(torch.tent(a, b).grad_fn).__name__ == "TentBackward0"
    assert torch.func.vmap(torch.tent, in_dims=(0, None))(x, torch.tensor(1.0)).tolist() == expected
    at_the_kinks = torch.tensor([-1.0, 0.0, 1.0, 2.0], requires_grad=True)
    at_the_kinks.tent(1.0).sum().backward()
    assert at_the_kinks.grad.tolist() == [0.5, 0.0, -0.5, 0.0]
    assert str(inspect.signature(torch.tent)) == "(input, width, *, out=None)"
    assert "beyond" in torch.tent.__doc__ and torch.ops.aten.tent(x, 1.0).tolist() == expected


def test_it_is_tested_and_timed_where_it_is_declared(declared):
    from benchmarks.pointwise_all import declared as timed

    assert declare.POINTWISE["tent"].domain == (0.1, 0.8)
    assert ("tent", torch.tent, (0.1, 0.8)) in list(timed(torch, 2))


def test_a_reduction(declared):
    x = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    assert torch.sum_of_cubes(x).item() == 36 and x.sum_of_cubes(1).tolist() == [9.0, 27.0]
    assert x.sum_of_cubes(axis=0, keepdims=True).tolist() == [[28.0, 8.0]]
    out = torch.empty(2)
    assert torch.sum_of_cubes(x, 1, out=out) is out and out.tolist() == [9.0, 27.0]
    assert gradcheck(lambda t: t.sum_of_cubes(1), (x.double().requires_grad_(),))
    assert x.to("meta").sum_of_cubes(1).shape == (2,)
    assert torch.func.vmap(torch.sum_of_cubes)(x).tolist() == [9.0, 27.0]
    assert torch.func.vmap(lambda t: t.sum_of_cubes(0, True), in_dims=1)(x).tolist() == [
        [28.0],
        [8.0],
    ]
    with pytest.raises(TypeError, match="sum_of_cubes: keepdim takes True or False"):
        x.sum_of_cubes(0, 1)


def test_an_operator_of_rows(declared):
    x = torch.tensor([[1.0, 3.0], [2.0, 2.0]])
    assert torch.centre_rows(x).tolist() == [[-1.0, 1.0], [0.0, 0.0]]
    assert x.centre_rows().tolist() == [[-1.0, 1.0], [0.0, 0.0]]
    out = torch.empty(2, 2)
    assert torch.centre_rows(x, out=out) is out and out.tolist() == [[-1.0, 1.0], [0.0, 0.0]]
    stack = torch.stack([x, 2 * x])
    assert torch.func.vmap(torch.centre_rows)(stack).tolist() == [
        torch.centre_rows(t).tolist() for t in stack
    ]
    assert gradcheck(
        torch.centre_rows, (torch.randn(3, 4, dtype=torch.float64, requires_grad=True),)
    )
    assert torch.centre_rows(x.to("meta")).shape == (2, 2)


@pytest.mark.parametrize(
    "call", ("tent(1.0)", "sum_of_cubes(1)", "centre_rows()", "sum_of_cubes(0, True)")
)
def test_backward_on_meta_and_vmap_of_gradients(declared, call):
    function = eval(f"lambda x: x.{call}")
    nowhere = torch.ones(2, 3, device="meta", requires_grad=True)
    function(nowhere).sum().backward()
    assert nowhere.grad.is_meta and nowhere.grad.shape == (2, 3)
    x = torch.rand(4, 2, 3) + 0.1
    slope = torch.func.grad(
        lambda t: (function(t) * torch.arange(3.0)[: function(t).size(-1)]).sum()
    )
    torch.testing.assert_close(torch.func.vmap(slope)(x), torch.stack([slope(t) for t in x]))


def test_an_optimizer(declared):
    parameter = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    optimizer = declared.SignDescent([parameter], lr=0.5)
    (parameter * torch.tensor([2.0, -3.0])).sum().backward()
    optimizer.step()
    assert parameter.tolist() == [0.5, -0.5]
    assert optimizer.state_dict()["param_groups"][0]["lr"] == 0.5
    again = declared.SignDescent([parameter])
    again.load_state_dict(optimizer.state_dict())
    again.step(), again.zero_grad()
    assert parameter.tolist() == [0.0, 0.0] and parameter.grad is None
    assert str(inspect.signature(declared.SignDescent)) == "(params, lr=0.1)"
    assert "param -= lr * sign(grad)." in pydoc.plain(pydoc.render_doc(declared.SignDescent))


def test_an_optimizer_takes_any_dtype_and_steps_on_meta(declared):
    for dtype in (torch.float64, torch.bfloat16):
        parameter = torch.ones(3, dtype=dtype, requires_grad=True)
        parameter.grad = torch.tensor([1.0, 0.0, -1.0], dtype=dtype)
        declared.SignDescent([parameter], lr=0.5).step()
        assert parameter.tolist() == [0.5, 1.0, 1.5]
    nowhere = torch.nn.Linear(2, 3, device="meta")
    nowhere(torch.ones(1, 2, device="meta")).sum().backward()
    declared.SignDescent(nowhere.parameters()).step()
    assert nowhere.weight.is_meta


@pytest.mark.parametrize("name", OPERATORS)
def test_its_stub_follows(declared, name):
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    stubs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stubs)
    text = stubs.definition(name, getattr(torch, name))
    ast.parse(text)
    assert text.startswith(f"def {name}(input: Tensor") and "out: Tensor" in text
    assert f"def {name}(self" in stubs.tensor_text()
    assert f"def {name}(input" in stubs.space_text(torch, "flambeau")


@pytest.mark.parametrize("name", OPERATORS)
def test_its_documentation_follows(declared, name):
    operator = getattr(torch, name)
    shown = pydoc.plain(pydoc.render_doc(operator))
    assert (
        name in shown and inspect.getdoc(operator).partition("\n")[0] in shown and "Args:" in shown
    )
    assert inspect.signature(operator).parameters["input"] and operator.__module__ == "flambeau"
    assert pickle.loads(pickle.dumps(operator)) is operator


def test_all_have_rows_in_the_benchmarks(declared):
    from benchmarks import declared as table

    names = {name for name, *_ in table.cases(torch)}
    assert {"sum_of_cubes(x, -1)", "centre_rows(x)", "SignDescent, a step"} <= names
    for name, _, function in table.cases(torch):
        if name.startswith(("sum_of_cubes", "centre_rows", "SignDescent")):
            function()
