"""Operations of groups that give new tensors, and whose gradients go back the same way."""

import flambeau

from .. import collectives, groups
from ..work import ReduceOp

__all__ = [
    "all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce",
    "reduce_scatter", "scatter",
]  # fmt: skip

_Function = flambeau.autograd.Function


def _group(group, operation):
    return groups.chosen(None if group is None or group is groups.group.WORLD else group, operation)


def _dense(tensor):
    return tensor.detach().clone(memory_format=flambeau.contiguous_format)


class _AllReduce(_Function):
    @staticmethod
    def forward(ctx, tensor, op, group):
        ctx.op, ctx.group = op, group
        out = _dense(tensor)
        collectives.all_reduce(out, op, group)
        return out

    @staticmethod
    def backward(ctx, grad):
        if ctx.op not in (ReduceOp.SUM, ReduceOp.AVG):
            raise NotImplementedError(f"all_reduce: the gradient of {ctx.op}.")
        return _AllReduce.apply(grad, ctx.op, ctx.group), None, None


class _Broadcast(_Function):
    @staticmethod
    def forward(ctx, tensor, src, group):
        ctx.src, ctx.group = src, group
        out = _dense(tensor)
        collectives.broadcast(out, group=group, group_src=src)
        return out

    @staticmethod
    def backward(ctx, grad):
        return _Reduce.apply(grad, ctx.src, ReduceOp.SUM, ctx.group), None, None


class _Reduce(_Function):
    @staticmethod
    def forward(ctx, tensor, dst, op, group):
        ctx.dst, ctx.group = dst, group
        out = _dense(tensor)
        collectives.reduce(out, op=op, group=group, group_dst=dst)
        return out if group.rank() == dst else flambeau.zeros_like(out)

    @staticmethod
    def backward(ctx, grad):
        return _Broadcast.apply(grad, ctx.dst, ctx.group), None, None, None


class _AllGather(_Function):
    @staticmethod
    def forward(ctx, tensor, group):
        ctx.group = group
        out = [flambeau.empty_like(tensor) for _ in range(group.size())]
        collectives.all_gather(out, tensor.detach(), group)
        return tuple(out)

    @staticmethod
    def backward(ctx, *grads):
        out = flambeau.empty_like(grads[ctx.group.rank()])
        collectives.reduce_scatter(out, [g.contiguous() for g in grads], group=ctx.group)
        return out, None


class _ReduceScatter(_Function):
    @staticmethod
    def forward(ctx, op, group, *tensors):
        ctx.op, ctx.group = op, group
        out = flambeau.empty_like(tensors[group.rank()])
        collectives.reduce_scatter(out, [t.detach() for t in tensors], op, group)
        return out

    @staticmethod
    def backward(ctx, grad):
        scale = 1 / ctx.group.size() if ctx.op is ReduceOp.AVG else 1
        return None, None, *[g * scale for g in _AllGather.apply(grad, ctx.group)]


class _AllToAll(_Function):
    @staticmethod
    def forward(ctx, shapes, group, *tensors):
        ctx.group, ctx.shapes = group, [tuple(t.shape) for t in tensors]
        out = [tensors[0].new_empty(shape) for shape in shapes]
        collectives.all_to_all(out, [t.detach() for t in tensors], group)
        return tuple(out)

    @staticmethod
    def backward(ctx, *grads):
        return None, None, *_AllToAll.apply(ctx.shapes, ctx.group, *grads)


class _Gather(_Function):
    @staticmethod
    def forward(ctx, tensor, dst, group):
        ctx.dst, ctx.group = dst, group
        out = [flambeau.zeros_like(tensor) for _ in range(group.size())]
        mine = group.rank() == dst
        collectives.gather(tensor.detach(), out if mine else None, group=group, group_dst=dst)
        return tuple(out)

    @staticmethod
    def backward(ctx, *grads):
        return _Scatter.apply(ctx.dst, ctx.group, *grads), None, None


class _Scatter(_Function):
    @staticmethod
    def forward(ctx, src, group, *tensors):
        ctx.src, ctx.group = src, group
        out = flambeau.empty_like(tensors[0])
        given = [t.detach().contiguous() for t in tensors] if group.rank() == src else None
        collectives.scatter(out, given, group=group, group_src=src)
        return out

    @staticmethod
    def backward(ctx, grad):
        return None, None, *_Gather.apply(grad, ctx.src, ctx.group)


def all_reduce(tensor, op=ReduceOp.SUM, group=None):
    """The reduction of all processes' tensors."""
    return _AllReduce.apply(tensor, op, _group(group, "all_reduce"))


def broadcast(tensor, src, group=None):
    """Process src's tensor."""
    group = _group(group, "broadcast")
    return _Broadcast.apply(tensor, groups.get_group_rank(group, src), group)


def reduce(tensor, dst, op=ReduceOp.SUM, group=None):
    """The reduction, in process dst; zeros in the others."""
    group = _group(group, "reduce")
    return _Reduce.apply(tensor, groups.get_group_rank(group, dst), op, group)


def gather(tensor, dst=0, group=None):
    """All processes' tensors, in process dst (tuple); zeros in the others."""
    group = _group(group, "gather")
    return _Gather.apply(tensor, groups.get_group_rank(group, dst), group)


def scatter(tensors, src=0, group=None):
    """This process's one of process src's tensors; the others give tensors of the same shapes."""
    group = _group(group, "scatter")
    return _Scatter.apply(groups.get_group_rank(group, src), group, *tensors)


def all_gather(tensor, group=None):
    """All processes' tensors (tuple)."""
    return _AllGather.apply(tensor, _group(group, "all_gather"))


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None):
    """The reduction of the tensors at this process's place; `output` is not written."""
    return _ReduceScatter.apply(op, _group(group, "reduce_scatter"), *input_list)


def all_to_all(output_tensor_list, input_tensor_list, group=None):
    """What comes from each process, of the shapes of output_tensor_list (tuple)."""
    shapes = [tuple(t.shape) for t in output_tensor_list]
    return _AllToAll.apply(shapes, _group(group, "all_to_all"), *input_tensor_list)


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None):
    """The parts along dim 0 that come from all processes, in one tensor of output's shape."""
    group = _group(group, "all_to_all_single")
    n = group.size()
    sizes = [
        collectives._split_counts(t, s, n, "all_to_all_single")
        for t, s in ((input, input_split_sizes), (output, output_split_sizes))
    ]
    shapes = [(rows, *output.shape[1:]) for rows in sizes[1]]
    return flambeau.cat(_AllToAll.apply(shapes, group, *input.split(sizes[0])))
