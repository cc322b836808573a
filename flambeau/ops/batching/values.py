"""What rules are made of: the values of batched tensors with the dimensions of levels in front.

A rule is called as its operator is, with batched tensors among the arguments. It takes their values with
`front` or `full`, runs operators on these with dimensions shifted by the number of levels, and batches
the results again with `batched`.
"""

import functools

from ... import _core
from .levels import sizes

Tensor = _core.Tensor
unbatched = _core._unbatch


def is_batched(value):
    """Whether it is a batched tensor."""
    return isinstance(value, Tensor) and _core._is_batched(value)


def joint_levels(*values):
    """The levels that any of the tensors depends on, ascending; anything else is passed over."""
    found = ()
    for value in values:
        if isinstance(value, Tensor):
            levels = unbatched(value)[1]
            if levels != found:
                found = tuple(sorted({*found, *levels})) if found else levels
        elif type(value) in (tuple, list):
            levels = joint_levels(*value)
            if levels != found:
                found = tuple(sorted({*found, *levels}))
    return found


def front(tensor, levels, ndim=0):
    """The value with one dimension for each of `levels`, of size 1 where it does not depend on it.

    Behind them come at least ndim dimensions, filled up with ones in front of the tensor's own.
    """
    value, own = unbatched(tensor)
    missing = ndim - tensor.dim()
    if own == levels and missing <= 0:
        return value
    given = iter(value.shape)
    lead = [next(given) if level in own else 1 for level in levels]
    return value.reshape(*lead, *[1] * max(missing, 0), *tensor.shape)


def full(tensor, levels, ndim=0):
    """`front` with every level expanded to its size."""
    value = front(tensor, levels, ndim)
    n = len(levels)
    wanted = tuple(sizes[level] for level in levels)
    return value if tuple(value.shape[:n]) == wanted else value.expand(*wanted, *value.shape[n:])


def folded(tensor, levels):
    """`full` with all levels in one dimension; a copy where that cannot be a view."""
    value = full(tensor, levels)
    return value if len(levels) == 1 else value.flatten(0, len(levels) - 1)


def unfolded(value, levels):
    """The batched tensor of a value with all levels in one dimension in front."""
    if len(levels) > 1:
        value = value.unflatten(0, [sizes[level] for level in levels])
    return _core._batch(value, levels)


def each(fn, result):
    """`result`, a tensor or a tuple or list of them, with fn applied to tensors."""
    if isinstance(result, Tensor):
        return fn(result)
    if isinstance(result, (tuple, list)):
        items = [each(fn, item) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return result


def batched(result, levels):
    """A result whose tensors have one dimension for each of `levels` in front, as batched tensors."""
    return each(lambda value: _core._batch(value, levels), result)


def shifted(dim, n):
    """dim (an int, or a sequence of them) where n dimensions more stand in front."""
    if isinstance(dim, (tuple, list)):
        return [d + n if d >= 0 else d for d in dim]
    return dim + n if dim >= 0 else dim


def arguments_of(operator, args, kwargs):
    """The arguments of a call by name, with defaults filled in."""
    names, defaults, _ = operator.parameters
    given = {name: value for name, value in zip(names, defaults) if value is not ...}
    given.update(zip(names, args))
    for name, value in kwargs.items():
        given[name if name in names else _SPELLINGS.get(name, name)] = value
    return given


_SPELLINGS = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "self": "input"}


def inward(tensor, levels):
    """A tensor with `levels` as the first dimensions of its own, no longer batched at these.

    At other levels it stays batched. The inverse is `outward`.
    """
    value, own = unbatched(tensor)
    if own == levels:
        return full(tensor, levels)
    others = tuple(level for level in own if level not in levels)
    order = [own.index(level) for level in (*others, *levels) if level in own]
    if order != list(range(len(own))):
        value = value.permute(*order, *range(len(own), value.dim()))
    lead = [sizes[level] for level in others]
    ones = [sizes[level] if level in own else 1 for level in levels]
    value = value.reshape(*lead, *ones, *tensor.shape)
    return _core._batch(
        value.expand(*lead, *(sizes[level] for level in levels), *tensor.shape), others
    )


def outward(tensor, levels):
    """A tensor whose first dimensions belong to `levels`, batched at these (and where it is already)."""
    value, others = unbatched(tensor)
    if not others or not levels or others[-1] < levels[0]:
        return _core._batch(value, (*others, *levels))
    named = (*others, *levels)
    order = sorted(range(len(named)), key=named.__getitem__)
    value = value.permute(*order, *range(len(named), value.dim()))
    return _core._batch(value, tuple(named[k] for k in order))


def rule(*operators):
    """Decorates the batching rule of operators: it is called as they are, with batched tensors among the arguments."""

    def decorate(fn):
        for operator in operators:
            operator.batch_rule = fn
        return fn

    return decorate


def same_for(*operators):
    """The same rule for several operators: rule(operator, *args, **kwargs)."""

    def decorate(fn):
        for operator in operators:
            operator.batch_rule = functools.partial(fn, operator)
        return fn

    return decorate


def along(fn, tensors, dim, *rest, **options):
    """fn(*values, dim, *rest) of tensors of one number of dims, which takes a dim (or dims) counted from behind or the front."""
    levels = joint_levels(*tensors)
    n = len(levels)
    values = [full(t, levels) for t in tensors]
    if tensors[0].dim():
        result = fn(*values, shifted(dim, n), *rest, **options)
        return batched(result, levels)
    # A slice without dims counts as one of a single element.
    result = fn(*(v.unsqueeze(-1) for v in values), n, *rest, **options)
    return batched(each(lambda r: r.squeeze(n) if r.dim() > n else r, result), levels)


def on_values(fn, *args, **kwargs):
    """fn of the values with all levels in front, for operators that take any dimensions before those they work on."""
    levels = joint_levels(*args, *kwargs.values())

    def value(arg):
        return full(arg, levels) if isinstance(arg, Tensor) else arg

    result = fn(*map(value, args), **{key: value(arg) for key, arg in kwargs.items()})
    return batched(result, levels)
