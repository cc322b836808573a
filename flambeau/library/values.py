"""What an operator's schema lets through: arguments converted by their types, results checked."""

import re

import flambeau

__all__ = ["Arguments"]

_TYPE = re.compile(r"(\w+)(?:!|\([^)]*\))?(\?)?(\[\d*\])?(?:\([^)]*\))?(\?)?$")
_NUMBERS = (bool, int, float, complex)


class _Wrong(Exception):
    """The value is none of the type."""


def _tensor(value):
    if value is None or isinstance(value, flambeau.Tensor):  # None: a tensor that is not there
        return value
    raise _Wrong


def _from_tensor(value):
    """The number in a tensor of one element; anything else as it is."""
    if isinstance(value, flambeau.Tensor) and value.numel() == 1 and not value.is_meta:
        return value.item()
    return value


def _int(value):
    is_tensor = isinstance(value, flambeau.Tensor)
    value = _from_tensor(value)
    if isinstance(value, flambeau.Tensor) or (
        isinstance(value, (float, complex)) and not is_tensor
    ):
        raise _Wrong
    if isinstance(value, _NUMBERS) or hasattr(type(value), "__index__"):
        return int(value)
    raise _Wrong


def _float(value):
    value = _from_tensor(value)
    if isinstance(value, (bool, int, float)) or hasattr(type(value), "__float__"):
        if not isinstance(value, flambeau.Tensor):
            return float(value)
    raise _Wrong


def _scalar(value):
    value = _from_tensor(value)
    if isinstance(value, _NUMBERS):
        return value
    raise _Wrong


def _of(*kinds):
    def take(value):
        if isinstance(value, kinds):
            return value
        raise _Wrong

    return take


def _device(value):
    if isinstance(value, str):
        return flambeau.device(value)
    return _of(flambeau.device)(value)


# type -> (what takes a value, how messages name it)
_TAKES = {
    "Tensor": (_tensor, "a Tensor"),
    "int": (_int, "an int"),
    "SymInt": (_int, "an int"),
    "float": (_float, "a float"),
    "Scalar": (_scalar, "a number"),
    "bool": (bool, "a bool"),
    "str": (_of(str), "a str"),
    "ScalarType": (_of(flambeau.dtype), "a dtype"),
    "Device": (_device, "a device"),
    "Layout": (_of(flambeau.layout), "a layout"),
    "MemoryFormat": (_of(flambeau.memory_format), "a memory format"),
    "Generator": (_of(flambeau.Generator), "a Generator"),
}


class _Taker:
    """One type of a schema, such as SymInt[]?: take(value) gives the value converted, or raises _Wrong."""

    def __init__(self, text):
        found = _TYPE.match(text.strip())
        if found is None or found[1] not in _TAKES:
            raise RuntimeError(f"library: {text.strip()!r} is no type of a schema.")
        kind, inner, self.list, outer = found.groups()
        self._take, name = _TAKES[kind]
        self._item_may_miss = bool(self.list and inner)
        self._may_miss = bool(outer or (inner and not self.list))
        self.name = f"a list of {name.partition(' ')[2]}s" if self.list else name
        if self._may_miss:
            self.name += " or None"
        # As PyTorch has it: one int serves for a list of a known length.
        self._count = int(self.list[1:-1] or 0) if self.list else 0

    def take(self, value):
        if value is None and self._may_miss:
            return None
        if not self.list:
            return self._take(value)
        if self._count and isinstance(value, int):
            return [value] * self._count
        if not isinstance(value, (list, tuple)):
            raise _Wrong
        return [
            None if item is None and self._item_may_miss else self._take(item) for item in value
        ]


def _types(schema):
    """({name: type as text} of the arguments, type of the results as text)."""
    from .schemas import _split

    inside, _, result = schema[schema.index("(") :].rpartition("->")
    found = {}
    for part in filter(None, (p.strip() for p in _split(inside.strip()[1:-1]))):
        if part != "*":
            text, _, _ = part.partition("=")
            kind, name = text.rsplit(None, 1)
            found[name] = kind
    return found, result.strip()


class Arguments:
    """What the arguments and results of an operator may be, by its schema."""

    def __init__(self, operator, schema):
        self._operator = operator
        kinds, result = _types(schema)
        self._takers = {name: _Taker(kind) for name, kind in kinds.items()}
        self._order = list(self._takers)
        self._result = result

    def converted(self, args, kwargs):
        """(args, kwargs) as the schema's types.

        Raises:
            RuntimeError: a value is none of its type.
        """
        args = tuple(self._converted(name, value) for name, value in zip(self._order, args))
        return args, {name: self._converted(name, value) for name, value in kwargs.items()}

    def _converted(self, name, value):
        taker = self._takers[name]
        try:
            return taker.take(value)
        except _Wrong:
            raise RuntimeError(
                f"{self._operator}: {name} must be {taker.name}, not {_described(value)}."
            ) from None

    def check_results(self, result):
        """The results as the schema's types.

        Raises:
            RuntimeError: they are not. TypeError: there should be several, and it is no tuple or list.
        """
        from .schemas import _split

        if self._result == "()":
            if result is not None:
                raise RuntimeError(
                    f"{self._operator}: its schema has no result, but the function returned {_described(result)}."
                )
            return None
        if not self._result.startswith("("):
            return self._checked(self._result, result, "the result")
        kinds = [k.split()[0] for k in map(str.strip, _split(self._result[1:-1]))]
        if not isinstance(result, (tuple, list)):
            raise TypeError(
                f"{self._operator}: its schema has {len(kinds)} results, but the function returned "
                f"{_described(result)}."
            )
        if len(result) != len(kinds):
            raise RuntimeError(
                f"{self._operator}: its schema has {len(kinds)} results, but the function returned {len(result)}."
            )
        return tuple(
            self._checked(kind, one, f"result {place}")
            for place, (kind, one) in enumerate(zip(kinds, result))
        )

    def _checked(self, kind, value, where):
        taker = _Taker(kind)
        try:
            return taker.take(value)
        except _Wrong:
            raise RuntimeError(
                f"{self._operator}: {where} must be {taker.name}, as its schema says, not {_described(value)}."
            ) from None


def _described(value):
    if isinstance(value, (list, tuple)):
        kinds = sorted({type(item).__name__ for item in value})
        return (
            f"a {type(value).__name__} of {', '.join(kinds)}"
            if kinds
            else f"an empty {type(value).__name__}"
        )
    return type(value).__name__
