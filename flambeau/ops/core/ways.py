"""Native ways into operators declared in Python (csrc/python/operator.h: Way).

A way takes the calls that programs make all the time: plain tensors, no out=; those of rows and of indices
are recorded too. All others go to the implementation, which also raises the errors.
"""

from ... import _core
from .declare import as_operator


def reduction_way(
    operation, reduction, results="s", accepts="a", *, names=("input", "dim", "keepdim"),
    whole=None, result_type=None, parameter=None, backward=None, whole_backward=None,
):  # fmt: skip
    """Lets calls of an operator that is one run of a reduction go there straight; returns the operator.

    Args:
        results (str): a letter each: s of the input's dtype, i int64, b bool, p as a product's.
        accepts (str): a: dim may be left out, d: a tuple of dims, f: floating only, n: no bool, u: no uint8,
                w: left to the implementation where a result is not finite.
        whole (Reduction, optional): what to run over all elements, if it is not the same.
        result_type (optional): the named tuple of two results.
        parameter (float, optional): of the reduction.
        backward (optional): backward(grad, input, result, dims, keepdim) gives the gradient of the input, by
            differentiable operators; of two results it gets the indices. Without it, recorded calls are left
            to the implementation.
        whole_backward (optional): the same of `whole`.
    """
    operation = as_operator(operation)
    _core._reduction_way(
        operation,
        names,
        reduction,
        results,
        accepts,
        whole,
        result_type,
        parameter,
        backward,
        whole_backward,
    )
    return operation


def row_way(operation, way, compile, backward):
    """The same of an operator of rows; `way` is one of csrc/python/ways/rows.cpp, or losses.cpp.

    Args:
        compile: compile(variant, dtype) gives the address of a row kernel; which variants there are stands
            beside each way.
        backward: backward(grad, *kept) gives the gradients, by differentiable operators; the way says what
            it keeps.
    """
    operation = as_operator(operation)
    _core._row_way(operation, way, compile, backward)
    return operation


def raw_way(operation, raw, count, backward, least=None):
    """The same of an operator whose forward is `raw` of a tensor, and of indices and ints, `count` in all.

    backward(grad, the shape of the tensor, *the other arguments) gives its gradient. With `least`, so many
    arguments are enough, and tuples of ints or tensors may be among them; those at the end of a call
    reach backward one by one. `raw` may return NotImplemented.
    """
    _core._raw_way(as_operator(operation), raw, count, backward, least)


def pair_way(operation, raw, kinds, result_type):
    """The same of an operator of (values, indices) whose forward is `raw` of a tensor and numbers.

    kinds: a letter for each of these arguments, the operator's first ones: i an int, f True or False. What else the
    operator takes is True or False and changes nothing. Recorded calls are left to the implementation.
    """
    _core._pair_way(as_operator(operation), raw, kinds, result_type)
    return operation
