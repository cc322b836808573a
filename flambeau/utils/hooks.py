"""Handles of hooks, and marks on them."""

from ..autograd.hooks import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook"]


def unserializable_hook(f):
    """Marks a backward hook as one that need not be sent with its tensor; gives it back.

    Without the mark, sending the tensor to another process warns that the hook stays behind.
    """
    f.__torch_unserializable__ = True
    return f
