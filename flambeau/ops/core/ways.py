"""Native ways into operators declared in Python (csrc/dispatch/ways).

A way takes the calls that programs make all the time: plain tensors, no out=; most are recorded too. All others go to
the implementation, which also raises the errors.
"""

from ... import _core
from .declare import as_operator


def native_way(operation, name, *parts, result_type=None):
    """Gives an operator the way `name` (a class of csrc/dispatch/ways says which parts it is made of); returns it.

    Args:
        parts: of a way of rows first compile(variant, dtype), which gives the address of a row kernel; which variants
            there are stands beside the way. Of all that record calls backward(grad, *kept), which gives the gradients
            by differentiable operators; the way says what it keeps.
        result_type (optional): the named tuple of two results.
    """
    operation = as_operator(operation)
    getattr(_core, f"_{name}_way")(operation, result_type, *parts)
    return operation


def by_dtype(compile):
    """compile(variant, dtype) as a way calls it: with the name of the dtype."""
    return lambda variant, name: compile(variant, getattr(_core, name))


def reduction_way(
    operation, reduction, results="s", accepts="a", *, whole=None, result_type=None,
    parameter=None, backward=None, whole_backward=None,
):  # fmt: skip
    """Lets calls of an operator that is one run of a reduction go there straight; returns the operator.

    Args:
        results (str): a letter each: s of the input's dtype, i int64, b bool, p as a product's.
        accepts (str): a: dim may be left out or None, l: left out only, d: a tuple of dims, f: floating only, n: no bool, u: no uint8,
                w: left to the implementation where a result is not finite, o: backward gets None for the result, which
                programs may write in place.
        whole (Reduction, optional): what to run over all elements, if it is not the same.
        result_type (optional): the named tuple of two results.
        parameter (float, optional): of the reduction.
        backward (optional): backward(grad, input, result, dims, keepdim) gives the gradient of the input, by
            differentiable operators; of two results it gets (grad, sizes of the input, indices, dims, keepdim). Without it, recorded calls are left
            to the implementation.
        whole_backward (optional): the same of `whole`.
    """
    return native_way(
        operation,
        "reduction",
        reduction,
        results,
        accepts,
        whole,
        parameter,
        backward,
        whole_backward,
        result_type=result_type,
    )
