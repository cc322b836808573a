"""What is in a checkpoint: for each path, the pieces of a tensor and their files, or an object."""

import dataclasses

import flambeau

from ..tensor.dtensor import DTensor
from ..tensor.placements import sizes_of_parts

__all__ = ["CheckpointException", "Metadata", "flattened", "piece_of", "put"]


class CheckpointException(RuntimeError):
    """A checkpoint can't be written or read."""


@dataclasses.dataclass
class Metadata:
    """state_dict_metadata (dict): path -> {"size", "dtype", "pieces"} of a tensor, or {"object": file}.

    A piece is (offsets, sizes, file).
    """

    state_dict_metadata: dict


def flattened(state_dict):
    """{path: leaf} with the keys of nested dicts, and the places of lists, joined by dots."""
    found = {}

    def visit(prefix, value):
        if isinstance(value, dict) and value:
            items = value.items()
        elif isinstance(value, (list, tuple)) and any(isinstance(v, (dict, list, flambeau.Tensor)) for v in value):  # fmt: skip
            items = enumerate(value)
        else:
            found[prefix] = value
            return
        for key, inner in items:
            visit(f"{prefix}.{key}" if prefix else str(key), inner)

    visit("", state_dict)
    return found


def put(state_dict, path, value):
    """Puts an object in the place of a flattened path."""

    def visit(container, rest):
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, inner in list(items):
            name = str(key)
            if rest == name:
                container[key] = value
                return True
            if rest.startswith(name + ".") and isinstance(inner, (dict, list)):
                if visit(inner, rest[len(name) + 1 :]):
                    return True
        return False

    visit(state_dict, path)


def piece_of(tensor):
    """(local tensor, offsets in the whole, whether the first process, or another one, has it too)."""
    if not isinstance(tensor, DTensor):
        return tensor.detach(), [0] * tensor.ndim, True
    places, mesh = tensor.placements, tensor.device_mesh
    if any(place.is_partial() for place in places):
        raise CheckpointException("checkpoint: a Partial DTensor; redistribute() it first.")
    offsets, sizes = [0] * tensor.ndim, list(tensor.shape)
    elsewhere = False  # another process along a dimension without parts has the same
    for place, n, at in zip(places, mesh.shape, mesh.get_coordinate(), strict=True):
        if place.is_shard():
            parts = sizes_of_parts(sizes[place.dim], n)
            offsets[place.dim] += sum(parts[:at])
            sizes[place.dim] = parts[at]
        elif at:
            elsewhere = True
    whole = not any(place.is_shard() for place in places)
    return tensor.to_local().detach(), offsets, whole or elsewhere
