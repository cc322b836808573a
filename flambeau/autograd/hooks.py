"""Hooks and reports as Python objects: what the core calls when it needs more than a flag."""

import warnings
import weakref
from itertools import count

_ids = count()


class RemovableHandle:
    """Takes its hook out of the table again: remove(), or the end of a with statement."""

    def __init__(self, table, key):
        self.id = key
        self._table = _Table(table)

    def remove(self):
        self._table.pop(self.id)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


class _Table:
    """A dict of hooks; plain dicts cannot be referred to weakly, and a handle may outlive its tensor."""

    def __init__(self, table):
        try:
            self._get = weakref.ref(table)
        except TypeError:
            self._get = lambda: table

    def pop(self, key):
        table = self._get()
        if table is not None:
            table.pop(key, None)


def add_hook(table, hook):
    """Put a hook into a table that the core owns, in order of registration."""
    key = next(_ids)
    table[key] = hook
    return RemovableHandle(table, key)


def report_anomaly(name, metadata):
    """Say in a warning which line of forward made the node whose backward just failed."""
    lines = (metadata or {}).get("traceback_")
    if lines:
        report = "".join(lines)
        message = f"{name} failed in backward. Its forward call was here:\n{report}"
    else:
        message = (
            f"{name} failed in backward. Where its forward call was is known only with "
            "detect_anomaly around the forward pass too."
        )
    warnings.warn(message, stacklevel=2)
