"""Where the part of a process lies in the whole."""

__all__ = ["compute_local_shape_and_global_offset"]


def compute_local_shape_and_global_offset(global_shape, mesh, placements, skip_offset=False):
    """The sizes of this process's part of a tensor, and where in the whole it begins along each dimension.

    Args:
        global_shape (sequence of int): sizes of the whole.
        mesh (DeviceMesh), placements (sequence of Placement): one for each dimension of the mesh.
        skip_offset (bool): whether the place is left out, which gives ().

    Returns:
        Two tuples of int. An empty part begins at the end of the whole; a process outside of the mesh has ((0,), ()).
    """
    coordinate = mesh.get_coordinate()
    if coordinate is None:
        return (0,), ()
    sizes, offsets = list(global_shape), [0] * len(global_shape)
    for mesh_dim, placement in enumerate(placements):
        if placement.is_shard():
            dim = placement.dim % len(sizes)
            parts, place = mesh.size(mesh_dim), coordinate[mesh_dim]
            sizes[dim], further = placement.local_shard_size_and_offset(sizes[dim], parts, place)
            offsets[dim] = offsets[dim] + further if sizes[dim] else global_shape[dim]
    return tuple(sizes), () if skip_offset else tuple(offsets)
