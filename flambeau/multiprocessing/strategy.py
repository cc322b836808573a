"""How storages are laid into shared memory: one segment each, or many in one."""

from .. import _core

_STRATEGIES = ("file_descriptor", "file_system")
_current = [_STRATEGIES[0]]


def set_sharing_strategy(new_strategy):
    """Choose how storages that are shared from now on are laid into shared memory.

    Args:
        new_strategy (str): "file_descriptor": large storages have a segment, and so an open file
            descriptor, each; small ones share one. "file_system": all share large segments, so that
            a few descriptors do, but the memory of a storage is freed only with its whole segment.
            In neither do files appear in the file system that could be left behind.

    Raises:
        ValueError: it is neither.
    """
    if new_strategy not in _STRATEGIES:
        raise ValueError(
            f"set_sharing_strategy: {new_strategy!r} is none of {', '.join(map(repr, _STRATEGIES))}."
        )
    _current[0] = new_strategy
    _core._set_few_segments(new_strategy == "file_system")


def get_sharing_strategy():
    """The strategy in force: "file_descriptor" or "file_system"."""
    return _current[0]


def get_all_sharing_strategies():
    """The strategies that there are."""
    return set(_STRATEGIES)
