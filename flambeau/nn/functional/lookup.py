"""Rows of a table by index: embedding, bags of embeddings, one-hot vectors."""

import math

import flambeau

from ... import _core
from ...calls import IndexRangeError
from ...ops.core.arguments import some
from ...ops.index import bag_sums, embedding_way


def embedding(
    input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
    sparse=False,
):  # fmt: skip
    """weight[input]: one row of the table an index.

    Args:
        input (Tensor): indices, (*B), int32 or int64.
        weight (Tensor): (N, D).
        padding_idx (int, optional): the row whose gradient stays 0.
        max_norm (float, optional): rows in use that are longer are first shortened, in place.
        scale_grad_by_freq (bool): divide the gradient of a row by how often it occurs in `input`.
        sparse (bool): whether the gradient of weight is a sparse tensor that names the rows in use alone.

    Returns:
        Tensor: (*B, D).
    """
    if padding_idx is not None:
        rows = weight.size(0)
        if not -rows <= padding_idx < rows:
            raise AssertionError(
                f"embedding: padding_idx is {padding_idx}, but weight has {weight.size(0)} rows."
            )
        padding_idx %= rows
    else:
        padding_idx = -1
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    return flambeau.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


embedding = embedding_way(embedding)


def _shorten_rows(weight, indices, max_norm, norm_type):
    """Scale the rows that occur in `indices` down to length max_norm, in place."""
    with flambeau.no_grad():
        used = indices.reshape(-1).unique()
        rows = weight[used]
        norms = rows.norm(norm_type, dim=1, keepdim=True)
        factor = flambeau.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
        weight.index_copy_(0, used, rows * factor.to(rows.dtype))


# Of which dtypes the rows of plain bags are summed in one pass.
_SUMMED_ON_GPUS = flambeau.float32, flambeau.float64
_SUMMED = (*_SUMMED_ON_GPUS, flambeau.bfloat16, flambeau.float16)


