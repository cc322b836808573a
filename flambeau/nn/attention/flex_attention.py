"""Attention with scores and masks that a function of the places gives: score_mod and mask_mod.

The functions are compiled into tiles of queries x keys (fused.py) where they have a form in the kernel language
(tracing.py), and else called on tiles of queries (tiles.py). Blocks that a BlockMask leaves nothing of are
skipped. Source: Dong et al., "Flex Attention", 2024, arXiv:2412.05496.
"""

from typing import Any, NamedTuple, TypedDict

import flambeau

from .block_mask import (
    SPARSE_BLOCK_SIZE,
    BlockMask,
    and_masks,
    create_block_mask,
    create_mask,
    noop_mask,
    or_masks,
    sliced_mask,
)
from .fused import attend
from .tiles import attend_by_tiles

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "FlexKernelOptions", "and_masks", "create_block_mask",
    "create_mask", "flex_attention", "noop_mask", "or_masks",
]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = SPARSE_BLOCK_SIZE
_mask_mod_signature = _score_mod_signature = object  # annotations that programs import


class AuxRequest(NamedTuple):
    """What flex_attention gives besides its result: the log-sum-exp, the largest scores."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by AuxRequest."""

    lse: flambeau.Tensor | None = None
    max_scores: flambeau.Tensor | None = None


class FlexKernelOptions(TypedDict, total=False):
    """How PyTorch's kernels for GPUs are tuned; none of it changes a result, and kernels here need none."""

    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int
    BLOCK_M1: int
    BLOCK_N1: int
    BLOCK_M2: int
    BLOCK_N2: int
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    WRITE_DQ: bool
    FORCE_USE_FLEX_ATTENTION: bool
    USE_TMA: bool
    kpack: int
    matrix_instr_nonkdim: int
    waves_per_eu: int
    BACKEND: Any


_BACKENDS = (
    "AUTO",
    "TRITON",
    "TRITON_DECODE",
    "FLASH",
)  # the names that are known; all mean the same here


def _identity(score, batch, head, token_q, token_kv):
    return score


def flex_attention(query, key, value, score_mod=None, block_mask=None, scale=None, enable_gqa=False,
                   return_lse=False, kernel_options=None, *, return_aux=None):  # fmt: skip
    """Attention whose scores and mask are given by functions of the places, in memory linear in the lengths.

    Args:
        query (Tensor): (B, Hq, L, E). key (Tensor): (B, Hkv, S, E). value (Tensor): (B, Hkv, S, Ev).
        score_mod (callable, optional): (score, batch, head, query, key) -> score, of 0-dim tensors. Tensors
            that it reads get gradients.
        block_mask (BlockMask, optional): its mask_mod leaves pairs, of the blocks that its lists name.
        scale (float, optional): of the scores; 1 / sqrt(E) by default.
        enable_gqa (bool): whether Hq may be a multiple of Hkv.
        return_lse (bool): whether the scores' log-sum-exp, (B, Hq, L), is given too.
        kernel_options (FlexKernelOptions, optional): tuning of PyTorch's kernels for GPUs, which has no effect here.
        return_aux (AuxRequest, optional): what is given too, as an AuxOutput; the largest scores have no gradient.

    Returns:
        Tensor (B, Hq, L, Ev); rows without any pair are 0.

    Dtype: floating; float16 and bfloat16 are computed in float32.

    Raises:
        ValueError: shapes, dtypes, lengths of the mask or what is asked for do not fit, or an option has an unknown
            name.
        IndexError: score_mod or mask_mod reads a tensor beyond its end.
        RuntimeError: block_mask is a part of another one, without a mask_mod of its own.

    Example:
        >>> from flambeau.nn.attention.flex_attention import flex_attention
        >>> x = flambeau.randn(1, 2, 5, 4)
        >>> causal = lambda score, b, h, q, k: flambeau.where(q >= k, score, -float("inf"))
        >>> flex_attention(x, x, x, causal).shape
        torch.Size([1, 2, 5, 4])

    Source: Dong et al., "Flex Attention", 2024, arXiv:2412.05496.
    """
    if return_lse and return_aux is not None:
        raise ValueError(
            "flex_attention: return_lse and return_aux are both given; return_aux=AuxRequest(lse=True) asks for it."
        )
    _check_options(kernel_options)
    key, value = _fitting(query, key, value, block_mask, enable_gqa)
    scale = max(1, query.size(-1)) ** -0.5 if scale is None else float(scale)
    wide = flambeau.float64 if query.dtype == flambeau.float64 else flambeau.float32
    operands = [t.to(wide) for t in (query, key, value)]
    score_mod = None if score_mod is _identity else score_mod
    results = attend(*operands, score_mod, block_mask, scale)
    if results is None:
        sharing = query.size(1) // max(1, key.size(1))
        if sharing > 1:
            operands[1:] = (t.repeat_interleave(sharing, 1) for t in operands[1:])
        results = attend_by_tiles(*operands, score_mod, block_mask, scale)
    result, lse, largest = results
    result = result.to(query.dtype)
    if return_aux is not None:
        return result, AuxOutput(
            lse if return_aux.lse else None, largest if return_aux.max_scores else None
        )
    return (result, lse) if return_lse else result


