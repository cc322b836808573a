"""TorchDispatchMode, classes with a __torch_dispatch__, and torch.ops.aten."""

import pickle

import pytest

import flambeau as torch
from flambeau.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

aten = torch.ops.aten


class Log(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls.append(str(func))
        return func(*args, **(kwargs or {}))


def logged(function):
    with Log() as log:
        function()
    return log.calls


def test_a_mode_sees_operators_by_pytorchs_names():
    x = torch.ones(2, 3)
    assert logged(lambda: (x * 2 + x).softmax(1)) == [
        "aten.mul.Tensor",
        "aten.add.Tensor",
        "aten.softmax.int",
    ]
    assert logged(lambda: x.sum()) == ["aten.sum.default"]
    assert logged(lambda: x.sum(1)) == ["aten.sum.dim_IntList"]
    assert logged(lambda: x == 1) == ["aten.eq.Scalar"]
    assert logged(lambda: x.max(1)) == ["aten.max.dim"]
    assert logged(lambda: x**2) == ["aten.pow.Tensor_Scalar"]
    assert logged(lambda: x.clone().relu_()) == ["aten.clone.default", "aten.relu_.default"]
    assert logged(lambda: torch.linalg.norm(x)) == ["aten.linalg_norm.default"]
    assert logged(lambda: x.size()) == []


def test_what_is_several_operators_of_pytorchs_core_is_seen_so():
    x, w = torch.ones(2, 3), torch.ones(4, 3)
    assert logged(lambda: torch.nn.functional.linear(x, w, torch.ones(4))) == [
        "aten.ones.default",
        "aten.t.default",
        "aten.addmm.default",
    ]
    assert logged(lambda: x @ w.t()) == ["aten.t.default", "aten.mm.default"]
    assert logged(lambda: x[0]) == ["aten.select.int"]


def test_a_mode_may_change_results_and_history_goes_on():
    class Double(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 2 if func is aten.mul.Tensor else result

    x = torch.ones(2, requires_grad=True)
    with Double():
        y = x * 3
    y.sum().backward()
    assert y.tolist() == [6.0, 6.0] and x.grad.tolist() == [6.0, 6.0]


def test_modes_nest_and_are_out_of_force_inside():
    with Log() as outer, Log() as inner:
        assert _get_current_dispatch_mode() is inner
        torch.ones(2).exp()
    assert outer.calls == inner.calls == ["aten.ones.default", "aten.exp.default"]
    assert _get_current_dispatch_mode() is None


def test_a_mode_without_an_answer_is_passed_over():
    class Silent(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            return NotImplemented

    with Silent():
        assert torch.ones(1).exp().item() == pytest.approx(2.718281828)


class Logged(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl
    calls = []

    @staticmethod
    def __new__(cls, inner):
        made = torch.Tensor._make_wrapper_subclass(cls, inner.size(), dtype=inner.dtype)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        cls.calls.append((str(func), types))

        def bare(value):
            return value.inner if isinstance(value, cls) else value

        result = func(*map(bare, args), **{k: bare(v) for k, v in (kwargs or {}).items()})
        return cls(result) if isinstance(result, torch.Tensor) else result


def test_a_class_answers_operators():
    Logged.calls.clear()
    x = Logged(torch.tensor([1.0, 2.0]))
    y = torch.exp(x * 2 + x)
    assert type(y) is Logged and y.inner.tolist() == pytest.approx([20.0855, 403.4288], rel=1e-4)
    assert Logged.calls == [
        ("aten.mul.Tensor", (Logged,)),
        ("aten.add.Tensor", (Logged,)),
        ("aten.exp.default", (Logged,)),
    ]
    assert (torch.ones(2) + x).inner.tolist() == [2.0, 3.0]


def test_modes_are_asked_before_classes():
    Logged.calls.clear()
    x = Logged(torch.ones(1))
    with Log() as log:
        x + 1
    assert log.calls == ["aten.add.Tensor"] and len(Logged.calls) == 1


def test_ordinary_tensors_stay_what_they_are():
    assert type(torch.ones(2) + 1) is torch.Tensor
    assert torch.nn.Parameter(torch.ones(1)).exp().item() == pytest.approx(2.718281828)
    # That there is a class which answers does not change how other tensors go.
    x = torch.rand(2, 4, 3, requires_grad=True)
    assert torch.nn.functional.group_norm(x, 2).grad_fn.name() == "NativeGroupNormBackward0"


def test_names_of_aten():
    x = torch.tensor([1.0, 2.0])
    assert aten.add.Tensor is aten.add.Tensor and aten.add.Tensor.overloadpacket is aten.add
    assert str(aten.add) == "aten.add" and aten.add.Tensor.name() == "aten::add.Tensor"
    assert aten.sum.default.name() == "aten::sum"
    assert aten.add.Tensor(x, x).tolist() == aten.add(x, x).tolist() == [2.0, 4.0]
    assert aten.slice.Tensor(x, 0, 1, 2).tolist() == [2.0]
    assert aten.embedding(torch.eye(2), torch.tensor([1])).tolist() == [[0.0, 1.0]]
    assert aten.linalg_norm(x).item() == pytest.approx(5**0.5)
    assert pickle.loads(pickle.dumps(aten.add.Tensor)) is aten.add.Tensor
    assert not hasattr(aten, "no_such_operator")


def test_convolution_and_its_backward():
    x, w = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)
    window = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    y = aten.convolution(x, w, None, *window)
    assert torch.equal(y, torch.conv2d(x, w))
    grads = aten.convolution_backward(torch.ones_like(y), x, w, [3], *window, [True, True, True])
    xg, wg = x.clone().requires_grad_(), w.clone().requires_grad_()
    torch.conv2d(xg, wg).sum().backward()
    assert torch.allclose(grads[0], xg.grad) and torch.allclose(grads[1], wg.grad)
    assert grads[2].tolist() == [9.0] * 3


def test_a_class_with_a_dispatch_takes_what_it_gives_back():
    """Without a __torch_function__ of its own the results stay what the dispatch returned: plain ones stay plain."""

    class Wrapping(torch.Tensor):
        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            return func(
                *(a.as_subclass(torch.Tensor) if type(a) is cls else a for a in args),
                **(kwargs or {}),
            )

    class Below(Wrapping):
        pass

    class Asking(torch.Tensor):
        asked = 0
        __torch_dispatch__ = Wrapping.__dict__["__torch_dispatch__"]

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            cls.asked += 1
            return super().__torch_function__(func, types, args, kwargs or {})

    plain = torch._C._disabled_torch_function_impl
    assert Wrapping.__torch_function__ is plain and Below.__torch_function__ is plain
    x = torch.ones(2).as_subclass(Wrapping)
    assert type(torch.exp(x)) is torch.Tensor and type(x.mul(2)) is torch.Tensor
    torch.exp(torch.ones(2).as_subclass(Asking))
    assert Asking.asked
