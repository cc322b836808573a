"""Contexts that are decorators too, of functions and generators: each call runs in a context of its own."""

from ..autograd.grad_mode import _Mode

__all__ = ["_DecoratorContextManager", "_NoParamDecoratorContextManager", "context_decorator"]


class _DecoratorContextManager(_Mode):
    """Derive from it, define __enter__ and __exit__, and clone() where __init__ takes arguments."""


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """The same where @name without parentheses decorates."""

    def __new__(cls, orig_func=None):
        made = super().__new__(cls)
        return made if orig_func is None else made(orig_func)


def context_decorator(ctx, func):
    """func, of which every call runs in ctx(), or in the context ctx."""
    import contextlib

    class mode(_Mode):
        def __init__(self):
            self._stack = contextlib.ExitStack()

        def __enter__(self):
            return self._stack.enter_context(ctx() if callable(ctx) else ctx)

        def __exit__(self, *exception):
            return self._stack.__exit__(*exception)

    return mode()(func)
