"""Which dtypes operators take and give, found by calling their documented examples in eight of them.

    python -m tests.taken_dtypes        writes flambeau/ops/gallery/dtypes.txt, which help() shows

The tensors of a call that have the dtype of its first floating tensor, or of its first, are brought to each dtype in
turn; indices and masks beside them stay what they are.
"""

import contextlib
import doctest
import inspect
import io
import warnings
from pathlib import Path

import flambeau
from flambeau.overrides import TorchFunctionMode

FILE = Path(flambeau.__file__).parent / "ops" / "gallery" / "dtypes.txt"
KINDS = {
    "bool": ("bool",),
    "integers": ("uint8", "int64"),
    "float16 and bfloat16": ("float16", "bfloat16"),
    "float32 and float64": ("float32", "float64"),
    "complex": ("complex64", "complex128"),
}
REAL = {"complex64": "float32", "complex128": "float64"}
COMPLEX = {"float16": "complex32", "float32": "complex64", "float64": "complex128"}
NAMES = {"torch": flambeau, "nn": flambeau.nn, "F": flambeau.nn.functional}


class Seen(TorchFunctionMode):
    """Keeps the arguments and the result of the last call of one operator."""

    def __init__(self, operator):
        super().__init__()
        self.operator = operator
        self.args, self.kwargs, self.result = (), {}, None

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function is self.operator or function.__name__ == self.operator.__name__:
            self.args, self.kwargs, self.result = args, kwargs or {}, result
        return result


def described(operator):
    """What dtypes are taken and given, in words; None where the example shows none."""
    seen = Seen(operator)
    with seen, contextlib.redirect_stdout(io.StringIO()):
        names = dict(NAMES)
        for part in doctest.DocTestParser().get_examples(inspect.getdoc(operator)):
            exec(compile(part.source, "<example>", "single"), names)
    values = [seen.args, list(seen.kwargs.values())]
    first = first_tensor(values, flambeau.is_floating_point)
    if first is None:
        first = first_tensor(values)
    if first is None:
        made = first_tensor(seen.result)
        chosen = (
            "dtype if given, in the example "
            if "dtype" in inspect.signature(operator).parameters
            else ""
        )
        return None if made is None else f"the result is {chosen}{name_of(made.dtype)}"
    given = results(seen, first.dtype)
    taken = [
        kind for kind, dtypes in KINDS.items() if any(given.get(d) is not None for d in dtypes)
    ]
    return "; ".join([told_kinds(taken), *told_results(given)]) if taken else None


def results(seen, old):
    """{dtype: name of the first result's dtype, "" where there is none, None where the call is refused}."""
    given = {}
    for name in sum(KINDS.values(), ()):
        new = getattr(flambeau, name)
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            given[name] = None
            tensor = first_tensor(
                seen.operator(*cast(seen.args, old, new), **cast(seen.kwargs, old, new))
            )
            given[name] = "" if tensor is None else name_of(tensor.dtype)
    return given


def name_of(dtype):
    return str(dtype).partition(".")[2]


def first_tensor(value, fits=lambda tensor: True):
    if isinstance(value, flambeau.Tensor):
        return value if fits(value) else None
    if isinstance(value, (tuple, list)):
        found = (first_tensor(v, fits) for v in value)
        return next((tensor for tensor in found if tensor is not None), None)
    return None


def cast(value, old, new):
    if isinstance(value, flambeau.Tensor):
        return value.detach().to(new).clone() if value.dtype == old else value.detach().clone()
    if isinstance(value, (tuple, list)):
        return type(value)(cast(v, old, new) for v in value)
    if isinstance(value, dict):
        return {key: cast(v, old, new) for key, v in value.items()}
    return value


def told_kinds(kinds):
    """The kinds in words."""
    if len(kinds) == len(KINDS):
        return "any"
    text = ", ".join(kinds).replace("float16 and bfloat16, float32 and float64", "floating")
    text = text.replace(" and ", ", ")
    head, _, last = text.rpartition(", ")
    return f"{head} and {last}" if head else last


def told_results(given):
    """What dtypes the results have, in words."""
    got = {name: result for name, result in given.items() if result}
    only = set(got.values())
    if not only:
        return []
    if len(only) == 1 and (len(got) > 2 or only != set(got)):
        return [f"the result is {only.pop()}"]
    floating = {
        name: got[name] for name in ("float16", "bfloat16", "float32", "float64") if name in got
    }
    if floating and all(COMPLEX.get(name) == result for name, result in floating.items()):
        notes = ["the result is complex"]
    elif len(floating) > 1 and len(set(floating.values())) == 1:
        notes = [f"floating gives {floating['float32']}"]
    else:
        notes = ["the result has the input's"]
    small, large = got.get("uint8"), got.get("int64")
    if large and small == large:
        notes.append(f"integers {'and bool ' * (got.get('bool') == large)}give {large}")
    elif got.get("bool", "bool") != "bool":
        notes.append(f"bool gives {got['bool']}")
    if any(REAL[name] == got.get(name) for name in REAL):
        notes.append("complex gives real")
    return notes


def main():
    FILE.unlink(missing_ok=True)  # what it says must not count as documented
    from tests.test_docstrings import OPERATORS

    lines = []
    for _, operator in OPERATORS:
        if "Dtype:" not in inspect.getdoc(operator) and (told := described(operator)):
            lines.append(f"{full_name(operator)}: {told}.")
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def full_name(operator):
    """Its name and namespace as the file has them."""
    return f"{operator.__module__}.{operator.__name__}".removeprefix("flambeau.")


if __name__ == "__main__":
    main()
