"""New tensors: ranges, identity, filled; new_tensors.py has the new_* methods."""

import builtins
import math
import numbers

from .. import _core
from ..kernels import language as k
from ..types import device as Device
from ..types import layout as Layout
from ..types import missing_device, strided
from .core.arguments import require_tensors
from .core.declare import make_pointwise, register

_ramp = make_pointwise(
    lambda start, step: start + step * k.cast(k.index(), "int64"), name="arange", uses_index=True
)


def _linspace_from_both_ends(start, end, step, steps):
    # Counting from the nearer end makes the last value exactly `end`.
    i = k.index()
    return k.where(
        i < (steps - 1) / 2,
        start + step * k.cast(i, "float64"),
        end - step * k.cast(steps - 1 - i, "float64"),
    )


_line = make_pointwise(_linspace_from_both_ends, name="linspace", keep=("steps",), uses_index=True)


def check_options(name, layout=None, device=None, pin_memory=False, dtype=None):
    """Raises for what a new tensor cannot be here: not strided, on no device of ours, pinned where no GPU is.

    Raises TypeError for what is no layout, dtype or bool at all.
    """
    if layout is not None and not isinstance(layout, Layout):
        raise TypeError(f"{name}: layout must be a torch.layout, not {type(layout).__name__}.")
    if dtype is not None and not isinstance(dtype, _core.dtype):
        raise TypeError(f"{name}: dtype must be a torch.dtype, not {type(dtype).__name__}.")
    if pin_memory:
        if not isinstance(pin_memory, bool):
            raise TypeError(f"{name}: pin_memory must be a bool, not {type(pin_memory).__name__}.")
        if not _core._cuda_state()[0]:
            raise RuntimeError(f"{name}: pin_memory=True needs an accelerator, and there is none.")
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"{name}: layout={layout} is not available; tensors are strided.")
    if device is None:
        return
    kind = (device if isinstance(device, Device) else Device(device)).type
    if kind not in ("cpu", "meta") and not (kind == "cuda" and _core._cuda_state()[0]):
        raise missing_device(name, device)


def _is_cpu(device):
    return device.type == "cpu" if device.__class__ is Device else device == "cpu"


def _place(device, out):
    """Where a result is made: on `device`, or beside the tensor it goes to."""
    return out.device if device is None and out is not None else device


def _number(value, name="scalar_tensor", argument="value"):
    """A Python number from one, from NumPy's, or from a tensor of no dimensions."""
    if isinstance(value, _core.Tensor):
        if value.dim() == 0:
            return value.item()
    elif _core._is_array_scalar(value):
        value = value.item()
    if not isinstance(value, numbers.Number):
        raise TypeError(f"{name}: {argument} must be a number, not {type(value).__name__}.")
    return value


