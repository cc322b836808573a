"""Operations that all processes of a group call together, and messages from one to another.

Tensors travel as their bytes. What reduces computes in the tensor's dtype, in float32 for the halves.
"""

import datetime

import flambeau

from .errors import DistBackendError, DistStoreError
from .groups import chosen, get_group_rank
from .work import ReduceOp, Together, Work

__all__ = [
    "P2POp", "all_gather", "all_gather_coalesced", "all_gather_into_tensor", "all_reduce", "all_reduce_coalesced", "all_to_all", "all_to_all_single",
    "barrier", "batch_isend_irecv", "broadcast", "gather", "irecv", "isend", "monitored_barrier", "recv",
    "reduce", "reduce_scatter", "reduce_scatter_tensor", "scatter", "send",
]  # fmt: skip


def _bytes(tensor):
    """A contiguous tensor's memory as a NumPy array of bytes."""
    flat = tensor.detach().reshape(-1)
    return (
        flat.view(flambeau.uint8).numpy()
        if flat.numel()
        else flambeau.empty(0, dtype=flambeau.uint8).numpy()
    )


def _packed(tensor):
    """A contiguous tensor with the values of `tensor`: itself where it can be."""
    return tensor.detach().contiguous()


def _checked(operation, *tensors):
    for tensor in tensors:
        if not isinstance(tensor, flambeau.Tensor):
            raise TypeError(f"{operation}: takes Tensors, not {type(tensor).__name__}.")
        if tensor.device.type != "cpu":
            raise ValueError(f"{operation}: tensors must be on the CPU, not on {tensor.device}.")


def _done(work, async_op):
    """The handle, or None once it has ended."""
    if async_op:
        return work
    work.wait()
    return None


def _work(group, operation, request, finish, sizes, results=()):
    described = f"{operation} of {sizes} on rank {group.rank()} of {group.size()}"
    return Work(request, finish, described, group, results)


def with_root(operation, group, rank, group_rank):
    """The group and the rank in it of the process that is meant; None twice where this process is not of it."""
    group = chosen(group, operation)
    return (None, None) if group is None else (group, _root(group, rank, group_rank, operation))


def _root(group, rank, group_rank, operation):
    """The rank in the group of the process that is meant."""
    if (rank is None) == (group_rank is None):
        if rank is None:
            return 0
        raise ValueError(f"{operation}: give a rank among all or one in the group, not both.")
    return group_rank if rank is None else get_group_rank(group, rank)


# -- reductions


def _mpi_op(op, operation):
    from mpi4py import MPI

    if not isinstance(op, ReduceOp):
        raise TypeError(f"{operation}: op must be a ReduceOp, not {type(op).__name__}.")
    if op is ReduceOp.PREMUL_SUM:
        raise RuntimeError(
            f"{operation}: PREMUL_SUM is NCCL's; multiply the tensor and use ReduceOp.SUM."
        )
    names = {"SUM": "SUM", "AVG": "SUM", "PRODUCT": "PROD"}
    return getattr(MPI, names.get(op.name, op.name))


def _operand(tensor, op, operation):
    """A contiguous tensor that MPI reduces, with the values of `tensor`: its own memory where it can be."""
    if op.name in ("BAND", "BOR", "BXOR") and (tensor.is_floating_point() or tensor.is_complex()):
        raise RuntimeError(f"{operation}: {op.name} needs integers, not {tensor.dtype}.")
    if tensor.is_complex() and op.name in ("MIN", "MAX"):
        raise RuntimeError(f"{operation}: complex numbers have no {op.name}.")
    if tensor.dtype == flambeau.bool:
        return tensor.detach().to(flambeau.int32)
    if tensor.is_complex() and tensor.element_size() < 8:
        return tensor.detach().to(flambeau.complex64)
    if tensor.is_floating_point() and tensor.element_size() < 4:
        return tensor.detach().float()
    return tensor.detach().contiguous()


