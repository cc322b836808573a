"""__torch_function__: subclasses and look-alikes of Tensor, and modes, that take operators over.

The core looks at the types of every call's arguments (csrc/python/overrides.h); when one has a
__torch_function__, or a mode is in force, it calls `dispatch`. A class whose __torch_function__ is
`modes._disabled_torch_function_impl`, as Parameter's, is left alone.
"""

import contextlib
import functools
import sys

from . import _core
from .modes import Mode, Modes
from .ops.core.declare import NAMESPACES

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "TorchFunctionMode",
    "enable_reentrant_dispatch",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "redispatch_function",
    "resolve_name",
    "wrap_torch_function",
]

_IN_FORCE = Modes(_core._set_function_modes)
_modes = _IN_FORCE.stack
_without_innermost = _IN_FORCE.without_innermost


def redispatch_function(func, types, args, kwargs):
    """func(*args, **kwargs) past the __torch_function__ that is running: subclasses are not asked again, modes are."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


# ------------------------------------------------------------------------------------------- asking


def _flat(values):
    for value in values:
        if type(value) in (tuple, list):
            yield from value
        else:
            yield value


def _overriding(values):
    """The arguments that take operators over, one of each type, subclasses before their bases."""
    found = []
    for value in _flat(values):
        kind = type(value)
        if not _core._override_of(kind) or any(kind is type(f) for f in found):
            continue
        place = next((i for i, f in enumerate(found) if issubclass(kind, type(f))), len(found))
        found.insert(place, value)
    return found


def has_torch_function(relevant_args):
    """Whether any argument, or a mode, takes operators over."""
    return _core._is_overridden(*relevant_args)


def has_torch_function_unary(arg):
    """has_torch_function of one argument."""
    return _core._is_overridden(arg)


def has_torch_function_variadic(*args):
    """has_torch_function of several arguments."""
    return _core._is_overridden(*args)


def _get_current_function_mode():
    """The innermost function mode in force, or None."""
    modes = _modes()
    return modes[-1] if modes else None


def _get_current_function_mode_stack():
    """The function modes in force, the innermost last."""
    return list(_modes())


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """Lets the innermost mode, then the relevant arguments in turn, compute public_api(*args, **kwargs).

    Raises TypeError if all of them answer NotImplemented.
    """
    overriding = _overriding(relevant_args)
    types = tuple(map(type, overriding))
    if _modes():
        with _without_innermost() as mode:
            result = mode.__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    for value in overriding:
        if (pytorch := _pytorch()) and isinstance(value, pytorch.Tensor):
            raise TypeError(
                f"{resolve_name(public_api) or public_api}: an argument is a tensor of PyTorch. "
                "flambeau.from_dlpack(tensor) takes it over without a copy."
            )
        result = type(value).__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    if not overriding and not _modes():
        return public_api(*args, **kwargs)
    asked = ", ".join(t.__name__ for t in types)
    asked = " or of ".join(filter(None, (asked, "the active mode" if _modes() else "")))
    raise TypeError(
        f"{resolve_name(public_api) or public_api}: no __torch_function__ of {asked} handles it; all returned "
        "NotImplemented."
    )


@functools.cache
def _accessors():
    """The function behind each property written in Python -> the name it is known by: Tensor.H.__get__."""
    found = {}
    for value in vars(_core.Tensor).values():
        if isinstance(value, property):
            found[value.fget] = value.__get__
            if value.fset:
                found[value.fset] = value.__set__
    return found


def dispatch(operator, args, kwargs):
    """What the core calls when an operator is taken over."""
    operator = _accessors().get(operator, operator)
    if (
        len(args) == 2
        and isinstance(args[1], (tuple, list))
        and operator is NAMESPACES["torch"]["einsum"]
    ):
        args = (
            args[0],
            *args[1],
        )  # whoever takes it over is told the operands one by one, as in PyTorch
    return handle_torch_function(operator, (*args, *kwargs.values()), *args, **kwargs)


@functools.cache
def get_default_nowrap_functions():
    """What an inherited __torch_function__ returns as it is: the tensors of attributes."""
    T = _core.Tensor
    return {T._base.__get__, T.grad.__get__, T._grad.__get__}


def _wrapped(result, cls):
    if isinstance(result, _core.Tensor):
        return result if isinstance(result, cls) else _core._as_subclass(result, cls)
    if isinstance(result, (tuple, list)):
        items = (_wrapped(r, cls) for r in result)
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return result


def _pytorch():
    """The real torch, if that is loaded beside."""
    pytorch = sys.modules.get("torch")
    return None if getattr(pytorch, "Tensor", _core.Tensor) is _core.Tensor else pytorch


def _is_pytorchs(func):
    """Whether func belongs to the real torch; it would ask our tensors again, for ever."""
    if _pytorch() is None:
        return False
    home = getattr(func, "__module__", None) or getattr(
        getattr(func, "__objclass__", None), "__module__", ""
    )
    return home.partition(".")[0] == "torch"


def torch_function(cls, func, types, args=(), kwargs=None):
    """Tensor.__torch_function__: runs func as if the arguments were plain, and makes results a cls."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    if _is_pytorchs(func):
        raise TypeError(
            f"{func.__name__}: this is PyTorch's own function, and its tensors are flambeau's. Import one of the two: "
            "with `python -m flambeau program.py` every `import torch` gives flambeau."
        )
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
    if cls is _core.Tensor or func in get_default_nowrap_functions():
        return result
    return _wrapped(result, cls)


# ------------------------------------------------------------------------------------------- switches


