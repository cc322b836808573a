"""Named results, as flambeau.return_types shows them."""

import collections

from . import declare


def result_type(name, fields):
    """A named tuple that prints as PyTorch's: the name, then each field on its own line."""
    base = collections.namedtuple(name, fields)

    def show(self):
        lines = ",\n".join(f"{field}={value!r}" for field, value in zip(self._fields, self))
        return f"torch.return_types.{name}(\n{lines})"

    made = type(
        name,
        (base,),
        {
            "__slots__": (),
            "__repr__": show,
            "__module__": f"{declare.homes}.return_types",
            "__doc__": f"A named result: ({', '.join(base._fields)}).",
        },
    )
    by_name[name] = made
    return made


def lazy_result_type(name, fields):
    """`result_type`, made at its first use: each takes a quarter of a millisecond of the import."""

    later[name] = fields

    def make(*values):
        return (by_name.get(name) or result_type(name, fields))(*values)

    return make


by_name = {}  # the types that are made
later = {}  # the fields of types that are made at their first use
