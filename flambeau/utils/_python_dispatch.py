"""TorchDispatchMode, and classes with a __torch_dispatch__: every call of an operator, told by PyTorch's names.

The core asks `dispatch` at the door of operators (csrc/python/hooks.cpp) while a mode is in force or a class
has a __torch_dispatch__. Unlike in PyTorch the call is seen above autograd: tensors come with their history,
and what func(*args) records is recorded as without a mode.
"""

from .. import _core, _ops
from ..modes import Mode, Modes, _disabled_torch_dispatch_impl

_IN_FORCE = Modes(_core._set_dispatch_modes)
_modes = _IN_FORCE.stack
_pop_mode_temporarily = _IN_FORCE.without_innermost
_disable_current_modes = _IN_FORCE.without_all


class TorchDispatchMode(Mode):
    """While in force (`with`), its __torch_dispatch__ gets every call of an operator.

    class Log(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            print(func)  # aten.add.Tensor
            return func(*args, **(kwargs or {}))

    Inside its __torch_dispatch__ the mode itself is out of force. `types` has the classes of arguments that
    have a __torch_dispatch__ themselves.
    """

    _in_force = _IN_FORCE

    def __init__(self, _dispatch_key=None):
        if _dispatch_key is not None:
            raise NotImplementedError("TorchDispatchMode: _dispatch_key is not supported.")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError(f"{type(self).__name__} has no __torch_dispatch__.")

    @classmethod
    def is_infra_mode(cls):
        return False


class BaseTorchDispatchMode(TorchDispatchMode):
    """A mode that changes nothing."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def _get_current_dispatch_mode():
    return _modes()[-1] if _modes() else None


def _get_current_dispatch_mode_stack():
    return list(_modes())


def is_in_torch_dispatch_mode(include_infra_modes=True):
    """Whether a mode is in force in this thread."""
    return bool(_modes())


def is_traceable_wrapper_subclass(t):
    """Whether t is a tensor of a class that can be taken apart and put together again."""
    return (
        isinstance(t, _core.Tensor)
        and type(t) is not _core.Tensor
        and hasattr(t, "__tensor_flatten__")
        and hasattr(t, "__tensor_unflatten__")
    )


def _tensors(values):
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _tensors(value)
        elif isinstance(value, _core.Tensor):
            yield value


def _answers(kind):
    """Whether a class has a __torch_dispatch__ that is not switched off."""
    return kind.__torch_dispatch__ is not _disabled_torch_dispatch_impl


def _linear(input, weight, bias=None):
    import flambeau

    if input.dim() != 2 or weight.dim() != 2 or (bias is not None and bias.dim() != 1):
        return NotImplemented
    product = weight.t()
    return flambeau.mm(input, product) if bias is None else flambeau.addmm(bias, input, product)


def _matmul(input, other):
    if input.dim() == other.dim() == 2:
        return _core.mm(input, other)
    return _core.bmm(input, other) if input.dim() == other.dim() == 3 else NotImplemented


def _getitem(input, index):
    if type(index) is int:
        return _core.select(input, 0, index)
    if type(index) is slice and index.step in (None, 1):
        start, stop, _ = index.indices(input.shape[0])
        return _core.narrow(input, 0, start, max(stop - start, 0))
    return NotImplemented


def _setitem(input, index, value):
    if type(index) is not int:
        return NotImplemented
    place = _core.select(input, 0, index)
    if isinstance(value, _core.Tensor) and value.dim():
        place.copy_(value)
    else:
        place.fill_(value)


# Operators of one call here that are several of PyTorch's core.
_PARTS = {"linear": _linear, "matmul": _matmul, "__getitem__": _getitem, "__setitem__": _setitem}


def dispatch(operator, args, kwargs):
    """What a mode or a class makes of a call; NotImplemented: run it, and ask about what it is made of."""
    parts = _PARTS.get(operator.__name__)
    if parts is not None:
        result = parts(*args, **kwargs)
        if result is not NotImplemented:
            return result
    func = _ops.overload_of(operator, args, kwargs)
    if func is None:
        return NotImplemented
    asked = []
    for value in _tensors((*args, *kwargs.values())):
        kind = type(value)
        if kind is not _core.Tensor and kind not in asked and _answers(kind):
            place = next((i for i, k in enumerate(asked) if issubclass(kind, k)), len(asked))
            asked.insert(place, kind)
    if not asked and not _modes():
        return NotImplemented
    if _modes():
        with _pop_mode_temporarily() as mode:
            result = mode.__torch_dispatch__(func, tuple(asked), args, kwargs)
        if result is not NotImplemented:
            return result
    for kind in asked:
        result = kind.__torch_dispatch__(func, tuple(asked), args, kwargs)
        if result is not NotImplemented:
            return result
    if not asked:
        return NotImplemented
    raise TypeError(
        f"{func}: no __torch_dispatch__ of {', '.join(k.__name__ for k in asked)} handles it; all "
        "returned NotImplemented."
    )


def return_and_correct_aliasing(func, args, kwargs, out):
    """`out`; of an operator in place (its name ends in _) the first argument, as the caller expects."""
    name = func.overloadpacket.__name__
    return args[0] if name.endswith("_") and not name.endswith("__") else out
