"""Attention with scores and masks that a function of the places gives: score_mod and mask_mod.

The functions see whole tensors of places at once, so they are made of tensor operators; blocks of a mask are
counted, and the scores computed densely: memory grows with the product of both lengths.
Source: Dong et al., "Flex Attention", 2024, arXiv:2412.05496.
"""

import math
from typing import NamedTuple, TypedDict

import flambeau

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "FlexKernelOptions", "and_masks", "create_block_mask",
    "create_mask", "flex_attention", "noop_mask", "or_masks",
]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128
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
    """Options of kernels for GPUs, which change no result."""


def noop_mask(batch, head, token_q, token_kv):
    """A mask_mod that leaves every pair."""
    return batch.new_ones((), dtype=flambeau.bool)


def _identity(score, batch, head, token_q, token_kv):
    return score


def or_masks(*mask_mods):
    """A mask_mod that leaves what one of several leaves."""
    return _joined(mask_mods, lambda a, b: a | b, False)


def and_masks(*mask_mods):
    """A mask_mod that leaves what all of several leave."""
    return _joined(mask_mods, lambda a, b: a & b, True)


def _joined(mask_mods, join, start):
    if not all(callable(mod) for mod in mask_mods):
        raise RuntimeError("flex_attention: masks must be functions of (batch, head, query, key).")

    def mask_mod(batch, head, token_q, token_kv):
        result = batch.new_full((), start, dtype=flambeau.bool)
        for mod in mask_mods:
            result = join(result, mod(batch, head, token_q, token_kv))
        return result

    return mask_mod


