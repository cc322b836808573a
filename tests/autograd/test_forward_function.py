"""jvp of a Function: what forward mode calls instead of differentiating backward."""

import pytest

import flambeau as torch
from flambeau.autograd import Function, gradcheck
from flambeau.autograd import forward_ad as fwd
from tests.autograd.functions import Doubled


def number(value, **options):
    return torch.tensor(value, dtype=torch.float64, **options)


class Product(Function):
    @staticmethod
    def forward(ctx, name, x, y):
        ctx.name = name
        ctx.save_for_backward(x, y)
        ctx.save_for_forward(x, y, x * y)
        return x * y, (x * y).long()

    @staticmethod
    def backward(ctx, g, _):
        x, y = ctx.saved_tensors
        return None, g * y, g * x

    @staticmethod
    def jvp(ctx, name, x_t, y_t):
        assert name is None
        x, y, product = ctx.saved_tensors
        assert product.equal(x * y)
        return x_t * y + x * y_t, None


def test_jvp_gets_the_tangents_and_zeros_where_there_are_none():
    with fwd.dual_level():
        x = fwd.make_dual(number(2.0), number(1.0))
        out, whole = Product.apply("name", x.exp(), number(3.0))
        tangent = fwd.unpack_dual(out).tangent
        assert tangent.item() == pytest.approx(3 * float(number(2.0).exp()))
        assert fwd.unpack_dual(whole).tangent is None
        # The duals before the call have no second part in the result.
        assert fwd.unpack_dual(out * x).tangent.item() == pytest.approx(
            tangent.item() * 2 + float(out.detach())
        )


def test_backward_goes_through_a_function_with_jvp():
    x, y = number(2.0, requires_grad=True), number(3.0, requires_grad=True)
    with fwd.dual_level():
        out, _ = Product.apply("name", fwd.make_dual(x, number(1.0)), y)
        primal, tangent = fwd.unpack_dual(out)
        assert tangent.item() == 3
        assert [float(g) for g in torch.autograd.grad(primal, [x, y])] == [3, 2]
    assert gradcheck(Product.apply, ("name", x, y), check_forward_ad=True)


def test_without_materialized_gradients_a_missing_tangent_is_none():
    class Sum(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.set_materialize_grads(False)
            return x + y

        @staticmethod
        def jvp(ctx, x_t, y_t):
            assert y_t is None
            return x_t

    with fwd.dual_level():
        out = Sum.apply(fwd.make_dual(number(2.0), number(5.0)), number(3.0))
        assert float(fwd.unpack_dual(out).tangent) == 5


class Double(Function):
    """Writes its input, and its tangent."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, g):
        return g * 2

    @staticmethod
    def jvp(ctx, x_t):
        return x_t.mul_(2)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_written_input_stays_the_same_tensor(requires_grad):
    z = number([1.0, 2.0], requires_grad=requires_grad)
    with fwd.dual_level():
        tangent = number([1.0, 1.0])
        dual = fwd.make_dual(z.clone(), tangent)
        out = Double.apply(dual)
        assert out is dual
        assert fwd.unpack_dual(out).tangent is tangent and tangent.tolist() == [2, 2]
        assert fwd.unpack_dual(out * 3).tangent.tolist() == [6, 6]
        if requires_grad:
            assert torch.autograd.grad(out.sum(), z)[0].tolist() == [2, 2]
        part = fwd.make_dual(z.clone(), number([1.0, 1.0])).clone()
        Double.apply(part[0])
        assert fwd.unpack_dual(part).tangent.tolist() == [2, 1]


WRONG = {
    "count": (lambda x: x * 2, lambda t: (t, t), "returned 2 tangents for 1 outputs"),
    "shape": (lambda x: x * 2, lambda t: t[0], "tangent 0 has shape"),
    "identity": (lambda x: x, lambda t: t, "must be the same view"),
    "view": (lambda x: x[:1], lambda t: t[:1] * 1, "must be the same view"),
    "integers": (lambda x: x.long(), lambda t: t, "is not differentiable"),
    "written": (lambda x: x.mul_(2), lambda t: t * 2, "must write that input's"),
    "unwritten": (lambda x: x.mul_(2), lambda t: t, "must write that input's"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_tangent_is_refused(name):
    run, push, text = WRONG[name]

    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            if name in ("written", "unwritten"):
                ctx.mark_dirty(x)
            return run(x)

        @staticmethod
        def jvp(ctx, t):
            return push(t)

    with fwd.dual_level(), pytest.raises(RuntimeError, match=f"Wrong.jvp: .*{text}"):
        Wrong.apply(fwd.make_dual(number([1.0, 2.0]), number([1.0, 1.0])))


def test_what_is_no_tensor_is_no_tangent():
    class Wrong(Doubled):
        @staticmethod
        def jvp(ctx, t):
            return 2

    with fwd.dual_level(), pytest.raises(TypeError, match="tangent 0 is int"):
        Wrong.apply(fwd.make_dual(number([1.0, 2.0]), number([1.0, 1.0])))


def test_a_view_keeps_the_view_of_the_tangent():
    class Part(Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1]

        @staticmethod
        def jvp(ctx, t):
            return t[:1]

    with fwd.dual_level():
        tangent = number([1.0, 5.0])
        out = Part.apply(fwd.make_dual(number([1.0, 2.0]), tangent))
        assert fwd.unpack_dual(out).tangent._base is tangent


def test_a_tangent_written_in_jvp_is_not_that_of_another_dual():
    with fwd.dual_level():
        tangent = number([1.0, 5.0])
        dual = fwd.make_dual(number([1.0, 2.0]), tangent)
        out = Double.apply(dual.clone())
        assert fwd.unpack_dual(out).tangent.tolist() == [2, 10]
        assert fwd.unpack_dual(dual).tangent.tolist() == tangent.tolist() == [1, 5]


def test_what_is_kept_for_backward_alone_is_not_there_for_jvp():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (x == x)

        @staticmethod
        def jvp(ctx, t):
            assert ctx.saved_tensors == ()
            return t * 1

    assert gradcheck(Same.apply, number([1.0, 2.0], requires_grad=True), check_forward_ad=True)
