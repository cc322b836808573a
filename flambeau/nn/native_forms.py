"""Functions of nn.functional and layers in the forms that PyTorch's core has: torch.kl_div, torch.lstm and their like.

Reductions are numbers there (0 none, 1 mean, 2 sum), and every argument stands in its place.
"""

import flambeau

from ..ops.core.arguments import require_tensors
from ..ops.core.declare import operator
from . import functional as F
from .functional import drop, lookup
from .modules.recurrences import CELLS
from .modules.rnn import run_layers

__all__ = [
    "alpha_dropout_", "batch_norm_update_stats", "binary_cross_entropy_with_logits", "cosine_embedding_loss",
    "dropout_", "embedding_bag", "embedding_renorm_", "feature_alpha_dropout_", "feature_dropout",
    "feature_dropout_", "gru", "hinge_embedding_loss", "instance_norm", "kl_div", "lstm", "margin_ranking_loss",
    "poisson_nll_loss", "rnn_relu", "rnn_tanh", "triplet_margin_loss",
]  # fmt: skip


# ----------------------------------------------------------------------------------------------- losses


def _reduction(name, number):
    if number not in (0, 1, 2):
        raise ValueError(f"{name}: reduction is {number!r}; it must be 0, 1 or 2: none, mean, sum.")
    return ("none", "mean", "sum")[number]


def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=1):
    """nn.functional.binary_cross_entropy_with_logits with the reduction as a number."""
    reduction = _reduction("binary_cross_entropy_with_logits", reduction)
    return F.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight=pos_weight, reduction=reduction
    )


def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=1):
    """nn.functional.cosine_embedding_loss with the reduction as a number."""
    reduction = _reduction("cosine_embedding_loss", reduction)
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=reduction)


def hinge_embedding_loss(input, target, margin=1.0, reduction=1):
    """nn.functional.hinge_embedding_loss with the reduction as a number."""
    reduction = _reduction("hinge_embedding_loss", reduction)
    return F.hinge_embedding_loss(input, target, margin, reduction=reduction)


def kl_div(input, target, reduction=1, *, log_target=False):
    """nn.functional.kl_div with the reduction as a number; the mean is over all elements."""
    require_tensors("kl_div", input=input, target=target)
    each = F.kl_div(input, target, reduction="none", log_target=log_target)
    return getattr(
        each, {"none": "clone", "mean": "mean", "sum": "sum"}[_reduction("kl_div", reduction)]
    )()


def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=1):
    """nn.functional.margin_ranking_loss with the reduction as a number."""
    reduction = _reduction("margin_ranking_loss", reduction)
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=reduction)


def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """nn.functional.poisson_nll_loss with the reduction as a number."""
    reduction = _reduction("poisson_nll_loss", reduction)
    return F.poisson_nll_loss(input, target, log_input, full=full, eps=eps, reduction=reduction)


def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2.0, eps=1e-06, swap=False, reduction=1
):
    """nn.functional.triplet_margin_loss with the reduction as a number."""
    reduction = _reduction("triplet_margin_loss", reduction)
    return F.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=reduction
    )


# ---------------------------------------------------------------------------------------------- dropout


def dropout_(input, p, train):
    """dropout in place."""
    return F.dropout(input, p, train, inplace=True)


def alpha_dropout_(input, p, train):
    """alpha_dropout in place."""
    return F.alpha_dropout(input, p, train, inplace=True)


def feature_dropout(input, p, train):
    """Whole channels of (N, C, ...) are 0 with probability p, the others divided by 1 - p."""
    return drop._drop_channels(input, p, train, False, None)


def feature_dropout_(input, p, train):
    """feature_dropout in place."""
    return drop._drop_channels(input, p, train, True, None)


def feature_alpha_dropout_(input, p, train):
    """feature_alpha_dropout in place."""
    return F.feature_alpha_dropout(input, p, train, inplace=True)


# ------------------------------------------------------------------------------ embeddings, statistics


def embedding_renorm_(input, indices, max_norm, norm_type):
    """Scales the rows of input that indices name down to length max_norm, in place."""
    require_tensors("embedding_renorm_", input=input, indices=indices)
    lookup._shorten_rows(input, indices, max_norm, norm_type)
    return input