def _reduced(result, op, size, like):
    result = result / size if op is ReduceOp.AVG else result
    return result != 0 if like.dtype == flambeau.bool else result.to(like.dtype)


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Every process's `tensor` becomes the reduction of all of them.

    Args:
        op (ReduceOp): how they are combined.
        async_op (bool): whether a Work is given at once, whose wait() ends it.
    """
    _checked("all_reduce", tensor)
    group = chosen(group, "all_reduce")
    if group is None:
        return None
    if group.comm is None:
        return _done(Work(results=[tensor]), async_op)
    mpi_op = _mpi_op(op, "all_reduce")
    held = _operand(tensor, op, "all_reduce")
    from mpi4py import MPI

    request = group.comm.Iallreduce(MPI.IN_PLACE, held.numpy(), mpi_op)

    def finish():
        if held.data_ptr() != tensor.data_ptr() or held.dtype != tensor.dtype:
            tensor.detach().copy_(_reduced(held, op, group.size(), tensor))
            return
        if op is ReduceOp.AVG:
            held.copy_(_reduced(held, op, group.size(), tensor))
        flambeau.autograd.graph.increment_version(tensor)

    return _done(
        _work(group, "all_reduce", request, finish, tuple(tensor.shape), [tensor]), async_op
    )


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """`tensor` of process `dst` becomes the reduction of all processes' tensors."""
    _checked("reduce", tensor)
    group, root = with_root("reduce", group, dst, group_dst)
    if group is None:
        return None
    if group.comm is None:
        return _done(Work(results=[tensor]), async_op)
    sent = _operand(tensor, op, "reduce")
    mine = group.rank() == root
    received = flambeau.empty_like(sent)
    request = group.comm.Ireduce(
        sent.numpy(), received.numpy() if mine else None, _mpi_op(op, "reduce"), root
    )

    def finish(keep=(sent,)):
        if mine:
            tensor.detach().copy_(_reduced(received, op, group.size(), tensor))

    return _done(_work(group, "reduce", request, finish, tuple(tensor.shape), [tensor]), async_op)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """`output` becomes this process's part of the reduction of all `input`s, which are cut along dim 0."""
    _checked("reduce_scatter_tensor", output, input)
    group = chosen(group, "reduce_scatter_tensor")
    if group is None:
        return None
    if input.numel() != output.numel() * group.size():
        raise ValueError(
            f"reduce_scatter_tensor: input {tuple(input.shape)} must have {group.size()} times the elements of "
            f"output {tuple(output.shape)}."
        )
    if group.comm is None:
        output.detach().copy_(input.reshape(output.shape))
        return _done(Work(results=[output]), async_op)
    sent = _operand(input, op, "reduce_scatter_tensor")
    received = flambeau.empty(output.numel(), dtype=sent.dtype)
    mpi_op = _mpi_op(op, "reduce_scatter_tensor")
    request = group.comm.Ireduce_scatter_block(sent.numpy(), received.numpy(), mpi_op)

    def finish(keep=(sent,)):
        output.detach().copy_(_reduced(received, op, group.size(), output).view(output.shape))

    return _done(
        _work(group, "reduce_scatter", request, finish, tuple(input.shape), [output]), async_op
    )


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """`output` becomes the reduction of the tensors that all processes have at this process's place."""
    return reduce_scatter_tensor(output, flambeau.stack(list(input_list)), op, group, async_op)