class DisableTorchFunctionSubclass:
    """While in force, subclasses and look-alikes are not asked; modes are."""

    def __enter__(self):
        self._before = _core._set_subclasses_disabled(True)

    def __exit__(self, *exception):
        _core._set_subclasses_disabled(self._before)


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """While in force, operators ask neither arguments nor modes."""

    def __enter__(self):
        super().__enter__()
        self._modes = _core._set_function_modes(0)

    def __exit__(self, *exception):
        _core._set_function_modes(self._modes)
        super().__exit__(*exception)


class TorchFunctionMode(Mode):
    """While in force (`with`), its __torch_function__ gets every call of an operator.

    class Log(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            print(resolve_name(func))
            return func(*args, **(kwargs or {}))

    Inside its __torch_function__ the mode itself is out of force.
    """

    _in_force = _IN_FORCE

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def enable_reentrant_dispatch():
    """Accepted for PyTorch's sake: operators called by a __torch_function__ are dispatched anyway."""
    yield


# ------------------------------------------------------------------------------------------ catalogue


def is_tensor_like(inp):
    """Whether inp is a Tensor or has a __torch_function__."""
    return type(inp) is _core.Tensor or hasattr(inp, "__torch_function__")


def wrap_torch_function(dispatcher):
    """Decorates a function so that arguments may take it over; dispatcher(*args) names the relevant ones."""

    def decorate(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


_IGNORED = (
    "as_tensor asarray empty empty_strided eye frombuffer from_dlpack from_numpy full linspace logspace arange range "
    "ones zeros tensor rand randn randint randperm scalar_tensor tril_indices triu_indices bartlett_window "
    "blackman_window hamming_window hann_window kaiser_window get_default_dtype set_default_dtype get_num_threads "
    "set_num_threads is_grad_enabled is_inference_mode_enabled promote_types can_cast memory_stats "
    "reset_peak_memory_stats manual_seed seed initial_seed get_rng_state set_rng_state empty_permuted vander"
).split()
_IGNORED_METHODS = "__torch_dispatch__ __new__ __init__ __class__ __dir__ __getattr__ __setattr__ __delattr__ as_subclass".split()


@functools.cache
def get_ignored_functions():
    """Public functions that no argument takes over: factories, switches, and what makes objects."""
    space = NAMESPACES["torch"]
    found = {space.get(n) or getattr(_core, n, None) for n in _IGNORED}
    found |= {getattr(_core.Tensor, n) for n in _IGNORED_METHODS if hasattr(_core.Tensor, n)}
    return found - {None}


def _spaces():
    """(prefix, object) of every place operators are public in."""
    import flambeau

    yield "torch", flambeau, set(NAMESPACES["torch"])
    yield "torch.Tensor", _core.Tensor, set(dir(_core.Tensor))
    functional = flambeau.nn.functional
    yield "torch.nn.functional", functional, set(functional._NAMES)
    for name in ("linalg", "fft", "special"):
        module = getattr(flambeau, name)
        yield f"torch.{name}", module, set(NAMESPACES[name])


def _callables(owner, names):
    """(name, function) of what can be overridden; a property by the method that reads it."""
    for name in sorted(names):
        value = getattr(owner, name, None)
        if name.startswith("_") and not name.startswith("__"):
            continue
        if isinstance(owner, type) and not callable(value) and hasattr(value, "__get__"):
            if name not in ("__dict__", "__weakref__"):
                yield name, value.__get__
        elif isinstance(value, _core.Operator) or (
            isinstance(owner, type)
            and type(value).__name__ == "wrapper_descriptor"
            and name in _SLOTS
        ):
            yield name, value


_SLOTS = frozenset(
    """__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ __rfloordiv__
    __mod__ __rmod__ __pow__ __rpow__ __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __lshift__ __rlshift__
    __rshift__ __rrshift__ __matmul__ __rmatmul__ __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __imod__
    __ipow__ __iand__ __ior__ __ixor__ __ilshift__ __irshift__ __neg__ __pos__ __abs__ __invert__ __eq__ __ne__
    __lt__ __le__ __gt__ __ge__ __bool__ __float__ __int__ __index__ __len__ __getitem__ __setitem__""".split()
)


@functools.cache
def get_overridable_functions():
    """{namespace: [functions]} of all that __torch_function__ may take over."""
    ignored = get_ignored_functions()
    return {
        owner: [function for _, function in _callables(owner, names) if function not in ignored]
        for _, owner, names in _spaces()
    }


@functools.cache
def _names():
    names = {}
    for prefix, owner, public in _spaces():
        for name, function in _callables(owner, public):
            suffix = (
                ".__get__" if isinstance(owner, type) and not callable(getattr(owner, name)) else ""
            )
            names.setdefault(function, f"{prefix}.{name}{suffix}")
    return names


def resolve_name(f):
    """The public name of an operator as text ("torch.Tensor.add"), None for anything else."""
    if isinstance(f, str):
        return f
    try:
        return _names().get(f)
    except TypeError:  # not hashable
        return None


@functools.cache
def get_testing_overrides():
    """{function: a function of the same signature that returns -1} for each overridable function."""
    import inspect

    found = {}
    for functions in get_overridable_functions().values():
        for function in functions:
            try:
                signature = inspect.signature(function)
            except (TypeError, ValueError):
                signature = None

            def stand_in(*args, _signature=signature, **kwargs):
                return -1

            if signature is not None:
                stand_in.__signature__ = signature
            found[function] = stand_in
    return found


@functools.cache
def _tensor_functions():
    return set(get_overridable_functions()[_core.Tensor])


def is_tensor_method_or_property(func):
    """Whether func is a method of Tensor, or reads one of its properties."""
    return func in _tensor_functions() or getattr(func, "__name__", None) in ("__get__", "__set__")
