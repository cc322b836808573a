"""Operators with a backward written in Python."""

import weakref

import pytest

import flambeau
from flambeau.autograd import Function, gradcheck, gradgradcheck
from flambeau.autograd.function import once_differentiable
from tests.autograd.functions import Doubled


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad_output


class CubeWithSetup(Function):
    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.n = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return ctx.n * x ** (ctx.n - 1) * grad_output, None


def doubles(*values):
    return flambeau.tensor(values, dtype=flambeau.float64, requires_grad=True)


def test_backward_is_used_to_any_order():
    x = doubles(1.0, 2.0)
    y = Cube.apply(x)
    assert type(y.grad_fn).__name__ == "CubeBackward"
    y.sum().backward()
    assert x.grad.tolist() == [3, 12]
    assert gradcheck(Cube.apply, (x,))
    assert gradgradcheck(Cube.apply, (x,))


def test_setup_context():
    x = doubles(1.0, 2.0)
    assert gradcheck(lambda x: CubeWithSetup.apply(x, 3), (x,))


def test_nothing_is_recorded_without_need():
    assert Cube.apply(flambeau.ones(2)).grad_fn is None
    with flambeau.no_grad():
        assert not Cube.apply(doubles(1.0)).requires_grad


def test_needs_input_grad_and_none():
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx, a, b, scale):
            ctx.save_for_backward(a, b)
            return a * b * scale

        @staticmethod
        def backward(ctx, grad_output):
            seen.append(ctx.needs_input_grad)
            _, b = ctx.saved_tensors
            return grad_output * b, None, None

    a, b = doubles(2.0), flambeau.tensor([3.0], dtype=flambeau.float64)
    Product.apply(a, b, 1).backward()
    assert seen == [(True, False, False)]
    assert a.grad.item() == 3


class Split(Function):
    """Two products, and between them a sign, which has no gradient."""

    @staticmethod
    def forward(ctx, x):
        sign = x > 0
        ctx.mark_non_differentiable(sign)
        return x * 2, sign, x * 3

    @staticmethod
    def backward(ctx, first, _, third):
        return 2 * first + 3 * third


def test_several_outputs_some_not_differentiable():
    x = doubles(1.0, -1.0)
    a, sign, _ = Split.apply(x)
    assert not sign.requires_grad
    a.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_unmaterialized_gradients_are_none():
    seen = []

    class Pair(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, first, second):
            seen.append((first is None, second is None))
            return first

    x = doubles(1.0)
    Pair.apply(x)[0].backward()
    assert seen == [(False, True)]


def test_mark_dirty_returns_the_input_itself():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * 2

    leaf = doubles(1.0, 2.0)
    x = leaf * 1
    y = Double.apply(x)
    assert y is x
    assert x.tolist() == [2, 4]
    y.sum().backward()
    assert leaf.grad.tolist() == [2, 2]


def test_once_differentiable_refuses_a_second_time():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return 2 * x * grad_output

    x = doubles(3.0)
    (g,) = flambeau.autograd.grad(Square.apply(x), x, create_graph=True)
    assert g.item() == 6
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


def test_errors_name_the_function():
    class WrongCount(Doubled):
        @staticmethod
        def backward(ctx, grad_output):
            return grad_output, grad_output

    class OneOfTwo(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    class NoneOfTwo(OneOfTwo):
        @staticmethod
        def backward(ctx, grad_output):
            return None

    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    x = doubles(1.0)
    with pytest.raises(RuntimeError, match="WrongCount.*gradients"):
        WrongCount.apply(x).backward()
    for function in OneOfTwo, NoneOfTwo:
        for y in x, doubles(1.0).detach(), 2.0:
            with pytest.raises(RuntimeError, match=f"{function.__name__}.*1 gradients for 2"):
                function.apply(x, y).backward()
    with pytest.raises(NotImplementedError, match="backward"):
        NoBackward.apply(x).backward()
    with pytest.warns(DeprecationWarning, match="Cube: functions have no instances"):
        instance = Cube()
    with pytest.raises(RuntimeError, match="static"):
        instance(x)


def test_saved_tensors_are_checked_and_freed():
    x = doubles(1.0)
    a = x * 1
    y = Cube.apply(a)
    a.add_(1)
    with pytest.raises(RuntimeError, match="in.?place"):
        y.backward()
    y = Cube.apply(x)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_results_that_are_no_tensors_get_no_gradient():
    seen = []

    class Mixed(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, "text", None, x * 3

        @staticmethod
        def backward(ctx, first, text, none, last):
            seen.append((text, none))
            return 2 * first + 3 * last

    x = doubles(1.0)
    first, text, none, last = Mixed.apply(x)
    assert (text, none) == ("text", None)
    (first + last).backward()
    assert seen == [(None, None)]
    assert x.grad.item() == 5


def test_an_input_handed_through_keeps_its_own_history():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * 5

    x = doubles(1.0, 2.0)
    y = Same.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad.tolist() == [5, 5]


def test_a_gradient_of_a_broadcast_result_is_summed_to_the_input():
    class Add(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output, grad_output

    a, b = doubles(1.0), doubles(1.0, 2.0, 3.0)
    Add.apply(a, b).sum().backward()
    assert a.grad.tolist() == [3]


def test_what_is_marked_is_not_kept_by_the_node():
    """The indices of a max_pool outlived backward, as long as the loss."""
    double, sign, _ = Split.apply(flambeau.ones(3, requires_grad=True))
    mark = weakref.ref(sign)
    del sign
    assert mark() is None and double.grad_fn is not None
    image = flambeau.ones(1, 1, 64, 64, requires_grad=True)
    loss = flambeau.nn.functional.max_pool2d(image, 2).sum()
    before = flambeau._core.memory_stats()["allocated_bytes.current"]
    loss.backward()
    image.grad = None
    freed = before - flambeau._core.memory_stats()["allocated_bytes.current"]
    assert freed >= 32 * 32 * 8  # the indices


def test_saved_results_without_a_gradient_come_back_without_one():
    """Saved places and masks required grad, and so did gradients that do not depend on the input."""

    class Positive(Function):
        @staticmethod
        def forward(ctx, x):
            mask, places = (x > 0).double(), x.argsort()
            ctx.mark_non_differentiable(mask, places)
            ctx.save_for_backward(mask, places)
            return x * mask, mask, places

        @staticmethod
        def backward(ctx, grad_output, *_):
            assert not any(t.requires_grad for t in ctx.saved_tensors)
            return grad_output * ctx.saved_tensors[0]

    def grad_of(function):
        x = doubles(3.0, 1.0, 2.0)
        return flambeau.autograd.grad(function(x).sum(), x, create_graph=True)[0]

    for function in (
        lambda x: Positive.apply(x)[0],
        lambda x: x.sort()[0],
        lambda x: x.topk(2)[0],
        lambda x: x.cummax(0)[0],
        lambda x: x.max(0)[0],
    ):
        assert not grad_of(function).requires_grad


def test_an_input_handed_through_without_a_gradient_has_no_history():
    class Constant(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_non_differentiable(x)
            return x

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    x = doubles(1.0, 2.0)
    assert not Constant.apply(x).requires_grad and x.requires_grad
