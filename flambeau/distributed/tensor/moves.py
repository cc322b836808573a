"""Moves of local tensors from one placement to another, with their derivatives.

What a gradient of a local tensor means: of a Shard, its part of the gradient; of a Replicate or a Partial, the whole
gradient, the same in all processes. Source: the pairs of conjugate operators f and g of Shoeybi et al., "Megatron-LM",
2019, arXiv:1909.08053, section 3.
"""

import flambeau

from ..collectives import all_gather_into_tensor, all_reduce, reduce_scatter_tensor
from ..work import ReduceOp
from .placements import Partial, Replicate, Shard, parts_of, sizes_of_parts

__all__ = ["moved"]


def gathered(local, dim, size, group):
    """The whole of what is cut along `dim`, whose size is `size`."""
    n = group.size()
    if n == 1:
        return local.clone()
    sizes = sizes_of_parts(size, n)
    most = sizes[0]
    piece = local.movedim(dim, 0)
    if piece.shape[0] < most:
        padded = piece.new_zeros((most, *piece.shape[1:]))
        padded[: piece.shape[0]] = piece
        piece = padded
    out = piece.new_empty((n * most, *piece.shape[1:]))
    all_gather_into_tensor(out, piece.contiguous(), group)
    if sum(sizes) != n * most:
        out = flambeau.cat([out[i * most : i * most + s] for i, s in enumerate(sizes)])
    return out.movedim(0, dim).contiguous()


def scattered(partial, dim, group):
    """This process's part of the sum of all processes' tensors."""
    n = group.size()
    if n == 1:
        return partial.clone()
    sizes = sizes_of_parts(partial.shape[dim], n)
    most = sizes[0]
    whole = partial.movedim(dim, 0)
    if whole.shape[0] != n * most:
        padded = whole.new_zeros((n * most, *whole.shape[1:]))
        padded[: whole.shape[0]] = whole
        whole = padded
    out = whole.new_empty((most, *whole.shape[1:]))
    reduce_scatter_tensor(out, whole.contiguous(), group=group)
    return out[: sizes[group.rank()]].movedim(0, dim).contiguous()


def reduced(partial, op, group):
    """The reduction of all processes' tensors."""
    out = partial.detach().clone(memory_format=flambeau.contiguous_format)
    all_reduce(out, ReduceOp[op.upper()], group=group)
    return out


def own_part(whole, dim, group):
    """This process's part of a tensor that all have."""
    return parts_of(whole, dim, group.size())[group.rank()]


class _Gather(flambeau.autograd.Function):
    """Shard -> Replicate; the gradient is whole everywhere, and each takes its part."""

    @staticmethod
    def forward(ctx, local, dim, size, group):
        ctx.dim, ctx.group = dim, group
        return gathered(local.detach(), dim, size, group)

    @staticmethod
    def backward(ctx, grad):
        return own_part(grad, ctx.dim, ctx.group).clone(), None, None, None


class _Part(flambeau.autograd.Function):
    """Replicate -> Shard; the gradient's parts are gathered."""

    @staticmethod
    def forward(ctx, whole, dim, group):
        ctx.dim, ctx.size, ctx.group = dim, whole.shape[dim], group
        return own_part(whole.detach(), dim, group).clone()

    @staticmethod
    def backward(ctx, grad):
        return gathered(grad, ctx.dim, ctx.size, ctx.group), None, None


class _Reduce(flambeau.autograd.Function):
    """Partial -> Replicate; each term has the whole gradient."""

    @staticmethod
    def forward(ctx, partial, op, group):
        ctx.scale = 1 / group.size() if op == "avg" else 1
        if op not in ("sum", "avg"):
            ctx.scale = None
        return reduced(partial, op, group)

    @staticmethod
    def backward(ctx, grad):
        if ctx.scale is None:
            raise NotImplementedError(
                "DTensor: the gradient through a Partial of max, min or product."
            )
        return grad * ctx.scale, None, None


class _Scatter(flambeau.autograd.Function):
    """Partial -> Shard; each term has the whole gradient, which is gathered."""

    @staticmethod
    def forward(ctx, partial, dim, group):
        ctx.dim, ctx.size, ctx.group = dim, partial.shape[dim], group
        return scattered(partial.detach(), dim, group)

    @staticmethod
    def backward(ctx, grad):
        return gathered(grad, ctx.dim, ctx.size, ctx.group), None, None


