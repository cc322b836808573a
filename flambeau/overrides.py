"""__torch_function__: subclasses and look-alikes of Tensor that take operators over.

Pointwise operators ask their arguments' types; other operators treat a subclass as a plain Tensor.
"""

from . import _core


def _overriding(values):
    """The arguments whose type has a __torch_function__ of its own, subclasses before their bases."""
    found = []
    for value in values:
        kind = type(value)
        method = getattr(kind, "__torch_function__", None)
        if method is None or kind in [type(f) for f in found]:
            continue
        if getattr(method, "__func__", method) is _core.Tensor.__torch_function__.__func__:
            continue
        place = next((i for i, f in enumerate(found) if issubclass(kind, type(f))), len(found))
        found.insert(place, value)
    return found


def has_torch_function(relevant_args):
    """Whether any argument takes operators over."""
    return bool(_overriding(relevant_args))


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """Lets the first argument that does not answer NotImplemented compute public_api(*args, **kwargs).

    Raises TypeError if none does.
    """
    overriding = _overriding(relevant_args)
    types = tuple(map(type, overriding))
    for value in overriding:
        result = type(value).__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for {public_api!r} on types that implement __torch_function__: {list(types)}."
    )


def dispatch(operator, args, kwargs):
    """What the core calls when an argument's type overrides operators."""
    return handle_torch_function(operator, (*args, *kwargs.values()), *args, **kwargs)


def torch_function(cls, func, types, args=(), kwargs=None):
    """Runs func on plain tensors and gives results the type cls, for overrides that call super()."""

    def plain(x):
        if isinstance(x, _core.Tensor) and type(x) is not _core.Tensor:
            return x.as_subclass(_core.Tensor)
        return type(x)(map(plain, x)) if type(x) in (tuple, list) else x

    result = func(*map(plain, args), **{k: plain(v) for k, v in (kwargs or {}).items()})
    if (
        isinstance(result, _core.Tensor)
        and type(result) is _core.Tensor
        and cls is not _core.Tensor
    ):
        return result.as_subclass(cls)
    return result
