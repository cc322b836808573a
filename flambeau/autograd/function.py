"""Function: operators whose forward and backward are written by the user, in Python.

The ctx that both see is the node of the autograd graph itself, a native object; saved tensors, checks
of versions and the count of gradients are its work.
"""

import functools

from .. import _core
from ..refusals import refused
from .grad_mode import no_grad

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "NestedIOFunction", "once_differentiable"]

FunctionCtx = BackwardCFunction = _core.FunctionNode
forward_levels = []  # the open levels of forward_ad.py; while there are none, apply has nothing to ask


def _save_for_forward(ctx, *tensors):
    """Keep tensors for jvp, which finds them in ctx.saved_tensors."""
    for tensor in tensors:
        if tensor is not None and not isinstance(tensor, _core.Tensor):
            raise TypeError(
                f"save_for_forward: takes Tensors and None, not {type(tensor).__name__}."
            )
    ctx._saved_for_forward = tensors


def _saved_variables(ctx):
    """The same as saved_tensors; its name of before 2018."""
    _core._warn("ctx.saved_variables is deprecated: write ctx.saved_tensors.", DeprecationWarning)
    return ctx.saved_tensors


FunctionCtx.save_for_forward = _save_for_forward
FunctionCtx.saved_variables = property(_saved_variables)


class Function:
    """The base of operators with a backward of their own.

    backward gets one gradient for each output and returns one, or None, for each argument of forward.
    Alternatively forward takes no ctx, and setup_context(ctx, inputs, output) saves what is needed.

    Example:
        >>> class Cube(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...
        ...     @staticmethod
        ...     def backward(ctx, grad_output):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * grad_output
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    _backward_cls = FunctionCtx

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls._backward_cls = _core._function_type(cls.__name__ + "Backward")

    def __init__(self, *args, **kwargs):
        _core._warn(
            f"{type(self).__name__}: functions have no instances. Call {type(self).__name__}.apply(...).",
            DeprecationWarning,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            f"{type(self).__name__}: an instance cannot be called. Write static forward and "
            f"backward methods and call {type(self).__name__}.apply(...)."
        )

    @staticmethod
    def forward(*args, **kwargs):
        """The results, computed without recording. The user writes it."""
        raise NotImplementedError(
            "Function: forward is not defined. Write a static method forward(ctx, ...)."
        )

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Save what backward needs, where forward takes no ctx. The user may write it."""
        raise NotImplementedError(
            "Function: setup_context is not defined. Write a static method setup_context(ctx, "
            "inputs, output)."
        )

    @staticmethod
    def backward(ctx, *grad_outputs):
        """The gradient of each argument of forward, or None. The user writes it."""
        raise NotImplementedError(
            "Function: backward is not defined. Write a static method backward(ctx, *grad_outputs)."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """The tangent of each output from those of the inputs. The user may write it.

        Without it forward mode differentiates backward.
        """
        raise NotImplementedError(
            "Function: jvp is not defined. Write a static method jvp(ctx, *grad_inputs)."
        )

    @staticmethod
    def vmap(info, in_dims, *args):
        """(outputs, out_dims) of all slices at once, inside vmap. The user may write it.

        Args:
            info: `batch_size`, the number of slices, and `randomness` of the vmap.
            in_dims (tuple): for each of args where its slices lie, None if all slices share it.
        """
        raise NotImplementedError(
            "Function.vmap: is not defined. Write a static method vmap(info, in_dims, *args), or set "
            "generate_vmap_rule = True."
        )

    generate_vmap_rule = (
        False  # True: forward and backward are called with tensors that stand for all slices
    )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record the call, so that backward runs when gradients are asked for."""
        with_setup = cls.setup_context is not Function.setup_context
        if kwargs:
            if not with_setup:
                raise TypeError(
                    f"{cls.__name__}.apply: takes no arguments by name, because backward gives a "
                    "gradient for each place."
                )
            import inspect

            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        backward = cls.backward
        if cls.vjp is not Function.vjp:
            if backward is not Function.backward:
                raise RuntimeError(
                    f"{cls.__name__}: it has both backward and vjp, which are two names of one method. Keep one."
                )
            backward = cls.vjp
        if _core._in_vmap() and _any_batched(args):
            from ..ops.batching import users

            has_rule = cls.vmap is not Function.vmap
            return users.apply(cls, backward, with_setup, args, has_rule=has_rule)
        if forward_levels and cls.jvp is not Function.jvp:
            from .forward_function import apply_to_duals, tangents_of

            tangents = tangents_of(args)
            if any(tangent is not None for tangent in tangents):
                return apply_to_duals(cls, backward, with_setup, args, tangents)
        if forward_levels and backward is Function.backward:
            from .forward_function import refuse_duals

            refuse_duals(cls, args)
        return cls._run(backward, with_setup, args)

    @classmethod
    def _run(cls, backward, with_setup, args, before_recording=None):
        """What apply does once the arguments are in place; `before_recording` gets ctx and the result."""
        ctx = _core._function_node(cls._backward_cls, backward)
        history = _core._inspect_inputs(ctx, args)
        recording = _core._set_grad_enabled(False)
        try:
            if with_setup:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        finally:
            _core._set_grad_enabled(recording)
        if before_recording is not None:
            before_recording(ctx, result)
        return _core._record_function(ctx, args, result, history)


def _any_batched(args):
    return any(
        _core._is_batched(arg) or (type(arg) in (tuple, list) and _any_batched(arg)) for arg in args
    )


class InplaceFunction(Function):
    """A Function with a flag `inplace`, as older programs derive from."""

    def __init__(self, inplace=False):
        self.inplace = inplace


NestedIOFunction = refused(
    "NestedIOFunction",
    "Functions of nested arguments went with static methods. Derive from Function, and flatten the arguments with "
    "utils._pytree.tree_flatten.",
    module=__name__,
)


class _Once(Function):
    """Hands tensors through; its own backward is the error."""

    @staticmethod
    def forward(ctx, *tensors):
        return tuple(None if tensor is None else tensor.detach() for tensor in tensors)

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise RuntimeError(
            "once_differentiable: this backward has no derivative of its own, so "
            "create_graph=True does not reach through it."
        )


def once_differentiable(function):
    """Marks a backward that must not be differentiated again: trying to is an error, not a wrong result."""

    @functools.wraps(function)
    def wrapper(ctx, *args):
        with no_grad():
            outputs = function(ctx, *args)
        if not _core.is_grad_enabled():
            return outputs
        if not any(isinstance(arg, _core.Tensor) and arg.requires_grad for arg in args) and not any(
            ctx.needs_input_grad or ()
        ):
            return outputs
        many = isinstance(outputs, tuple)
        tensors = outputs if many else (outputs,)
        tensors = tuple(
            None if tensor is None else tensor.detach().requires_grad_() for tensor in tensors
        )
        guarded = _Once.apply(*tensors)
        return guarded if many else guarded[0]

    return wrapper
