"""Which pipes give the same samples every time, and decorators that check annotations of pipes."""

import functools

from .datapipe import IterDataPipe

__all__ = [
    "argument_validation", "guaranteed_datapipes_determinism", "non_deterministic", "runtime_validation",
    "runtime_validation_disabled",
]  # fmt: skip

_switches = {"determinism": False, "validation": True}


class _Switch:
    """A switch that is set from the moment of the call; as a context, until its end."""

    def __init__(self):
        self._before = _switches[self._name]
        _switches[self._name] = self._value

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        _switches[self._name] = self._before


class guaranteed_datapipes_determinism(_Switch):
    """A block in which pipes marked non_deterministic cannot be made.

    Example:
        >>> from flambeau.utils.data import IterDataPipe, guaranteed_datapipes_determinism, non_deterministic
        >>> @non_deterministic
        ... class Noise(IterDataPipe):
        ...     pass
        >>> try:
        ...     with guaranteed_datapipes_determinism():
        ...         Noise()
        ... except TypeError:
        ...     print("refused")
        refused
    """

    _name, _value = "determinism", True


class runtime_validation_disabled(_Switch):
    """A block in which `runtime_validation` does not look at samples.

    Example:
        >>> from collections.abc import Iterator
        >>> from flambeau.utils.data import IterDataPipe, runtime_validation, runtime_validation_disabled
        >>> class Words(IterDataPipe):
        ...     @runtime_validation
        ...     def __iter__(self) -> Iterator[str]:
        ...         yield 7
        >>> with runtime_validation_disabled():
        ...     list(Words())
        [7]
    """

    _name, _value = "validation", False


class non_deterministic:
    """Decorates a pipe whose samples change from run to run: always, or where a function of its arguments says so.

    Args:
        arg (class or callable): the pipe, or a function of the arguments of the pipe it then decorates.

    Raises:
        TypeError: what is decorated is no IterDataPipe; when one is made, determinism is guaranteed.

    Example:
        >>> from flambeau.utils.data import IterDataPipe, guaranteed_datapipes_determinism, non_deterministic
        >>> @non_deterministic(lambda *samples, shuffle: shuffle)
        ... class Samples(IterDataPipe):
        ...     def __init__(self, *samples, shuffle):
        ...         self.samples = samples
        ...     def __iter__(self):
        ...         return iter(self.samples)
        >>> with guaranteed_datapipes_determinism():
        ...     list(Samples(1, 2, shuffle=False))
        [1, 2]
    """

    def __init__(self, arg):
        self.cls = self.deterministic_fn = None
        if isinstance(arg, type) and issubclass(arg, IterDataPipe):
            self.cls = arg
        elif callable(arg) and not isinstance(arg, type):
            self.deterministic_fn = arg
        else:
            raise TypeError(f"non_deterministic: decorates an IterDataPipe, not {arg!r}.")

    def __call__(self, *args, **kwargs):
        if self.cls is not None:
            return self._make(True, *args, **kwargs)
        (cls,) = args
        if not (isinstance(cls, type) and issubclass(cls, IterDataPipe)):
            raise TypeError(f"non_deterministic: decorates an IterDataPipe, not {cls!r}.")
        self.cls = cls
        return self._make_as_told

    def _make_as_told(self, *args, **kwargs):
        changes = self.deterministic_fn(*args, **kwargs)
        if not isinstance(changes, bool):
            raise TypeError(
                f"non_deterministic: its function must return a bool, not {type(changes).__name__}."
            )
        return self._make(changes, *args, **kwargs)

    def _make(self, changes, *args, **kwargs):
        if changes and _switches["determinism"]:
            raise TypeError(
                f"non_deterministic: {self.cls.__name__} gives other samples in each run, and "
                "guaranteed_datapipes_determinism is in force."
            )
        return self.cls(*args, **kwargs)


def argument_validation(f):
    """Decorates a function whose arguments that are annotated as pipes must be pipes.

    Raises:
        TypeError: in a call, of an argument that is none.

    Example:
        >>> from flambeau.utils.data import IterDataPipe, argument_validation
        >>> @argument_validation
        ... def first(pipe: IterDataPipe):
        ...     return next(iter(pipe))
        >>> try:
        ...     first([1])
        ... except TypeError:
        ...     print("refused")
        refused
    """
    import inspect
    import typing

    signature, hints = inspect.signature(f), typing.get_type_hints(f)

    @functools.wraps(f)
    def checked(*args, **kwargs):
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            hint = typing.get_origin(hints.get(name)) or hints.get(name)
            is_pipe = isinstance(hint, type) and issubclass(hint, IterDataPipe)
            if is_pipe and not isinstance(value, IterDataPipe):
                raise TypeError(
                    f"argument_validation: {f.__name__} takes an IterDataPipe as {name}, not {type(value).__name__}."
                )
        return f(*args, **kwargs)

    return checked


def runtime_validation(f):
    """Decorates __iter__ of a pipe: samples must be of the type that its annotation, Iterator[T], names.

    Raises:
        TypeError: f is no __iter__. RuntimeError: while iterating, of a sample of another type.

    Example:
        >>> from collections.abc import Iterator
        >>> from flambeau.utils.data import IterDataPipe, runtime_validation
        >>> class Words(IterDataPipe):
        ...     @runtime_validation
        ...     def __iter__(self) -> Iterator[str]:
        ...         yield from ("one", 2)
        >>> try:
        ...     list(Words())
        ... except RuntimeError as error:
        ...     print(error)
        runtime_validation: Words gave 2, which is no str.
    """
    import typing

    if f.__name__ != "__iter__":
        raise TypeError(f"runtime_validation: decorates __iter__, not {f.__name__}.")
    of = typing.get_args(typing.get_type_hints(f).get("return"))
    wanted = (typing.get_origin(of[0]) or of[0]) if of else None

    @functools.wraps(f)
    def checked(self):
        for sample in f(self):
            if (
                _switches["validation"]
                and isinstance(wanted, type)
                and not isinstance(sample, wanted)
            ):
                raise RuntimeError(
                    f"runtime_validation: {type(self).__name__} gave {sample!r}, which is no {wanted.__name__}."
                )
            yield sample

    return checked
