"""Native short ways into operators declared in Python (csrc/python/shortcut.h).

A shortcut takes the calls that programs make all the time: one plain tensor, no history, no out=. All
others go to the operator, which also raises the errors.
"""

from .. import _core
from .declare import METHODS, NAMESPACES, overridable, register


def _publish(name, shortcut, operation):
    """Puts the shortcut wherever the operator was public."""
    operation = overridable(operation)
    shortcut.__doc__, shortcut.__module__ = operation.__doc__, operation.__module__
    for space, names in NAMESPACES.items():
        if names.get(name) is operation:
            register(name, shortcut, namespaces=(space,))
    if METHODS.get(name) is operation:
        METHODS[name] = shortcut
    return shortcut


def reduction_shortcut(
    operation,
    reduction,
    results="s",
    accepts="a",
    *,
    names=("input", "dim", "keepdim"),
    whole=None,
    result_type=None,
    parameter=None,
):
    """The shortcut of an operator that is one run of a reduction.

    Args:
        results (str): a letter each: s of the input's dtype, i int64, b bool, p as a product's.
        accepts (str): a: dim may be left out, d: a tuple of dims, f: floating only, n: no bool, u: no uint8,
                w: left to the operator where a result is not finite.
        whole (Reduction, optional): what to run over all elements, if it is not the same.
        result_type (optional): the named tuple of two results.
        parameter (float, optional): of the reduction.
    """
    shortcut = _core._reduction_shortcut(
        overridable(operation), names, reduction, results, accepts, whole, result_type, parameter
    )
    return _publish(operation.__name__, shortcut, operation)


def row_shortcut(operation, way, compile):
    """The shortcut of an operator of rows; `way` is one of csrc/python/row_shortcuts.cpp.

    compile(variant, dtype) gives the address of the row kernel; of a norm, variant 1 has a weight.
    """
    shortcut = _core._row_shortcut(overridable(operation), way, compile)
    return _publish(operation.__name__, shortcut, operation)


def raw_shortcut(operation, raw, count):
    """The shortcut of an operator whose forward is `raw` of `count` tensors and ints."""
    shortcut = _core._raw_shortcut(overridable(operation), raw, count)
    return _publish(operation.__name__, shortcut, operation)