def embedding_bag(
    input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode="mean",
    sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """The sum, mean or maximum of the embeddings in each bag of indices.

    Args:
        input (Tensor): (B, L), a bag a row; or (L,) with `offsets`, (B,), where the bags begin.
        weight (Tensor): (N, D).
        mode (str): "sum", "mean" or "max"; an empty bag gives 0.
        per_sample_weights (Tensor, optional): a factor for each index; mode "sum" only.
        include_last_offset (bool): offsets has one more element, the end of the last bag.
        padding_idx (int, optional): an index that counts as absent.

    Returns:
        Tensor: (B, D).
    """
    if (
        input.dtype is flambeau.int64
        and weight.dtype in (_SUMMED_ON_GPUS if weight.is_cuda else _SUMMED)
        and weight.dim() == 2
        and mode in ("sum", "mean")
        and max_norm is None
        and per_sample_weights is None
        and padding_idx is None
        and not (scale_grad_by_freq or include_last_offset)
        and (
            input.dim() == 2
            if offsets is None
            else input.dim() == 1 and _begin_bags(offsets, input)
        )
        and not (weight.is_meta or flambeau._core._in_vmap())
    ):
        return bag_sums(weight, input, offsets, mode == "mean", sparse)
    if weight.dtype in (flambeau.int64, flambeau.int32) and input.is_floating_point():
        _core._warn("embedding_bag: the indices come first, then weight.")
        input, weight = weight, input
    if weight.dim() != 2:
        raise ValueError(f"embedding_bag: weight is {tuple(weight.shape)}, but takes rows: (N, D).")
    _check_bag_arguments(input, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights)
    if max_norm is not None:  # every row that input names, those of padding_idx and of no bag too
        _shorten_rows(weight, input, max_norm, norm_type)
    if mode == "max" and padding_idx is None and input.dim() == 2 and input.numel() > 0:
        return _largest_of_bags(input.long(), weight)
    indices, pointers = _bags(input, offsets, include_last_offset)
    if per_sample_weights is not None:
        per_sample_weights = per_sample_weights.reshape(-1)
    if padding_idx is not None:
        if not -weight.size(0) <= padding_idx < weight.size(0):
            raise RuntimeError(
                f"embedding_bag: padding_idx is {padding_idx}, but weight has {weight.size(0)} "
                "rows."
            )
        if not indices.is_meta:  # where nobody knows how many are left, and it does not matter
            kept = indices != padding_idx % weight.size(0)
            if flambeau._core._in_vmap():
                by_freq = scale_grad_by_freq
                return _bags_of_kept(
                    indices, pointers, kept, weight, mode, per_sample_weights, by_freq
                )
            indices, pointers = _kept_of_bags(indices, pointers, kept)
            if per_sample_weights is not None:
                per_sample_weights = per_sample_weights[kept]
    count = pointers.size(0) - 1
    from ...ops.sparse.products import Rows, rows_times_dense

    # A bag is a row of a sparse matrix, an index the column of an entry.
    bags = Rows(pointers, indices.long(), None, (count, weight.size(0)))
    if mode == "max":
        out = weight.new_zeros((count, weight.size(1)))
        place = bags.rows.unsqueeze(1).expand(-1, weight.size(1))
        if weight.requires_grad and flambeau.is_grad_enabled():
            return _largest_of_ragged_bags(indices, pointers.diff(), place, weight)
        rows = embedding(indices, weight)
        return out.scatter_reduce(0, place, rows, "amax", include_self=False)
    # Inside vmap a matrix for each slice would be needed.
    if sparse or scale_grad_by_freq or flambeau._core._in_vmap():
        rows = embedding(indices, weight, None, None, 2.0, scale_grad_by_freq, sparse)
        if per_sample_weights is not None:
            rows = rows * per_sample_weights.unsqueeze(1)
        out = weight.new_zeros((count, weight.size(1))).index_add(0, bags.rows, rows)
    else:
        factors = per_sample_weights
        if factors is None:
            factors = weight.new_ones(indices.size(0))
        try:
            out = rows_times_dense(factors, weight, bags)
        except IndexError:
            _check_bags(indices, pointers, weight)
            raise
    if mode == "mean":
        out = out / pointers.diff().clamp(min=1).unsqueeze(1)
    return out


def _bags_of_kept(indices, pointers, kept, weight, mode, factors, scale_grad_by_freq):
    """The result where slices of vmap keep different numbers of indices: those that are not kept count as nothing."""
    from ...ops.sparse.products import Rows

    count = pointers.size(0) - 1
    bag = Rows(pointers, indices.long(), None, (count, weight.size(0))).rows
    present = pointers.new_zeros(count).index_add(0, bag, kept.long())
    if mode == "max":
        place = bag.unsqueeze(1).expand(-1, weight.size(1))
        return _largest_of_ragged_bags(indices, present, place, weight, kept.unsqueeze(1))
    rows = embedding(indices, weight, scale_grad_by_freq=scale_grad_by_freq)
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    rows = rows.masked_fill(~kept.unsqueeze(1), 0)
    out = weight.new_zeros((count, weight.size(1))).index_add(0, bag, rows)
    return out / present.clamp(min=1).unsqueeze(1) if mode == "mean" else out


def _largest_of_bags(indices, weight):
    """Elements of weight (B, D), each the largest of its bag: one place of weight has its gradient."""
    with flambeau.no_grad():
        largest = embedding(indices, weight).max(1).indices  # (B, D), numbers within a bag
    return weight.gather(0, indices.gather(1, largest))


def _largest_of_ragged_bags(indices, lengths, place, weight, kept=None):
    """The same of bags of any length: `place` (L, D) is the bag of each index, in every column; kept (L, 1): all."""
    with flambeau.no_grad():
        rows = embedding(indices, weight)
        if kept is not None:
            rows = rows.masked_fill(~kept, -math.inf)
        zeros = rows.new_zeros((lengths.size(0), weight.size(1)))
        best = zeros.scatter_reduce(0, place, rows, "amax", include_self=False)
        is_best = (rows == best.gather(0, place)) | rows.isnan()
        if kept is not None:
            is_best = is_best & kept
        numbers = flambeau.arange(indices.size(0), device=weight.device).unsqueeze(1)
        # Of equal ones the first. Empty bags keep the 0 they begin with, and are hidden below.
        behind = flambeau.where(is_best, numbers, indices.size(0))
        first = place.new_zeros(zeros.shape).scatter_reduce(
            0, place, behind, "amin", include_self=False
        )
        empty = (lengths == 0).unsqueeze(1)
        if kept is not None:
            first = first.masked_fill(empty, 0)
        row = (
            indices.long().gather(0, first.reshape(-1)).reshape(first.shape)
            if len(indices)
            else first
        )
    return weight.gather(0, row).masked_fill(empty, 0)


def _check_bag_arguments(input, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights):
    for name, given in (("input", input), ("offsets", offsets)):
        if given is not None and given.dtype not in (flambeau.int64, flambeau.int32):
            raise RuntimeError(
                f"embedding_bag: {name} is {given.dtype}; it must be int64 or int32. Convert it with .long()."
            )
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode is {mode!r}; it must be 'sum', 'mean' or 'max'.")
    for name, given in (("scale_grad_by_freq", scale_grad_by_freq), ("sparse", sparse)):
        if given and mode == "max":
            raise ValueError(f"embedding_bag: {name}=True does not go with mode='max'.")
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights go with mode='sum' only, and mode is {mode!r}."
        )
    if per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: per_sample_weights {tuple(per_sample_weights.shape)} must have "
            f"the shape of input, {tuple(input.shape)}."
        )


