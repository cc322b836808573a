"""Schemas of operators: from annotated functions, and from text to parameters."""

import ast
import inspect
import re
import types
import typing

import flambeau

__all__ = ["infer_schema", "parameters_of"]

_TYPES = {
    flambeau.Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str",
    flambeau.dtype: "ScalarType", flambeau.device: "Device",
}  # fmt: skip


def _type_text(kind, where):
    """An annotation as a schema writes it."""
    if kind in _TYPES:
        return _TYPES[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in args if a is not type(None)]
        if set(inner) == {int, float, bool}:
            return "Scalar" + "?" * (len(inner) < len(args))
        if len(inner) == 1 and len(args) == 2:
            return _type_text(inner[0], where) + "?"
    elif getattr(origin, "__name__", "") in ("list", "Sequence", "List"):
        return _type_text(args[0], where) + "[]"
    raise ValueError(
        f"infer_schema: {where} is annotated as {kind}. A schema takes Tensor, int, float, bool, str, dtype, "
        "device, lists of them, and Optional."
    )


def infer_schema(prototype_function, /, *, mutates_args, op_name=None, tags=()):
    """The schema of an annotated function, as "(Tensor x, float by) -> Tensor".

    Args:
        mutates_args (iterable of str, or "unknown"): the arguments that the function writes.
        tags: say nothing about arguments.

    Raises:
        ValueError: an annotation is missing or not one of a schema, or mutates_args names no argument.
    """
    hints = typing.get_type_hints(prototype_function)
    signature = inspect.signature(prototype_function)
    unknown = mutates_args == "unknown"
    written = set() if unknown else set(mutates_args)
    if written - set(signature.parameters):
        raise ValueError(
            f"infer_schema: mutates_args has {sorted(written - set(signature.parameters))}, no arguments."
        )
    parts, keyword, letters = [], False, iter("abcdefghijklmnopqrstuvwxyz")
    for p in signature.parameters.values():
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            raise ValueError(f"infer_schema: {p} is not possible; arguments have names.")
        if p.kind == p.KEYWORD_ONLY and not keyword:
            keyword = True
            parts.append("*")
        if p.name not in hints:
            raise ValueError(f"infer_schema: argument {p.name} has no annotation.")
        text = _type_text(hints[p.name], f"argument {p.name}")
        if text.startswith("Tensor") and (unknown or p.name in written):
            text = text.replace("Tensor", f"Tensor({next(letters)}!)", 1)
        default = "" if p.default is p.empty else f"={_default_text(p.default)}"
        parts.append(f"{text} {p.name}{default}")
    result = hints.get("return", type(None))
    return f"{op_name or ''}({', '.join(parts)}) -> {_result_text(result)}"


def _default_text(value):
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).removeprefix("torch.")


def _result_text(kind):
    if kind is type(None):
        return "()"
    if typing.get_origin(kind) is tuple:
        return f"({', '.join(_type_text(a, 'the result') for a in typing.get_args(kind))})"
    return _type_text(kind, "the result")


def parameters_of(schema):
    """The inspect.Parameters of "(Tensor x, *, int n=2) -> Tensor"."""
    inside = re.fullmatch(r"\s*[\w.:]*\s*\((.*)\)\s*->.*", schema, re.DOTALL)
    if inside is None:
        raise RuntimeError(
            f"library: {schema!r} is no schema, as 'name(Tensor x, int n=2) -> Tensor'."
        )
    found, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for part in filter(None, (p.strip() for p in _split(inside[1]))):
        if part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        text, _, default = part.partition("=")
        name = text.split()[-1]
        given = {"default": _value_of(default)} if default else {}
        found.append(inspect.Parameter(name, kind, **given))
    return found


def _split(text):
    """At the commas outside of brackets."""
    depth, start = 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            yield text[start:i]
            start = i + 1
    yield text[start:]


def _value_of(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return getattr(flambeau, text, text)
