"""Named results, as flambeau.return_types shows them."""

from _collections import _tuplegetter

PACKAGE = __package__.partition(".")[
    0
]  # of which operators and results say they are; identity.py changes it
by_name = {}  # the types that are made
later = {}  # the fields of types that are made at their first use


def _new(cls, iterable=(), unnamed=None, /):
    """A result of as many values as the type has fields, in order; of unnamed ones, as in PyTorch's pickles, there are none.

    Raises:
        TypeError: there are fewer or more.
    """
    made = tuple.__new__(cls, iterable)
    if len(made) != cls.n_fields:
        raise TypeError(
            f"{cls.__name__}: takes {cls.n_fields} values ({', '.join(cls.__match_args__)}), not {len(made)}."
        )
    return made


def _show(self):
    pairs = zip(self.__match_args__, self)
    lines = ",\n".join(f"{field}={value!r}" for field, value in pairs)
    return f"torch.return_types.{type(self).__name__}(\n{lines})"


def result_type(name, fields):
    """The type of a named result: a tuple made of one iterable, that prints its name and each field on a line."""
    names = tuple(fields.split() if isinstance(fields, str) else fields)
    members = {
        "__slots__": (),
        "__new__": _new,
        "_make": classmethod(tuple.__new__),  # of as many values as there are, unchecked
        "__repr__": _show,
        "__match_args__": names,
        "__module__": f"{PACKAGE}.return_types",
        "__doc__": f"A named result: ({', '.join(names)}).",
        "n_fields": len(names),
        "n_sequence_fields": len(names),
        "n_unnamed_fields": 0,
    }
    members.update(
        {field: _tuplegetter(place, f"Field {place}.") for place, field in enumerate(names)}
    )
    made = by_name[name] = type(name, (tuple,), members)
    return made


def lazy_result_type(name, fields):
    """`result_type`, made at its first use: each takes some of the time of the import. Called with the values."""

    later[name] = fields

    def make(*values):
        return named(name)._make(values)

    return make


def named(name):
    """The type of that name, which may not be made yet.

    Raises:
        KeyError: there is none.
    """
    return by_name.get(name) or result_type(name, later[name])


def written(result, tensors):
    """`tensors`, into which a result was written, as what a call with out= returns: max_out, say."""
    kind = type(result)
    if kind is tuple:
        return tuple(tensors)
    name = kind.__name__ + "_out"
    later.setdefault(name, kind.__match_args__)
    return named(name)._make(tensors)
