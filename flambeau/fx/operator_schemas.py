"""Calls in a graph with every argument by name: torch.fx.operator_schemas."""

import inspect
from typing import Any, NamedTuple

__all__ = [
    "ArgsKwargsPair", "create_type_hint", "get_signature_for_torch_op", "normalize_function", "normalize_module",
    "type_matches",
]  # fmt: skip


class ArgsKwargsPair(NamedTuple):
    """Positional and keyword arguments."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def get_signature_for_torch_op(op, return_schemas=False):
    """[the inspect.Signature of a callable], None if it has none. Operators have one signature each here."""
    if return_schemas:
        raise NotImplementedError(
            "get_signature_for_torch_op: return_schemas=True: operators have signatures, not schemas."
        )
    try:
        return [inspect.signature(op)]
    except (TypeError, ValueError):
        return None


def _normalized(call, args, kwargs, only_kwargs):
    signatures = get_signature_for_torch_op(call)
    if signatures is None:
        return None
    try:
        bound = signatures[0].bind(*args, **(kwargs or {}))
    except TypeError:
        return None
    bound.apply_defaults()
    if not only_kwargs:
        return ArgsKwargsPair(bound.args, bound.kwargs)
    kinds = {p.kind for p in signatures[0].parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}:
        return None
    named = {}
    for name, value in bound.arguments.items():
        is_rest = signatures[0].parameters[name].kind == inspect.Parameter.VAR_KEYWORD
        named.update(value if is_rest else {name: value})
    return ArgsKwargsPair((), named)


def normalize_function(
    target, args, kwargs=None, arg_types=None, kwarg_types=None, normalize_to_only_use_kwargs=False
):
    """ArgsKwargsPair of a call with defaults filled in, all by name if wished; None where the call does not fit.

    arg_types and kwarg_types choose between overloads in PyTorch; operators have one signature each here.
    """
    return _normalized(target, args, kwargs, normalize_to_only_use_kwargs)


def normalize_module(root, target, args, kwargs=None, normalize_to_only_use_kwargs=False):
    """The same of a call of the module `target` in root."""
    forward = root.get_submodule(target).forward
    return _normalized(forward, args, kwargs, normalize_to_only_use_kwargs)


def type_matches(signature_type, argument_type):
    """Whether an argument of argument_type may stand where signature_type is annotated."""
    import types
    import typing

    if signature_type in (Any, inspect.Parameter.empty) or signature_type == argument_type:
        return True
    origin, args = typing.get_origin(signature_type), typing.get_args(signature_type)
    if origin in (typing.Union, types.UnionType):
        return any(type_matches(one, argument_type) for one in args)
    if origin in (list, tuple):
        theirs = typing.get_args(argument_type)
        if typing.get_origin(argument_type) not in (list, tuple) or not theirs:
            return argument_type in (list, tuple)
        return all(type_matches(args[0], one) for one in theirs if one is not ...)
    if signature_type is float and argument_type is int:
        return True
    return (
        isinstance(signature_type, type)
        and isinstance(argument_type, type)
        and issubclass(argument_type, signature_type)
    )


def create_type_hint(x):
    """The annotation of a list or tuple of types: List[T] of equal ones, of Any otherwise; anything else itself."""
    if not isinstance(x, (list, tuple)):
        return x
    kind = type(x)
    same = all(one is x[0] for one in x) if x else False
    inner = x[0] if same else Any
    return list[inner] if kind is list else tuple[inner, ...]
