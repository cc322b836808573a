"""Operators of one's own: schemas, derivatives, shape rules, names in torch.ops."""

import itertools

import pytest

import flambeau as torch
from flambeau import fx, library

_count = itertools.count()


def fresh():
    return f"test_library::op{next(_count)}"


def square(x: torch.Tensor, times: int = 1, *, shift: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(x.detach().numpy() ** 2 * times + shift)


def made():
    op = library.custom_op(fresh(), square, mutates_args=())
    op.register_fake(lambda x, times=1, *, shift=0.0: torch.empty_like(x))

    def keep(ctx, inputs, output, keyword_only_inputs=None):
        ctx.save_for_backward(inputs[0])
        ctx.times = inputs[1]

    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2 * x * ctx.times, None

    op.register_autograd(backward, setup_context=keep)
    return op


def test_an_operator_runs_is_derived_and_has_shapes():
    op = made()
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = op(x, 3, shift=1.0)
    assert y.tolist() == [4, 13] and "GeneratedBackwardFor_test_library" in type(y.grad_fn).__name__
    y.sum().backward()
    assert x.grad.tolist() == [6, -12]
    assert op(torch.empty(4, 5, device="meta")).shape == (4, 5)
    assert torch.autograd.gradcheck(
        lambda v: op(v, 2), torch.randn(3, dtype=torch.float64, requires_grad=True)
    )
    assert op.schema == "(Tensor x, SymInt times=1, *, float shift=0.0) -> Tensor"
    assert torch.equal(getattr(torch.ops.test_library, op._name)(x), op(x))
    assert torch.equal(getattr(torch.ops.test_library, op._name).default(x), op(x))
    results = library.opcheck(op, (x,), {"shift": 2.0})
    assert set(results.values()) == {"SUCCESS"}
    gm = fx.symbolic_trace(lambda v: op(v) + 1)
    assert torch.equal(gm(x), op(x) + 1)


def test_what_is_missing_is_named():
    op = library.custom_op(fresh(), square, mutates_args=())
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="has no derivative. register_autograd"):
        op(x).sum().backward()
    with pytest.raises(NotImplementedError, match="register_fake"):
        op(torch.empty(2, device="meta"))
    with pytest.raises(ValueError, match="write 'namespace::name'"):
        library.custom_op("plain", square, mutates_args=())
    with pytest.raises(ValueError, match="has no annotation"):
        library.infer_schema(lambda x: x, mutates_args=())
    with pytest.raises(ValueError, match="no arguments"):
        library.infer_schema(square, mutates_args=("y",))
    with pytest.raises(TypeError):
        op()
    only_cuda = library.custom_op(fresh(), square, mutates_args=(), device_types="cuda")
    with pytest.raises(NotImplementedError, match="no function for cpu tensors"):
        only_cuda(x)
    with pytest.raises(ValueError, match="no operator 'a::b'"):
        library.register_fake("a::b", None)
    with pytest.raises(AttributeError, match="no operator 'nothing'"):
        _ = torch.ops.test_library.nothing


def test_results_do_not_share_memory_with_arguments():
    def alias(x: torch.Tensor) -> torch.Tensor:
        return x

    op = library.custom_op(fresh(), alias, mutates_args=())
    with pytest.raises(RuntimeError, match="shares memory with an argument"):
        op(torch.ones(2))


def test_writing_operators():
    def add_one_(x: torch.Tensor, out: list[torch.Tensor]) -> None:
        x.add_(1)

    op = library.custom_op(fresh(), add_one_, mutates_args=("x",))
    assert op.schema == "(Tensor(a!) x, Tensor[] out) -> ()"
    x = torch.zeros(2)
    version = x._version
    assert op(x, []) is None and x.tolist() == [1, 1] and x._version > version
    with pytest.raises(RuntimeError, match="no derivative"):
        op.register_autograd(lambda ctx, g: g)


