"""distributed.tensor.placement_types by its old name."""

from ..tensor.placements import Partial, Placement, Replicate, Shard

__all__ = ["Partial", "Placement", "Replicate", "Shard"]
