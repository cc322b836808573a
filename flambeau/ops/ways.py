"""Native ways into operators declared in Python (csrc/python/operator.h: Way).

A way takes the calls that programs make all the time: one plain tensor, no history, no out=. All
others go to the implementation, which also raises the errors.
"""

from .. import _core
from .declare import as_operator


def reduction_way(
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
    """Lets calls of an operator that is one run of a reduction go there straight; returns the operator.

    Args:
        results (str): a letter each: s of the input's dtype, i int64, b bool, p as a product's.
        accepts (str): a: dim may be left out, d: a tuple of dims, f: floating only, n: no bool, u: no uint8,
                w: left to the implementation where a result is not finite.
        whole (Reduction, optional): what to run over all elements, if it is not the same.
        result_type (optional): the named tuple of two results.
        parameter (float, optional): of the reduction.
    """
    operation = as_operator(operation)
    _core._reduction_way(
        operation, names, reduction, results, accepts, whole, result_type, parameter
    )
    return operation


def row_way(operation, way, compile):
    """The same of an operator of rows; `way` is one of csrc/python/row_ways.cpp.

    compile(variant, dtype) gives the address of the row kernel; of a norm, variant 1 has a weight.
    """
    operation = as_operator(operation)
    _core._row_way(operation, way, compile)
    return operation


def raw_way(operation, raw, count):
    """The same of an operator whose forward is `raw` of `count` tensors and ints."""
    _core._raw_way(as_operator(operation), raw, count)
