"""Attention by tiles of queries, made of operators: for functions that the kernel language cannot express.

score_mod and mask_mod are called under vmap, on 0-dim tensors. What a tile saved for backward is computed
again there, so memory grows with the lengths, not with their product.
"""

import math

import flambeau

from ...autograd.graph import saved_tensors_hooks

PAIRS_AT_ONCE = 1 << 22  # scores of a tile: 16 MiB in float32


def places_of(*sizes, device=None):
    """Indices of each of four dims, of shapes that broadcast with each other."""
    return [
        flambeau.arange(n, device=device).view([-1 if i == j else 1 for j in range(len(sizes))])
        for i, n in enumerate(sizes)
    ]


def _mapped(function, with_score):
    """`function` of (score,) batch, head, query and key, of which each is a vector of places."""
    for which in (3, 2, 1, 0):
        dims = tuple(0 if i == which else None for i in range(4))
        function = flambeau.vmap(function, in_dims=(0, *dims) if with_score else dims)
    return function


def changed_at(score_mod, scores, places):
    """score_mod of scores (B, H, queries, keys) at their places."""
    return _mapped(score_mod, True)(scores, *(p.flatten() for p in places))


def visible_at(mask_mod, places):
    """mask_mod at places, as a tensor of bool (B, H, queries, keys)."""
    return _mapped(mask_mod, False)(*(p.flatten() for p in places)).to(flambeau.bool)


def recomputed(function, *args):
    """function(*args), whose saved tensors are computed again when backward wants them."""
    if not flambeau.is_grad_enabled():
        return function(*args)
    values, count = {}, 0

    def pack(tensor):
        nonlocal count
        count += 1
        return count - 1

    def unpack(i):
        if i not in values:
            again = []

            def keep(tensor):
                again.append(tensor.detach())  # without the graph of this second computation

            with flambeau.enable_grad(), saved_tensors_hooks(keep, lambda _: None):
                function(*args)
            values.update(enumerate(again))
        return values.pop(i)

    with saved_tensors_hooks(pack, unpack):
        return function(*args)


def attend_by_tiles(query, key, value, score_mod, block_mask, scale):
    """(result, log-sum-exp, largest scores) of operands of one floating dtype and one number of heads."""
    batches, heads, queries, keys = *query.shape[:3], key.shape[2]
    rows = max(1, PAIRS_AT_ONCE // max(1, batches * heads * keys))
    places = places_of(batches, heads, queries, keys, device=query.device)

    def tile(query, key, value, first):
        some = places[2][:, :, first : first + query.size(2)]
        return _dense(
            query, key, value, (*places[:2], some, places[3]), score_mod, block_mask, scale
        )

    if rows >= queries:
        return tile(query, key, value, 0)
    parts = [
        recomputed(tile, query[:, :, first : first + rows], key, value, first)
        for first in range(0, queries, rows)
    ]
    return tuple(flambeau.cat(part, 2) for part in zip(*parts, strict=True))


def _dense(query, key, value, places, score_mod, block_mask, scale):
    scores = (query @ key.mT) * scale
    if score_mod is not None:
        scores = changed_at(score_mod, scores, places).to(query.dtype)
    if block_mask is not None:
        visible = visible_at(block_mask.mask_mod, places) & _in_used_blocks(block_mask, places)
        scores = flambeau.where(visible, scores, -math.inf)
    if not scores.size(-1):
        lse = largest = scores.new_full(scores.shape[:-1], -math.inf)
        return scores @ value, lse, largest
    largest = scores.amax(-1, keepdim=True)
    empty = largest == -math.inf  # a row without pairs
    shift = flambeau.where(empty, 0.0, largest).detach()
    weights = (scores - shift).exp()
    total = weights.sum(-1, keepdim=True)
    result = (weights @ value) / flambeau.where(empty, 1.0, total)
    lse = flambeau.where(empty, -math.inf, total.log() + shift)
    return result, lse.squeeze(-1), largest.detach().squeeze(-1)


def _in_used_blocks(block_mask, places):
    rows, columns = block_mask.BLOCK_SIZE
    used = block_mask.states() != 0
    _, _, queries, keys = (p.flatten() for p in places)
    return used[:, :, queries // rows][..., keys // columns]
