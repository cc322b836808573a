"""How a tensor lies over the processes of a mesh: cut along a dimension, whole everywhere, or as terms of a sum."""

__all__ = ["Partial", "Placement", "Replicate", "Shard", "parts_of", "sizes_of_parts"]


class Placement:
    """Shard, Replicate or Partial."""

    def is_shard(self, dim=None):
        """Whether it is cut (along that dimension)."""
        return isinstance(self, Shard) and (dim is None or self.dim == dim)

    def is_replicate(self):
        """Whether it is whole everywhere."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op=None):
        """Whether each process has a term."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self):
        return hash((type(self), *vars(self).values()))


class Shard(Placement):
    """Cut along `dim` into parts of equal size but the last ones, as torch.chunk cuts."""

    def __init__(self, dim):
        self.dim = dim

    @staticmethod
    def local_shard_size_and_offset(curr_local_size, num_chunks, rank):
        """(size, offset) of one of num_chunks parts; that of an empty part begins at the end.

        Example:
            >>> from torch.distributed.tensor import Shard
            >>> [Shard.local_shard_size_and_offset(5, 4, rank) for rank in range(4)]
            [(2, 0), (2, 2), (1, 4), (0, 5)]
        """
        most = -(-curr_local_size // num_chunks)
        offset = min(rank * most, curr_local_size)
        return min(most, curr_local_size - offset), offset

    def __repr__(self):
        return f"Shard(dim={self.dim})"


class Replicate(Placement):
    """Whole in each process."""

    def __repr__(self):
        return "Replicate()"


class Partial(Placement):
    """Each process has a tensor of the whole shape; the sum of all is meant.

    Args:
        reduce_op (str): "sum"; "avg", the mean, "max", "min" or "product" are possible too.
    """

    def __init__(self, reduce_op="sum"):
        if reduce_op not in ("sum", "avg", "max", "min", "product"):
            raise ValueError(f"Partial: reduce_op {reduce_op!r} is none of sum, avg, max, min, product.")  # fmt: skip
        self.reduce_op = reduce_op

    def __repr__(self):
        return f"Partial({self.reduce_op})"


def sizes_of_parts(size, n):
    """The sizes of n parts along a dimension of that size."""
    return [Shard.local_shard_size_and_offset(size, n, i)[0] for i in range(n)]


def parts_of(tensor, dim, n):
    """The n parts of a tensor along a dimension; the last ones may be empty."""
    return tensor.split(sizes_of_parts(tensor.shape[dim], n), dim)
