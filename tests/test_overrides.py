"""Subclasses that take operators over through __torch_function__."""

import flambeau as torch


class Logged(torch.Tensor):
    calls = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        Logged.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs)


def test_an_override_sees_the_operator_and_keeps_its_type():
    x = torch.ones(2).as_subclass(Logged)
    Logged.calls.clear()
    y = x + 1
    assert type(y) is Logged and y.tolist() == [2.0, 2.0]
    z = torch.exp(y * 0)
    assert type(z) is Logged and Logged.calls == ["add", "mul", "exp"]


def test_a_plain_subclass_computes_as_a_tensor():
    class Plain(torch.Tensor):
        pass

    assert (torch.ones(2).as_subclass(Plain) + 1).tolist() == [2.0, 2.0]


def test_a_look_alike_computes_for_itself():
    class Five:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__

    assert torch.add(torch.ones(1), Five()) == "add"
