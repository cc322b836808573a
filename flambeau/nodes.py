"""What nodes of the graph (grad_fn) show of themselves beside what the core's type has (csrc/python/autograd)."""

from ._core import Node, Tensor, _call_node


def _name(node):
    """The operator's name with Backward behind it; nodes that stand for no operator have PyTorch's C++ names."""
    name = type(node).__name__
    return f"torch::autograd::{name}" if name in ("AccumulateGrad", "CopySlices") else name


def _repr(node):
    return f"<{type(node).__name__} object at {id(node):#x}>"


def _call(node, *grad_outputs):
    """What backward would hand to the node's inputs."""
    for grad in grad_outputs:
        if grad is not None and not isinstance(grad, Tensor):
            raise TypeError(
                f"{type(node).__name__}: a gradient is {type(grad).__name__}, not a Tensor."
            )
    found = _call_node(node, grad_outputs)
    return found[0] if len(found) == 1 else found


Node.name, Node.__repr__, Node.__call__ = _name, _repr, _call
