"""Data sets, samplers and the loader that makes batches of them.

Read: dataset.py, sampler.py, collate.py, fetch.py, dataloader.py, iterators.py; with worker processes also worker.py,
workers.py, transport.py.
"""

from ...lazy_modules import without_inner as _without_inner
from . import _utils
from .collate import default_collate, default_convert
from .dataloader import DataLoader
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .worker import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "_utils",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]

_PIPES = ("DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe")
_CHECKS = (
    "argument_validation", "guaranteed_datapipes_determinism", "non_deterministic", "runtime_validation",
    "runtime_validation_disabled",
)  # fmt: skip
__all__ += [*_PIPES, *_CHECKS]


def __getattr__(name):
    if name in _PIPES:
        from . import datapipes

        return getattr(datapipes.datapipe, name)
    if name in _CHECKS:
        from .datapipes import checks

        return getattr(checks, name)
    if name in ("datapipes", "distributed", "graph", "graph_settings"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return _without_inner(
        globals(), "_utils dataloader dataset sampler datapipes distributed".split()
    )
