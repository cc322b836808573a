"""Subclasses, look-alikes and modes that take operators over through __torch_function__."""

import copy
import sys
import types

import pytest

import flambeau as torch
from flambeau import overrides
from flambeau.nn import functional as F
from tests.told import telling


class Plain(torch.Tensor):
    pass


class Logged(torch.Tensor):
    calls = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        Logged.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs)


class LookAlike:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, len(args)


def logged(run):
    x = torch.arange(6.0).reshape(2, 3).as_subclass(Logged)
    Logged.calls.clear()
    run(x)
    return list(Logged.calls)


def test_an_override_sees_the_operator_and_keeps_its_type():
    x = torch.ones(2).as_subclass(Logged)
    Logged.calls.clear()
    z = torch.exp((x + 1) * 0)
    assert Logged.calls == ["add", "mul", "exp"]
    assert type(z) is Logged and z.tolist() == [1.0, 1.0]


# What PyTorch 2.13 calls, operator by operator.
SEEN = {
    "1 - x": ["__rsub__"],
    "x / 2": ["div"],
    "x // 2": ["__floordiv__"],
    "2 ** x": ["__rpow__"],
    "x ** 2": ["pow"],
    "x == x": ["__eq__"],
    "1 < x": ["gt"],
    "~(x > 0)": ["gt", "__invert__"],
    "+x": ["positive"],
    "abs(x)": ["abs"],
    "x @ x.T": ["__get__", "matmul"],
    "x[0]": ["__getitem__"],
    "x[x > 2]": ["gt", "__getitem__"],
    "x.__setitem__(0, 1.0)": ["__setitem__"],
    "len(x)": ["__len__"],
    "bool(x[0, 0])": ["__getitem__", "__bool__"],
    "float(x[0, 0])": ["__getitem__", "__float__"],
    "3.0 in x": ["__contains__"],
    "x.shape": ["__get__"],
    "x.H": ["__get__"],
    "x.grad": ["__get__"],
    "setattr(x, 'grad', None)": ["__set__"],
    "x.double()": ["double"],
    "x.tolist()": ["tolist"],
    "x.numpy()": ["numpy"],
    "x.view(6)": ["view"],
    "torch.sum(x, dim=1)": ["sum"],
    "x.max(0)": ["max"],
    "torch.cat([x, x])": ["cat"],
    "torch.where(x > 0, x, 0.0)": ["gt", "where"],
    "torch.einsum('ij,kj->ik', x, x)": ["einsum"],
    "torch.zeros_like(x)": ["zeros_like"],
    "x.add_(1)": ["add_"],
    "torch.add(x, 1, out=torch.empty(2, 3))": ["add"],
    "F.softmax(x, dim=1)": ["softmax"],
    "F.layer_norm(x, (3,))": ["layer_norm"],
    "F.linear(x, torch.ones(2, 3))": ["linear"],
    "F.embedding(torch.tensor([0]), x)": ["embedding"],
    "x.requires_grad_()": ["requires_grad_"],
    "hash(x)": [],
    "torch.is_tensor(x)": [],
    "torch.tensor(2.0)": [],
}


@pytest.mark.parametrize("text", SEEN)
def test_an_override_sees_what_pytorch_shows_it(text):
    names = {"torch": torch, "F": F}
    assert logged(lambda x: eval(text, {**names, "x": x})) == SEEN[text]


@pytest.mark.parametrize(
    "text",
    """x+1;1-x;x@x.T;x[0];x[x>2];x.T;x.mT;x.real;x.data;x.clone();x.detach();x.double();x.contiguous();x.sum()
    torch.mean(x);x.softmax(1);F.gelu(x);F.dropout(x,0.5);torch.stack((x,torch.ones(2,3)));torch.zeros_like(x)
    torch.rand_like(x);x.new_zeros(2);x.exp_();torch.linalg.norm(x);torch.fft.fft(x);copy.copy(x);copy.deepcopy(x)
    x.requires_grad_();torch.einsum('ij->i',x);F.cross_entropy(x,torch.tensor([0,1]))""".replace(
        "\n", ";"
    ).split(";"),
)
def test_results_of_a_subclass_are_of_that_subclass(text):
    x = torch.arange(6.0).reshape(2, 3).as_subclass(Plain)
    assert type(eval(text, {"torch": torch, "F": F, "copy": copy, "x": x})) is Plain


