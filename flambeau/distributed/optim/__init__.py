"""Optimizers over several processes."""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".post_local_sgd": "PostLocalSGDOptimizer",
        ".zero_redundancy": "ZeroRedundancyOptimizer",
        "..rpc": "DistributedOptimizer",
    },
    submodules=("zero_redundancy_optimizer",),
)
