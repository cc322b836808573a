"""Tensors made of sizes, and random numbers."""

import flambeau

from ..builder import Value, kind_of
from . import rule
from .shape import flat_sizes


def filled(g, sizes, value):
    """A tensor of these sizes and the result's dtype, filled with a number."""
    dtype = g.out.dtype
    if isinstance(value, Value):
        return g.op("Expand", g.op("Squeeze", g.cast(value, dtype)), g.ints(sizes))
    return g.op("Expand", g.constant(value, dtype), g.ints(sizes))


def _like(value):
    return (
        lambda g, input, *size, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False: (
            filled(g, g.shape(input), value)
        )
    )


def _of_sizes(value):
    return (
        lambda g, *size, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, memory_format=None: (
            filled(g, flat_sizes(size), value)
        )
    )


def _new(value):
    return (
        lambda g, input, *size, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False: (
            filled(g, flat_sizes(size), value)
        )
    )


for _name, _value in {"zeros": 0, "ones": 1, "empty": 0}.items():
    rule(f"{_name}_like")(_like(_value))
    rule(_name)(_of_sizes(_value))
    rule(f"new_{_name}")(_new(_value))


@rule("full")
def _(g, size, fill_value, dtype=None, layout=None, device=None, requires_grad=False):
    return filled(g, size, fill_value)


@rule("full_like")
def _(
    g, input, fill_value, dtype=None, layout=None, device=None, requires_grad=False,
    memory_format=None,
):  # fmt: skip
    return filled(g, g.shape(input), fill_value)


@rule("new_full")
def _(g, input, size, fill_value, dtype=None, device=None, requires_grad=False):
    return filled(g, size, fill_value)


def _scalar(g, value, dtype):
    if isinstance(value, Value):
        value = g.cast(value, dtype)
        return g.op("Reshape", value, g.constant([], flambeau.int64))
    return g.constant(value, dtype)


@rule("arange", "range")
def _(g, start, end=None, step=1, dtype=None, layout=None, device=None, requires_grad=False):
    if end is None:
        start, end = 0, start
    dtype = g.out.dtype
    return g.op("Range", *(_scalar(g, v, dtype) for v in (start, end, step)))


@rule("linspace")
def _(g, start, end, steps, dtype=None, device=None, requires_grad=False, layout=None):
    dtype = g.out.dtype
    counts = g.op("Range", *(_scalar(g, v, dtype) for v in (0, steps, 1)))
    first, last = _scalar(g, start, dtype), _scalar(g, end, dtype)
    gaps = g.op("Max", g.op("Sub", _scalar(g, steps, dtype), 1), 1)
    return g.op("Add", g.op("Mul", counts, g.op("Div", g.op("Sub", last, first), gaps)), first)


@rule("eye")
def _(g, n, m=None, dtype=None, device=None, requires_grad=False, layout=None):
    blank = g.op("Expand", g.constant(0, g.out.dtype), g.ints([n, n if m is None else m]))
    return g.op("EyeLike", blank)


@rule("tensor", "as_tensor", "scalar_tensor", "new_tensor")
def _(g, *data, dtype=None, device=None, requires_grad=False):
    data = data[-1]
    if isinstance(data, Value) and data.shape is None:
        return _scalar(g, data, g.out.dtype)
    if isinstance(data, (tuple, list)) and not any(isinstance(v, (tuple, list)) for v in data):
        parts = [g.op("Reshape", g.cast(v, g.out.dtype), g.axes(1)) for v in data]
        return g.op("Concat", *parts, axis=0)
    if isinstance(data, Value):
        return g.cast(data, g.out.dtype)
    raise NotImplementedError("onnx.export: tensor() of nested lists with sizes in them.")


# --------------------------------------------------------------------------------- random numbers


@rule("rand_like")
def _(g, input, **options):
    return g.op("RandomUniformLike", input, dtype=g.out.dtype)


@rule("randn_like")
def _(g, input, **options):
    return g.op("RandomNormalLike", input, dtype=g.out.dtype)


def _random(kind):
    def draw(
        g, *size, dtype=None, layout=None, device=None, requires_grad=False, generator=None,
        pin_memory=False,
    ):  # fmt: skip
        blank = g.op("Expand", g.constant(0, g.out.dtype), g.ints(flat_sizes(size)))
        return g.op(kind, blank)

    return draw


rule("rand")(_random("RandomUniformLike"))
rule("randn")(_random("RandomNormalLike"))


@rule("bernoulli")
def _(g, input, p=None, generator=None):
    if p is not None:
        input = filled(g, g.shape(input), p)
    return g.op("Bernoulli", input)


@rule("multinomial")
def _(g, input, num_samples, replacement=False, generator=None):
    if not replacement and num_samples != 1:
        raise NotImplementedError("onnx.export: multinomial without replacement.")
    rows = input if input.ndim == 2 else g.unsqueeze(input, 0)
    drawn = g.op(
        "Multinomial", g.op("Log", rows), sample_size=num_samples, dtype_=kind_of(flambeau.int64)
    )
    drawn.dtype = flambeau.int64
    return drawn if input.ndim == 2 else g.squeeze(drawn, 0)