def test_several_results_are_of_the_subclass_too():
    x = torch.arange(6.0).reshape(2, 3).as_subclass(Plain)
    for results in (x.max(0), torch.sort(x), x.unbind(), x.split(1), list(x), torch.linalg.svd(x)):
        assert [type(r) for r in results] == [Plain] * len(results)
    assert x.max(0).values.tolist() == [3.0, 4.0, 5.0]
    assert type(x.shape) is torch.Size and type(x.tolist()) is list


def test_a_subclass_is_part_of_the_graph():
    leaf = torch.ones(2, requires_grad=True)
    x = leaf.as_subclass(Plain)
    assert x.grad_fn.name() == "AliasBackward0" and not x.is_leaf
    (x * 3).sum().backward()
    assert leaf.grad.tolist() == [3.0, 3.0]
    own = Plain([1.0, 2.0]).requires_grad_()
    (own * own).sum().backward()
    assert type(own.grad) is torch.Tensor and own.grad.tolist() == [2.0, 4.0]


def test_the_more_special_class_wins_and_strangers_do_not_mix():
    class Special(Plain):
        pass

    class Other(torch.Tensor):
        pass

    x, y = torch.ones(1).as_subclass(Plain), torch.ones(1).as_subclass(Special)
    assert type(x + y) is Special and type(y + x) is Special
    with pytest.raises(
        TypeError, match=r"torch\.add: no __torch_function__ of Plain, Other handles it"
    ):
        torch.add(x, torch.ones(1).as_subclass(Other))


def test_parameters_compute_as_plain_tensors():
    p = torch.nn.Parameter(torch.ones(2))
    for result in (p + 1, p.clone(), p.data, p[0], p.view(2), p.sum(), torch.relu(p), p.detach()):
        assert type(result) is torch.Tensor
    assert p.requires_grad_() is p
    assert not overrides.has_torch_function((p,))


def test_a_look_alike_computes_for_itself():
    d, t = LookAlike(), torch.ones(2)
    assert t + d == ("add", 2) and d + t == ("add", 2)
    assert torch.sum(d) == ("sum", 1) and F.relu(d) == ("relu", 1)
    assert torch.cat([t, d]) == ("cat", 1) and F.linear(t, d) == ("linear", 2)
    assert (t == d)[0] == "__eq__" and t.add_(d) == ("add_", 2)
    assert overrides.is_tensor_like(d) and not overrides.is_tensor_like(3)
    assert not torch.is_tensor(d)


def test_func_is_the_public_function():
    seen = []
    x = torch.ones(2, 2).as_subclass(telling(seen))
    for call in (torch.add, torch.softmax, torch.max, F.relu, torch.reshape, torch.linalg.norm):
        args = {torch.add: (1,), torch.softmax: (0,), torch.reshape: ((4,),)}.get(call, ())
        call(x, *args)
        assert seen[-1] is call
    x.shape
    assert seen[-1] == torch.Tensor.shape.__get__
    x.H
    assert seen[-1] == torch.Tensor.H.__get__
    assert overrides.resolve_name(torch.softmax) == "torch.softmax"
    assert overrides.resolve_name(torch.Tensor.shape.__get__) == "torch.Tensor.shape.__get__"
    assert overrides.resolve_name(len) is None


def test_a_mode_sees_everything_and_not_itself():
    class Log(overrides.TorchFunctionMode):
        def __init__(self):
            self.seen = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    x = torch.ones(2, 2)
    with Log() as outer, Log() as inner:
        y = torch.relu(torch.zeros(2, 2) + x)
        assert y.shape == (2, 2)
    assert inner.seen == ["zeros", "add", "relu", "__get__"] == outer.seen
    torch.relu(x)
    assert len(outer.seen) == 4
    with Log() as log, overrides.DisableTorchFunction():
        torch.relu(x)
    assert log.seen == []


