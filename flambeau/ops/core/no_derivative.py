"""Results that cannot be differentiated although they depend on tensors that require grad.

They require grad like any other, so that backward says so; cut from the graph they would count as constants.
"""

from ... import _core


def without_derivative(name, result, *sources):
    """`result` of operator `name`, whose backward raises if a tensor among `sources` requires grad."""

    def backward(ctx, grad):
        raise NotImplementedError(
            f"{name}: it has no derivative. Call it under torch.no_grad(), or on detach()ed "
            "tensors."
        )

    node = _core._function_node(_core._function_type(_core._backward_name(name)), backward)
    if not _core._inspect_inputs(node, sources):
        return result
    return _core._record_function(node, sources, result.detach(), True)


class no_grad:
    """Nothing within is recorded."""

    def __enter__(self):
        self.before = _core._set_grad_enabled(False)

    def __exit__(self, *exception):
        _core._set_grad_enabled(self.before)
