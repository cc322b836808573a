"""Whether operators record what backward needs: no_grad and its relatives.

Each works as a with statement and as a decorator, of functions and of generators. The switch itself is
a flag of the thread, kept by the core.
"""

import functools
import threading

from .. import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, TypeVar

    _F = TypeVar("_F", bound=Callable)

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]

# The flag of a generator function's code (inspect.CO_GENERATOR; importing inspect would cost 20 ms).
_GENERATOR = 0x20


class _Mode:
    """A context that is also a decorator; every call of what it decorates runs in a context of its own."""

    def __enter__(self):
        raise NotImplementedError

    def __exit__(self, *exception):
        raise NotImplementedError

    def clone(self):
        """Another context of the same mode."""
        return type(self)()

    def __call__(self, function: "_F") -> "_F":
        if isinstance(function, type):
            raise TypeError(
                f"{type(self).__name__}: decorates functions, not the class {function.__name__}. "
                "Decorate its methods."
            )
        if getattr(getattr(function, "__code__", None), "co_flags", 0) & _GENERATOR:
            return _decorate_generator(self.clone, function)

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapper


def _decorate_generator(context, function):
    """Inside the context while the generator runs, outside while its consumer does."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        generator = function(*args, **kwargs)
        try:
            with context():
                value = next(generator)
            while True:
                try:
                    received = yield value
                except GeneratorExit:
                    with context():
                        generator.close()
                    raise
                except BaseException as error:
                    with context():
                        value = generator.throw(error)
                else:
                    with context():
                        value = generator.send(received)
        except StopIteration as stop:
            return stop.value

    return wrapper


class _Recording(_Mode):
    """A mode that switches recording; `previous` says what it was before."""

    def __exit__(self, *exception):
        _core._set_grad_enabled(self.previous)


class _PlainMode(_Recording):
    """A mode without arguments: `@no_grad` decorates like `@no_grad()`."""

    def __new__(cls, orig_func=None) -> "Self":
        instance = super().__new__(cls)
        return instance if orig_func is None else instance(orig_func)


class no_grad(_PlainMode):
    """Operators inside record nothing: their results do not require grad.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad():
        ...     (x * 2).requires_grad
        False
    """

    def __enter__(self):
        self.previous = _core._set_grad_enabled(False)


class enable_grad(_PlainMode):
    """Operators inside record, also within `no_grad`.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad(), torch.enable_grad():
        ...     (x * 2).requires_grad
        True
    """

    def __enter__(self):
        self.previous = _core._set_grad_enabled(True)


class set_grad_enabled(_Recording):
    """Recording on or off from the moment of the call; as a context, until its end.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.set_grad_enabled(False):
        ...     (x * 2).requires_grad
        False
    """

    def __init__(self, mode):
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled: mode takes True or False, but got {mode!r}.")
        self.mode = mode
        self.previous = _core._set_grad_enabled(mode)

    def __call__(self, function: "_F") -> "_F":
        # As a decorator it must not act now, on whoever decorates.
        _core._set_grad_enabled(self.previous)
        return super().__call__(function)

    def __enter__(self):
        _core._set_grad_enabled(self.mode)

    def __repr__(self):
        return f"set_grad_enabled(mode={self.mode})"

    def clone(self):
        return type(self)(self.mode)


is_inference_mode_enabled = _core.is_inference_mode_enabled


class inference_mode(_Mode):
    """`no_grad`, said for good. mode=False switches recording back on inside.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.inference_mode():
        ...     y = x * 2
        >>> y.requires_grad, y.is_inference()
        (False, True)
    """

    def __new__(cls, mode=True):
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode=True):
        self.mode = mode

    def __enter__(self):
        recording = _core._set_grad_enabled(not self.mode)
        self.previous = recording, _core._set_inference_mode(self.mode)

    def __exit__(self, *exception):
        recording, inference = self.previous
        _core._set_inference_mode(inference)
        _core._set_grad_enabled(recording)

    def clone(self):
        return type(self)(self.mode)


_threads = threading.local()  # .off: what set_multithreading_enabled says


def is_multithreading_enabled():
    """What set_multithreading_enabled() was last told in this thread; True before."""
    return not getattr(_threads, "off", False)


class _Switch(_Mode):
    """A mode of a thread from the moment of the call: what `_told.off` says the opposite of."""

    def __init__(self, mode):
        self.mode, self.previous = mode, not getattr(self._told, "off", False)
        self._told.off = not mode

    def __enter__(self):
        self._told.off = not self.mode

    def __exit__(self, *exception):
        self._told.off = not self.previous

    def clone(self):
        return type(self)(self.mode)


class set_multithreading_enabled(_Switch):
    """Accepted for PyTorch's sake: backward runs in the thread that called it, whatever is said here.

    Args:
        mode (bool): what programs may ask for from now on; as a context, until its end.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.set_multithreading_enabled(False):
        ...     x.sum().backward()
        >>> x.grad
        tensor([1., 1.])
    """

    _told = _threads
