"""The signatures of operators, for inspect.signature, help(), completion and stubs; loaded when one is asked for."""

import inspect

from ..._core import dtype

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def signature_of(operator):
    """The inspect.Signature of an operator: without ctx, with out= where it is taken."""
    parameters = operator.parameters
    if isinstance(parameters, str):
        text, _, result = parameters.partition(" -> ")  # the core's own words
        signature = inspect.signature(eval(f"lambda {text}: 0", {}))
        return (
            signature.replace(return_annotation=eval(result, {"dtype": dtype}))
            if result
            else signature
        )
    names, defaults, positional = parameters
    declared = getattr(operator, "__wrapped__", None)
    result = getattr(declared, "__annotations__", {}).get("return", inspect.Signature.empty)
    if declared is not None:
        parameters = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in inspect.signature(declared).parameters.values()
            if parameter.name in names or parameter.kind in _VARIABLE
        ]
    else:
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD
                if place < positional
                else inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if default is ... else default,
            )
            for place, (name, default) in enumerate(zip(names, defaults, strict=True))
        ]
    if operator.takes_out and "out" not in names:
        parameters.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
    return inspect.Signature(parameters, return_annotation=result)
