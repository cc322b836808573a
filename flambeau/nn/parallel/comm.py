"""Tensors sent to devices and brought back: torch.nn.parallel.comm. The CPU is the one device there is."""

import flambeau

from .replicas import _devices
from .replicas import gather as _gather
from .replicas import scatter as _scatter

__all__ = [
    "broadcast", "broadcast_coalesced", "gather", "reduce_add", "reduce_add_coalesced", "scatter",
]  # fmt: skip


def broadcast(tensor, devices=None, *, out=None):
    """A copy of tensor for each device, or written into each of `out`."""
    if (devices is None) == (out is None):
        raise RuntimeError("comm.broadcast: give devices or out, one of both.")
    if out is not None:
        return tuple(one.copy_(tensor) for one in out)
    return tuple(
        tensor if place == 0 else tensor.clone()
        for place, _ in enumerate(_devices("broadcast", devices))
    )


def broadcast_coalesced(tensors, devices, buffer_size=10485760):
    """`broadcast` of several tensors: a list of them for each device."""
    return [list(copies) for copies in zip(*(broadcast(tensor, devices) for tensor in tensors))]


def reduce_add(inputs, destination=None):
    """The sum of tensors of one shape, one of each device."""
    if len({tuple(one.shape) for one in inputs}) > 1:
        raise ValueError(
            f"comm.reduce_add: the shapes differ: {[tuple(one.shape) for one in inputs]}."
        )
    _devices("reduce_add", ["cpu" if destination is None else destination])
    return sum(inputs[1:], inputs[0])


def reduce_add_coalesced(inputs, destination=None, buffer_size=10485760):
    """`reduce_add` of several tensors, of which each device has a list."""
    return tuple(reduce_add(ones, destination) for ones in zip(*inputs, strict=True))


def scatter(tensor, devices=None, chunk_sizes=None, dim=0, streams=None, *, out=None):
    """The tensor in parts along dim, one for each device, of equal sizes or of chunk_sizes."""
    if out is not None:
        sizes = [one.size(dim) for one in out]
        return tuple(
            one.copy_(part) for one, part in zip(out, tensor.split(sizes, dim), strict=True)
        )
    if chunk_sizes is None:
        return tuple(_scatter(tensor, devices, dim))
    _devices("scatter", devices)
    return tensor.split(list(chunk_sizes), dim)


def gather(tensors, dim=0, destination=None, *, out=None):
    """The tensors one behind the other along dim."""
    if out is not None:
        return out.copy_(flambeau.cat(list(tensors), dim))
    return _gather(tensors, "cpu" if destination is None else destination, dim)
