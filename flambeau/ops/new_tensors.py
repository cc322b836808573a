"""New tensors after another's dtype and device (new_*), and the old constructors."""

import numbers
import operator

from .. import _core
from .core.declare import METHODS
from .creation import check_options


def _sized(function, what):
    name = "new_" + function.__name__

    def new(
        self, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False,
        **named,
    ):  # fmt: skip
        if layout is not None or device is not None or pin_memory:
            check_options(name, layout, device, pin_memory)
        if named:
            if "size" in named:
                size = (named.pop("size"),)
            if named:
                raise TypeError(f"{name}: has no argument {next(iter(named))!r}.")
        return function(
            *size,
            dtype=dtype or self.dtype,
            device=device or self.device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )

    new.__name__ = new.__qualname__ = name
    new.__doc__ = f"{what} of the given sizes, of the tensor's dtype and on its device unless others are given."
    METHODS[name] = new


_sized(_core.empty, "An uninitialised tensor")
_sized(_core.zeros, "Zeros")
_sized(_core.ones, "Ones")


def _beside(tensor, make, given, dtype, device, requires_grad, pin_memory):
    """make(*given) with the tensor's dtype and device, unless others are given."""
    return make(
        *given,
        dtype=dtype or tensor.dtype,
        device=device or tensor.device,
        requires_grad=requires_grad,
        pin_memory=pin_memory,
    )


def new_full(
    self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None,
    pin_memory=False,
):  # fmt: skip
    """fill_value in a tensor of the given sizes and this one's dtype."""
    check_options("new_full", layout, device, pin_memory)
    return _beside(self, _core.full, (size, fill_value), dtype, device, requires_grad, pin_memory)


def new_tensor(
    self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
):
    """A copy of data in this tensor's dtype."""
    check_options("new_tensor", layout, device, pin_memory)
    if isinstance(data, _core.Tensor):
        _core._warn(
            "To copy construct from a tensor, write data.detach().clone(), with requires_grad_() where "
            "needed: new_tensor() drops its history without a word."
        )
        copy = data.detach().clone().to(device or data.device, dtype or data.dtype)
        copy = copy.pin_memory() if pin_memory else copy
        return copy.requires_grad_(requires_grad)
    return _beside(self, _core.tensor, (data,), dtype, device, requires_grad, pin_memory)


def new_empty_strided(
    self, size, stride, *, dtype=None, device=None, requires_grad=False, layout=None,
    pin_memory=False,
):  # fmt: skip
    """Uninitialised, of the given sizes and strides and this tensor's dtype."""
    check_options("new_empty_strided", layout, device, pin_memory)
    return _beside(
        self, _core.empty_strided, (size, stride), dtype, device, requires_grad, pin_memory
    )


def _as_size(data):
    """data, where it stands for an int, be it one of NumPy's; None for values."""
    try:
        operator.index(data)
    except TypeError:
        return None
    return data


def new(self, *args, size=None, device=None):
    """A tensor of this one's dtype from sizes, data or a storage (the old constructor)."""
    from ..types import Size

    check_options("new", device=device)
    if device is not None and len(args) == 1 and isinstance(args[0], _core.Tensor):
        raise RuntimeError(
            "new: a tensor and device= do not go together. Use torch.as_tensor(data, device=...)."
        )
    device = device or self.device
    if size is not None:
        args = (*args, Size(size))
    if len(args) == 1 and hasattr(args[0], "untyped"):
        return _core.empty(0, dtype=self.dtype, device=args[0].device).set_(args[0])
    if len(args) == 1 and isinstance(args[0], _core.Tensor):
        return legacy_new(*args, dtype=self.dtype)
    if len(args) == 1 and not isinstance(args[0], Size) and _as_size(args[0]) is None:
        if isinstance(args[0], (list, tuple)) or hasattr(args[0], "__array__"):
            return _core.tensor(args[0], dtype=self.dtype, device=device)
    return _core.empty(*(args or (0,)), dtype=self.dtype, device=device)


for _function in (new_full, new_tensor, new_empty_strided, new):
    METHODS[_function.__name__] = _function


# ------------------------------------------------------------------------- the old constructors


def legacy_new(*args, dtype=None, device=None):
    """Tensor(4, 3), Tensor(size), Tensor([1, 2]), Tensor(other): the default dtype, sizes uninitialised."""
    from ..types import Size

    check_options("Tensor", device=device)
    place = device or "cpu"  # whatever the default device is, as in PyTorch
    if len(args) == 1 and isinstance(args[0], _core.Tensor):
        (data,) = args
        if device is not None:
            raise RuntimeError(
                "Tensor: a tensor and device= do not go together. Use torch.as_tensor(data, device=...)."
            )
        if dtype is not None and data.dtype is not dtype:
            raise TypeError(f"Tensor: expected {dtype}, got {data.dtype}. Use .to({dtype}).")
        return data.detach()
    dtype = dtype or _core.get_default_dtype()
    if len(args) == 1:
        (data,) = args
        if isinstance(data, Size):
            return _core.empty(data, dtype=dtype, device=place)
        if hasattr(data, "untyped"):  # a storage, whose memory is shared
            return _core.empty(0, dtype=dtype, device=data.device).set_(data)
        size = _as_size(data)
        if data is None or isinstance(data, numbers.Number) and size is None:
            raise TypeError(
                f"Tensor: expected sizes or a sequence of values, not {type(data).__name__}."
            )
        if size is None:
            return _core.tensor(data, dtype=dtype, device=place)
    for size in args:
        if isinstance(size, float):
            raise TypeError("Tensor: takes sizes as ints. For values pass a list: Tensor([...]).")
    return _core.empty(*(args or (0,)), dtype=dtype, device=place)


def named_data(args, size=None, data=None, **wrong):
    """The arguments of an old constructor, of which size and data may be named."""
    from ..types import Size

    if wrong:
        raise TypeError(
            f"Tensor: has no argument {next(iter(wrong))!r}. Sizes or data alone make a tensor of the type's own "
            "dtype; use torch.tensor(data, dtype=..., requires_grad=...)."
        )
    if size is not None:
        args = (*args, Size(size))
    return args if data is None else (*args, data)


def _tensor_class(*args, device=None, **named):
    return legacy_new(*(named_data(args, **named) if named else args), device=device)


_core._bind("legacy_new", _tensor_class)