def _check_options(options):
    if options is None:
        return
    if not isinstance(options, dict):
        raise TypeError(
            f"flex_attention: kernel_options must be a dict, not {type(options).__name__}."
        )
    known = FlexKernelOptions.__annotations__
    for name in options:
        if str(name).removeprefix("fwd_").removeprefix("bwd_") not in known:
            raise ValueError(
                f"flex_attention: kernel_options has no {name!r}; known are {', '.join(sorted(known))}, which "
                "change no result here."
            )
    backend = options.get("BACKEND", "AUTO")
    if backend not in _BACKENDS:
        raise ValueError(
            f"flex_attention: BACKEND is {backend!r}; it must be one of {', '.join(_BACKENDS)}."
        )


def _fitting(query, key, value, block_mask, enable_gqa):
    """key and value, as many batches of them as of queries; raises where something does not fit."""
    if any(t.is_nested for t in (query, key, value)):
        raise NotImplementedError("flex_attention: takes no nested tensors; pad them first.")
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise ValueError(
            "flex_attention: query, key and value must have 4 dims, (batch, heads, length, size)."
        )
    if query.dtype != key.dtype or query.dtype != value.dtype:
        raise ValueError(
            f"flex_attention: query, key and value must have one dtype, not {query.dtype}, {key.dtype}, {value.dtype}."
        )
    if not query.dtype.is_floating_point:
        raise ValueError(f"flex_attention: takes floating operands, not {query.dtype}.")
    if query.size(-1) != key.size(-1):
        raise ValueError(
            f"flex_attention: query has size {query.size(-1)} and key {key.size(-1)}; they must be the same."
        )
    if key.shape[:3] != value.shape[:3]:
        raise ValueError(
            f"flex_attention: key {tuple(key.shape)} and value {tuple(value.shape)} must agree but for the last dim."
        )
    heads, key_heads = query.size(1), key.size(1)
    if heads != key_heads and (not enable_gqa or not key_heads or heads % key_heads):
        raise ValueError(
            f"flex_attention: {heads} heads of queries and {key_heads} of keys; enable_gqa=True allows multiples."
        )
    batches = query.size(0)
    if batches != key.size(0):
        if key.size(0) != 1 or block_mask is None:
            raise ValueError(
                f"flex_attention: {batches} batches of queries and {key.size(0)} of keys; with a block_mask one "
                "of keys serves all."
            )
        key, value = (t.expand(batches, *t.shape[1:]) for t in (key, value))
    if block_mask is not None:
        _check_mask(query, key, block_mask)
    return key, value


def _check_mask(query, key, block_mask):
    if block_mask.mask_mod is sliced_mask:
        raise RuntimeError(
            "flex_attention: block_mask is a part of another one; set its mask_mod to one that counts its batches "
            "and heads."
        )
    lengths = query.size(-2), key.size(-2)
    for mine, masks, what in zip(lengths, block_mask.seq_lengths, ("queries", "keys"), strict=True):
        if masks != mine:
            raise ValueError(
                f"flex_attention: block_mask is made for {masks} {what}; there are {mine}. Make one for these "
                "lengths with create_block_mask."
            )
    given = (1, 1, *block_mask.shape[:-2])[-2:]
    for mine, masks, what in zip(query.shape[:2], given, ("batches", "heads"), strict=True):
        if masks not in (1, mine):
            raise ValueError(f"flex_attention: block_mask has {masks} {what}; there are {mine}.")
    if block_mask.kv_num_blocks.device != query.device:
        raise RuntimeError(
            f"flex_attention: block_mask is on {block_mask.kv_num_blocks.device}, query on {query.device}; move it "
            "with block_mask.to(device)."
        )
