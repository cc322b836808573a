"""Flatten and Unflatten."""

from .module import Module
from .shows import shows


class Flatten(Module):
    """The dimensions from start_dim to end_dim become one.

    Args:
        start_dim, end_dim (int): the first and the last of them.

    Example:
        >>> nn.Flatten()(torch.zeros(2, 3, 4)).shape
        torch.Size([2, 12])
    """

    __constants__ = ["start_dim", "end_dim"]

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)

    extra_repr = shows("start_dim end_dim")


class Unflatten(Module):
    """Dimension `dim` becomes the dimensions `unflattened_size`; one of them may be -1.

    Args:
        dim (int or str): which.
        unflattened_size (tuple): what it becomes; of names, pairs (name, size).

    Example:
        >>> nn.Unflatten(1, (2, 3))(torch.zeros(4, 6)).shape
        torch.Size([4, 2, 3])
    """

    __constants__ = ["dim", "unflattened_size"]

    def __init__(self, dim, unflattened_size):
        super().__init__()
        if isinstance(dim, int):
            self._check_sizes(unflattened_size)
        elif isinstance(dim, str):
            raise TypeError("Unflatten: dim must be an int; dims have no names here.")
        else:
            raise TypeError(f"Unflatten: dim must be an int, not {type(dim).__name__}.")
        self.dim = dim
        self.unflattened_size = unflattened_size

    @staticmethod
    def _check_sizes(sizes):
        if not isinstance(sizes, (tuple, list)):
            raise TypeError(
                f"Unflatten: unflattened_size must be a tuple of ints, not {type(sizes).__name__}."
            )
        for place, size in enumerate(sizes):
            if not isinstance(size, int):
                raise TypeError(
                    f"Unflatten: unflattened_size holds {type(size).__name__} at place {place}; it "
                    "must hold ints."
                )

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
