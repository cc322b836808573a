"""Tensors that a module knows as its own: parameters, which learn, and buffers, which do not."""

import flambeau

from .._core import _make_subclass


class _ParameterType(type(flambeau.Tensor)):
    # A tensor of another subclass that carries `_is_param` counts as a parameter too.
    def __instancecheck__(cls, instance):
        if type(instance) is cls:
            return True
        return super().__instancecheck__(instance) or (
            cls is Parameter
            and isinstance(instance, flambeau.Tensor)
            and getattr(instance, "_is_param", False)
        )


class Parameter(flambeau.Tensor, metaclass=_ParameterType):
    """A tensor that becomes a parameter of the module it is assigned to.

    Args:
        data (Tensor): the values; memory is shared. None gives an empty tensor.
        requires_grad (bool): whether it learns.
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = flambeau.empty(0)
        kind = type(data)
        if kind is flambeau.Tensor or kind is Parameter:
            return _make_subclass(cls, data, requires_grad)
        tensor = data.detach().requires_grad_(requires_grad)
        if type(tensor) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that "
                "detach() returns an instance of the same type, but returned type "
                f"{type(tensor).__name__} was found instead."
            )
        tensor._is_param = True
        return tensor

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.detach().clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self):
        plain = _make_subclass(flambeau.Tensor, self, self.requires_grad)
        return "Parameter containing:\n" + repr(plain)

    def __reduce_ex__(self, protocol):
        return _rebuild_parameter, (self.detach().as_subclass(flambeau.Tensor), self.requires_grad)


def _rebuild_parameter(data, requires_grad, backward_hooks=None):
    return Parameter(data, requires_grad)


class _BufferType(type(flambeau.Tensor)):
    def __instancecheck__(cls, instance):
        if type(instance) is cls:
            return True
        return super().__instancecheck__(instance) or (
            cls is Buffer
            and isinstance(instance, flambeau.Tensor)
            and getattr(instance, "_is_buffer", False)
        )


class Buffer(flambeau.Tensor, metaclass=_BufferType):
    """A tensor that becomes a buffer of the module it is assigned to.

    Args:
        data (Tensor): the values; memory is shared. None gives an empty tensor.
        persistent (bool): whether state_dict holds it.
    """

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = flambeau.empty(0)
        tensor = data.detach().requires_grad_(data.requires_grad)
        tensor.persistent = persistent
        tensor._is_buffer = True
        return tensor
