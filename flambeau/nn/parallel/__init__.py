"""Modules that spread their work over devices."""

from ..lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".devices": "DataParallel data_parallel",
        ".distributed": "DistributedDataParallel",
        ".replicas": "gather parallel_apply replicate scatter",
    },
    submodules=("comm", "distributed", "scatter_gather"),
)