def _begin_bags(offsets, input):
    """Whether offsets are what most programs give: where some bags of input begin."""
    return (
        offsets.dtype is flambeau.int64
        and offsets.dim() == 1
        and offsets.numel() > 0
        and int(offsets[0]) == 0
        and int(offsets[-1]) <= input.numel()
    )


def _bags(input, offsets, include_last_offset):
    """(indices, where each bag of them begins, and the last one's end)."""
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "embedding_bag: a matrix input has one bag to a row, so offsets must be None. "
                "Flatten input to give offsets."
            )
        count, length = input.shape
        return input.reshape(-1), flambeau.arange(count + 1, device=input.device) * length
    if input.dim() != 1:
        raise ValueError(
            f"embedding_bag: input {tuple(input.shape)} must be a vector with offsets, or a matrix "
            "with one bag to a row."
        )
    if offsets is None:
        raise ValueError("embedding_bag: a vector input needs offsets, where each bag begins.")
    if offsets.dim() != 1:
        raise ValueError(f"embedding_bag: offsets {tuple(offsets.shape)} must be a vector (1 dim).")
    if offsets.numel() == 0:
        if include_last_offset:
            raise RuntimeError(
                "embedding_bag: with include_last_offset=True, offsets need 1 element or more."
            )
        return input[:0], flambeau.zeros(1, dtype=flambeau.int64, device=input.device)
    if not offsets.is_meta:
        _check_offsets(offsets, input)
    starts = offsets.long()
    if not include_last_offset:
        return input, flambeau.cat([starts, starts.new_full((1,), input.numel())])
    return input if input.is_meta else input[: int(offsets[-1])], starts


def _kept_of_bags(indices, pointers, kept):
    """What `_bags` gives of the indices that are kept alone."""
    before = flambeau.cat([pointers.new_zeros(1), kept.cumsum(0)])
    return indices[kept], before[pointers]


def _check_bags(indices, pointers, weight):
    """Raises IndexError for an index outside of weight, or bags that do not follow each other."""
    if some((indices < 0) | (indices >= weight.size(0))):
        low, high = (int(x) for x in indices.aminmax())
        raise IndexRangeError(
            f"embedding_bag: indices go from {low} to {high}, but weight has {weight.size(0)} rows."
        ) from None
    if some(pointers.diff() < 0):
        raise IndexError(
            "embedding_bag: offsets must ascend: a bag ends before it begins."
        ) from None


def _check_offsets(offsets, input):
    """Raises unless bags that begin at `offsets` lie inside of input."""
    if int(offsets[0]) != 0:
        raise RuntimeError(
            f"embedding_bag: offsets begin with {int(offsets[0])}; the first bag must begin at 0."
        )
    if int(offsets[-1]) > input.numel():
        raise RuntimeError(
            f"embedding_bag: offsets end with {int(offsets[-1])}, beyond the {input.numel()} "
            "elements of input."
        )
    if some(offsets.diff() < 0):
        raise IndexError("embedding_bag: offsets must ascend: a bag ends before it begins.")


def one_hot(tensor, num_classes=-1):
    """1 at the place that each index names, 0 elsewhere, along a new last dimension.

    Dtype: int64 to int64. num_classes -1 takes the largest index + 1.
    """
    if tensor.dtype != flambeau.int64:
        raise RuntimeError(
            f"one_hot: input is {tensor.dtype}, but it must be int64. Convert it with .long()."
        )
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError(
                "one_hot: input is empty and says nothing of the number of classes. Give "
                "num_classes."
            )
        return flambeau.empty(
            (*tensor.shape, num_classes), dtype=tensor.dtype, device=tensor.device
        )
    if tensor.is_meta:
        if num_classes < 1:
            raise RuntimeError(
                "one_hot: the largest class is not known on the meta device. Give num_classes."
            )
        return flambeau.empty((*tensor.shape, num_classes), dtype=tensor.dtype, device="meta")
    looked_at = flambeau._core._unbatch(tensor)[0]
    largest = int(looked_at.max())
    if int(looked_at.min()) < 0:
        raise RuntimeError("one_hot: input holds numbers below 0; classes are 0 or more.")
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError(
            f"one_hot: num_classes is {num_classes}; it must be 1 or more, or -1 to be the largest "
            "class and 1."
        )
    elif largest >= num_classes:
        raise RuntimeError(
            f"one_hot: input holds classes of {num_classes} or more, which "
            f"num_classes={num_classes} has no place for."
        )
    hot = flambeau.zeros((*tensor.shape, num_classes), dtype=tensor.dtype, device=tensor.device)
    if flambeau._core._is_batched(tensor):
        return hot.scatter(-1, tensor.unsqueeze(-1), 1)
    return hot.scatter_(-1, tensor.unsqueeze(-1), 1)