def _places(*sizes, device=None):
    """Indices of each dimension, of shapes that broadcast with each other."""
    return [
        flambeau.arange(n, device=device).view([-1 if i == j else 1 for j in range(len(sizes))])
        for i, n in enumerate(sizes)
    ]


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The mask, or the changes of scores that are 0, as a tensor (B, H, Q_LEN, KV_LEN).

    Args:
        mod_fn (callable): a mask_mod (batch, head, query, key) -> bool, or a score_mod of five arguments.
    """
    import inspect

    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    places = _places(*sizes, device=device)
    arguments = len(inspect.signature(mod_fn).parameters)
    if arguments == 5:
        return mod_fn(flambeau.zeros(sizes, device=device), *places).expand(sizes)
    return flambeau.as_tensor(mod_fn(*places), device=device).expand(sizes).to(flambeau.bool)


def _pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


class BlockMask:
    """A mask_mod, and which blocks of query and key rows it leaves anything of.

    Attributes:
        kv_num_blocks, kv_indices (Tensor): of each row of blocks, how many are partly masked, and which: the
            first kv_num_blocks of kv_indices count.
        full_kv_num_blocks, full_kv_indices (Tensor): the same of blocks that are not masked at all.
        seq_lengths (tuple of int): of queries and keys.
        BLOCK_SIZE (tuple of int): rows of queries and keys in a block.
    """

    def __init__(self, seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None,
                 q_num_blocks=None, q_indices=None, full_q_num_blocks=None, full_q_indices=None,
                 BLOCK_SIZE=(_DEFAULT_SPARSE_BLOCK_SIZE,) * 2, mask_mod=noop_mask):  # fmt: skip
        if kv_indices.dim() < 2:
            raise RuntimeError(
                f"BlockMask: kv_indices has {kv_indices.dim()} dims; it must have 2 or more."
            )
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = (
            tuple(seq_lengths),
            _pair(BLOCK_SIZE),
            mask_mod,
        )
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices

    @classmethod
    def from_kv_blocks(cls, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None,
                       BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE, mask_mod=None, seq_lengths=None,
                       compute_q_blocks=True):  # fmt: skip
        """A BlockMask of its lists of blocks."""
        size = _pair(BLOCK_SIZE)
        if seq_lengths is None:
            seq_lengths = kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1]
        by_query = {}
        if compute_q_blocks:
            lists = (
                (kv_num_blocks, kv_indices, ""),
                (full_kv_num_blocks, full_kv_indices, "full_"),
            )
            for counts, indices, name in lists:
                if counts is not None:
                    turned = _lists(_dense(counts, indices).mT)
                    by_query[f"{name}q_num_blocks"], by_query[f"{name}q_indices"] = turned
        return cls(
            seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices,
            BLOCK_SIZE=size, mask_mod=mask_mod or noop_mask, **by_query,
        )  # fmt: skip

    @property
    def shape(self):
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """How many pairs there are."""
        return math.prod(self.shape)

    def to_dense(self):
        """(B, H, rows of blocks, columns of blocks), 1 where a block is used."""
        used = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is not None:
            used = used | _dense(self.full_kv_num_blocks, self.full_kv_indices)
        return used.to(flambeau.int32)

    def sparsity(self):
        """The part of all blocks, in percent, that is not used."""
        return 100 * (1 - self.to_dense().double().mean().item())

    def as_tuple(self, flatten=True):
        """All fields in order."""
        lengths = self.seq_lengths if flatten else (self.seq_lengths,)
        size = self.BLOCK_SIZE if flatten else (self.BLOCK_SIZE,)
        return (
            *lengths, self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices,
            self.q_num_blocks, self.q_indices, self.full_q_num_blocks, self.full_q_indices, *size, self.mask_mod,
        )  # fmt: skip

    def __getitem__(self, index):
        """The mask of some batches and heads, which keep their dims."""
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(slice(i, i + 1 or None) if isinstance(i, int) else i for i in index)
        cut = lambda t: None if t is None else t[index]
        return BlockMask(
            self.seq_lengths, cut(self.kv_num_blocks), cut(self.kv_indices), cut(self.full_kv_num_blocks),
            cut(self.full_kv_indices), BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod,
        )  # fmt: skip

    def to(self, device):
        """The same with its lists on a device."""
        move = lambda t: None if t is None else t.to(device)
        return BlockMask(
            self.seq_lengths, move(self.kv_num_blocks), move(self.kv_indices), move(self.full_kv_num_blocks),
            move(self.full_kv_indices), move(self.q_num_blocks), move(self.q_indices),
            move(self.full_q_num_blocks), move(self.full_q_indices), self.BLOCK_SIZE, self.mask_mod,
        )  # fmt: skip

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, BLOCK_SIZE={self.BLOCK_SIZE})"


def _lists(used):
    """(..., rows, columns) of bool -> how many of each row are set, and the columns with those in front."""
    order = used.to(flambeau.int32).argsort(-1, descending=True, stable=True)
    return used.sum(-1, dtype=flambeau.int32), order.to(flambeau.int32)


def _dense(counts, indices):
    """The inverse of _lists."""
    place = flambeau.arange(indices.shape[-1], device=indices.device)
    given = place < counts.unsqueeze(-1)
    return flambeau.zeros_like(given).scatter(-1, indices.long(), given)


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
                      _compile=False, separate_full_blocks=True, compute_dq_write_order=False,
                      dq_kv_order=True):  # fmt: skip
    """The BlockMask of a mask_mod.

    Args:
        mask_mod (callable): (batch, head, query, key) -> bool, of tensors of places.
        B, H (int or None): batches and heads; None where the mask is the same for all.
        _compile (bool): the mask is made in one pass either way, without its compiler.

    Raises:
        NotImplementedError: compute_dq_write_order, or dq_kv_order=False, which belongs to it.

    Example:
        >>> from flambeau.nn.attention.flex_attention import create_block_mask
        >>> create_block_mask(lambda b, h, q, k: q >= k, None, None, 256, 256).shape
        (1, 1, 256, 256)
    """
    if compute_dq_write_order:
        raise NotImplementedError("create_block_mask: compute_dq_write_order is not offered.")
    if not dq_kv_order:
        raise NotImplementedError("create_block_mask: dq_kv_order=False is not offered.")
    rows, columns = _pair(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    pad = (0, -KV_LEN % columns, 0, -Q_LEN % rows)
    blocks = lambda m: m.unflatten(-1, (-1, columns)).unflatten(-3, (-1, rows))
    some = blocks(flambeau.nn.functional.pad(mask.to(flambeau.uint8), pad)).amax((-3, -1)).bool()
    whole = blocks(flambeau.nn.functional.pad(mask.to(flambeau.uint8), pad)).amin((-3, -1)).bool()
    full = _lists(whole) if separate_full_blocks else (None, None)
    partly = _lists(some & ~whole if separate_full_blocks else some)
    return BlockMask.from_kv_blocks(
        *partly, *full, BLOCK_SIZE=(rows, columns), mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )


def flex_attention(query, key, value, score_mod=None, block_mask=None, scale=None, enable_gqa=False,
                   return_lse=False, kernel_options=None, *, return_aux=None):  # fmt: skip
    """Attention whose scores and mask are given by functions of the places.

    Args:
        query (Tensor): (B, Hq, L, E). key (Tensor): (B, Hkv, S, E). value (Tensor): (B, Hkv, S, Ev).
        score_mod (callable, optional): (score, batch, head, query, key) -> score, of tensors.
        block_mask (BlockMask, optional): its mask_mod leaves pairs.
        scale (float, optional): of the scores; 1 / sqrt(E) by default.
        enable_gqa (bool): whether Hq may be a multiple of Hkv.
        return_lse (bool): whether the scores' log-sum-exp, (B, Hq, L), is given too.
        return_aux (AuxRequest, optional): what is given too, as an AuxOutput.

    Returns:
        Tensor (B, Hq, L, Ev); rows without any pair are 0.

    Raises:
        ValueError: shapes or dtypes do not fit.

    Example:
        >>> from flambeau.nn.attention.flex_attention import flex_attention
        >>> x = flambeau.randn(1, 2, 5, 4)
        >>> causal = lambda score, b, h, q, k: flambeau.where(q >= k, score, -float("inf"))
        >>> flex_attention(x, x, x, causal).shape
        torch.Size([1, 2, 5, 4])
    """
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise ValueError(
            "flex_attention: query, key and value must have 4 dims, (batch, heads, length, size)."
        )
    if query.dtype != key.dtype or query.dtype != value.dtype:
        raise ValueError(
            f"flex_attention: query, key and value must have one dtype, not {query.dtype}, {key.dtype}, {value.dtype}."
        )
    heads = query.size(1)
    if heads != key.size(1):
        if not enable_gqa or heads % key.size(1):
            raise ValueError(
                f"flex_attention: {heads} heads of queries and {key.size(1)} of keys; enable_gqa=True allows multiples."
            )
        key, value = (t.repeat_interleave(heads // t.size(1), 1) for t in (key, value))
    scale = query.size(-1) ** -0.5 if scale is None else scale
    wide = flambeau.float32 if query.dtype in (flambeau.float16, flambeau.bfloat16) else query.dtype
    scores = (query.to(wide) @ key.to(wide).mT) * scale
    places = _places(*scores.shape, device=query.device)
    if score_mod is not None:
        scores = score_mod(scores, *places).to(wide)
    if block_mask is not None:
        for mine, masks, what in zip(
            scores.shape[-2:], block_mask.seq_lengths, ("queries", "keys"), strict=True
        ):
            if masks < mine:
                raise ValueError(
                    f"flex_attention: block_mask is made for {masks} {what}; there are {mine}."
                )
        scores = flambeau.where(block_mask.mask_mod(*places), scores, -math.inf)
    largest = scores.amax(-1, keepdim=True)
    empty = largest == -math.inf  # a row without pairs
    weights = (scores - flambeau.where(empty, 0.0, largest)).exp()
    total = weights.sum(-1, keepdim=True)
    result = (weights / flambeau.where(empty, 1.0, total)).to(value.dtype) @ value
    lse = (total.log() + flambeau.where(empty, 0.0, largest)).squeeze(-1)
    if return_aux is not None:
        return result, AuxOutput(
            lse if return_aux.lse else None, largest.squeeze(-1) if return_aux.max_scores else None
        )
    return (result, lse) if return_lse else result
