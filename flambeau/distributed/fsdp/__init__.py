"""Modules whose parameters, gradients and optimizer state are cut over the processes.

Read: options.py, sharded.py (how parameters are gathered and gradients scattered), in_place.py, wrapper.py, wrap.py.
"""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".in_place": "FSDPModule UnshardHandle fully_shard register_fsdp_forward_method",
        ".options": (
            "BackwardPrefetch CPUOffload CPUOffloadPolicy FullOptimStateDictConfig FullStateDictConfig "
            "LocalOptimStateDictConfig LocalStateDictConfig MixedPrecision MixedPrecisionPolicy OffloadPolicy "
            "OptimStateDictConfig OptimStateKeyType ShardedOptimStateDictConfig ShardedStateDictConfig "
            "ShardingStrategy StateDictConfig StateDictSettings StateDictType"
        ),
        ".wrapper": "FullyShardedDataParallel",
    },
    submodules=("wrap",),
)
