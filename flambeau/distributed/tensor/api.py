"""Tensors and modules over a mesh."""

import flambeau

from ..collectives import broadcast
from ..device_mesh import DeviceMesh
from .dtensor import DTensor, checked_placements, local_shape, nested
from .moves import own_part

__all__ = [
    "distribute_module",
    "distribute_tensor",
    "empty",
    "full",
    "ones",
    "rand",
    "randn",
    "zeros",
]


def distribute_tensor(tensor, device_mesh=None, placements=None, *, src_data_rank=0):
    """A DTensor with the values that the mesh's process src_data_rank has.

    Args:
        placements (list of Placement): one for each dimension of the mesh; Replicate() by default.
        src_data_rank (int or None): None: all processes have the same values already, and nothing is sent.

    Returns:
        DTensor: a leaf; with requires_grad where tensor has it.
    """
    mesh = device_mesh or DeviceMesh("cpu")
    places = checked_placements(mesh, placements, "distribute_tensor", tensor.ndim)
    if isinstance(tensor, DTensor):
        if tensor.device_mesh != mesh or tensor.placements != places:
            raise ValueError(
                f"distribute_tensor: the tensor is a DTensor at {tensor.placements} already; redistribute() moves it."
            )
        return tensor
    if any(place.is_partial() for place in places):
        raise ValueError("distribute_tensor: placements are Shard or Replicate; terms come from operators.")  # fmt: skip
    values = tensor.detach()
    if src_data_rank is not None and mesh.size() > 1:
        values = values.clone(memory_format=flambeau.contiguous_format)
        for group in mesh.get_all_groups():
            broadcast(values, group=group, group_src=src_data_rank)
    for place, group in zip(places, mesh.get_all_groups(), strict=True):
        if place.is_shard():
            values = own_part(values, place.dim, group)
    if any(place.is_shard() for place in places):
        values = values.clone()
    return nested(values.requires_grad_(tensor.requires_grad), mesh, places, tensor.shape)


def distribute_module(module, device_mesh=None, partition_fn=None, input_fn=None, output_fn=None):
    """The module with DTensors as parameters and buffers.

    Args:
        partition_fn: partition_fn(name, submodule, mesh) distributes parameters; the others are replicated.
        input_fn: input_fn(module, inputs, mesh), before forward; output_fn(module, outputs, mesh), after it.
    """
    mesh = device_mesh or DeviceMesh("cpu")
    for name, submodule in module.named_modules():
        if partition_fn is not None:
            partition_fn(name, submodule, mesh)
        for key, p in submodule._parameters.items():
            if p is not None and not isinstance(p, DTensor):
                made = distribute_tensor(p, mesh)
                submodule.register_parameter(key, flambeau.nn.Parameter(made, p.requires_grad))
        for key, b in submodule._buffers.items():
            if b is not None and not isinstance(b, DTensor):
                submodule._buffers[key] = distribute_tensor(b, mesh)
    if input_fn is not None:
        module.register_forward_pre_hook(lambda m, inputs: input_fn(m, inputs, mesh))
    if output_fn is not None:
        module.register_forward_hook(lambda m, inputs, outputs: output_fn(m, outputs, mesh))
    return module


def _factory(name, random=False):
    def make(*size, device_mesh=None, placements=None, dtype=None, requires_grad=False, **options):
        mesh = device_mesh or DeviceMesh("cpu")
        value = ()
        if name == "full":
            size, value = size[0], (options.pop("fill_value", size[1] if len(size) > 1 else None),)
        shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
        operation = f"distributed.tensor.{name}"
        places = checked_placements(mesh, placements, operation, len(shape))
        part = local_shape(shape, places, mesh)
        local = getattr(flambeau, name)(part, *value, dtype=dtype, **options)
        for place, group in zip(places, mesh.get_all_groups(), strict=True):
            if random and place.is_replicate() and group.size() > 1:
                broadcast(local, group=group, group_src=0)
        return nested(local.requires_grad_(requires_grad), mesh, places, shape)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"A DTensor as {name}() of that size makes it; device_mesh and placements say how it lies."
    )
    return make


empty, full, ones, zeros = (_factory(name) for name in ("empty", "full", "ones", "zeros"))
rand, randn = _factory("rand", True), _factory("randn", True)
