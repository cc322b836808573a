"""Rows of a table by index: embedding, bags of embeddings, one-hot vectors."""

import flambeau


def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """weight[input]: one row of the table an index.

    Args:
        input (Tensor): indices, (*B), int32 or int64.
        weight (Tensor): (N, D).
        padding_idx (int, optional): the row whose gradient stays 0.
        max_norm (float, optional): rows in use that are longer are first shortened, in place.
        scale_grad_by_freq (bool): divide the gradient of a row by how often it occurs in `input`.
        sparse (bool): accepted; the gradient is dense all the same.

    Returns:
        Tensor: (*B, D).
    """
    if padding_idx is not None:
        rows = weight.size(0)
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    else:
        padding_idx = -1
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    return flambeau.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def _shorten_rows(weight, indices, max_norm, norm_type):
    """Scale the rows that occur in `indices` down to length max_norm, in place."""
    with flambeau.no_grad():
        used = indices.reshape(-1).unique()
        rows = weight[used]
        norms = rows.norm(norm_type, dim=1, keepdim=True)
        factor = flambeau.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
        weight.index_copy_(0, used, rows * factor.to(rows.dtype))


def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
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
    if weight.dtype in (flambeau.int64, flambeau.int32) and input.is_floating_point():
        raise ValueError(
            "Argument order of nn.functional.embedding_bag is (input, weight): weight comes second."
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, but got {mode}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only "
                f"supported for mode='sum' (got mode='{mode}')."
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not "
                f"None, then it must have the same shape as the input ({tuple(input.shape)})"
            )
    indices, bags, count = _bags(input, offsets, include_last_offset)
    if per_sample_weights is not None:
        per_sample_weights = per_sample_weights.reshape(-1)
    if padding_idx is not None:
        if not -weight.size(0) <= padding_idx < weight.size(0):
            raise ValueError("padding_idx must be within the number of embeddings")
        kept = indices != padding_idx % weight.size(0)
        indices, bags = indices[kept], bags[kept]
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights[kept]
    rows = embedding(indices, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    out = weight.new_zeros((count, weight.size(1)))
    if mode == "max":
        place = bags.unsqueeze(1).expand(-1, weight.size(1))
        return out.scatter_reduce(0, place, rows, "amax", include_self=False)
    out = out.index_add(0, bags, rows)
    if mode == "mean":
        sizes = flambeau.bincount(bags, minlength=count).clamp(min=1)
        out = out / sizes.unsqueeze(1).to(out.dtype)
    return out


def _bags(input, offsets, include_last_offset):
    """(indices, the bag of each, number of bags)."""
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        count, length = input.shape
        bags = flambeau.arange(count, device=input.device).repeat_interleave(length)
        return input.reshape(-1), bags, count
    if input.dim() != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    count = offsets.numel() - (1 if include_last_offset else 0)
    if offsets.numel() == 0:
        if include_last_offset:
            raise RuntimeError("include_last_offset: numBags should be at least 1")
        return input, input.long(), 0
    if int(offsets[0]) != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {int(offsets[0])}"
        )
    if int(offsets[-1]) > input.numel():
        raise RuntimeError(
            "offsets[-1] can not be greater than input's length: "
            f"got {int(offsets[-1])} of {input.numel()}"
        )
    starts = offsets[:count].contiguous()
    places = flambeau.arange(input.numel(), device=input.device, dtype=starts.dtype)
    bags = flambeau.searchsorted(starts, places, right=True) - 1
    if include_last_offset:
        kept = places < offsets[-1]
        return input[kept], bags[kept], count
    return input, bags, count


def one_hot(tensor, num_classes=-1):
    """1 at the place that each index names, 0 elsewhere, along a new last dimension.

    Dtype: int64 to int64. num_classes -1 takes the largest index + 1.
    """
    if tensor.dtype != flambeau.int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}."
        )
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return flambeau.empty(
            (*tensor.shape, num_classes), dtype=tensor.dtype, device=tensor.device
        )
    if int(tensor.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(tensor.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    hot = flambeau.zeros((*tensor.shape, num_classes), dtype=tensor.dtype, device=tensor.device)
    return hot.scatter_(-1, tensor.unsqueeze(-1), 1)
