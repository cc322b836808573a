"""Layers whose weights are cut over the processes."""

from ....nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".style": (
            "ColwiseParallel ParallelStyle PrepareModuleInput PrepareModuleOutput RowwiseParallel SequenceParallel "
            "parallelize_module"
        )
    },
)