# -- the same bytes elsewhere


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """Every process's `tensor` becomes that of process `src`."""
    _checked("broadcast", tensor)
    group, root = with_root("broadcast", group, src, group_src)
    if group is None:
        return None
    if group.comm is None:
        return _done(Work(results=[tensor]), async_op)
    packed = _packed(tensor)
    request = group.comm.Ibcast(_bytes(packed), root)

    def finish():
        if packed.data_ptr() != tensor.data_ptr():
            tensor.detach().copy_(packed)
        elif group.rank() != root:
            flambeau.autograd.graph.increment_version(tensor)

    return _done(
        _work(group, "broadcast", request, finish, tuple(tensor.shape), [tensor]), async_op
    )


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """`output_tensor` becomes all processes' inputs, one after the other along dim 0, or stacked."""
    _checked("all_gather_into_tensor", output_tensor, input_tensor)
    group = chosen(group, "all_gather_into_tensor")
    if group is None:
        return None
    if (
        output_tensor.numel() != input_tensor.numel() * group.size()
        or output_tensor.dtype != input_tensor.dtype
    ):
        raise ValueError(
            f"all_gather_into_tensor: output {tuple(output_tensor.shape)} of {output_tensor.dtype} must have "
            f"{group.size()} times the elements of input {tuple(input_tensor.shape)} of {input_tensor.dtype}."
        )
    sent = _packed(input_tensor)
    received = flambeau.empty(output_tensor.shape, dtype=output_tensor.dtype)
    if group.comm is None:
        output_tensor.detach().copy_(sent.reshape(output_tensor.shape))
        return _done(Work(results=[output_tensor]), async_op)
    request = group.comm.Iallgather(_bytes(sent), _bytes(received))

    def finish(keep=(sent,)):
        output_tensor.detach().copy_(received)

    return _done(
        _work(group, "all_gather", request, finish, tuple(input_tensor.shape), [output_tensor]),
        async_op,
    )


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """tensor_list becomes all processes' tensors, which have one shape."""
    _checked("all_gather", tensor, *tensor_list)
    group = chosen(group, "all_gather")
    if group is None:
        return None
    if len(tensor_list) != group.size():
        raise ValueError(f"all_gather: {len(tensor_list)} tensors for {group.size()} processes.")
    sent = _packed(tensor)
    received = flambeau.empty((group.size(), *tensor.shape), dtype=tensor.dtype)
    request = None
    if group.comm is None:
        received.copy_(sent)
    else:
        request = group.comm.Iallgather(_bytes(sent), _bytes(received))

    def finish(keep=(sent,)):
        for into, part in zip(tensor_list, received, strict=True):
            into.detach().copy_(part)

    return _done(
        _work(group, "all_gather", request, finish, tuple(tensor.shape), tensor_list), async_op
    )


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op=False):
    """all_reduce of each of the tensors."""
    _checked("all_reduce_coalesced", *tensors)
    group = chosen(group, "all_reduce_coalesced")
    if group is None:
        return None
    return _done(Together([all_reduce(t, op, group, async_op=True) for t in tensors]), async_op)


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op=False):
    """all_gather of each of the inputs: output_tensor_lists[rank][i] becomes that process's input i."""
    group = chosen(group, "all_gather_coalesced")
    if group is None:
        return None
    works = [
        all_gather([outputs[i] for outputs in output_tensor_lists], tensor, group, async_op=True)
        for i, tensor in enumerate(input_tensor_list)
    ]
    return _done(Together(works), async_op)


