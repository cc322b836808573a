"""Sequences of different lengths: padded to one tensor, or packed without padding.

padded (T = 4, B = 3)      packed
a1 a2 a3 a4                a1 b1 c1 | a2 b2 | a3 | a4
b1 b2  .  .                batch_sizes = 3, 2, 1, 1
c1  .  .  .
"""

from collections import namedtuple
from collections.abc import Iterable
from itertools import pairwise
from operator import attrgetter

import flambeau

from ...ops.core.arguments import require_tensors

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pad_packed_sequence",
    "pad_sequence", "unpad_sequence", "pack_sequence", "unpack_sequence",
]  # fmt: skip

PackedSequence_ = namedtuple(
    "PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)


def invert_permutation(permutation):
    """The permutation that undoes `permutation`; None for None."""
    if permutation is None:
        return None
    inverse = flambeau.empty_like(permutation)
    inverse.scatter_(
        0, permutation, flambeau.arange(permutation.numel(), device=permutation.device)
    )
    return inverse


def _as(dtype):
    """The method that converts to the dtype of this name."""

    def convert(self):
        return self.to(dtype=getattr(flambeau, dtype))

    convert.__doc__ = f"As {dtype}."
    return convert


class PackedSequence(PackedSequence_):
    """Sequences of different lengths without padding, ordered by time, then by sequence.

    `data` holds the elements, `batch_sizes` (on the CPU) how many sequences reach each time;
    `sorted_indices` orders the sequences by length and `unsorted_indices` undoes it.
    Made by pack_sequence and pack_padded_sequence.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError(
                    "PackedSequence: data must be a list or tuple of length 2. Use "
                    "pack_padded_sequence to make one."
                )
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "PackedSequence: batch_sizes must be on the CPU. Use pack_padded_sequence to make "
                "one."
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """The sequences with other dtype or device; the batch sizes stay on the CPU."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = self.sorted_indices
        if indices is not None:
            indices = indices.to(data.device)
        return type(self)(data, self.batch_sizes, indices)

    def cuda(self, *args, **kwargs):
        """On the GPU."""
        return self.to("cuda", *args, **kwargs)

    def cpu(self, *args, **kwargs):
        """On the CPU."""
        return self.to("cpu", *args, **kwargs)

    double, float, half = _as("float64"), _as("float32"), _as("float16")
    long, int, short = _as("int64"), _as("int32"), _as("int16")
    char, byte = _as("int8"), _as("uint8")

    def pin_memory(self):
        """In pinned memory."""
        return type(self)(
            self.data.pin_memory(), self.batch_sizes, self.sorted_indices, self.unsorted_indices
        )

    is_cuda = property(attrgetter("data.is_cuda"), doc="Whether the data are on a GPU.")

    def is_pinned(self):
        """Whether the data are in pinned memory."""
        return self.data.is_pinned()


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack (T, B, *), or (B, T, *) if batch_first, whose sequences have the given lengths.

    With enforce_sorted the lengths must fall; otherwise the sequences are sorted by length.
    """
    require_tensors("pack_padded_sequence", input=input)
    lengths = flambeau.as_tensor(lengths, dtype=flambeau.int64, device="cpu")
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = flambeau.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    sizes = lengths.tolist()
    if input.numel() == 0:
        raise RuntimeError("pack_padded_sequence: input is empty.")
    if len(sizes) != input.size(1):
        raise RuntimeError(
            f"pack_padded_sequence: there are {len(sizes)} lengths for a batch of {input.size(1)}. "
            "Give one for each sequence."
        )
    if any(later > earlier for earlier, later in pairwise(sizes)):
        raise RuntimeError(
            "pack_padded_sequence: lengths must fall from the first to the last. Pass "
            "enforce_sorted=False to have them sorted."
        )
    if sizes[-1] <= 0:
        raise RuntimeError(
            "pack_padded_sequence: lengths hold numbers below 1; each sequence needs 1 step or "
            "more."
        )
    if sizes[0] > input.size(0):
        raise RuntimeError(
            f"pack_padded_sequence: a length is {sizes[0]}, but the input has {input.size(0)} times"
        )
    batch_sizes = _conjugate(sizes)
    pieces = [input[t, :count] for t, count in enumerate(batch_sizes)]
    return PackedSequence(flambeau.cat(pieces), flambeau.tensor(batch_sizes), sorted_indices)


def _conjugate(sizes):
    """How many of sizes, which fall, are over 0, 1, ... sizes[0] - 1."""
    counts, count = [], len(sizes)
    for t in range(sizes[0]):
        while sizes[count - 1] <= t:
            count -= 1
        counts.append(count)
    return counts


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """(the sequences padded to one length, their lengths): the inverse of pack_padded_sequence."""
    if not hasattr(sequence, "batch_sizes"):
        raise AttributeError(
            f"pad_packed_sequence: takes a PackedSequence, not {type(sequence).__name__}."
        )
    data, batch_sizes, _, unsorted_indices = sequence
    counts = batch_sizes.tolist()
    longest = len(counts)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                f"pad_packed_sequence: total_length is {total_length}, but the longest sequence "
                f"has {longest} steps."
            )
    batch = counts[0]
    rows = []
    for t, piece in enumerate(data.split(counts)):
        missing = batch - counts[t]
        if missing:
            padding = data.new_full((missing, *data.shape[1:]), padding_value)
            piece = flambeau.cat([piece, padding])
        rows.append(piece)
    time = 1 if batch_first else 0
    padded = flambeau.stack(rows, time)
    if total_length is not None and total_length > longest:
        shape = list(padded.shape)
        shape[time] = total_length - longest
        padded = flambeau.cat([padded, padded.new_full(shape, padding_value)], time)
    lengths = flambeau.tensor(_conjugate(counts))
    if unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, unsorted_indices)
        lengths = lengths[unsorted_indices.cpu()]
    return padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Tensors (L_i, *) padded to one (T, B, *), or (B, T, *) if batch_first."""
    if isinstance(sequences, flambeau.Tensor):
        sequences = sequences.unbind(0)
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: takes a sequence of Tensors, not {type(sequences).__name__}."
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("pad_sequence: needs at least one sequence; the list is empty.")
    if padding_side not in ("right", "left"):
        raise RuntimeError(
            f"pad_sequence: padding_side is {padding_side!r}; it must be 'left' or 'right'."
        )
    require_tensors("pad_sequence", **{f"sequences[{i}]": s for i, s in enumerate(sequences)})
    longest = max(sequence.size(0) for sequence in sequences)
    padded = []
    for sequence in sequences:
        missing = longest - sequence.size(0)
        if missing:
            padding = sequence.new_full((missing, *sequence.shape[1:]), padding_value)
            parts = [sequence, padding] if padding_side == "right" else [padding, sequence]
            sequence = flambeau.cat(parts)
        padded.append(sequence)
    return flambeau.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The tensors that pad_sequence padded."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [
        sequence[: int(length)] for sequence, length in zip(padded_sequences, lengths, strict=True)
    ]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack tensors (L_i, *)."""
    lengths = flambeau.as_tensor([sequence.size(0) for sequence in sequences], device="cpu")
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The tensors that pack_sequence packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
