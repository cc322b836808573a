"""Order."""

import flambeau

from . import rule


def _top(g, input, k, dim, largest=True, ordered=True):
    values, places = g.op(
        "TopK", input, g.ints([k]), axis=dim, largest=int(largest), sorted=int(ordered), outputs=2
    )
    places.dtype = flambeau.int64
    return values, places


@rule("topk")
def _(g, input, k, dim=-1, largest=True, sorted=True):
    return _top(g, input, k, dim, largest, sorted)


@rule("sort")
def _(g, input, dim=-1, descending=False, stable=False):
    return _top(g, input, g.size(input, dim), dim, descending)


@rule("argsort")
def _(g, input, dim=-1, descending=False, stable=False):
    return _top(g, input, g.size(input, dim), dim, descending)[1]


@rule("msort")
def _(g, input):
    return _top(g, input, g.size(input, 0), 0, False)[0]


@rule("kthvalue")
def _(g, input, k, dim=-1, keepdim=False):
    values, places = _top(g, input, k, dim, False)
    last = g.constant([k - 1], flambeau.int64)
    values, places = (g.op("Gather", part, last, axis=dim) for part in (values, places))
    return (values, places) if keepdim else (g.squeeze(values, dim), g.squeeze(places, dim))


@rule("nonzero")
def _(g, input, as_tuple=False):
    if as_tuple:
        raise NotImplementedError("onnx.export: nonzero with as_tuple=True.")
    return g.permute(g.op("NonZero", input, dtype=flambeau.int64), (1, 0))


@rule("unique")
def _(g, input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    values, _, inverse, counts = g.op("Unique", input, sorted=int(sorted), axis=dim, outputs=4)
    inverse.dtype = counts.dtype = flambeau.int64
    if return_inverse and dim is None:
        inverse = g.op("Reshape", inverse, g.shape(input))
    found = [values] + [inverse] * return_inverse + [counts] * return_counts
    return found[0] if len(found) == 1 else tuple(found)
