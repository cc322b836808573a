"""Reading by index: gather, index_select, take, embedding and x[...] with tensors in the brackets.

Each names the cells it reads by int64 tensors; its gradient is added into the same cells of zeros, in the
order of the result, so a gradient is the same bits on every run.
"""

from .. import _core
from .._core import indexing
from .core import operators as fl
from .core.arguments import common_shape, some, wrap_dim
from .core.declare import composite, operator, primitive
from .core.ways import native_way
from .core.zeros import into_zeros
from .scatter import _SUM


@primitive(out="exact")
def gather(ctx, input, dim, index, *, sparse_grad=False):
    """out[i, j] = input[index[i, j], j] for dim 0, and alike along any dim.

    Args:
        input (Tensor): (*S).
        index (Tensor): int32 or int64, of the ndim of input and no larger but along dim.
        sparse_grad (bool): whether the gradient of input is a sparse tensor.

    Returns:
        Tensor: the shape of index.
    """
    ctx.save_for_backward(index)
    ctx.dim, ctx.shape, ctx.sparse = dim, input.shape, sparse_grad
    return indexing.gather(input, dim, index)


def _gather_backward(grad_output, shape, dim, index):
    if _core.is_grad_enabled() or _core._in_vmap():
        return into_zeros("scatter_add", shape, grad_output, dim, index, grad_output)
    zero = fl.zeros((), dtype=grad_output.dtype, device=grad_output.device)
    return indexing.scatter_add(zero.expand(shape), dim, index, grad_output, _SUM)


@gather.derivative
def _(ctx, grad_output):
    if ctx.sparse:
        from .sparse.gradients import of_gather

        return of_gather(grad_output, ctx.shape, ctx.dim, *ctx.saved)
    return _gather_backward(grad_output, ctx.shape, ctx.dim, *ctx.saved)


native_way(gather, "gather", _gather_backward)


@primitive(out="exact")
def index_select(ctx, input, dim, index):
    """The slices of input along dim that the 1-D `index` names, in its order.

    Args:
        input (Tensor): (*A, N, *B).
        index (Tensor): (M), int32 or int64, within 0 to N - 1.

    Returns:
        Tensor: (*A, M, *B).
    """
    ctx.save_for_backward(index)
    ctx.dim, ctx.shape = dim, input.shape
    return indexing.index_select(input, dim, index)


def _index_select_backward(grad_output, shape, dim, index):
    if not shape:
        return grad_output.sum()
    return into_zeros("index_add", shape, grad_output, dim, index.reshape(-1), grad_output)


@index_select.derivative
def _(ctx, grad_output):
    return _index_select_backward(grad_output, ctx.shape, ctx.dim, *ctx.saved)


native_way(index_select, "index_select", _index_select_backward)