class _Term(flambeau.autograd.Function):
    """Replicate -> Partial: the first process has it, the others zeros; all have the gradient."""

    @staticmethod
    def forward(ctx, whole, first):
        return whole.detach().clone() if first else flambeau.zeros_like(whole)

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class _Copy(flambeau.autograd.Function):
    """Replicate, used with parts of something else: each process has a term of the gradient."""

    @staticmethod
    def forward(ctx, whole, group):
        ctx.group = group
        return whole.detach().view_as(whole)

    @staticmethod
    def backward(ctx, grad):
        return reduced(grad, "sum", ctx.group), None


class _Swap(flambeau.autograd.Function):
    """Shard -> Shard along another dimension."""

    @staticmethod
    def forward(ctx, local, before, after, sizes, group):
        ctx.before, ctx.after, ctx.sizes, ctx.group = before, after, sizes, group
        return own_part(gathered(local.detach(), before, sizes[before], group), after, group).clone()  # fmt: skip

    @staticmethod
    def backward(ctx, grad):
        whole = gathered(grad, ctx.after, ctx.sizes[ctx.after], ctx.group)
        return own_part(whole, ctx.before, ctx.group).clone(), None, None, None, None


def copied(local, group):
    """A Replicate's local tensor for use beside parts of others."""
    if not local.requires_grad:
        return local
    if is_nested(local):
        return local._with_local(copied(local._local_tensor, group))
    return _Copy.apply(local, group)


def is_nested(local):
    """Whether a local tensor is a DTensor itself, over the other dimensions of a mesh."""
    return hasattr(local, "_local_tensor")


def _moved_nested(local, before, after, shape, group):
    """moved() of what lies over other dimensions of the mesh too.

    Where they cut it along the same dimension, or hold terms of it that must be added up first, it is made whole
    over them for the move.
    """
    cut = {p.dim for p in (before, after) if isinstance(p, Shard)}
    own = local._placement
    of_shape = list(local.shape)
    if isinstance(before, Shard):
        of_shape[before.dim] = shape[before.dim]
    if isinstance(after, Shard):
        sizes = sizes_of_parts(shape[after.dim], group.size())
        of_shape[after.dim] = sizes[group.rank()]
    kinds = {p for p in (before, after, own) if isinstance(p, Partial)}
    apart = (
        own.dim not in cut
        if isinstance(own, Shard)
        else not own.is_partial() or kinds == {Partial()}
    )
    if apart:
        inner = moved(local._local_tensor, before, after, shape, group)
        return local._with_local(inner, own, of_shape)
    inner_group = local._mesh.get_group(0)
    whole = moved(local._local_tensor, own, Replicate(), local.shape, inner_group)
    whole = moved(whole, before, after, shape, group)
    if isinstance(own, Partial):
        return local._with_local(whole, Replicate(), of_shape)
    return local._with_local(moved(whole, Replicate(), own, of_shape, inner_group), own, of_shape)


def moved(local, before, after, shape, group):
    """The local tensor at another placement.

    Args:
        shape: of the whole.
    """
    if before == after:
        return local
    if is_nested(local):
        return _moved_nested(local, before, after, shape, group)
    if isinstance(before, Shard):
        if isinstance(after, Shard):
            return _Swap.apply(local, before.dim, after.dim, tuple(shape), group)
        whole = _Gather.apply(local, before.dim, shape[before.dim], group)
        return whole if isinstance(after, Replicate) else moved(whole, Replicate(), after, shape, group)  # fmt: skip
    if isinstance(before, Replicate):
        if isinstance(after, Shard):
            return _Part.apply(local, after.dim, group)
        if after.reduce_op == "sum":
            return _Term.apply(local, group.rank() == 0)
        return local  # of avg, max and min: all the same
    if isinstance(after, Shard) and before.reduce_op == "sum":
        return _Scatter.apply(local, after.dim, group)
    whole = _Reduce.apply(local, before.reduce_op, group)
    if isinstance(after, Partial):
        return moved(whole, Replicate(), after, shape, group)
    return whole if isinstance(after, Replicate) else _Part.apply(whole, after.dim, group)