def embedding_bag(
    weight, indices, offsets, scale_grad_by_freq=False, mode=0, sparse=False, per_sample_weights=None,
    include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """(nn.functional.embedding_bag, the bag of each index, the size of each bag, the index of each maximum).

    Args:
        weight (Tensor): (N, D).
        indices (Tensor): (L,).
        offsets (Tensor): (B,).
        mode (int): 0 sum, 1 mean, 2 max.

    Returns:
        tuple of Tensor: (B, D), (L,), (B,), and (B, D) of a maximum, otherwise (B,), the sizes again. Of a sum
            the second is empty and the last two are 0.
    """
    require_tensors("embedding_bag", weight=weight, indices=indices, offsets=offsets)
    if mode not in (0, 1, 2):
        raise ValueError(f"embedding_bag: mode is {mode!r}; it must be 0, 1 or 2: sum, mean, max.")
    out = F.embedding_bag(
        indices, weight, offsets, scale_grad_by_freq=scale_grad_by_freq, mode=("sum", "mean", "max")[mode],
        sparse=sparse, per_sample_weights=per_sample_weights, include_last_offset=include_last_offset,
        padding_idx=padding_idx,
    )  # fmt: skip
    kept, pointers = lookup._bags(indices, offsets, include_last_offset)
    if mode == 0:  # whose backward needs none of them: PyTorch leaves them empty
        nothing = indices.new_zeros(pointers.size(0) - 1)
        return out, indices.new_empty(0), nothing, nothing
    if padding_idx is not None:
        kept, pointers = lookup._kept_of_bags(kept, pointers, kept != padding_idx % weight.size(0))
    sizes = pointers.diff()
    bags = flambeau.arange(sizes.size(0)).repeat_interleave(sizes).to(indices.dtype)
    sizes = sizes.to(indices.dtype)
    if mode == 1:
        return out, bags, sizes, sizes
    place = bags.long().unsqueeze(1).expand(-1, weight.size(1))
    is_largest = weight.detach()[kept] == out.detach()[bags.long()]
    candidates = flambeau.where(is_largest, kept.unsqueeze(1), weight.size(0)).long()
    first = flambeau.zeros_like(out, dtype=flambeau.int64)
    first = first.scatter_reduce(0, place, candidates, "amin", include_self=False)
    return out, bags, sizes, first.to(indices.dtype)


def instance_norm(
    input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled
):
    """nn.functional.instance_norm with every argument in its place; cudnn_enabled chooses nothing on the CPU."""
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def batch_norm_update_stats(input, running_mean, running_var, momentum):
    """(mean, biased variance) of each channel; the running ones, where given, move towards them by momentum."""
    dims = [d for d in range(input.dim()) if d != 1]
    var, mean = flambeau.var_mean(input.detach(), dims, correction=0)
    count = input.numel() // max(input.size(1), 1)
    for running, now in ((running_mean, mean), (running_var, var * (count / max(count - 1, 1)))):
        if running is not None:
            running.mul_(1 - momentum).add_(now, alpha=momentum)
    return mean, var


# --------------------------------------------------------------------------------------------- recurrences


def _weights_of(name, params, has_biases, layers):
    """For each layer and direction its tensors by name."""
    each = len(params) // layers if layers else 0
    words = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if has_biases else [])]
    if each == len(words) + 1 and name == "lstm":
        words.append("weight_hr")
    if layers * each != len(params) or each != len(words):
        raise RuntimeError(
            f"{name}: params has {len(params)} tensors; {layers} layers and directions take "
            f"{len(words)} each: {', '.join(words)}."
        )
    return [
        dict(zip(words, params[i : i + each], strict=True)) for i in range(0, len(params), each)
    ]


def _state_of(name, hx, parts):
    state = (hx,) if parts == 1 and isinstance(hx, flambeau.Tensor) else tuple(hx)
    if len(state) != parts:
        raise RuntimeError(f"{name}: hx holds {len(state)} tensors, not {parts}.")
    return state


def _named(function, name):
    """The function as an operator inside of another, which refuses wrong calls by that name."""
    function.__name__ = function.__qualname__ = name
    made = operator(function, public=False)
    made.__name__ = name
    return made


def _over_sequence(name, cell, parts):
    """The function `name` of a sequence of tensors."""

    def sequence(
        input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
    ):
        require_tensors(name, input=input)
        if input.dim() not in (2, 3):
            raise RuntimeError(
                f"{name}: input {tuple(input.shape)} must have 3 dims, or 2 without a batch."
            )
        state, batched = _state_of(name, hx, parts), input.dim() == 3
        if not batched:
            input, state = input.unsqueeze(1), tuple(part.unsqueeze(1) for part in state)
        elif batch_first:
            input = input.transpose(0, 1)
        weights = _weights_of(name, params, has_biases, num_layers * (1 + bool(bidirectional)))
        rate = dropout if train else 0
        steps = list(input.unbind(0))
        outputs, final = run_layers(CELLS[cell], steps, state, weights, None, bidirectional, rate)
        output = flambeau.stack(outputs, 1 if batch_first and batched else 0)
        if not batched:
            output, final = output.squeeze(1), tuple(part.squeeze(1) for part in final)
        return output, *final

    return _named(sequence, name)


def _over_packed(name, cell, parts):
    """The function `name` of the data of a packed sequence."""

    def packed(
        data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional
    ):
        require_tensors(name, data=data, batch_sizes=batch_sizes)
        counts = batch_sizes.tolist()
        weights = _weights_of(name, params, has_biases, num_layers * (1 + bool(bidirectional)))
        rate, state = dropout if train else 0, _state_of(name, hx, parts)
        steps = list(data.split(counts))
        outputs, final = run_layers(CELLS[cell], steps, state, weights, counts, bidirectional, rate)
        return flambeau.cat(outputs), *final

    return _named(packed, name)


def _recurrence(name, cell, parts):
    """The function `name`: over a sequence of tensors, or over the data of a packed one."""
    sequence, packed = _over_sequence(name, cell, parts), _over_packed(name, cell, parts)

    def recurrence(*args, **kwargs):
        is_packed = "batch_sizes" in kwargs or (
            len(args) > 3 and isinstance(args[3], (list, tuple))
        )
        return (packed if is_packed else sequence)(*args, **kwargs)

    recurrence.__name__ = recurrence.__qualname__ = name
    recurrence.__module__ = "flambeau"
    recurrence.__doc__ = f"""(output, final state{" h, c" if parts == 2 else ""}) of nn.{name.partition("_")[0].upper()} as a function.

    {name}(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first), or of a packed
    sequence {name}(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional).

    Args:
        input (Tensor): (T, B, features); (B, T, features) with batch_first.
        hx (Tensor{" pair" if parts == 2 else ""}): (layers * directions, B, hidden).
        params (list of Tensor): for each layer and direction weight_ih, weight_hh and, with has_biases, bias_ih, bias_hh.
    """
    return recurrence


lstm = _recurrence("lstm", "LSTM", 2)
gru = _recurrence("gru", "GRU", 1)
rnn_tanh = _recurrence("rnn_tanh", "RNN_TANH", 1)
rnn_relu = _recurrence("rnn_relu", "RNN_RELU", 1)
