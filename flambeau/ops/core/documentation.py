"""What help() shows of an operator: its docstring, and what its declaration says beside it; loaded when asked for.

Sections that the docstring has already are left as they are.
"""

import functools
import inspect
import re
from pathlib import Path

from . import kinds, results

_GALLERY = Path(__file__).parents[1] / "gallery"

_WORDS = {
    kinds.BOOL: "bool",
    kinds.INT: "int",
    kinds.INTS: "int or sequence of int",
    kinds.SIZES: "sequence of int",
    kinds.PADDING: "int, sequence of int or str",
    kinds.NUMBER: "number",
    kinds.DTYPE: "dtype",
    kinds.FORMAT: "memory_format",
    kinds.TENSORS: "sequence of Tensor",
}
_BY_DEFAULT = {bool: "bool", int: "int", float: "number", str: "str"}
_BY_NAME = {
    **dict.fromkeys(
        """B batch1 batch2 bias boundaries condition grid index input1 input2 logits log_probs mask mat mat1 mat2 LU_data
        LU_pivots pivots query key running_mean running_var source src target targets theta vec vec1 vec2 weight weights
        x1 x2 anchor positive negative real imag abs angle pos_weight linear_weight linear_bias in_proj_weight
        in_proj_bias out_proj_weight out_proj_bias attn_mask key_padding_mask bias_k bias_v prob count""".split(),
        "Tensor",
    ),
    **dict.fromkeys("norm padding_mode interpolation_mode driver rounding_mode".split(), "str"),
    "other": "Tensor or number",
    "exponent": "Tensor or number",
    "device": "device",
    "layout": "layout",
    "generator": "Generator",
    "size_average": "bool",
}
_COMPUTED = {
    "promoted": "the operands are brought to one dtype, and computed in it",
    "floating": "integers and bool are computed in the default dtype",
    "inexact": "floating and complex; integers and bool are computed in the default dtype",
    "smooth": "floating and complex",
    "counted": "the operands are brought to one dtype; bool is computed in int64",
}
_RESULT = {
    "bool": "bool",
    "int64": "int64",
    "real": "real where the input is complex",
    "complex": "complex",
}


_ORDER = (
    "Args:",
    "Returns:",
    "Dtype:",
    "Accuracy:",
    "Gradient:",
    "Special values:",
    "Raises:",
    "Example",
    "Source:",
)


def document(operator, own):
    """The whole text: `own`, and Args, Returns, Dtype, Raises and an example where it does not have them."""
    text = inspect.cleandoc(own or "")
    if not text:
        return own
    spec = operator.spec if hasattr(operator, "spec") else None
    made = {
        "Args:": _arguments(operator, spec),
        "Returns:": _returned(operator, spec),
        "Dtype:": _dtypes(spec) or _line("dtypes", operator),
        "Raises:": _errors(spec),
        "Example": "" if ">>> " in text else _example(operator),
    }
    parts = text.split("\n\n")
    for head, body in made.items():
        if body and head not in text:
            body = body if body.startswith(("\n", ":", " ")) else f" {body}"
            rank = _ORDER.index(head)
            later = (i for i, part in enumerate(parts) if part.startswith(_ORDER[rank + 1 :]))
            parts.insert(next(later, len(parts)), head + body)
    return "\n\n".join(parts)


def _arguments(operator, spec):
    lines = []
    known = _kinds(operator)
    for p in inspect.signature(operator).parameters.values():
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        kind = known.get(p.name, kinds.ANY)
        words = _WORDS.get(kind.lower()) or _any_word(p, spec)
        words = f" ({words})" if words else ""
        note = "" if p.default is p.empty else f": {p.default!r} if not given"
        if p.name == "out":
            words, note = " (Tensor, optional)", ": where the result is put"
        lines.append(f"\n    {star}{p.name}{words}{note}.")
    return "".join(lines)


