"""New tensors: ranges, identity, filled; and the new_* methods."""

import builtins
import math

from .. import _core
from ..kernels import language as k
from ..types import device as Device
from ..types import strided
from .declare import METHODS, make_pointwise, register

_ramp = make_pointwise(
    lambda start, step: start + step * k.cast(k.index(), "int64"), name="arange", uses_index=True
)


def _linspace_from_both_ends(start, end, step, steps):
    # Counting from the nearer end makes the last value exactly `end`.
    i = k.index()
    return k.where(
        i < steps / 2,
        start + step * k.cast(i, "float64"),
        end - step * k.cast(steps - 1 - i, "float64"),
    )


_line = make_pointwise(_linspace_from_both_ends, name="linspace", keep=("steps",), uses_index=True)


def check_options(name, layout=None, device=None, pin_memory=False):
    """Raises for what a new tensor cannot be here: not strided, not on the CPU, in pinned memory."""
    if pin_memory:
        raise RuntimeError(f"{name}: pin_memory=True needs an accelerator, and there is none.")
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"{name}: layout={layout} is not available; tensors are strided.")
    if (
        device is not None
        and (device if isinstance(device, Device) else Device(device)).type != "cpu"
    ):
        raise NotImplementedError(
            f"{name}: device={device} is not available: this build of flambeau computes on the "
            "CPU. Use 'cpu'."
        )


def _number(x):
    if isinstance(x, _core.Tensor):
        return x.item()
    if isinstance(x, (str, tuple, list, dict)) or x is None:
        raise TypeError(f"start, end and step are numbers, but got a {type(x).__name__}.")
    return x


def _finish(tensor, out, requires_grad, name):
    if out is not None:
        return _core._finish_out(tensor, out, name)
    return tensor.requires_grad_(True) if requires_grad else tensor


