"""Python objects between the processes of a group, pickled. Only from processes that are trusted.

They travel as tensors of bytes, so that the time-out of operations is theirs too.
"""

import pickle

import flambeau

from .. import _core
from . import collectives
from .collectives import with_root
from .groups import chosen

__all__ = [
    "all_gather_object", "broadcast_object_list", "gather_object", "recv_object_list",
    "scatter_object_list", "send_object_list",
]  # fmt: skip

_SIZE, _CONTENT = 32000, 32001  # tags of messages


def _packed(obj):
    """An object as a tensor of bytes."""
    content = pickle.dumps(obj)
    tensor = flambeau.empty(len(content), dtype=flambeau.uint8)
    memoryview(_core._lent_bytes(tensor))[:] = content
    return tensor


def _unpacked(tensor):
    return pickle.loads(memoryview(_core._lent_bytes(tensor.contiguous())))


def _sizes(tensor, group):
    """How many bytes each process has."""
    sizes = flambeau.empty(group.size(), dtype=flambeau.int64)
    collectives.all_gather_into_tensor(sizes, flambeau.tensor([tensor.numel()]), group)
    return sizes.tolist()


def _padded(tensor, size):
    padded = tensor.new_zeros(size)
    padded[: tensor.numel()] = tensor
    return padded


def all_gather_object(object_list, obj, group=None):
    """object_list becomes all processes' objects."""
    group = chosen(group, "all_gather_object")
    if group is None:
        return
    mine = _packed(obj)
    sizes = _sizes(mine, group)
    rows = flambeau.empty((group.size(), max(sizes)), dtype=flambeau.uint8)
    collectives.all_gather_into_tensor(rows, _padded(mine, max(sizes)), group)
    object_list[:] = [_unpacked(row[:size]) for row, size in zip(rows, sizes, strict=True)]


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """object_list becomes that of process `src`, which is as long. device has no effect."""
    group, root = with_root("broadcast_object_list", group, src, group_src)
    if group is None:
        return
    here = group.rank() == root
    content = _packed(list(object_list)) if here else None
    size = flambeau.tensor([content.numel() if here else 0])
    collectives.broadcast(size, group=group, group_src=root)
    content = content if here else flambeau.empty(size.item(), dtype=flambeau.uint8)
    collectives.broadcast(content, group=group, group_src=root)
    if not here:
        object_list[:] = _unpacked(content)


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """object_gather_list of process `dst` becomes all processes' objects."""
    group, root = with_root("gather_object", group, dst, group_dst)
    if group is None:
        return
    here = group.rank() == root
    if here != (object_gather_list is not None):
        raise ValueError("gather_object: process dst gives object_gather_list, the others none.")
    mine = _packed(obj)
    sizes = _sizes(mine, group)
    rows = [flambeau.empty(max(sizes), dtype=flambeau.uint8) for _ in sizes] if here else None
    collectives.gather(_padded(mine, max(sizes)), rows, group=group, group_dst=root)
    if here:
        object_gather_list[:] = [_unpacked(r[:size]) for r, size in zip(rows, sizes, strict=True)]


def scatter_object_list(scatter_object_output_list, scatter_object_input_list=None, src=None, group=None,
                        group_src=None):  # fmt: skip
    """The one element of the output list becomes this process's one of the input list of process `src`."""
    group, root = with_root("scatter_object_list", group, src, group_src)
    if group is None:
        return
    sizes, rows = flambeau.zeros(group.size(), dtype=flambeau.int64), None
    if group.rank() == root:
        parts = [_packed(obj) for obj in scatter_object_input_list]
        if len(parts) != group.size():
            raise ValueError(
                f"scatter_object_list: {len(parts)} objects for {group.size()} processes."
            )
        sizes = flambeau.tensor([part.numel() for part in parts])
        rows = [_padded(part, sizes.max().item()) for part in parts]
    collectives.broadcast(sizes, group=group, group_src=root)
    mine = flambeau.empty(sizes.max().item(), dtype=flambeau.uint8)
    collectives.scatter(mine, rows, group=group, group_src=root)
    scatter_object_output_list[:1] = [_unpacked(mine[: sizes[group.rank()].item()])]


def send_object_list(object_list, dst=None, group=None, device=None, group_dst=None, use_batch=False):  # fmt: skip
    """Sends objects to process `dst`. device and use_batch have no effect."""
    group = chosen(group, "send_object_list")
    if group is not None:
        content = _packed(list(object_list))
        size = flambeau.tensor([content.numel()])
        collectives.send(size, dst, group, _SIZE, group_dst)
        collectives.send(content, dst, group, _CONTENT, group_dst)


def recv_object_list(object_list, src=None, group=None, device=None, group_src=None, use_batch=False):  # fmt: skip
    """object_list becomes what process `src`, or any, sends; gives its rank. device and use_batch have no effect."""
    group = chosen(group, "recv_object_list")
    if group is None:
        return -1
    size = flambeau.empty(1, dtype=flambeau.int64)
    source = collectives.recv(size, src, group, _SIZE, group_src)
    content = flambeau.empty(size.item(), dtype=flambeau.uint8)
    collectives.recv(content, source, group, _CONTENT)
    object_list[:] = _unpacked(content)
    return source
