"""Operations of groups that give new tensors, by the names of PyTorch's compiler; they have ended when they return."""

import flambeau

from . import groups
from .nn import functional
from .work import ReduceOp

__all__ = [
    "AsyncCollectiveTensor", "all_gather_tensor", "all_gather_tensor_autograd", "all_reduce",
    "all_to_all_single", "all_to_all_single_autograd", "broadcast", "permute_tensor",
    "reduce_scatter_tensor", "reduce_scatter_tensor_autograd", "wait_tensor",
]  # fmt: skip


class AsyncCollectiveTensor(flambeau.Tensor):
    """The class of results that have not arrived, of which there are none here."""


def _group(group, operation):
    """A group from a ProcessGroup, its name, ranks, a DeviceMesh, or (DeviceMesh, dim)."""
    from .device_mesh import DeviceMesh

    if isinstance(group, str):
        return groups.group_of_name(group)
    if isinstance(group, DeviceMesh):
        return group.get_group()
    if isinstance(group, tuple) and isinstance(group[0], DeviceMesh):
        return group[0].get_group(group[1])
    if isinstance(group, (list, tuple)):
        found = [g for g in groups._groups.values() if g.ranks == list(group)]
        if not found:
            raise ValueError(
                f"{operation}: no group has the ranks {list(group)}; new_group() makes it."
            )
        return found[0]
    return groups.chosen(group, operation)


def _op(name, operation):
    names = {op.name.lower(): op for op in ReduceOp}
    if name.lower() not in names:
        raise ValueError(f"{operation}: reduceOp {name!r} is none of {', '.join(names)}.")
    return names[name.lower()]


def wait_tensor(tensor):
    """The tensor, which has arrived."""
    return tensor


def all_reduce(self, reduceOp, group, tag=""):
    """The reduction of all processes' tensors; reduceOp is "sum", "avg", "max" ..."""
    return functional.all_reduce(self, _op(reduceOp, "all_reduce"), _group(group, "all_reduce"))


def broadcast(self, src, group, tag=""):
    """Process src's tensor."""
    return functional.broadcast(self, src, _group(group, "broadcast"))


def all_gather_tensor(self, gather_dim, group, tag=""):
    """All processes' tensors, one after the other along gather_dim."""
    return flambeau.cat(functional.all_gather(self, _group(group, "all_gather_tensor")), gather_dim)


def reduce_scatter_tensor(self, reduceOp, scatter_dim, group, tag=""):
    """This process's part, along scatter_dim, of the reduction."""
    group = _group(group, "reduce_scatter_tensor")
    if self.shape[scatter_dim] % group.size():
        raise ValueError(
            f"reduce_scatter_tensor: dim {scatter_dim} of {tuple(self.shape)} does not divide into {group.size()} parts."
        )
    parts = [part.contiguous() for part in self.chunk(group.size(), scatter_dim)]
    return functional.reduce_scatter(None, parts, _op(reduceOp, "reduce_scatter_tensor"), group)


def all_to_all_single(self, output_split_sizes, input_split_sizes, group, tag=""):
    """The parts along dim 0 that come from all processes."""
    group = _group(group, "all_to_all_single")
    rows = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    output = self.new_empty((rows, *self.shape[1:]))
    return functional.all_to_all_single(output, self, output_split_sizes, input_split_sizes, group)


def permute_tensor(self, src_dst, group, tag=""):
    """What process i sends goes to process src_dst[i]."""
    group = _group(group, "permute_tensor")
    rank, n = group.rank(), group.size()
    inputs, outputs = [0] * n, [0] * n
    inputs[src_dst[rank]] = self.shape[0]
    outputs[src_dst.index(rank)] = self.shape[0]
    return all_to_all_single(self, outputs, inputs, group)


all_gather_tensor_autograd, reduce_scatter_tensor_autograd = (
    all_gather_tensor,
    reduce_scatter_tensor,
)
all_to_all_single_autograd = all_to_all_single
