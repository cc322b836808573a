"""Rules of what makes tensors like others, and of raw maps."""

from ... import _core
from ...types import strided
from ..core import operators as fl
from ..core.declare import METHODS, NAMESPACES, as_operator
from .levels import sizes
from .values import (
    Tensor,
    batched,
    front,
    full,
    is_batched,
    joint_levels,
    rule,
    same_for,
    unbatched,
)


@same_for(_core.empty_like, _core.zeros_like, _core.ones_like)
def _(operator, input, **options):
    """Batched as the model is, so that it may be written from it in place."""
    options.pop("memory_format", None)  # an order of memory, not of elements
    value, levels = unbatched(input)
    return batched(operator(value, **options), levels)


@rule(_core.as_tensor)
def _(data, dtype=None, device=None):
    """Of numbers in lists, some of which differ from slice to slice, too."""
    if isinstance(data, (tuple, list)):
        data = _core.stack([_core.as_tensor(item) for item in data])
    return data.to(dtype=dtype or data.dtype, device=device or data.device)


@rule(_core.tensor)
def _(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    if requires_grad:
        raise RuntimeError(
            "vmap: tensor: a mapped tensor cannot require grad on its own. Use func.grad."
        )
    return _core.as_tensor(data, dtype=dtype, device=device).detach().clone()


@rule(_core._keep_format)
def _(result, input):
    return result


@rule(_core._map)
def _(kernel, outputs, inputs, dtype=None):
    """Fresh outputs that lack a level get it."""
    levels = joint_levels(*outputs, *inputs)
    ndim = outputs[0].dim()
    values = []
    for output in outputs:
        value, own = unbatched(output)
        if own != levels:
            lead = (sizes[level] for level in levels)
            value = _core.empty(*lead, *output.shape, dtype=output.dtype, device=output.device)
        values.append(value)
    given = [front(arg, levels, ndim) if is_batched(arg) else arg for arg in inputs]
    _core._map(kernel, tuple(values), tuple(given), values[0].dtype if dtype is None else dtype)
    for output, value in zip(outputs, values, strict=True):
        if unbatched(output)[1] != levels:
            _core._become(output, value, levels)


@same_for(_core._gcd, _core._lcm, _core._incomplete_gamma, _core._polynomial, _core._airy_ai)
def _(operator, *args):
    """Of contiguous operands of one shape."""
    levels = joint_levels(*args)
    values = (full(t, levels).contiguous() if isinstance(t, Tensor) else t for t in args)
    return batched(operator(*values), levels)


def _new(operator):
    def made(self, *args, **kwargs):
        result = _core._run_inside(operator, self, *args, **kwargs)
        levels = joint_levels(self)
        if is_batched(result):  # of a fill that is
            return result
        return batched(full(result, levels).clone(), levels)

    operator.batch_rule = made


for _name in ("new_empty", "new_zeros", "new_ones", "new_full"):
    _new(as_operator(METHODS[_name]))


@rule(_core._check_out)
def _(out, dtype, inputs, name):
    inputs = tuple(unbatched(t)[0] if is_batched(t) else t for t in inputs)
    _core._check_out(unbatched(out)[0], dtype, inputs, name)


@rule(_core.as_strided)
def _(input, size, stride, storage_offset=None):
    """Of each slice as if it lay alone: offsets count from where it begins."""
    value, levels = unbatched(input)
    if not input.is_contiguous():
        value = value.contiguous()
    lead, n = [sizes[level] for level in levels], len(levels)
    steps = list(value.stride()[:n])
    return batched(
        value.as_strided(
            (*lead, *size), (*steps, *stride), value.storage_offset() + (storage_offset or 0)
        ),
        levels,
    )


@same_for(
    *(
        NAMESPACES["torch"][name]
        for name in ("diagonal_scatter", "select_scatter", "slice_scatter", "as_strided_scatter")
    )
)
def _(operator, input, src, *args, **kwargs):
    """What is written into differs from slice to slice as what is written does."""
    levels = joint_levels(input, src)
    return _core._run_inside(
        operator, batched(full(input, levels).contiguous(), levels), src, *args, **kwargs
    )


def _line(name, start, end, steps, dtype, device):
    """`steps` numbers from start to end in float64, or complex128; counted from the nearer end, as linspace does."""
    wide = _core.complex128 if dtype.is_complex else _core.float64
    if not (dtype.is_floating_point or dtype.is_complex):
        start, end = (_core.as_tensor(v, device=device).to(dtype) for v in (start, end))
    start, end = (_core.as_tensor(v, device=device).to(wide) for v in (start, end))
    if start.dim() or end.dim():
        raise RuntimeError(f"{name}: start and end must be numbers or 0-dim tensors.")
    place = fl.arange(steps, dtype=_core.float64, device=device)
    step = (end - start) / max(steps - 1, 1)
    return fl.where(
        place < max(steps / 2, 1), start + step * place, end - step * (steps - 1 - place)
    )


@rule(NAMESPACES["torch"]["linspace"])
def _(start, end, steps, *, dtype=None, device=None, **options):
    """Ends that differ from slice to slice."""
    _take_no("linspace", options)
    dtype = dtype or _core.get_default_dtype()
    return _line("linspace", start, end, steps, dtype, device).to(dtype)


@rule(NAMESPACES["torch"]["logspace"])
def _(start, end, steps, base=10.0, *, dtype=None, device=None, **options):
    _take_no("logspace", options)
    dtype = dtype or _core.get_default_dtype()
    return (base ** _line("logspace", start, end, steps, dtype, device)).to(dtype)


def _take_no(name, options):
    given = [key for key, value in options.items() if value not in (None, False, strided)]
    if given:
        raise RuntimeError(f"vmap: {name}: {given[0]}= is not taken inside. Use the result.")


def _refuse(name, why):
    def refuse(*args, **kwargs):
        raise RuntimeError(f"vmap: {name}: {why}")

    return refuse


for _name in ("resize_", "resize_as_"):
    operator = as_operator(METHODS[_name]) if _name in METHODS else getattr(_core, _name)
    operator.batch_rule = _refuse(
        _name, "the memory of a mapped tensor is shared by its slices and keeps its size."
    )
for _name in ("_lent_address", "_as_array"):
    getattr(_core, _name).batch_rule = _refuse(
        "numpy",
        "a mapped tensor stands for all slices at once and has no memory of its own. Return it first, or use "
        "func.debug_unwrap to look at all slices.",
    )
