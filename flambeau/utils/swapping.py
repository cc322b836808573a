"""The contents of two tensors exchanged, while both stay the objects that they are."""

import copyreg

from .. import _core

__all__ = ["swap_tensors"]


def swap_tensors(t1, t2):
    """Makes t1 what t2 was, and t2 what t1 was: values, shape, dtype, history, class, attributes.

    Args:
        t1, t2 (Tensor): tensors that no graph waits for: swap before a forward pass, or after the backward.

    Raises:
        RuntimeError: one has weak references, takes part in a graph, or their classes have different slots.

    Example:
        >>> import flambeau as torch
        >>> a, b = torch.zeros(1), torch.ones(2)
        >>> torch.utils.swap_tensors(a, b)
        >>> a, b
        (tensor([1., 1.]), tensor([0.]))
    """
    one, other = (set(copyreg._slotnames(type(t))) for t in (t1, t2))
    if one != other:
        raise RuntimeError(
            f"swap_tensors: {type(t1).__name__} and {type(t2).__name__} have different slots."
        )
    _core._swap(t1, t2)
    for name in one:
        values = [getattr(t, name, copyreg) for t in (t1, t2)]
        for tensor, value in zip((t2, t1), values):
            if value is not copyreg:
                setattr(tensor, name, value)
            elif hasattr(tensor, name):
                delattr(tensor, name)
