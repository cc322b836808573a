"""What tuple types with named fields there are: named tuples of Python, and named results of the core."""

__all__ = [
    "is_namedtuple", "is_namedtuple_class", "is_namedtuple_instance", "is_structseq",
    "is_structseq_class", "is_structseq_instance",
]  # fmt: skip


def is_namedtuple_class(cls):
    """Whether `cls` is a class made by collections.namedtuple or typing.NamedTuple, or derived from one."""
    fields = getattr(cls, "_fields", None)
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(fields, tuple)
        and all(type(field) is str for field in fields)
        and callable(getattr(cls, "_make", None))
        and callable(getattr(cls, "_asdict", None))
    )


def is_namedtuple_instance(obj):
    """Whether `obj` is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj):
    """Whether `obj` is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls):
    """Whether `cls` is a class of named results, as torch.max gives: a tuple of fixed fields, final."""
    return (
        isinstance(cls, type)
        and cls.__bases__ == (tuple,)
        and all(isinstance(getattr(cls, n, None), int) for n in ("n_fields", "n_sequence_fields"))
    )


def is_structseq_instance(obj):
    """Whether `obj` is a named result."""
    return is_structseq_class(type(obj))


def is_structseq(obj):
    """Whether `obj` is a named result, or a class of them."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))
