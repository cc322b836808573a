"""Tensors that a module knows as its own: parameters, which learn, and buffers, which do not."""

import flambeau

from .._core import _make_subclass
from ..modes import _disabled_torch_function_impl


class _MarkedType(type(flambeau.Tensor)):
    """Tensors of other subclasses count as instances where they carry the attribute `_mark` of the class."""

    def __instancecheck__(cls, instance):
        if type(instance) is cls:
            return True
        return super().__instancecheck__(instance) or (
            "_mark" in vars(cls)
            and isinstance(instance, flambeau.Tensor)
            and getattr(instance, cls._mark, False)
        )


_ParameterMeta = _MarkedType  # PyTorch's name, for libraries that derive from it


class Parameter(flambeau.Tensor, metaclass=_MarkedType):
    """A tensor that becomes a parameter of the module it is assigned to.

    Args:
        data (Tensor): the values; memory is shared. None gives an empty tensor.
        requires_grad (bool): whether it learns.

    Example:
        >>> nn.Parameter(torch.zeros(2)).requires_grad
        True
    """

    __torch_function__ = _disabled_torch_function_impl  # operators of parameters give plain tensors
    _mark = "_is_param"

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = flambeau.empty(0)
        kind = type(data)
        if kind is flambeau.Tensor or kind is Parameter:
            return _make_subclass(cls, data, requires_grad)
        if not hasattr(data, "detach"):
            raise AttributeError(
                f"Parameter: data must be a Tensor, not {kind.__name__}. Write torch.tensor(data)."
            )
        tensor = data.detach().requires_grad_(requires_grad)
        if type(tensor) is not kind:
            raise RuntimeError(
                f"Parameter: detach() of {kind.__name__} returned {type(tensor).__name__}. It must "
                "return its own class for a Parameter to be made of it."
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


class Buffer(flambeau.Tensor, metaclass=_MarkedType):
    """A tensor that becomes a buffer of the module it is assigned to.

    Args:
        data (Tensor): the values; memory is shared. None gives an empty tensor.
        persistent (bool): whether state_dict holds it.

    Example:
        >>> model = nn.Module()
        >>> model.count = nn.Buffer(torch.zeros(1))
        >>> list(model.state_dict())
        ['count']
    """

    _mark = "_is_buffer"

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = flambeau.empty(0)
        tensor = data.detach().requires_grad_(data.requires_grad)
        tensor.persistent = persistent
        tensor._is_buffer = True
        return tensor


# What can be asked of a tensor without a shape: its kind, and to be moved or converted.
_WITHOUT_SHAPE = frozenset(
    "__hash__ size copy_ is_complex is_floating_point half float double bfloat16 char short int long "
    "cuda cpu to get_device detach requires_grad_ is_leaf".split()
)


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet; materialize() gives it one."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in _WITHOUT_SHAPE or type(func).__name__ == "method-wrapper" or name == "__get__":
            with flambeau._C.DisableTorchFunctionSubclass():
                result = func(*args, **(kwargs or {}))
            if type(result) is flambeau.Tensor and issubclass(cls, UninitializedBuffer):
                return cls(result.requires_grad, result.device, result.dtype)
            return result
        raise ValueError(
            f"{name or func}: an uninitialized parameter has no shape to compute with. Call the "
            "module once, which gives it one."
        )

    @property
    def shape(self):
        raise RuntimeError(
            "shape: this parameter is not initialized and has no shape yet. Call the lazy module once "
            "first, or load an uninitialized state into a lazy module."
        )

    def materialize(self, shape, device=None, dtype=None):
        """Become an ordinary parameter or buffer of this shape, its values not set."""
        kind, learns = self.cls_to_become, self.requires_grad
        device = self.device if device is None else device
        dtype = self.dtype if dtype is None else dtype
        with flambeau.no_grad():
            self.data = flambeau.empty(shape, device=device, dtype=dtype)
        self.__class__ = kind
        self.requires_grad_(learns)

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def share_memory_(self):
        raise RuntimeError(
            "share_memory_: this parameter is not initialized yet. Call the lazy module once first."
        )

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad, self.device, self.dtype)

    def __deepcopy__(self, memo):
        copied = type(self)(self.requires_grad, self.device, self.dtype)
        memo[id(self)] = copied
        return copied


def is_lazy(param):
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet.

    Example:
        >>> weight = nn.UninitializedParameter()
        >>> weight.materialize((2, 3))
        >>> weight.shape
        torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        data = flambeau.empty(0, device=device, dtype=dtype)
        return _make_subclass(cls, data, requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, flambeau.Tensor):
    """A buffer whose shape is not known yet.

    Args:
        requires_grad (bool): whether it learns.
        device, dtype: of the buffer, once it has a shape.
        persistent (bool): whether it stands in the state_dict.

    Raises:
        ValueError: it is computed with, or asked for its shape, before materialize(shape).

    Example:
        >>> buffer = nn.parameter.UninitializedBuffer()
        >>> buffer.materialize((2, 3))
        >>> buffer.shape
        torch.Size([2, 3])
    """

    cls_to_become = None  # set below: a class cannot become flambeau.Tensor itself

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        tensor = _make_subclass(cls, flambeau.empty(0, device=device, dtype=dtype), requires_grad)
        tensor.persistent = persistent
        tensor._is_buffer = True
        return tensor


UninitializedBuffer.cls_to_become = Buffer