def _rooted(name, tensor, group, root, group_root, which, parts):
    """(group or None, number of the process `which` in it, whether it is this one), which alone gives parts."""
    _checked(name, tensor)
    group = chosen(group, name)
    if group is None:
        return None, None, False
    root = _root(group, root, group_root, name)
    mine = group.rank() == root
    if mine != bool(parts):
        raise ValueError(f"{name}: process {which} gives {name}_list, the others none.")
    return group, root, mine


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """gather_list of process `dst` becomes all processes' tensors; other processes give none."""
    group, root, mine = _rooted("gather", tensor, group, dst, group_dst, "dst", gather_list)
    if group is None:
        return None
    sent = _packed(tensor)
    received = flambeau.empty((group.size() if mine else 0, *tensor.shape), dtype=tensor.dtype)
    request = None
    if group.comm is None:
        received.copy_(sent)
    else:
        request = group.comm.Igather(_bytes(sent), _bytes(received) if mine else None, root)

    def finish(keep=(sent,)):
        for into, part in zip(gather_list or (), received, strict=True):
            into.detach().copy_(part)

    return _done(
        _work(group, "gather", request, finish, tuple(tensor.shape), gather_list or ()), async_op
    )


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """`tensor` becomes this process's one of scatter_list of process `src`; other processes give none."""
    group, root, mine = _rooted("scatter", tensor, group, src, group_src, "src", scatter_list)
    if group is None:
        return None
    sent = flambeau.stack([t.detach() for t in scatter_list]) if mine else None
    received = flambeau.empty(tensor.shape, dtype=tensor.dtype)
    request = None
    if group.comm is None:
        received.copy_(sent[0])
    else:
        request = group.comm.Iscatter(_bytes(sent) if mine else None, _bytes(received), root)

    def finish(keep=(sent,)):
        tensor.detach().copy_(received)

    return _done(_work(group, "scatter", request, finish, tuple(tensor.shape), [tensor]), async_op)


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False
):
    """Part i of `input`, along dim 0, goes to process i; `output` becomes the parts that come, in order."""
    _checked("all_to_all_single", output, input)
    group = chosen(group, "all_to_all_single")
    if group is None:
        return None
    n = group.size()
    row = _row_bytes(input)
    counts = [
        _split_counts(t, sizes, n, "all_to_all_single")
        for t, sizes in ((input, input_split_sizes), (output, output_split_sizes))
    ]
    sent = _packed(input)
    received = flambeau.empty(output.shape, dtype=output.dtype)
    request = None
    if group.comm is None:
        received.copy_(sent)
    else:
        from mpi4py import MPI

        send, receive = ([c * row for c in part] for part in counts)
        request = group.comm.Ialltoallv(
            [_bytes(sent), (send, _starts(send)), MPI.BYTE],
            [_bytes(received), (receive, _starts(receive)), MPI.BYTE],
        )

    def finish(keep=(sent,)):
        output.detach().copy_(received)

    return _done(
        _work(group, "all_to_all", request, finish, tuple(input.shape), [output]), async_op
    )


def _row_bytes(tensor):
    row = tensor.element_size()
    for size in tensor.shape[1:]:
        row *= size
    return row