def _kinds(operator):
    function = getattr(operator, "__wrapped__", None)
    if function is None or hasattr(operator, "spec"):
        return {}
    names, letters, *_ = kinds.parameters_of(function)
    return dict(zip(names, letters, strict=True))


def _any_word(parameter, spec):
    if spec is not None and parameter.name in spec.args[: spec.n_inputs]:
        first = parameter.name == spec.args[0]
        return "Tensor" if first else "Tensor or number"
    if parameter.name in ("input", "self", "A", "tensor"):
        return "Tensor"
    told = _WORDS.get(kinds._BY_NAME.get(parameter.name)) or _BY_DEFAULT.get(
        type(parameter.default)
    )
    return told or _BY_NAME.get(parameter.name)


def _returned(operator, spec):
    if operator.__name__.endswith("_") and not operator.__name__.endswith("__"):
        return "\n    Tensor: input itself, its shape and dtype kept."
    if spec is not None:
        several = spec.n_inputs > 1
        return "\n    Tensor: of the shape " + (
            "that the operands broadcast to." if several else "of input."
        )
    told = _line("results", operator)
    if told:
        return f"\n    {told}"
    name = operator.__name__
    if operator.__module__.endswith(".linalg") and "linalg_" + name in {
        *results.later,
        *results.by_name,
    }:
        name = "linalg_" + name
    fields = results.later.get(name) or getattr(results.by_name.get(name), "__match_args__", None)
    note = inspect.signature(operator).return_annotation
    if note is not inspect.Signature.empty:
        return f"\n    {'Tensor, or more of them' if note is object else getattr(note, '__name__', note)}."
    if fields:
        names = fields.split() if isinstance(fields, str) else fields
        return f"\n    named tuple: {', '.join(names)}."
    return "\n    Tensor."


def _dtypes(spec):
    if spec is None:
        return ""
    result = _RESULT.get(spec.result)
    text = (
        _COMPUTED[spec.compute]
        if spec.n_inputs > 1 or spec.compute != "promoted"
        else "that of input"
    )
    return f" {text}; the result is {result}." if result else f" {text}."


def _line(file, operator):
    """What a file of the gallery says of the operator; dtypes.txt is written by `python -m tests.taken_dtypes`."""
    space = operator.__module__.partition(".")[2]
    return _lines(file).get(f"{space}.{operator.__name__}".lstrip("."), "")


@functools.cache
def _lines(file):
    path = _GALLERY / f"{file}.txt"
    if not path.exists():
        return {}
    return dict(line.split(": ", 1) for line in path.read_text(encoding="utf-8").splitlines())


def _errors(spec):
    lines = ["TypeError: an argument is missing, unknown, or of another type than Args says."]
    if spec is not None and spec.n_inputs > 1:
        lines.append("RuntimeError: the shapes do not broadcast.")
    if spec is not None:
        lines.append("NotImplementedError: a dtype that it is not computed in.")
    lines.append("DeviceError: the tensors lie on different devices.")
    return "".join(f"\n    {line}" for line in lines)


def _example(operator):
    """Of the gallery, or of the operator that this one does in place or as a copy, by its name."""
    name, space = operator.__name__, operator.__module__
    found = _gallery(space).get(name)
    base = re.sub("(_copy|_)$", "", name)
    if not found and base != name:
        found = _gallery(space).get(base) or _own_example(space, base)
        found = found.replace(f".{base}(", f".{name}(")
    return ":\n" + found if found else ""


def _own_example(space, name):
    import importlib

    text = inspect.getdoc(getattr(importlib.import_module(space), name, None)) or ""
    return text.partition("\nExample:\n")[2].partition("\n\n")[0]


@functools.cache
def _gallery(space):
    """{name: indented example} of a namespace, from its file."""
    file = _GALLERY / f"{space.partition('.')[2] or 'torch'}.txt"
    if not file.exists():
        return {}
    blocks = file.read_text(encoding="utf-8").strip().split("\n\n")
    return dict(block.split(":\n", 1) for block in blocks)