def arange(
    *bounds,
    start=None,
    end=None,
    step=None,
    out=None,
    dtype=None,
    layout=strided,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The numbers start, start + step, ... below end: arange(end), arange(start, end), arange(start, end, step)."""
    check_options("arange", layout, device, pin_memory)
    values = list(map(_number, bounds))
    if len(values) > 3:
        raise TypeError(
            f"arange: takes end, (start, end) or (start, end, step), not {len(values)} arguments."
        )
    if len(values) + sum(v is not None for v in (start, end, step)) > 3 or (
        len(values) == 2 and not start is end is None
    ):
        raise TypeError(
            "arange: one of start, end and step is given twice, by position and by name."
        )
    if len(values) == 1 and end is None:
        values = [_number(start) if start is not None else 0, values[0]]
    elif len(values) == 1:
        values = [values[0], _number(end)]
    elif not values:
        if end is None:
            raise TypeError("arange: argument 'end' is missing.")
        values = [_number(start) if start is not None else 0, _number(end)]
    if len(values) == 2:
        values.append(_number(step) if step is not None else 1)
    first, last, by = values
    if by == 0:
        raise RuntimeError("arange: step is 0; from start no end is reached.")
    wanted = dtype or (None if out is None else out.dtype)
    if wanted and -1 < by < 1 and not wanted.is_floating_point:
        raise ValueError(
            f"arange: step is {by}, which is 0 in {wanted}; from start no end is reached."
        )
    if not all(math.isfinite(v) for v in (first, last)):
        raise RuntimeError(f"arange: start {first} or end {last} is infinite or NaN.")
    if (last - first) * (1 if by > 0 else -1) < 0:
        raise RuntimeError(
            f"arange: from {first} a step of {by} does not lead to {last}. Change the step's sign, "
            "or exchange the two."
        )
    if dtype is None:
        if out is not None:
            dtype = out.dtype
        else:
            dtype = (
                _core.get_default_dtype()
                if any(isinstance(v, float) for v in values)
                else _core.int64
            )
    if not (dtype.is_floating_point or dtype.is_complex):
        values = first, last, by = [int(v) for v in values]
    integral = all(isinstance(v, int) for v in values)
    count = max(0, -((first - last) // by) if integral else math.ceil((last - first) / by))
    compute = (
        dtype
        if dtype in (_core.float64, _core.int64)
        else _core.float64
        if dtype.is_floating_point
        else _core.int64
    )
    if dtype.is_complex:
        compute = _core.float64
    result = _core.empty(count, dtype=dtype)
    if count:
        _core._map(_ramp, (result,), (first, by), compute)
    return _finish(result, out, requires_grad, "arange")


def range(
    start=0,
    end=None,
    step=1,
    *,
    out=None,
    dtype=None,
    layout=strided,
    device=None,
    requires_grad=False,
):
    """The numbers from start to end inclusive (deprecated in PyTorch too: use arange)."""
    check_options("range", layout, device)
    count = math.floor((_number(end) - _number(start)) / _number(step)) + 1
    values = arange(count, dtype=_core.float64) * step + start
    return _finish(values.to(dtype or _core.get_default_dtype()), out, requires_grad, "range")


def linspace(
    start,
    end,
    steps=100,
    *,
    out=None,
    dtype=None,
    layout=strided,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """`steps` numbers from start to end, both included, evenly spaced."""
    check_options("linspace", layout, device, pin_memory)
    for v in (start, end):
        if isinstance(v, _core.Tensor) and v.dim() > 0:
            raise RuntimeError("linspace: start and end must be numbers or 0-dim tensors.")
    start, end = _number(start), _number(end)
    if dtype is not None and not dtype.is_complex and complex in (type(start), type(end)):
        raise RuntimeError(f"linspace: from {start} to {end} is complex, but dtype is {dtype}.")
    if steps < 0:
        raise RuntimeError(f"linspace: steps is {steps}; it must be 0 or more.")
    if dtype is None:
        dtype = out.dtype if out is not None else _core.get_default_dtype()
        if out is None and (isinstance(start, complex) or isinstance(end, complex)):
            dtype = dtype.to_complex()
    integral = not (dtype.is_floating_point or dtype.is_complex)
    if integral:
        start, end = int(start), int(end)
    result = _core.empty(steps, dtype=dtype)
    if steps == 1:
        result.fill_(start)
    elif steps:
        compute = _core.complex128 if dtype.is_complex else _core.float64
        _core._map(_line, (result,), (start, end, (end - start) / (steps - 1), steps), compute)
    return _finish(result, out, requires_grad, "linspace")


def logspace(
    start,
    end,
    steps=100,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=strided,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """base to the powers linspace(start, end, steps)."""
    check_options("logspace", layout, device, pin_memory)
    wanted = dtype or (out.dtype if out is not None else _core.get_default_dtype())
    complex_valued = wanted.is_complex or any(isinstance(_number(v), complex) for v in (start, end))
    if dtype is None and out is None and complex_valued:
        wanted = wanted.to_complex()
    elif complex_valued and not wanted.is_complex:
        raise RuntimeError(f"logspace: from {start} to {end} is complex, but dtype is {dtype}.")
    if not (wanted.is_floating_point or wanted.is_complex):
        start, end = int(_number(start)), int(_number(end))
    powers = linspace(
        start, end, steps, dtype=_core.complex128 if complex_valued else _core.float64
    )
    return _finish((base**powers).to(wanted), out, requires_grad, "logspace")


def eye(
    n,
    m=None,
    *,
    out=None,
    dtype=None,
    layout=strided,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The identity matrix (n, m), m = n by default."""
    check_options("eye", layout, device, pin_memory)
    m = n if m is None else m
    if n < 0 or m < 0:
        raise RuntimeError(f"eye: n is {n} and m is {m}; both must be 0 or more.")
    result = _core.zeros(
        n, m, dtype=dtype or (out.dtype if out is not None else _core.get_default_dtype())
    )
    _core.diagonal(result).fill_(1)
    return _finish(result, out, requires_grad, "eye")


def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """fill_value in a tensor of input's sizes and dtype."""
    check_options("full_like", layout, device, pin_memory)
    options = {} if memory_format is None else {"memory_format": memory_format}
    result = _core.empty_like(input, dtype=dtype, device=device, **options)
    result.fill_(_number(fill_value))
    return result.requires_grad_(True) if requires_grad else result


def scalar_tensor(
    s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A zero-dimensional tensor."""
    check_options("scalar_tensor", layout, device, pin_memory)
    return _core.full(
        (),
        s,
        dtype=dtype
        or (
            _core.get_default_dtype().to_complex()
            if isinstance(s, complex)
            else _core.get_default_dtype()
        ),
        device=device,
        requires_grad=requires_grad,
    )


def empty_permuted(
    size,
    physical_layout,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Uninitialised, with the dimensions in memory in the order of physical_layout."""
    check_options("empty_permuted", layout, device, pin_memory)
    if sorted(physical_layout) != list(builtins.range(len(size))):
        raise RuntimeError(
            f"empty_permuted: physical_layout {physical_layout} must name each dim of "
            f"{tuple(size)} once."
        )
    t = _core.empty(
        [size[d] for d in physical_layout], dtype=dtype, device=device, requires_grad=requires_grad
    )
    inverse = sorted(builtins.range(len(size)), key=lambda i: physical_layout[i])
    return t.permute(inverse)


for _name in "arange range linspace logspace eye full_like scalar_tensor empty_permuted".split():
    register(_name, globals()[_name])


# ------------------------------------------------------------------------------------------- new_* methods


def _sized(function):
    def new(
        self,
        *size,
        dtype=None,
        device=None,
        requires_grad=False,
        layout=None,
        pin_memory=False,
        **named,
    ):
        check_options("new_" + function.__name__, layout, device, pin_memory)
        if "size" in named:
            size = (named.pop("size"),)
        if named:
            raise TypeError(f"new_{function.__name__}: has no argument {next(iter(named))!r}.")
        return function(
            *size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad
        )

    return new


METHODS["new_empty"] = _sized(_core.empty)
METHODS["new_zeros"] = _sized(_core.zeros)
METHODS["new_ones"] = _sized(_core.ones)


def new_full(
    self,
    size,
    fill_value,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """fill_value in a tensor of the given sizes and this one's dtype."""
    check_options("new_full", layout, device, pin_memory)
    return _core.full(
        size, fill_value, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad
    )


def new_tensor(
    self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
):
    """A copy of data in this tensor's dtype."""
    check_options("new_tensor", layout, device, pin_memory)
    if isinstance(data, _core.Tensor):
        return data.detach().clone().to(dtype or data.dtype).requires_grad_(requires_grad)
    return _core.tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


def new_empty_strided(
    self,
    size,
    stride,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """Uninitialised, of the given sizes and strides and this tensor's dtype."""
    check_options("new_empty_strided", layout, device, pin_memory)
    return _core.empty_strided(size, stride, dtype=dtype or self.dtype, requires_grad=requires_grad)


def new(self, *args, size=None, device=None):
    """A tensor of this one's dtype from sizes, data or a storage (the old constructor)."""
    from ..types import Size

    check_options("new", device=device)
    if size is not None:
        args = (*args, Size(size))
    if len(args) == 1 and hasattr(args[0], "untyped"):
        return _core.empty(0, dtype=self.dtype).set_(args[0])
    if len(args) == 1 and not isinstance(args[0], (int, Size)):
        if (
            isinstance(args[0], (list, tuple))
            and not isinstance(args[0], _core.Tensor)
            or hasattr(args[0], "__array__")
        ):
            return (
                args[0].detach()
                if isinstance(args[0], _core.Tensor)
                else _core.tensor(args[0], dtype=self.dtype)
            )
    return _core.empty(*(args or (0,)), dtype=self.dtype)


for _function in (new_full, new_tensor, new_empty_strided, new):
    METHODS[_function.__name__] = _function


# ---------------------------------------------------------------------------------- the old constructors


def legacy_new(*args, dtype=None, device=None):
    """Tensor(4, 3), Tensor(size), Tensor([1, 2]), Tensor(other): the default dtype, sizes uninitialised."""
    from ..types import Size

    check_options("Tensor", device=device)
    dtype = dtype or _core.get_default_dtype()
    if len(args) == 1:
        (data,) = args
        if isinstance(data, Size):
            return _core.empty(data, dtype=dtype)
        if hasattr(data, "untyped"):  # a storage, whose memory is shared
            return _core.empty(0, dtype=dtype).set_(data)
        if isinstance(data, _core.Tensor):
            if data.dtype is not dtype:
                raise TypeError(
                    f"Tensor: data is {data.dtype}, but this type holds {dtype}. Convert it with "
                    f".to({dtype})."
                )
            return data.detach()
        if not isinstance(data, int):
            return _core.tensor(data, dtype=dtype)
    for size in args:
        if isinstance(size, float):
            raise TypeError("Tensor: takes sizes as ints. For values pass a list: Tensor([...]).")
    return _core.empty(*args, dtype=dtype) if args else _core.empty(0, dtype=dtype)


_core._bind("legacy_new", legacy_new)
