"""Masks of attention as functions of the places, and which blocks of pairs they leave anything of."""

import math

import flambeau

from .tiles import PAIRS_AT_ONCE, places_of, visible_at

SPARSE_BLOCK_SIZE = 128
EMPTY, PARTLY, FULL = range(3)  # the states of blocks in the core


def noop_mask(batch, head, token_q, token_kv):
    """A mask_mod that leaves every pair."""
    return batch.new_ones((), dtype=flambeau.bool)


def sliced_mask(batch, head, token_q, token_kv):
    """What stands in place of the mask_mod of a part of a BlockMask, whose places begin elsewhere."""
    raise RuntimeError(
        "BlockMask: a part of a mask has no mask_mod of its own, as its batches and heads are counted anew. "
        "Set part.mask_mod to one that counts as the part does."
    )


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


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The mask, or the changes of scores that are 0, as a tensor (B, H, Q_LEN, KV_LEN).

    Args:
        mod_fn (callable): a mask_mod (batch, head, query, key) -> bool, or a score_mod of five arguments.
    """
    import inspect

    from .tiles import changed_at

    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    places = places_of(*sizes, device=device)
    if len(inspect.signature(mod_fn).parameters) == 5:
        return changed_at(mod_fn, flambeau.zeros(sizes, device=device), places)
    return visible_at(mod_fn, places)


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
                 BLOCK_SIZE=(SPARSE_BLOCK_SIZE,) * 2, mask_mod=noop_mask):  # fmt: skip
        if kv_indices.dim() < 2:
            raise RuntimeError(
                f"BlockMask: kv_indices has {kv_indices.dim()} dims; it must have 2 or more."
            )
        for counts, indices, which in (
            (full_kv_num_blocks, full_kv_indices, "kv"),
            (full_q_num_blocks, full_q_indices, "q"),
        ):
            if (counts is None) != (indices is None):
                raise AssertionError(
                    f"BlockMask: full_{which}_num_blocks and full_{which}_indices belong together."
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
        self._states = None  # (the lists they were made of, their versions, the states)

    @classmethod
    def from_kv_blocks(cls, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None,
                       BLOCK_SIZE=SPARSE_BLOCK_SIZE, mask_mod=None, seq_lengths=None,
                       compute_q_blocks=True):  # fmt: skip
        """A BlockMask of its lists of blocks."""
        if kv_indices.dim() < 2:
            raise RuntimeError(
                f"BlockMask: kv_indices has {kv_indices.dim()} dims; it must have 2 or more."
            )
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

    def states(self):
        """(B, H, rows of blocks, columns of blocks) of uint8: 0 unused, 1 partly masked, 2 full."""
        lists = self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices
        versions = [None if t is None else t._version for t in lists]
        if self._states is not None:
            made_of, then, states = self._states
            if then == versions and all(a is b for a, b in zip(made_of, lists, strict=True)):
                return states
        states = _dense(*lists[:2]).to(flambeau.uint8)
        if lists[2] is not None:
            states = states.masked_fill(_dense(*lists[2:]), FULL)
        self._states = lists, versions, states
        return states

    def to_dense(self):
        """(B, H, rows of blocks, columns of blocks), 1 where a block is used."""
        return (self.states() != EMPTY).to(flambeau.int32)

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
        """The lists of some batches and heads, which keep their dims; set mask_mod before the part is used."""
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(slice(i, i + 1 or None) if isinstance(i, int) else i for i in index)
        cut = lambda t: None if t is None else t[index]
        kv_indices = cut(self.kv_indices)
        queries = min(kv_indices.shape[-2] * self.BLOCK_SIZE[0], self.seq_lengths[0])
        return BlockMask.from_kv_blocks(
            cut(self.kv_num_blocks), kv_indices, cut(self.full_kv_num_blocks), cut(self.full_kv_indices),
            BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=sliced_mask, compute_q_blocks=self.q_indices is not None,
            seq_lengths=(queries, self.seq_lengths[1]),
        )  # fmt: skip

    def _adjust(self, new_q_len, new_kv_len):
        """The same mask_mod and blocks for other lengths; blocks beyond those there were are unused."""
        rows, columns = (-(-n // b) for n, b in zip((new_q_len, new_kv_len), self.BLOCK_SIZE))

        def fitted(counts, indices):
            used = _dense(counts, indices)[..., :rows, :columns]
            return _lists(
                flambeau.nn.functional.pad(
                    used, (0, columns - used.shape[-1], 0, rows - used.shape[-2])
                )
            )

        full = None, None
        if self.full_kv_num_blocks is not None:
            full = fitted(self.full_kv_num_blocks, self.full_kv_indices)
        return BlockMask.from_kv_blocks(
            *fitted(self.kv_num_blocks, self.kv_indices), *full, BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod, seq_lengths=(new_q_len, new_kv_len),
            compute_q_blocks=self.q_indices is not None,
        )  # fmt: skip

    def to(self, device):
        """The same with its lists on a device."""
        move = lambda t: None if t is None else t.to(device)
        return BlockMask(
            self.seq_lengths, move(self.kv_num_blocks), move(self.kv_indices), move(self.full_kv_num_blocks),
            move(self.full_kv_indices), move(self.q_num_blocks), move(self.q_indices),
            move(self.full_q_num_blocks), move(self.full_q_indices), self.BLOCK_SIZE, self.mask_mod,
        )  # fmt: skip

    def to_string(self, grid_size=(20, 20), limit=4):
        """A picture for each batch and head, `limit` at most: full blocks, partly used ones, and empty room."""
        rows, columns = _pair(grid_size) if grid_size != -1 else self.kv_indices.shape[-2:]
        states = self.states()
        pictures = []
        for index in _indices(states.shape[:-2]):
            if len(pictures) == limit:
                pictures.append("...")
                break
            picture = states[index]
            steps = [max(1, -(-n // most)) for n, most in zip(picture.shape, (rows, columns))]
            lines = [
                "".join(
                    _SHADES[_shade(picture[i : i + steps[0], j : j + steps[1]])]
                    for j in range(0, picture.shape[1], steps[1])
                )
                for i in range(0, picture.shape[0], steps[0])
            ]
            pictures.append(f"{tuple(index)}\n" + "\n".join(lines))
        return "\n\n".join(pictures)

    def __str__(self):
        return (
            f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%,\n{self.to_string()}\n)"
        )

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, BLOCK_SIZE={self.BLOCK_SIZE})"


_SHADES = "  ", "░░", "██"


def _shade(part):
    if (part == FULL).all():
        return FULL
    return PARTLY if part.any() else EMPTY


def _indices(sizes):
    import itertools

    return itertools.product(*map(range, sizes))


def _lists(used):
    """(..., rows, columns) of bool -> how many of each row are set, and the columns with those in front."""
    order = used.to(flambeau.int32).argsort(-1, descending=True, stable=True)
    return used.sum(-1, dtype=flambeau.int32), order.to(flambeau.int32)


def _dense(counts, indices):
    """The inverse of _lists."""
    place = flambeau.arange(indices.shape[-1], device=indices.device)
    given = place < counts.unsqueeze(-1)
    return flambeau.zeros_like(given).scatter(-1, indices.long(), given)


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=SPARSE_BLOCK_SIZE,
                      _compile=False, separate_full_blocks=True, compute_dq_write_order=False,
                      dq_kv_order=True):  # fmt: skip
    """The BlockMask of a mask_mod, found block by block: the mask itself is never there as a whole.

    Args:
        mask_mod (callable): (batch, head, query, key) -> bool, of 0-dim tensors.
        B, H (int or None): batches and heads; None where the mask is the same for all.
        _compile (bool): mask_mod is compiled either way, where it can be.

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
    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    states = _states(mask_mod, sizes, rows, columns, device)
    if separate_full_blocks:
        full = _lists(states == FULL)
        partly = _lists(states == PARTLY)
    else:
        full, partly = (None, None), _lists(states != EMPTY)
    mask = BlockMask.from_kv_blocks(
        *partly, *full, BLOCK_SIZE=(rows, columns), mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )
    return mask


def _states(mask_mod, sizes, rows, columns, device):
    """What a mask leaves of each block."""
    from .fused import compiled_states

    if all(sizes):
        states = compiled_states(mask_mod, sizes, rows, columns, device)
        if states is not None:
            return states
    batches, heads, queries, keys = sizes
    places = places_of(*sizes, device=device)
    blocks_at_once = max(1, PAIRS_AT_ONCE // max(1, batches * heads * keys * rows))
    found = []
    for first in range(0, max(queries, 1), blocks_at_once * rows):
        some = places[2][:, :, first : first + blocks_at_once * rows]
        visible = visible_at(mask_mod, (*places[:2], some, places[3])).to(flambeau.uint8)
        pad = (0, -keys % columns, 0, -some.shape[2] % rows)
        visible = flambeau.nn.functional.pad(visible, pad)
        visible = visible.unflatten(-1, (-1, columns)).unflatten(-3, (-1, rows))
        found.append(visible.amax((-3, -1)) + visible.amin((-3, -1)))
    return flambeau.cat(found, 2)
