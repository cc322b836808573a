"""Rules of reductions, of sorting and of what runs along a dim."""

from ... import _core
from .. import norms, numbers, reduce, scan, sort, stats
from ..core.arguments import is_left_out, reduced_dims, wrap_dims
from ..move import _flip, _roll
from .values import along, batched, front, full, joint_levels, rule, same_for, shifted


@rule(_core._reduce)
def _(reduction, inputs, dim, keepdim, dtypes, parameters=()):
    levels = joint_levels(*inputs)
    values = tuple(full(t, levels) for t in inputs)
    ndim = inputs[0].dim()
    if dim is None:
        dim = list(range(ndim))
    if not ndim:  # a dim of one element
        values, dim, keepdim = tuple(v.unsqueeze(-1) for v in values), -1, False
    elif not isinstance(dim, (tuple, list)):
        dim = [dim]
    return batched(
        _core._reduce(reduction, values, shifted(dim, len(levels)), keepdim, dtypes, parameters),
        levels,
    )


@same_for(norms._norm)
def _(operator, x, p, dims, keepdim):
    levels = joint_levels(x)
    return batched(operator(front(x, levels), p, shifted(list(dims), len(levels)), keepdim), levels)


@same_for(stats._log_sum_exp)
def _(operator, input, dims, keepdim):
    levels = joint_levels(input)
    return batched(
        operator(front(input, levels), shifted(list(dims), len(levels)), keepdim), levels
    )


@same_for(stats._moments)
def _(operator, input, kind, dims, correction, keepdim):
    levels = joint_levels(input)
    value, dims = front(input, levels), shifted(list(dims), len(levels))
    if not input.dim():  # a dim of one element; without any it would be all
        value, dims, keepdim = value.unsqueeze(-1), [-1], False
    return batched(operator(value, kind, dims, correction, keepdim), levels)


@same_for(reduce.amax, reduce.amin)
def _(operator, input, dim=None, keepdim=False):
    dims = reduced_dims(dim, input.dim(), operator.__name__)
    if not input.numel():
        reduce._need_dim(input, dim, operator.__name__)
        reduce._need_elements(input, dims, operator.__name__)
    if not dims:
        return input.clone()
    levels = joint_levels(input)
    return batched(operator(front(input, levels), shifted(dims, len(levels)), keepdim), levels)


@rule(numbers.hash_tensor)
def _(input, dim=(), *, keepdim=False, mode=0):
    levels = joint_levels(input)
    value = full(input, levels)
    if not input.dim():  # a dim of one element
        return batched(numbers.hash_tensor(value.unsqueeze(-1), -1, mode=mode), levels)
    dims = wrap_dims(None if is_left_out(dim) else dim, input.dim(), "hash_tensor")
    places = shifted(list(dims), len(levels))
    return batched(numbers.hash_tensor(value, places, keepdim=keepdim, mode=mode), levels)


@same_for(scan._cumsum, scan._cumprod, scan.logcumsumexp, scan.cummax, scan.cummin, _flip)
def _(operator, input, dim):
    return along(operator, (input,), dim)


@rule(_roll)
def _(input, shifts, dims):
    return along(lambda value, places: _roll(value, shifts, places), (input,), dims)


@rule(sort.sort)
def _(input, dim=-1, descending=False, *, stable=False):
    dim = -1 if isinstance(dim, bool) else dim
    return along(sort.sort, (input,), dim, descending)


@rule(sort.topk)
def _(input, k, dim=None, largest=True, sorted=True):
    return along(
        lambda value, place: sort.topk(value, k, place, largest, sorted),
        (input,),
        -1 if dim is None else dim,
    )


@rule(sort.kthvalue)
def _(input, k, dim=None, keepdim=False):
    return along(
        lambda value, place: sort.kthvalue(value, k, place, keepdim),
        (input,),
        -1 if dim is None else dim,
    )


@rule(sort.mode)
def _(input, dim=-1, keepdim=False):
    return along(sort.mode, (input,), dim, keepdim)


@rule(sort._median_along)
def _(input, dim, keepdim, ignore_nan):
    return along(sort._median_along, (input,), dim, keepdim, ignore_nan)
