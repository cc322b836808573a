"""Hooks and reports as Python objects: what the core calls when it needs more than a flag."""

import itertools
import sys
import weakref
from collections import OrderedDict

from .. import _core

__all__ = ["RemovableHandle", "new_table"]


def new_table():
    """An empty table of hooks, id -> hook in calling order; handles refer to it weakly."""
    return OrderedDict()


class RemovableHandle:
    """Takes its hook out of the table again: remove(), or the end of a with statement.

    The hook stays as long as its table does: dropping the handle changes nothing.
    """

    next_id = itertools.count()

    def __init__(self, hooks_dict, *, extra_dict=None):
        flags = () if extra_dict is None else extra_dict
        flags = flags if isinstance(flags, (list, tuple)) else (flags,)
        self.id = next(RemovableHandle.next_id)
        while self.id in hooks_dict:  # a number from the process whose file the table comes from
            self.id = next(RemovableHandle.next_id)
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.extra_dict_ref = tuple(weakref.ref(flag) for flag in flags)

    def remove(self):
        """Take the hook out of its table; again does nothing."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self):
        return self.id, self.hooks_dict_ref(), tuple(flag() for flag in self.extra_dict_ref)

    def __setstate__(self, state):
        self.id, *tables = state
        table, flags = (*tables, ())[:2]
        self.hooks_dict_ref = weakref.ref(OrderedDict() if table is None else table)
        self.extra_dict_ref = tuple(
            weakref.ref(OrderedDict() if flag is None else flag) for flag in flags
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


def add_hook(table, hook):
    """Put a hook into a table that the core owns, in order of registration."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


def report_anomaly(name, metadata):
    """Say in warnings which line of forward made the node whose backward just failed, and what made that line run."""
    text = f"backward of {name} failed."
    while True:
        lines = (metadata or {}).get("traceback_")
        if lines:
            _warn(f"{text} It was recorded here:\n{''.join(lines)}")
        else:
            _warn(
                f"{text} No forward pass information: anomaly detection was off when it was recorded. Turn it on "
                "around the forward pass too."
            )
        parent = (metadata or {}).get("parent_")
        if parent is None:
            return
        text, metadata = f"It was made by the backward of {parent.name()}.", parent.metadata


def _warn(message):
    try:
        _core._warn(message)
    except Warning as warning:  # must not take the place of the error that is on its way
        print(warning, file=sys.stderr)
