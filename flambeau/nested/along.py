"""Operators along a dim of nested tensors: of all elements, inside of them, or of each sequence."""

import inspect

import flambeau

from .operators import _dim, _elementwise, _inner, _same_lengths, handles, unbind
from .tensor import NestedTensor, like, plain

_REDUCE = (
    "var std var_mean std_mean prod any all logsumexp argmax argmin median nanmedian mode norm count_nonzero amax amin "
    "aminmax nansum nanmean topk"
).split()
_KEEP = "cumsum cumprod cummax cummin logcumsumexp sort argsort normalize".split()
_LOSSES = (
    "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div"
).split()


def _along(name, keeps, whole=None):
    whole = whole or getattr(flambeau, name, None) or getattr(flambeau.nn.functional, name)
    signature = inspect.signature(whole)
    which = "dims" if "dims" in signature.parameters else "dim"

    def along(*args, **kwargs):
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        arguments = given.arguments
        if arguments.get("out") is not None:
            raise NotImplementedError(f"{name}: out= is not offered for nested tensors.")
        nested = arguments["input"]
        dim = arguments[which]
        options = {key: v for key, v in arguments.items() if key not in ("out", "input", which)}
        call = lambda values, dims: whole(values, **{which: dims}, **options)
        if dim is None:
            if name in ("argmax", "argmin"):
                raise NotImplementedError(f"{name}: of a nested tensor needs a dim.")
            return call(plain(nested), None)
        many = isinstance(dim, (tuple, list))
        dims = [_dim(nested, d) for d in (dim if many else [dim])]
        if 0 in dims:
            raise NotImplementedError(f"{name}: not offered over the batch of a nested tensor.")
        inner = [d - 1 for d in dims] if many else dims[0] - 1
        if nested._ragged in dims:
            parts = [call(part, inner) for part in unbind(nested)]
            if keeps:
                return _gathered(parts, lambda p: like(flambeau.cat(p, nested._ragged - 1), nested))
            return _gathered(parts, flambeau.stack)
        result = call(plain(nested), inner)
        ragged = nested._ragged
        if not keeps and name != "topk" and not arguments.get("keepdim"):
            ragged -= sum(d < nested._ragged for d in dims)
        return _gathered([result], lambda p: like(p[0], nested, ragged))

    return along


def _gathered(parts, join):
    """join(parts), or of each of several results."""
    if not isinstance(parts[0], tuple):
        return join(parts)
    columns = [join(list(column)) for column in zip(*parts, strict=True)]
    kind = type(parts[0])
    return kind(*columns) if hasattr(kind, "_fields") else kind(columns)


for _names, _keeps in ((_REDUCE, False), (_KEEP, True)):
    for _name in _names:
        if hasattr(flambeau, _name) or hasattr(flambeau.nn.functional, _name):
            handles(_name)(_along(_name, _keeps))


def _extreme(name):
    along = _along(name, False, _with_dim(name))

    def extreme(input, dim=None, keepdim=False, *, other=None):
        other = dim if isinstance(dim, flambeau.Tensor) else other
        if other is not None:
            pointwise = getattr(flambeau, f"{name}imum")
            return _elementwise(pointwise, f"{name}imum", (input, other), {})
        if dim is None:
            return getattr(flambeau, name)(plain(input))
        return along(input, dim, keepdim)

    return extreme


def _with_dim(name):
    def extreme(input, dim, keepdim=False):
        return getattr(flambeau, name)(input, dim, keepdim)

    return extreme


@handles("glu")
def _(input, dim=-1):
    return like(flambeau.nn.functional.glu(plain(input), _inner(input, dim, "glu")), input)


for _name in ("max", "min"):
    handles(_name)(_extreme(_name))


def _loss(name):
    whole = getattr(flambeau.nn.functional, name)

    def loss(input, target, *args, **kwargs):
        if kwargs.get("reduction", "mean") == "none":
            return _elementwise(whole, name, (input, target, *args), kwargs)
        if not (isinstance(input, NestedTensor) and isinstance(target, NestedTensor)):
            raise NotImplementedError(f"{name}: a nested and an ordinary tensor together.")
        _same_lengths(input, target, name)
        return whole(plain(input), plain(target), *args, **kwargs)

    return loss


for _name in _LOSSES:
    handles(_name)(_loss(_name))
