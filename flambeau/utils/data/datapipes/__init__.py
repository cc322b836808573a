"""Data sets built from small steps: `IterableWrapper(numbers).map(f).shuffle().batch(4)`.

Read: datapipe.py (what a step is), iter.py (steps over streams), map.py (steps over indices). A step is a class; those
with a functional name are methods of every pipe. DataLoader shuffles pipes when told to, and shares a pipe with a
sharding_filter out among its workers.
"""

from . import iter, map
from .datapipe import DataChunk, IterDataPipe, MapDataPipe, functional_datapipe

__all__ = ["DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe", "iter", "map"]
