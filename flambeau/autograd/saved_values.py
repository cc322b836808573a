"""What nodes keep for backward, as programs see it: grad_fn._saved_NAME and grad_fn._raw_saved_NAME.

The core (csrc/python/autograd/node_type.cpp) asks here for these attributes; _raw_ ones take a pair of hooks.
"""

from .. import _core


class SavedTensor:
    """A value that a node keeps for backward: grad_fn._raw_saved_NAME.

    Raises:
        RuntimeError: it is made by a program, and not by a node.

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> y = x.exp()
        >>> type(y.grad_fn._raw_saved_result) is torch.autograd.SavedTensor
        True
        >>> y.grad_fn._raw_saved_result.register_hooks(lambda t: t * 10, lambda t: t / 10)
        >>> y.sum().backward()
        >>> x.grad
        tensor([2.7183, 7.3891])
    """

    __slots__ = ("_node", "_place")

    def __new__(cls, *args, **kwargs):
        raise RuntimeError(
            "SavedTensor: only nodes make them. Read grad_fn._raw_saved_... to get one."
        )

    def register_hooks(self, pack, unpack):
        """Pack the saved value now with the first callable; unpack it with the second when needed."""
        if not (callable(pack) and callable(unpack)):
            raise TypeError("register_hooks: takes two callables, pack and unpack.")
        _core._pack_saved(self._node, self._place, pack, unpack)


SavedTensor.__module__ = "flambeau.autograd"


def _saved(node, place):
    made = object.__new__(SavedTensor)
    made._node, made._place = node, place
    return made


def value_of(node, attribute):
    """The value of an attribute."""
    raw = attribute.startswith("_raw_")
    name = attribute.removeprefix("_raw").removeprefix("_saved_")
    value = _core._saved_value(node, name, raw)
    if value is NotImplemented:
        raise AttributeError(
            f"{node.name()} has no attribute '{attribute}'.", name=attribute, obj=node
        )
    return _saved(node, name) if value is ... else value


def all_of(node, n):
    """Those of save_for_backward."""
    return tuple(_saved(node, place) for place in range(n))