def count_of(value, name, argument):
    """An int that says how many: a float or a bool is none."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: {argument} must be an int, not {type(value).__name__}.")
    return value.__index__()


def _needs_numbers(name, dtype, complex_too=False):
    if dtype is _core.bool or (dtype.is_complex and not complex_too):
        raise NotImplementedError(f"{name}: is not implemented for {dtype}.")


def _finish(tensor, out, requires_grad, name, dtype=None):
    if out is None:
        return tensor.requires_grad_(True) if requires_grad else tensor
    if dtype is not None and out.dtype is not dtype:
        raise RuntimeError(f"{name}: dtype is {dtype}, but out is {out.dtype}.")
    # An out of as many elements is filled in its own shape.
    fits = out.numel() == tensor.numel()
    return _core._finish_out(tensor.view(out.shape) if fits else tensor, out, name)


def arange(
    *bounds, start=None, end=None, step=None, out=None, dtype=None, layout=strided, device=None,
    pin_memory=False, requires_grad=False,
):  # fmt: skip
    """The numbers start, start + step, ... below end: arange(end), arange(start, end), arange(start, end, step).

    Example:
        >>> torch.arange(3)
        tensor([0, 1, 2])
    """
    if (
        start is end is step is out is None
        and (device is None or _is_cpu(device))
        and (layout is strided or layout is None)
        and not (requires_grad or pin_memory)
        and (compute := _COUNTED_IN.get(dtype))
    ):  # as programs call it all the time
        if count := _count_of_ints(bounds):
            dtype = dtype or _core.int64
        elif dtype is None and (count := _count_of_floats(bounds)):
            dtype, compute = _core.get_default_dtype(), _core.float64
    else:
        count = 0
    if count:
        result = _core.empty(count, dtype=dtype, device=device)
        first = bounds[0] if len(bounds) > 1 else 0
        _core._map(_ramp, (result,), (first, bounds[2] if len(bounds) > 2 else 1), compute)
        return result
    check_options("arange", layout, device, pin_memory, dtype)
    start, end, step = _range_bounds(list(bounds), start, end, step)
    values = [
        _number(v, "arange", name) for v, name in ((start, "start"), (end, "end"), (step, "step"))
    ]
    if dtype is None:
        if out is not None:
            dtype = out.dtype
        else:
            dtype = (
                _core.int64
                if all(isinstance(v, int) for v in values)
                else _core.get_default_dtype()
            )
    _needs_numbers("arange", dtype)
    if any(isinstance(v, complex) for v in values):
        raise RuntimeError(f"arange: start, end and step must be real, not {values}.")
    first, last, by = values
    if by == 0:
        raise RuntimeError("arange: step must be nonzero.")
    if not all(math.isfinite(v) for v in (first, last)):
        raise RuntimeError(f"arange: unsupported range: {first} -> {last}.")
    if (last - first) * (1 if by > 0 else -1) < 0:
        raise RuntimeError(
            f"arange: the step {by} leads away from the end: start is {first}, end is {last}."
        )
    if dtype in (_core.int64, _core.uint64) and -1 < by < 1:  # shorter integers repeat the start
        raise ValueError(f"arange: step must be nonzero, but {by} is 0 in {dtype}.")
    if not dtype.is_floating_point:
        limit = 2**64 if dtype is _core.uint64 else 2**63
        if any(not -(2**63) <= v < limit for v in values):
            raise RuntimeError(f"arange: {values} do not fit 64 bits.")
        if (
            dtype.itemsize == 8
        ):  # as in PyTorch, shorter integers are counted by the bounds as given
            first, last, by = map(int, values)
    count = _range_count(first, last, by, "arange")
    if not dtype.is_floating_point:
        first, by = int(first), int(by)
    compute = (
        dtype
        if dtype in (_core.float64, _core.int64)
        else _core.float64
        if dtype.is_floating_point
        else _core.int64
    )
    result = _core.empty(
        count, dtype=dtype, device=_place(device, out), pin_memory=pin_memory and out is None
    )
    if count:
        _core._map(_ramp, (result,), (first, by), compute)
    return _finish(result, out, requires_grad, "arange", dtype)


# What numbers of these dtypes are counted in.
_COUNTED_IN = {
    None: _core.int64,
    _core.int64: _core.int64,
    _core.int32: _core.int64,
    _core.int16: _core.int64,
    _core.int8: _core.int64,
    _core.uint8: _core.int64,
    _core.float32: _core.float64,
    _core.float64: _core.float64,
    _core.bfloat16: _core.float64,
    _core.float16: _core.float64,
}


def _count_of_ints(bounds):
    """How many numbers up to three ints stand for, where they are what is usual; else 0."""
    n = len(bounds)
    if n == 1:
        last = bounds[0]
        return last if type(last) is int and 0 < last < 2**62 else 0
    if not 1 < n < 4 or any(type(v) is not int or not -(2**62) < v < 2**62 for v in bounds):
        return 0
    by = bounds[2] if n == 3 else 1
    return max(0, (bounds[1] - bounds[0] + by - (1 if by > 0 else -1)) // by) if by else 0


def _count_of_floats(bounds):
    """The same of floats, or floats and ints."""
    n = len(bounds)
    if not 0 < n < 4 or {float} != {type(v) for v in bounds} - {int}:
        return 0
    first, last, by = (0, *bounds, 1) if n == 1 else (*bounds, 1)[:3]
    span = last - first
    if not (by and math.isfinite(span) and 0 < span / by < 2**62):
        return 0
    return math.ceil(span / by)


def _range_bounds(positional, start, end, step):
    """(start, end, step) from the forms (end), (start, end), (start, end, step) and keywords."""
    if len(positional) > 3:
        raise TypeError(
            f"arange: takes end, (start, end) or (start, end, step), not {len(positional)} numbers."
        )
    if len(positional) == 1 and end is None:
        end = positional[0]
    elif positional:
        named = (start, end, step)
        if any(value is not None for value in named[: len(positional)]):
            raise TypeError("arange: a bound was given twice.")
        start, end, step = (*positional, *named[len(positional) :])
    if end is None:
        raise TypeError("arange: the argument 'end' is missing; it must be a number.")
    return 0 if start is None else start, end, 1 if step is None else step


def _range_count(first, last, by, name):
    """How many of first, first + by, ... come before last."""
    if all(isinstance(v, int) for v in (first, last, by)):
        return max(0, -((first - last) // by))
    count = (last - first) / by
    if not count < 2**62:
        raise RuntimeError(f"{name}: {count:g} elements from {first} to {last} are too many.")
    return max(0, math.ceil(count))


def range(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=strided, device=None,
    requires_grad=False,
):  # fmt: skip
    """The numbers from start to end inclusive (deprecated in PyTorch too: use arange).

    Dtype: any that computes; the default dtype unless `dtype` or `out` says another.
    """
    check_options("range", layout, device, dtype=dtype)
    _core._warn("range: includes its end, unlike Python's range, and is deprecated. Use arange.")
    first, last, by = (_number(v, "range", "bound") for v in (start, end, step))
    if by == 0:
        raise RuntimeError("range: step must be nonzero.")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"range: unsupported range: {first} -> {last}.")
    if (last - first) * (1 if by > 0 else -1) < 0:
        raise RuntimeError(
            f"range: the step {by} leads away from the end: start is {first}, end is {last}."
        )
    count = math.floor((last - first) / by) + 1
    values = arange(count, dtype=_core.float64, device=_place(device, out)) * by + first
    dtype = dtype or (out.dtype if out is not None else _core.get_default_dtype())
    return _finish(values.to(dtype), out, requires_grad, "range", dtype)


_REAL = (float, int)


def _line_bounds(name, start, end, steps, dtype, out, device):
    """(start, end, steps, dtype) of linspace and logspace, checked."""
    for v in (start, end):
        if isinstance(v, _core.Tensor) and v.dim() > 0:
            raise RuntimeError(f"{name}: start and end must be numbers or 0-dim tensors.")
    if device is not None and Device(device).type == "meta":  # what they are does not matter there
        start, end = (0.0 if isinstance(v, _core.Tensor) and v.is_meta else v for v in (start, end))
    start, end = _number(start, name, "start"), _number(end, name, "end")
    steps = count_of(steps, name, "steps")
    if steps < 0:
        raise RuntimeError(f"{name}: steps is {steps}; it must be 0 or more.")
    complex_valued = isinstance(start, complex) or isinstance(end, complex)
    if dtype is None:
        dtype = out.dtype if out is not None else _core.get_default_dtype()
        if out is None and complex_valued:
            dtype = dtype.to_complex()
    if complex_valued and not dtype.is_complex:
        raise RuntimeError(f"{name}: start and end are complex, which {dtype} does not hold.")
    _needs_numbers(name, dtype, complex_too=True)
    if out is not None and out.numel() != steps:
        out.resize_(0)  # without a word, as in PyTorch
    return start, end, steps, dtype


def linspace(
    start, end, steps, *, out=None, dtype=None, layout=strided, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """`steps` numbers from start to end, both included, evenly spaced."""
    if not (
        type(start) in _REAL
        and type(end) in _REAL
        and type(steps) is int
        and steps >= 0
        and dtype is out is None
        and (device is None or _is_cpu(device))
        and layout is strided
        and not pin_memory
    ):
        check_options("linspace", layout, device, pin_memory, dtype)
        start, end, steps, dtype = _line_bounds("linspace", start, end, steps, dtype, out, device)
    else:
        dtype = _core.get_default_dtype()
    integral = not (dtype.is_floating_point or dtype.is_complex)
    if integral:
        # Out of range they raise here, as whatever a tensor is to hold does.
        start, end = (int(_core.full((), v, dtype=dtype, device="cpu")) for v in (start, end))
    result = _core.empty(
        steps, dtype=dtype, device=_place(device, out), pin_memory=pin_memory and out is None
    )
    if steps == 1:
        result.fill_(start)
    elif steps:
        compute = _core.complex128 if dtype.is_complex else _core.float64
        _core._map(_line, (result,), (start, end, (end - start) / (steps - 1), steps), compute)
    return _finish(result, out, requires_grad, "linspace", dtype)


def logspace(
    start, end, steps, base=10.0, *, out=None, dtype=None, layout=strided, device=None,
    pin_memory=False, requires_grad=False,
):  # fmt: skip
    """base to the powers linspace(start, end, steps)."""
    check_options("logspace", layout, device, pin_memory, dtype)
    start, end, steps, dtype = _line_bounds("logspace", start, end, steps, dtype, out, device)
    wide = _core.complex128 if dtype.is_complex else _core.float64
    if steps < 2 or dtype.is_floating_point or dtype.is_complex:
        powers = linspace(start, end, steps, dtype=wide, device=_place(device, out))
    else:
        # Exact where the power is whole: a rounded one is cut off to the next integer below.
        i = arange(steps, dtype=wide, device=_place(device, out))
        powers = (int(start) * (steps - 1 - i) + int(end) * i) / (steps - 1)
    values = (_number(base, "logspace", "base") ** powers).to(dtype)
    values = values.pin_memory() if pin_memory and out is None else values
    return _finish(values, out, requires_grad, "logspace", dtype)


def eye(
    n, m: int = None, *, out=None, dtype=None, layout=strided, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """The identity matrix (n, m), m = n by default.

    Example:
        >>> torch.eye(3)
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])
    """
    check_options("eye", layout, device, pin_memory, dtype)
    n = count_of(n, "eye", "n")
    m = n if m is None else count_of(m, "eye", "m")
    if n < 0 or m < 0:
        raise RuntimeError(f"eye: n is {n} and m is {m}; both must be 0 or more.")
    dtype = dtype or (out.dtype if out is not None else _core.get_default_dtype())
    result = _core.zeros(
        n, m, dtype=dtype, device=_place(device, out), pin_memory=pin_memory and out is None
    )
    _core.diagonal(result).fill_(1)
    return _finish(result, out, requires_grad, "eye")


def full_like(
    input, fill_value, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False, memory_format=None,
):  # fmt: skip
    """fill_value in a tensor of input's sizes and dtype.

    Example:
        >>> torch.full_like(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[1., 1.],
                [1., 1.]])
    """
    check_options("full_like", layout, device, pin_memory, dtype)
    require_tensors("full_like", input=input)
    options = {} if memory_format is None else {"memory_format": memory_format}
    result = _core.empty_like(input, dtype=dtype, device=device, pin_memory=pin_memory, **options)
    result.fill_(_number(fill_value, "full_like", "fill_value"))
    return result.requires_grad_(True) if requires_grad else result


def scalar_tensor(
    s: object, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A zero-dimensional tensor.

    Example:
        >>> torch.scalar_tensor(3)
        tensor(3.)
    """
    check_options("scalar_tensor", layout, device, pin_memory, dtype)
    s = _number(s, "scalar_tensor", "s")
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
        pin_memory=pin_memory,
    )


def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """Uninitialised, with the dimensions in memory in the order of physical_layout."""
    check_options("empty_permuted", layout, device, pin_memory)
    if sorted(physical_layout) != list(builtins.range(len(size))):
        raise RuntimeError(
            f"empty_permuted: physical_layout {physical_layout} must name each dim of "
            f"{tuple(size)} once."
        )
    t = _core.empty(
        [size[d] for d in physical_layout],
        dtype=dtype,
        device=device,
        pin_memory=pin_memory,
    )
    inverse = sorted(builtins.range(len(size)), key=lambda i: physical_layout[i])
    return t.permute(inverse).requires_grad_(requires_grad or False)


for _name in "arange range linspace logspace eye full_like scalar_tensor empty_permuted".split():
    register(_name, globals()[_name])
