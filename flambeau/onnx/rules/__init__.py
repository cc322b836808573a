"""How each operator is written in ONNX: one rule an operator, by family.

    @rule("relu6")
    def _(g, input):
        return g.op("Clip", input, 0, 6)

A rule has the operator's arguments, tensors as Values, and gives a Value (several: a tuple). `g.out` has the dtype
and shape of the result. Operators without a rule that are made of others are taken apart (../export.py).
Read: ../builder.py, pointwise.py, the rest.
"""

RULES = {}


def rule(*names):
    """Makes a function the rule of the operators of these names, without their namespace."""

    def declare(function):
        for name in names:
            if name in RULES:
                raise AssertionError(f"onnx rules: two for {name}.")
            RULES[name] = function
        return function

    return declare


def load():
    """All rules, loaded when first asked for."""
    from . import (  # noqa: F401
        convolution,
        creation,
        index,
        loss,
        norm,
        pointwise,
        pool,
        product,
        recurrent,
        reduction,
        resize,
        shape,
        sort,
    )

    return RULES