def _split_counts(tensor, sizes, n, operation):
    rows = tensor.shape[0] if tensor.dim() else 1
    if sizes is None:
        if rows % n:
            raise RuntimeError(
                f"{operation}: dim 0 of {tuple(tensor.shape)} does not divide into {n} equal parts."
            )
        return [rows // n] * n
    if len(sizes) != n or sum(sizes) != rows:
        raise RuntimeError(
            f"{operation}: split sizes {list(sizes)} must be {n} whose sum is {rows}."
        )
    return list(sizes)


def _starts(counts):
    starts, at = [], 0
    for count in counts:
        starts.append(at)
        at += count
    return starts


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Tensor i of the inputs goes to process i; the outputs become what comes, each of its own shape."""
    _checked("all_to_all", *output_tensor_list, *input_tensor_list)
    group = chosen(group, "all_to_all")
    if group is None:
        return None
    join = lambda tensors: flambeau.cat([t.detach().reshape(-1) for t in tensors])
    sent, received = join(input_tensor_list), join(output_tensor_list)
    work = all_to_all_single(
        received, sent, [t.numel() for t in output_tensor_list], [t.numel() for t in input_tensor_list],
        group, async_op=True,
    )  # fmt: skip
    inner = work._finish

    def finish():
        if inner is not None:
            inner()
        parts = received.split([t.numel() for t in output_tensor_list])
        for into, part in zip(output_tensor_list, parts, strict=True):
            into.detach().copy_(part.view(into.shape))

    if work._done:
        finish()
    work._finish = finish
    return _done(work, async_op)


def barrier(group=None, async_op=False, device_ids=None, timeout=None):
    """Waits until all processes of the group are here, or for `timeout` (timedelta)."""
    if device_ids is not None:
        raise ValueError("barrier: device_ids is for groups of GPUs.")
    group = chosen(group, "barrier")
    if group is None:
        return None
    request = None if group.comm is None else group.comm.Ibarrier()
    work = _work(group, "barrier", request, None, ())
    if async_op:
        return work
    work.wait(timeout)
    return None


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """barrier() whose error names who has not come.

    Args:
        timeout (timedelta): the group's by default.
        wait_all_ranks (bool): whether all that are missing are named, not the first only.

    Raises:
        RuntimeError: not all come in time.
    """
    group = chosen(group, "monitored_barrier")
    if group is None or group.comm is None:
        return
    number = group.barriers = getattr(group, "barriers", 0) + 1
    seconds = datetime.timedelta(seconds=group.seconds) if timeout is None else timeout
    keys = [f"barrier/{number}/{rank}" for rank in range(group.size())]
    group.store.set(keys[group.rank()], b"here")
    try:
        group.store.wait(keys, seconds)
    except DistStoreError as error:
        missing = [group.ranks[i] for i, key in enumerate(keys) if not group.store.check([key])]
        if not wait_all_ranks:
            missing = missing[:1]
        raise DistBackendError(
            f"monitored_barrier: rank {group.ranks[group.rank()]} has waited {seconds.total_seconds():g} s; "
            f"ranks {missing} have not come."
        ) from error


# -- from one to another


def isend(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Sends `tensor` to process `dst`; gives a Work."""
    _checked("isend", tensor)
    group = chosen(group, "isend")
    if group is None:
        return None
    to = _root(group, dst, group_dst, "isend")
    if group.comm is None or to == group.rank():
        raise ValueError(f"isend: rank {to} is this process; messages go to another.")
    packed = _packed(tensor)
    request = group.comm.Isend(_bytes(packed), to, tag)
    return _work(group, f"send to {to}", request, lambda keep=packed: None, tuple(tensor.shape))


def _receiving(tensor, src, group, tag, group_src, status=None):
    """The Work of a message from process `src`, or from any without one; the status learns from whom."""
    from mpi4py import MPI

    anyone = src is None and group_src is None
    source = MPI.ANY_SOURCE if anyone else _root(group, src, group_src, "irecv")
    received = flambeau.empty(tensor.shape, dtype=tensor.dtype)
    request = group.comm.Irecv(_bytes(received), source, tag)
    name = "receive" if anyone else f"receive from {source}"
    described = f"{name} of {tuple(tensor.shape)} on rank {group.rank()} of {group.size()}"
    finish = lambda: tensor.detach().copy_(received)
    return Work(request, finish, described, group, [tensor], status)


def irecv(tensor, src=None, group=None, tag=0, group_src=None):
    """`tensor` becomes what process `src` sends, or any process without one; gives a Work."""
    _checked("irecv", tensor)
    group = chosen(group, "irecv")
    if group is None:
        return None
    if group.comm is None:
        raise ValueError("irecv: the group has no other process.")
    return _receiving(tensor, src, group, tag, group_src)


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Sends `tensor` to process `dst`."""
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(tensor, src=None, group=None, tag=0, group_src=None):
    """`tensor` becomes what process `src` sends, or any process without one; gives the sender's rank among all."""
    _checked("recv", tensor)
    group = chosen(group, "recv")
    if group is None:
        return -1
    if group.comm is None:
        raise ValueError("recv: the group has no other process.")
    from mpi4py import MPI

    status = MPI.Status()
    _receiving(tensor, src, group, tag, group_src, status).wait()
    return group.ranks[status.Get_source()]


class P2POp:
    """One message for batch_isend_irecv.

    Args:
        op: isend or irecv.
        peer (int): the other process, among all.
    """

    def __init__(self, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        if op not in (isend, irecv):
            raise ValueError("P2POp: op must be isend or irecv.")
        self.op, self.tensor, self.group, self.tag = op, tensor, group, tag
        self.peer, self.group_peer = peer, group_peer


def batch_isend_irecv(p2p_op_list):
    """Starts several messages; gives their Works."""
    return [p.op(p.tensor, p.peer, p.group, p.tag, p.group_peer) for p in p2p_op_list]
