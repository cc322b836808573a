"""What a recorded reduction is for groups: one over rows, the end of a chain, or one that reads what waits."""

import functools
import math

import flambeau
from flambeau import _core

__all__ = ["mark", "reduction_of"]

_WORDS = {
    "sum": "rsum",
    "mean": "rmean",
    "amax": "rmax",
    "amin": "rmin",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
}


@functools.cache
def _reductions():
    spaces = flambeau, flambeau.Tensor, flambeau.nn.functional
    found = {getattr(space, name, None): word for name, word in _WORDS.items() for space in spaces}
    return {f: word for f, word in found.items() if isinstance(f, _core.Operator)}


def reduction_of(function):
    """The name of a reduction in the language of rows, or None."""
    return _reductions().get(function)


def mark(node, word, args, kwargs, result, tracer):
    """Tells a node what it is; `word` as of `reduction_of`."""
    _as_reduction(node, word, args, kwargs, result, tracer)
    _as_total(node, word, args, kwargs, result, tracer)
    node.in_pieces = _is_in_pieces(word, args, kwargs, tracer)


def _as_reduction(node, word, args, kwargs, result, tracer):
    """Marks a reduction over the last dim that keeps it, of a plain call."""
    names = {**dict(zip(("input", "dim", "keepdim"), args)), **kwargs}
    if not isinstance(result, flambeau.Tensor) or not isinstance(
        names.get("input"), flambeau.Tensor
    ):
        return
    source_value = tracer.values[tracer.number(names["input"])]
    ndim = len(source_value.shape)
    dim = names.get("dim")
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    allowed = {"input", "dim", "keepdim"}
    if word in ("softmax", "log_softmax"):
        allowed = {"input", "dim", "_stacklevel", "dtype"}
        if names.get("dtype") is not None or len(args) > 2:
            return
    if set(names) - allowed or ndim == 0 or source_value.dtype not in ("float32", "float64"):
        return
    if type(dim) is int and dim in (-1, ndim - 1):
        if word in ("softmax", "log_softmax") or names.get("keepdim") is True:
            node.reduces = word


def _as_total(node, word, args, kwargs, result, tracer):
    """Marks the sum or mean of all elements of a plain call."""
    if word not in ("rsum", "rmean") or len(args) != 1 or kwargs:
        return
    if isinstance(result, flambeau.Tensor) and isinstance(args[0], flambeau.Tensor):
        read, given = tracer.values[tracer.number(args[0])], tracer.values[tracer.number(result)]
        same = read.dtype == given.dtype and read.dtype in ("float32", "float64")
        if same and given.plain and read.contiguous and read.shape:
            node.total = word


def _is_in_pieces(word, args, kwargs, tracer):
    """Whether a plain sum or mean over the last or the first dims is one that csrc/dispatch/reduce_in_pieces.cpp takes."""
    names = {**dict(zip(("input", "dim", "keepdim"), args)), **kwargs}
    dims = names.get("dim")
    dims = (dims,) if type(dims) is int else dims
    if word not in ("rsum", "rmean") or set(names) - {"input", "dim", "keepdim"}:
        return False
    if not isinstance(names["input"], flambeau.Tensor) or not isinstance(dims, (tuple, list)):
        return False
    shape = tracer.values[tracer.number(names["input"])].shape
    dims = sorted(d % len(shape) for d in dims) if shape else []
    count = math.prod(shape[d] for d in dims)
    if not dims or len(dims) == len(shape):
        return False
    last = dims == list(range(len(shape) - len(dims), len(shape)))
    return 8 < count <= 2048 if last else dims == list(range(len(dims))) and 1 < count <= 64
