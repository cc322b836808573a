"""Tensors that lie over several processes: DTensor, how it lies, and layers over it.

Read: placements.py, moves.py, dtensor.py, rules.py, api.py, parallel/.
"""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".api": "distribute_module distribute_tensor empty full ones rand randn zeros",
        ".dtensor": "DTensor",
        ".placements": "Partial Placement Replicate Shard",
    },
    submodules=("parallel", "placement_types"),
)