def test_several_results_kernels_and_autocast():
    def both(x: torch.Tensor, n: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return x + 1, x * (n or 2)

    op = library.custom_op(fresh(), both, mutates_args=())
    assert op.schema == "(Tensor x, SymInt? n=None) -> (Tensor, Tensor)"
    op.register_autograd(lambda ctx, a, b: (a + 2 * b, None))
    x = torch.ones(3, requires_grad=True)
    a, b = op(x)
    (a.sum() + b.sum()).backward()
    assert x.grad.tolist() == [3, 3, 3]
    op.register_kernel("cpu", lambda x, n=None: (x - 1, x * 1))
    assert op(x.detach())[0].tolist() == [0, 0, 0]
    with op.set_kernel_enabled("cpu", False):
        assert op(x.detach())[0].tolist() == [2, 2, 2]
    op.register_autocast("cpu", torch.bfloat16)
    with torch.autocast("cpu"):
        assert op(x.detach())[0].dtype == torch.bfloat16


def test_libraries_of_schemas():
    lib = library.Library("test_lib", "DEF")
    assert (
        lib.define("scaled(Tensor x, float by=2.0, *, int[] dims=[0, 1], str mode='a') -> Tensor")
        == "scaled"
    )
    lib.impl("scaled", lambda x, by=2.0, *, dims=(0, 1), mode="a": x * by + len(dims), "CPU")
    lib.impl("scaled", lambda x, by=2.0, **_: torch.empty_like(x), "Meta")
    assert torch.ops.test_lib.scaled(torch.ones(1)).item() == 4
    assert torch.ops.test_lib.scaled(torch.ones(1, device="meta")).is_meta
    lib.define("whole(Tensor x) -> Tensor")
    lib.impl("whole", lambda x: x * 3, "CompositeImplicitAutograd")
    x = torch.ones(2, requires_grad=True)
    torch.ops.test_lib.whole(x).sum().backward()
    assert x.grad.tolist() == [3, 3]
    library.define("test_lib::later", "(Tensor x) -> Tensor")

    @library.impl("test_lib::later", "cpu")
    def later(x):
        return x + 10

    assert torch.ops.test_lib.later(torch.zeros(1)).item() == 10
    with pytest.raises(RuntimeError, match="is no schema"):
        library.define("test_lib::bad", "(Tensor x")
    with pytest.raises(NotImplementedError, match="Sparse is not offered"):
        lib.impl("later", later, "Sparse")
    with pytest.raises(ValueError, match="DEF, FRAGMENT or IMPL"):
        library.Library("x", "OTHER")


def test_definitions_that_are_none_are_refused():
    lib = torch.library.Library("refusals", "DEF")
    lib.define("f(Tensor x) -> Tensor")
    with pytest.raises(RuntimeError, match="refusals::f is defined already"):
        lib.define("f(Tensor x, int n) -> Tensor")
    for schema in ("f", "g(Tensor x"):
        with pytest.raises(RuntimeError, match="is no schema"):
            lib.define(schema)
    with pytest.raises(ValueError, match="'2d' is no name of an overload of h"):
        lib.define("h.2d(Tensor x) -> Tensor")
    with pytest.raises(ValueError, match="'class' is no name of an operator"):
        lib.define("class(Tensor x) -> Tensor")
    op = torch.library.custom_op(
        "refusals::g", lambda x: x.clone(), mutates_args=(), schema="(Tensor x) -> Tensor"
    )
    for register in (
        lambda: lib.impl("f", 3, "CPU"),
        lambda: op.register_autograd(3),
        lambda: op.register_fake(3),
        lambda: op.register_kernel("cpu", 3),
    ):
        with pytest.raises(TypeError, match="takes a function, not 3"):
            register()
    for name in ("", "a.b"):
        with pytest.raises(ValueError, match="is no name of a namespace"):
            torch.library.Library(name, "DEF")
    with pytest.raises(RuntimeError, match="aten is PyTorch's namespace"):
        torch.library.Library("aten", "DEF")


@pytest.mark.parametrize(
    "args, options, message",
    [
        ((1, 2), {}, "x must be a Tensor, not int"),
        ((torch.ones(2), 2.5), {}, "n must be an int, not float"),
        ((torch.ones(2), None), {}, "n must be an int, not NoneType"),
        ((torch.ones(2), torch.ones(2)), {}, "n must be an int, not Tensor"),
        ((torch.ones(2), 2), {"s": "a"}, "s must be a float, not str"),
        ((torch.ones(2), 2), {"sizes": 3}, "sizes must be a list of ints or None, not int"),
        ((torch.ones(2), 2), {"sizes": [1, 2.5]}, "not a list of float, int"),
    ],
)
def test_arguments_are_of_their_types(args, options, message):
    op = library.custom_op(fresh(), schema="(Tensor x, SymInt n, float s=1., SymInt[]? sizes=None) -> Tensor",
                           mutates_args=())(lambda x, n, s=1.0, sizes=None: x * n * s)  # fmt: skip
    with pytest.raises(RuntimeError, match=message):
        op(*args, **options)
    x = torch.ones(2)
    for n in (2, True, torch.tensor(2)):
        assert torch.equal(op(x, n, torch.tensor(0.5), sizes=(1, 2)), x * int(n) * 0.5)


@pytest.mark.parametrize(
    "result, made, error, message",
    [
        ("Tensor", 3, RuntimeError, "the result must be a Tensor, as its schema says, not int"),
        (
            "(Tensor, Tensor)",
            torch.ones(1),
            TypeError,
            "its schema has 2 results, but the function returned Tensor",
        ),
        (
            "(Tensor, int)",
            (torch.ones(1),),
            RuntimeError,
            "has 2 results, but the function returned 1",
        ),
        ("()", 3, RuntimeError, "its schema has no result"),
        ("Tensor[]", torch.ones(1), RuntimeError, "the result must be a list of Tensors"),
    ],
)
def test_results_are_of_their_types(result, made, error, message):
    op = library.custom_op(
        fresh(), lambda x: made, schema=f"(Tensor x) -> {result}", mutates_args=()
    )
    with pytest.raises(error, match=message.replace("(", r"\(")):
        op(torch.ones(2))


def test_an_overload_must_be_there():
    assert torch.ops.aten.add.overloads() == ["Tensor", "Scalar", "out", "Scalar_out"]
    assert torch.ops.aten.add.Tensor(torch.ones(1), torch.ones(1)).item() == 2
    for packet in (
        torch.ops.aten.add,
        torch.ops.aten.relu,
        getattr(torch.ops.test_library, made()._name),
    ):
        with pytest.raises(AttributeError, match="there is no overload 'wibble', only"):
            packet.wibble


def test_what_a_library_defined_goes_with_it():
    x, name = torch.ones(2), f"own{next(_count)}"
    lib = library.Library(name, "DEF")
    lib.define("double(Tensor x) -> Tensor")
    lib.impl("double", lambda x: x * 2, "CPU")
    more = library.Library(name, "IMPL")
    more.impl("double", lambda x: x * 3, "CPU", allow_override=True)
    double = getattr(torch.ops, name).double
    assert double(x).tolist() == [3, 3]
    more._destroy()
    assert double(x).tolist() == [2, 2]
    lib._destroy()
    with pytest.raises(AttributeError, match="there is no operator 'double'"):
        getattr(torch.ops, name).double
    op = library.custom_op(fresh(), lambda x: x * 2, schema="(Tensor x) -> Tensor", mutates_args=())
    library.register_kernel(op, "cpu", lambda x: x * 5, lib=lib)
    library.register_fake(op, torch.empty_like, lib=lib)
    assert op(x).tolist() == [5, 5] and op(x.to("meta")).shape == (2,)
    lib._destroy()
    assert op(x).tolist() == [2, 2]


def test_tags_are_kept():
    op = library.custom_op(
        fresh(),
        lambda x: x * 2,
        schema="(Tensor x) -> Tensor",
        mutates_args=(),
        tags=torch.Tag.core,
    )
    assert getattr(torch.ops.test_library, op._name).default.tags == [torch.Tag.core]
    with pytest.raises(TypeError, match="tags are torch.Tag.something, not 'core'"):
        library.custom_op(
            fresh(), lambda x: x, schema="(Tensor x) -> Tensor", mutates_args=(), tags="core"
        )


def test_a_name_may_have_overloads():
    def sum_into(x, y, *, out):
        out.copy_(x + y)

    x, name = torch.ones(2), f"own{next(_count)}"
    lib = library.Library(name, "DEF")
    lib.define("add.Tensor(Tensor x, Tensor y) -> Tensor")
    lib.define("add.Scalar(Tensor x, float y) -> Tensor")
    lib.define("add.out(Tensor x, Tensor y, *, Tensor! out) -> ()")
    lib.impl("add.Tensor", lambda x, y: x + y, "CPU")
    lib.impl("add.Scalar", lambda x, y: x + 10 * y, "CompositeImplicitAutograd")
    library.impl(f"{name}::add.out", "cpu", sum_into)
    add = getattr(torch.ops, name).add
    assert add.overloads() == ["Tensor", "Scalar", "out"]
    assert (add.out.name(), str(add.Scalar)) == (f"{name}::add.out", f"{name}.add.Scalar")
    assert add(x, x).tolist() == add.Tensor(x, x).tolist() == [2, 2]
    assert add(x, 2.5).tolist() == add.Scalar(x, 2.5).tolist() == [26, 26]
    out = torch.zeros(1)
    assert add(x[:1], x[1:], out=out) is None and out.item() == 2
    with pytest.raises(RuntimeError, match=f"{name}.add: no overload takes .*Tensor.*Scalar.*out"):
        add(x, "two")
    with pytest.raises(AttributeError, match="no overload 'default', only Tensor, Scalar, out"):
        add.default
    with pytest.raises(ValueError, match=f"no operator '{name}::add'"):
        library.register_fake(f"{name}::add", lambda x, y: x)
    with pytest.raises(RuntimeError, match="add.out is defined already"):
        lib.define("add.out(Tensor x) -> Tensor")

    library.register_fake(f"{name}::add.Tensor", lambda x, y: torch.empty_like(x))
    assert add(x.to("meta"), x.to("meta")).is_meta
    library.register_autograd(add.Tensor, lambda ctx, grad: (grad, grad * 2))
    y = torch.ones(2, requires_grad=True)
    z = add(x, y)
    assert "add_Tensor" in z.grad_fn.name()
    z.sum().backward()
    assert y.grad.tolist() == [2, 2]

    more = library.Library(name, "FRAGMENT")
    more.define("add(Tensor x) -> Tensor")
    more.impl("add", lambda x: x + 100, "CPU")
    assert add.default(x).tolist() == add(x).tolist() == [101, 101]
    more._destroy()
    assert add.overloads() == ["Tensor", "Scalar", "out"]
    lib._destroy()
    with pytest.raises(AttributeError, match="there is no operator 'add'"):
        getattr(torch.ops, name).add


def test_a_kernel_for_all_devices():
    name = fresh()
    library.define(name, "(Tensor x) -> Tensor")
    library.register_kernel(name, "default", lambda x: x * 3)
    op = getattr(torch.ops.test_library, name.partition("::")[2])
    assert op(torch.ones(1)).item() == 3


def test_functions_may_come_before_their_operator():
    """Libraries register a function for a device first, and define the operator in another module."""
    library.impl("early::double", "CPU", lambda x: x * 2)
    library.impl("early::double", ["MPS", "XPU"], lambda x: x * 3)
    library.define("early::double", "(Tensor x) -> Tensor")
    assert torch.ops.early.double(torch.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(NotImplementedError, match="Autograd"):
        library.impl("early::double", "Autograd", lambda x: x)
