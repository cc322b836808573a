"""Variable, as programs from before 2018 write it: today every tensor is one."""

from .. import _core
from .grad_mode import no_grad

__all__ = ["Variable"]


class _VariableType(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, _core.Tensor)


class _Engine:
    """The engine as an object: Variable._execution_engine."""

    @staticmethod
    def queue_callback(callback):
        """Call it when the backward that runs now has ended."""
        _core._queue_callback(callback)


class Variable(metaclass=_VariableType):
    """Variable(tensor) is a tensor that shares the memory of `tensor` and begins a graph of its own.

    Args:
        data (Tensor): wrapped; a number makes a tensor of it.
        requires_grad (bool): whether operators on it are recorded (False).
        volatile (bool): no longer has an effect, and says so; use `no_grad`.

    Example:
        >>> x = torch.autograd.Variable(torch.tensor([3.0]), requires_grad=True)
        >>> (x * x).backward()
        >>> x.grad
        tensor([6.])
    """

    _execution_engine = _Engine()

    def __new__(cls, data=None, requires_grad=None, volatile=None):
        if volatile:
            _core._warn("Variable: volatile has no effect. Use `with no_grad():`.")
        if data is None:
            tensor = _core.empty(0)
        elif isinstance(data, _core.Tensor):
            with no_grad():
                tensor = data.detach()
        else:
            tensor = _core.tensor(data)
        if requires_grad:
            tensor.requires_grad_(True)
        return tensor
