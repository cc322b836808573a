"""Python objects between the processes of a group, pickled. Only from processes that are trusted."""

from .collectives import _root
from .groups import chosen

__all__ = [
    "all_gather_object", "broadcast_object_list", "gather_object", "recv_object_list",
    "scatter_object_list", "send_object_list",
]  # fmt: skip


def all_gather_object(object_list, obj, group=None):
    """object_list becomes all processes' objects."""
    group = chosen(group, "all_gather_object")
    if group is not None:
        object_list[:] = [obj] if group.comm is None else group.comm.allgather(obj)


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """object_list becomes that of process `src`, which is as long."""
    group = chosen(group, "broadcast_object_list")
    if group is not None and group.comm is not None:
        root = _root(group, src, group_src, "broadcast_object_list")
        object_list[:] = group.comm.bcast(list(object_list), root)


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """object_gather_list of process `dst` becomes all processes' objects."""
    group = chosen(group, "gather_object")
    if group is None:
        return
    root = _root(group, dst, group_dst, "gather_object")
    if (group.rank() == root) != (object_gather_list is not None):
        raise ValueError("gather_object: process dst gives object_gather_list, the others none.")
    found = [obj] if group.comm is None else group.comm.gather(obj, root)
    if group.rank() == root:
        object_gather_list[:] = found


def scatter_object_list(scatter_object_output_list, scatter_object_input_list=None, src=None, group=None,
                        group_src=None):  # fmt: skip
    """The one element of the output list becomes this process's one of the input list of process `src`."""
    group = chosen(group, "scatter_object_list")
    if group is None:
        return
    root = _root(group, src, group_src, "scatter_object_list")
    given = scatter_object_input_list if group.rank() == root else None
    scatter_object_output_list[:1] = [
        given[0] if group.comm is None else group.comm.scatter(given, root)
    ]


def send_object_list(object_list, dst=None, group=None, device=None, group_dst=None):
    """Sends objects to process `dst`."""
    group = chosen(group, "send_object_list")
    if group is not None:
        group.comm.send(
            list(object_list), _root(group, dst, group_dst, "send_object_list"), tag=32000
        )


def recv_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """object_list becomes what process `src` sends; gives its rank."""
    group = chosen(group, "recv_object_list")
    if group is None:
        return -1
    root = _root(group, src, group_src, "recv_object_list")
    object_list[:] = group.comm.recv(source=root, tag=32000)
    return group.ranks[root]
