"""What the operations of groups and stores raise."""

__all__ = [
    "DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "QueueEmptyError",
]  # fmt: skip


class DistError(RuntimeError):
    """Something of a group went wrong."""


class DistBackendError(DistError):
    """The messages of an operation did not arrive."""


class DistNetworkError(DistError):
    """The other side of a connection is not there."""


class DistStoreError(DistError):
    """A store has no such key, also after its time-out."""


class QueueEmptyError(DistStoreError):
    """queue_pop(block=False) of an empty queue."""
