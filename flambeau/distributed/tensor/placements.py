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
    most = -(-size // n)
    return [max(0, min(most, size - i * most)) for i in range(n)]


def parts_of(tensor, dim, n):
    """The n parts of a tensor along a dimension; the last ones may be empty."""
    return tensor.split(sizes_of_parts(tensor.shape[dim], n), dim)