@primitive(method=False, out=False)
def embedding(ctx, weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """weight[indices], where row padding_idx of weight gets no gradient; with `sparse` that is a sparse tensor."""
    ctx.save_for_backward(indices)
    ctx.shape, ctx.padding_idx, ctx.scale = weight.shape, padding_idx, scale_grad_by_freq
    ctx.sparse = sparse
    return indexing.embedding(weight, indices)


def _embedding_backward(grad_output, shape, indices, padding_idx=-1, scale=False):
    flat = indices.reshape(-1)
    rows = grad_output.reshape(flat.numel(), shape[1])
    if scale:
        counts = fl.bincount(flat, minlength=shape[0]).to(rows.dtype)
        rows = rows / counts.index_select(0, flat).unsqueeze(1)
    if padding_idx >= 0:
        rows = rows.masked_fill((flat == padding_idx).unsqueeze(1), 0)
    return into_zeros("index_add", shape, rows, 0, flat, rows)


def _sparse_embedding_backward(grad_output, shape, indices, padding_idx=-1):
    from .sparse.gradients import of_rows

    return of_rows(grad_output, shape, indices, padding_idx)


@embedding.derivative
def _(ctx, grad_output):
    if ctx.sparse:
        if ctx.scale:
            raise RuntimeError(
                "embedding: scale_grad_by_freq=True does not go with sparse=True. Choose one of them."
            )
        return _sparse_embedding_backward(grad_output, ctx.shape, *ctx.saved, ctx.padding_idx)
    return _embedding_backward(grad_output, ctx.shape, *ctx.saved, ctx.padding_idx, ctx.scale)


native_way(embedding, "embedding", _embedding_backward)


def embedding_way(operation):
    """Lets plain calls of F.embedding(indices, weight, ...) go to the core; returns the operator."""
    return native_way(
        operation, "functional_embedding", _embedding_backward, _sparse_embedding_backward
    )


@primitive(method=False, function=False, out=False)
def bag_sums(ctx, weight, index, offsets, mean, sparse=False):
    """Sums or means of the rows of weight that each bag names: index (B, L), or (M,) with offsets (B,).

    With `sparse` the gradient is a sparse tensor.
    """
    ctx.save_for_backward(index, offsets)
    ctx.shape, ctx.mean, ctx.sparse = weight.shape, mean, sparse
    return indexing.bag_sums(weight, index, offsets, mean)


@bag_sums.derivative
def _(ctx, grad_output):
    index, offsets = ctx.saved
    if offsets is None:
        if ctx.mean:
            grad_output = grad_output / max(index.size(1), 1)
        rows = grad_output.unsqueeze(1).expand(*index.shape, ctx.shape[1])
    else:
        counts = fl.cat((offsets, offsets.new_full((1,), index.numel()))).diff()
        if ctx.mean:
            grad_output = grad_output / counts.clamp(min=1).unsqueeze(1)
        rows = grad_output.index_select(0, fl.repeat_interleave(counts))
    if ctx.sparse:
        grad = _sparse_embedding_backward(rows, ctx.shape, index)
    else:
        grad = into_zeros("index_put", ctx.shape, rows, (index,), rows, accumulate=True)
    return grad, None, None, None, None


@primitive(out="exact")
def take(ctx, input, index):
    """The elements of input, seen as 1-D, at `index`; negative ones count from the end.

    Returns:
        Tensor: the shape of index.
    """
    _check_places("take", index)
    ctx.save_for_backward(index)
    ctx.shape = input.shape
    return indexing.take(input, index)


def _check_places(operator, index):
    if index.dtype is not fl.int64:
        raise RuntimeError(
            f"{operator}: index is {index.dtype}, but it must be int64. Convert it with .long()."
        )


@take.derivative
def _(ctx, grad_output):
    (index,) = ctx.saved
    return into_zeros("put", ctx.shape, grad_output, index, grad_output, accumulate=True)


@composite(out="exact")
def take_along_dim(input, indices, dim=None):
    """gather after broadcasting input and indices but along dim; without dim both are seen as 1-D.

    Negative indices count from the end.
    """
    if indices.dtype != fl.int64:
        raise RuntimeError(
            f"take_along_dim: indices are {indices.dtype}, but they must be int64. Convert them "
            "with .long()."
        )
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if input.dim() != indices.dim():
        raise RuntimeError(
            f"take_along_dim: input has {input.dim()} dims but indices have {indices.dim()}. They "
            "must be equal."
        )
    if input.dim() == 0:
        raise IndexError(
            "take_along_dim: input is 0-dim, so there is no dim to take along. Leave dim out."
        )
    dim = wrap_dim(dim, input.dim(), "take_along_dim")
    of_input, of_indices = input.shape, indices.shape
    before, behind = slice(None, dim), slice(dim + 1, None)
    if of_input[before] != of_indices[before] or of_input[behind] != of_indices[behind]:
        shape = common_shape(
            "take_along_dim",
            [1 if d == dim else size for d, size in enumerate(of_input)],
            [1 if d == dim else size for d, size in enumerate(of_indices)],
        )
        input, indices = (
            t.expand(*shape[before], t.size(dim), *shape[behind]) for t in (input, indices)
        )
    if indices.is_meta or indices.numel() and some(indices.amin() < 0):
        indices = fl.where(indices < 0, indices + input.size(dim), indices)
    return gather(input, dim, indices)


# ---- x[...]


@primitive(method=False, function=False, out=False)
def index_cells(ctx, input, indices):
    """input[indices]; None stands for a whole dim."""
    ctx.save_for_backward(*indices)
    ctx.shape = input.shape
    return indexing.index(input, indices)


@index_cells.derivative
def _(ctx, grad_output):
    return into_zeros(
        "index_put", ctx.shape, grad_output, tuple(ctx.saved), grad_output, accumulate=True
    )


_WHOLE = slice(None)


def is_mask(tensor):
    """bool masks, and uint8 ones as in the old interface."""
    return tensor.dtype is fl.bool or tensor.dtype is fl.uint8


def is_whole_mask(indices, shape):
    """Whether they are one bool mask that says of each element whether it is meant."""
    return len(indices) == 1 and indices[0].dtype is fl.bool and indices[0].shape == shape


def warn_of_bytes(indices):
    """A warning for each uint8 mask, at the line of the program that used it."""
    for index in indices:
        if index is not None and index.dtype is fl.uint8:
            _core._warn(
                "index: a uint8 tensor counts as a mask here, and as numbers elsewhere; "
                "say which: mask.bool() or index.long()."
            )


def _acts_as_tuple(index):
    """A short list of indices means the tuple of them, as it did in NumPy once: x[[0, [1, 2]]]."""
    if not isinstance(index, list) or len(index) >= 32:
        return False
    return any(
        item is None or item is Ellipsis or isinstance(item, (slice, list, tuple, fl.Tensor))
        for item in index
    )


def _as_index(item):
    """One index that is not basic, as a tensor."""
    if isinstance(item, fl.Tensor):
        tensor = item
    elif (
        isinstance(item, (float, complex, str, dict, set))
        or not (hasattr(item, "__len__") or hasattr(item, "__array__"))
        or isinstance(item, type)
    ):
        # Text is refused with TypeError, as in PyTorch.
        raise (TypeError if isinstance(item, str) else IndexError)(
            f"indexing: {type(item).__name__} is no index. Use integers, slices, '...', None, and "
            "integer or bool tensors; convert others with .long()."
        )
    else:
        tensor = (
            fl.tensor(list(item), device="cpu")
            if isinstance(item, range)
            else fl.as_tensor(item, device=None if isinstance(item, fl.Tensor) else "cpu")
        )
        if tensor.numel() == 0 and not hasattr(item, "dtype"):
            tensor = tensor.to(fl.int64)
    if tensor.dtype.is_floating_point or tensor.dtype.is_complex:
        raise IndexError(
            f"indexing: a tensor of {tensor.dtype} is no index. Convert it with .long(), or "
            ".bool() for a mask."
        )
    return tensor


def _split_plain(input, index):
    """split_index of masks, places, slices and ints, as nearly all indices are; None of others."""
    basic, rest, cut = [], [], False
    for item in index:
        kind = type(item)
        if kind is fl.Tensor:
            dims = item.dim()
            if dims and item.dtype is fl.int64:
                basic.append(_WHOLE)
            elif dims and item.dtype is fl.bool:
                basic += [_WHOLE] * dims
            else:
                return None
            rest.append(item)
        elif kind is slice:
            basic.append(item)
            rest.append(None)
            cut = cut or item.start is not None or item.stop is not None or item.step is not None
        elif kind is int:
            basic.append(item)
            cut = True
        else:
            return None
    while rest and rest[-1] is None:
        rest.pop()
    if not rest or len(basic) > input.dim():
        return None
    return input[tuple(basic)] if cut else input, rest


def _index_items(index):
    if isinstance(index, tuple):
        return index
    if not _acts_as_tuple(index):
        return (index,)
    _core._warn(
        "indexing: a list of indices, x[[i, j]], is taken for x[i, j], which is deprecated. Write x[tuple(index)] "
        "for that, and x[torch.tensor(index)] for the rows that it names."
    )
    return tuple(index)


def split_index(input, index):
    """(the view of input by the basic part of the index, what is left of it: a tensor or None a dim of the view)."""
    if type(index) is fl.Tensor:
        dims = index.dim()
        if dims and (index.dtype is fl.int64 or (index.dtype is fl.bool and dims <= input.dim())):
            return input, (index,)
    elif type(index) is tuple:
        split = _split_plain(input, index)
        if split:
            return split
    items = _index_items(index)
    items = [
        item
        if item is None or item is Ellipsis or isinstance(item, (slice, bool)) or type(item) is int
        else item.__index__()
        if hasattr(item, "__index__")
        and not hasattr(item, "__len__")
        and not isinstance(item, type)
        else _as_index(item)
        for item in items
    ]
    consumed = sum(
        (item.dim() if is_mask(item) else 1)
        if isinstance(item, fl.Tensor)
        else not isinstance(item, bool)
        for item in items
        if item is not None and item is not Ellipsis
    )
    basic, rest = [], []
    for item in items:
        if (
            isinstance(item, fl.Tensor)
            and item.dim() == 0
            and not is_mask(item)
            and not item.is_meta
            and not _core._is_batched(item)
        ):
            item = int(item)
        if item is Ellipsis:
            kept = max(0, input.dim() - consumed)
            basic += [_WHOLE] * kept
            rest += [None] * kept
        elif item is None or isinstance(item, slice):
            basic.append(item)
            rest.append(None)
        elif isinstance(item, bool) or (
            isinstance(item, fl.Tensor) and item.dim() == 0 and is_mask(item)
        ):
            # A single truth value is a mask over a new dim of size 1.
            basic.append(None)
            truth = item if isinstance(item, bool) else bool(item)
            rest.append(fl.tensor([truth], device=input.device))
        elif isinstance(item, fl.Tensor):
            basic += [_WHOLE] * (item.dim() if is_mask(item) else 1)
            rest.append(item)
        else:
            basic.append(item)
    if any(item is not _WHOLE for item in basic):
        input = input[tuple(basic)]
    elif len(basic) > input.dim():
        raise IndexError(
            f"indexing: tensor {tuple(input.shape)} has {input.dim()} dims, fewer than there are "
            "indices."
        )
    while rest and rest[-1] is None:
        rest.pop()
    return input, rest


def index_get(input, index):
    """input[index] where the core alone does not know the answer: tensors, lists, arrays, truth values."""
    view, rest = split_index(input, index)
    if not rest:
        return view.alias() if view is input and hasattr(view, "alias") else view
    if is_whole_mask(rest, view.shape):
        return fl.masked_select(view, rest[0])
    warn_of_bytes(rest)
    return index_cells(view, rest)


index_get = operator(index_get, public=False)
index_get.__name__ = "index"  # as its node is called


def _index_backward(grad_output, shape, *indices):
    if is_whole_mask(indices, shape):
        return into_zeros("masked_scatter", shape, grad_output, indices[0], grad_output)
    return into_zeros("index_put", shape, grad_output, indices, grad_output, accumulate=True)


native_way(index_get, "index", _index_backward)
_core._bind("index_get", index_get)
