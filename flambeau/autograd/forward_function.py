"""A user's Function in forward mode: forward is called with the primals, jvp with the tangents.

What jvp gives is checked against what forward did: an output that is written or shared memory of an input
must have a tangent that is written or shared memory of that input's tangent.
"""

from .. import _core
from .forward_ad import begin_dual, unpack_dual


def tangents_of(args):
    """For each argument its tangent, None where it has none."""
    return [unpack_dual(arg).tangent if isinstance(arg, _core.Tensor) else None for arg in args]


def refuse_duals(cls, args):
    """RuntimeError where an argument has a tangent, for a Function that has no derivative of its own."""
    if any(tangent is not None for tangent in tangents_of(args)):
        raise RuntimeError(
            f"{cls.__name__}: an argument has a tangent, but the Function must implement the jvp "
            "function (or backward) for forward mode to go through it."
        )


def _is_differentiable(value):
    return isinstance(value, _core.Tensor) and (
        value.dtype.is_floating_point or value.dtype.is_complex
    )


def _root(tensor):
    return tensor if tensor._base is None else tensor._base


def _shares_memory(output, primal):
    return output is primal or (output._base is not None and _root(output) is _root(primal))


def _version(tangent):
    """How often it was written; inference tensors do not count, and equal nothing."""
    return object() if tangent is None or tangent.is_inference() else tangent._version


def _call_jvp(cls, ctx, tangents):
    """jvp sees in ctx.saved_tensors what save_for_forward kept."""
    for_backward = ctx.saved_tensors
    ctx.save_for_backward(*getattr(ctx, "_saved_for_forward", ()))
    try:
        given = cls.jvp(ctx, *tangents)
    finally:
        ctx.save_for_backward(*for_backward)
    return given if isinstance(given, (tuple, list)) else (given,)


def _check(cls, ctx, outputs, primals, tangents, versions, given):
    name = f"{cls.__name__}.jvp"
    if len(given) != len(outputs):
        raise RuntimeError(
            f"{name}: returned {len(given)} tangents for {len(outputs)} outputs of forward. Return "
            "one for each, None where there is none."
        )
    dirty, unmarked = ctx.dirty_tensors or (), ctx.non_differentiable or ()
    for i, (output, tangent) in enumerate(zip(outputs, given)):
        if tangent is None:
            continue
        if not isinstance(tangent, _core.Tensor):
            raise TypeError(
                f"{name}: tangent {i} is {type(tangent).__name__}; it must be a Tensor or None."
            )
        if not _is_differentiable(output) or any(output is other for other in unmarked):
            raise RuntimeError(
                f"{name}: returned a tangent for output {i}, which is not differentiable. Return "
                "None for it."
            )
        if tuple(tangent.shape) != tuple(output.shape):
            raise RuntimeError(
                f"{name}: tangent {i} has shape {tuple(tangent.shape)}, but output {i} has "
                f"{tuple(output.shape)}. They must be equal."
            )
        for primal, of_input, version in zip(primals, tangents, versions):
            if of_input is None or not _shares_memory(output, primal):
                continue
            if any(output is other for other in dirty):
                if tangent is not of_input or _version(tangent) == version:
                    raise RuntimeError(
                        f"{name}: forward wrote input {i} in place, so jvp must write that input's "
                        "tangent in place and return it."
                    )
            elif tangent is of_input or not _shares_memory(tangent, of_input):
                raise RuntimeError(
                    f"{name}: output {i} of forward is an input or a view of one, so its tangent "
                    "must be the same view of that input's tangent (view_as for the input itself)."
                )
            break


def apply_to_duals(cls, backward, with_setup, args, tangents):
    """`cls.apply(*args)` where some argument has a tangent; the results are duals."""
    primals = tuple(
        arg if tangent is None else unpack_dual(arg).primal for arg, tangent in zip(args, tangents)
    )
    given = ()
    dirty = ()

    def push(ctx, result):
        nonlocal given, dirty
        outputs = result if isinstance(result, (tuple, list)) else (result,)
        filled = [
            _core.zeros_like(primal)
            if tangent is None and ctx.materialize_grads and _is_differentiable(primal)
            else tangent
            for primal, tangent in zip(primals, tangents)
        ]
        versions = [_version(tangent) for tangent in tangents]
        given = _call_jvp(cls, ctx, filled)
        _check(cls, ctx, outputs, primals, tangents, versions, given)
        dirty = ctx.dirty_tensors or ()

    result = cls._run(backward, with_setup, primals, push)
    several = isinstance(result, (tuple, list))
    duals = []
    for output, tangent in zip(result if several else (result,), given):
        written = None
        if any(output is other for other in dirty):
            written = next((arg for arg, primal in zip(args, primals) if primal is output), None)
        duals.append(output if tangent is None else begin_dual(output, tangent, written))
    return tuple(duals) if several else duals[0]
