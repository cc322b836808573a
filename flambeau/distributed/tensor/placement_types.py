"""Placements under the name that PyTorch gives their module."""

from .placements import Partial, Placement, Replicate, Shard

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class _StridedShard(Shard):
    """Cut along a dimension that another dimension of the mesh has cut before: there is none, so none can be made."""

    def __init__(self, dim, *, split_factor):
        raise NotImplementedError(
            f"_StridedShard: cuts dim {dim} a second time (split_factor={split_factor}), but a tensor lies over one "
            "dimension of a mesh here. Use Shard(dim) on a mesh of one dimension."
        )
