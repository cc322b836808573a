"""Normalizations."""

import flambeau

from . import rule


@rule("batch_norm")
def _(
    g, input, running_mean=None, running_var=None, weight=None, bias=None, training=False,
    momentum=0.1, eps=1e-5, *rest,
):  # fmt: skip
    if training or running_mean is None:
        dims = [d for d in range(input.ndim) if d != 1]
        centred, variance = _centred(g, input, dims)
        result = g.op("Div", centred, g.op("Sqrt", g.op("Add", variance, eps)))
        return _scaled(g, result, weight, bias, input.ndim)
    channels = running_mean.shape
    weight = g.constant(flambeau.ones(channels), input.dtype) if weight is None else weight
    bias = g.constant(flambeau.zeros(channels), input.dtype) if bias is None else bias
    return g.op("BatchNormalization", input, weight, bias, running_mean, running_var, epsilon=eps)


def _centred(g, input, dims):
    """(input - mean, variance) over dims."""
    centred = g.op("Sub", input, g.reduce("ReduceMean", input, dims, keepdim=True))
    return centred, g.reduce("ReduceMean", g.op("Mul", centred, centred), dims, keepdim=True)


def _scaled(g, value, weight, bias, ndim):
    """value * weight + bias, one of each for a channel."""
    for kind, factor in (("Mul", weight), ("Add", bias)):
        if factor is not None:
            value = g.op(
                kind, value, g.unsqueeze(factor, *range(1, ndim - 1)) if ndim > 2 else factor
            )
    return value


@rule("instance_norm")
def _(g, input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1,
      eps=1e-5):  # fmt: skip
    if not use_input_stats:
        raise NotImplementedError("onnx.export: instance_norm with running statistics.")
    centred, variance = _centred(g, input, list(range(2, input.ndim)))
    result = g.op("Div", centred, g.op("Sqrt", g.op("Add", variance, eps)))
    return _scaled(g, result, weight, bias, input.ndim)


@rule("layer_norm")
def _(g, input, normalized_shape, weight=None, bias=None, eps=1e-5):
    if weight is None:
        weight = g.constant(flambeau.ones(tuple(normalized_shape)), input.dtype)
    return g.op("LayerNormalization", input, weight, bias, axis=-len(normalized_shape), epsilon=eps)


@rule("rms_norm")
def _(g, input, normalized_shape, weight=None, eps=None):
    eps = flambeau.finfo(input.dtype).eps if eps is None else eps
    dims = list(range(-len(normalized_shape), 0))
    square = g.reduce("ReduceMean", g.op("Mul", input, input), dims, keepdim=True)
    result = g.op("Div", input, g.op("Sqrt", g.op("Add", square, eps)))
    return result if weight is None else g.op("Mul", result, weight)


@rule("group_norm")
def _(g, input, num_groups, weight=None, bias=None, eps=1e-5):
    groups = g.op(
        "Reshape", input, g.constant([0, num_groups, -1], flambeau.int64)
    )  # 0: as in the input
    centred, variance = _centred(g, groups, [2])
    result = g.op("Div", centred, g.op("Sqrt", g.op("Add", variance, eps)))
    return _scaled(g, g.op("Reshape", result, g.shape(input)), weight, bias, input.ndim)


@rule("local_response_norm")
def _(g, input, size, alpha=1e-4, beta=0.75, k=1.0):
    return g.op("LRN", input, size=size, alpha=alpha, beta=beta, bias=float(k))


@rule("normalize")
def _(g, input, p=2.0, dim=1, eps=1e-12):
    from .reduction import norm

    length = norm(g, input, p, dim if isinstance(dim, (tuple, list)) else [dim], True)
    return g.op("Div", input, g.op("Max", length, g.constant(eps, input.dtype)))
