"""Hooks to measure what communication costs."""

from ....futures import Future

__all__ = ["noop_hook"]


def noop_hook(_, bucket):
    """This process's gradients, as they are: nothing is sent."""
    future = Future()
    future.set_result(bucket.buffer())
    return future