def test_a_mode_may_answer_instead():
    class Ones(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return torch.ones(1) if func is torch.zeros else func(*args, **(kwargs or {}))

    with Ones():
        assert torch.zeros(1).item() == 1
    assert torch.zeros(1).item() == 0


def test_disabled_subclasses_are_plain():
    x = torch.ones(1).as_subclass(Plain)
    with torch._C.DisableTorchFunctionSubclass():
        assert type(x + 1) is torch.Tensor
    assert type(x + 1) is Plain


def test_a_python_function_can_be_made_overridable():
    @overrides.wrap_torch_function(lambda a, scale=1: (a,))
    def double(a, scale=1):
        return 2 * scale

    assert double(3, scale=2) == 4
    assert double(LookAlike(), scale=2) == ("double", 1)


def test_what_can_be_overridden_is_listed():
    listed = overrides.get_overridable_functions()
    assert (
        torch.add in listed[torch]
        and F.relu in listed[F]
        and torch.Tensor.view in listed[torch.Tensor]
    )
    assert torch.Tensor.shape.__get__ in listed[torch.Tensor]
    assert torch.zeros not in listed[torch] and torch.zeros in overrides.get_ignored_functions()
    stand_ins = overrides.get_testing_overrides()
    assert stand_ins[torch.softmax](1, 2) == -1
    assert overrides.is_tensor_method_or_property(torch.Tensor.add)


def test_every_listed_function_asks_a_look_alike():
    class Answer:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return "answered"

    for owner, functions in overrides.get_overridable_functions().items():
        for function in functions:
            if owner is torch.Tensor and type(function).__name__ in (
                "method-wrapper",
                "wrapper_descriptor",
            ):
                continue  # Python itself checks the class
            assert function(Answer()) == "answered", function


def test_a_type_that_changes_its_mind_is_asked_again():
    class Late(torch.Tensor):
        pass

    x = torch.ones(1).as_subclass(Late)
    assert type(x + 1) is Late
    Late.__torch_function__ = torch._C._disabled_torch_function_impl
    assert type(x + 1) is torch.Tensor


def test_functions_of_the_real_torch_are_refused(monkeypatch):
    # Given our tensors they asked these what to do, who called them again, until the stack was full.
    real = types.ModuleType("torch")
    real.Tensor = type("Tensor", (), {"__torch_function__": None})
    monkeypatch.setitem(sys.modules, "torch", real)

    def relu(x):
        return type(x).__torch_function__(relu, (type(x),), (x,))

    with pytest.raises(TypeError, match="an argument is a tensor of PyTorch"):
        torch.ones(2) + real.Tensor()
    relu.__module__ = "torch.nn.functional"
    with pytest.raises(TypeError, match="^relu: this is PyTorch's own function"):
        relu(torch.ones(2))


def test_a_parameter_that_looks_on():
    """super().__torch_function__ of a subclass of Parameter computes, and gives plain tensors."""
    seen = []
    p = telling(seen, torch.nn.Parameter)(torch.ones(2))
    p.data = torch.full((2,), 3.0)
    total = torch.add(p, p, alpha=2)
    assert type(total) is torch.Tensor and total.tolist() == [9, 9]
    assert torch.add in seen
    total.sum().backward()
    assert p.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="broadcast"):
        torch.add(p, torch.ones(3))
    count = len(seen)
    torch.mul(p, 2)  # what failed has left nothing switched off
    assert len(seen) == count + 1
    run = torch._C._disabled_torch_function_impl
    assert run(torch.add, (), (p, 1)).tolist() == [4, 4] and len(seen) == count + 1
    assert run(torch.empty, (), (0,), None).shape == (0,)
    assert run(torch.add, (), [p, 1]).tolist() == [4, 4]
    for bad in ((), (torch.add,), (torch.add, (), (p, 1), 3)):
        with pytest.raises(TypeError, match="_disabled_torch_function_impl|must be a mapping"):
            run(*bad)


def test_an_answer_that_asks_again_without_end_is_a_recursion_error():
    class Again(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return args[0] if func.__name__ == "__bool__" else NotImplemented

    with pytest.raises(RecursionError):
        bool(torch.ones(()).as_subclass(Again))


def test_an_error_of_an_attribute_is_not_taken_for_its_absence():
    class Broken:
        @property
        def __array_interface__(self):
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        torch.tensor(Broken())
