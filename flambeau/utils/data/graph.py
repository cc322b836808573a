"""The steps of a pipe as a graph."""

from .datapipes.datapipe import IterDataPipe, MapDataPipe

__all__ = ["traverse", "traverse_dps"]


def traverse_dps(datapipe):
    """{id: (pipe, the same of the pipes before it)}."""
    before = {}
    for value in vars(datapipe).values():
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(part, (IterDataPipe, MapDataPipe)):
                before.update(traverse_dps(part))
    return {id(datapipe): (datapipe, before)}


def traverse(datapipe, only_datapipe=None):
    """traverse_dps(datapipe)."""
    return traverse_dps(datapipe)
