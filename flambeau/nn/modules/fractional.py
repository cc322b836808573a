"""Fractional max pooling layers; the functions are in nn.functional.fractional."""

from .. import functional as F
from .homes import settle
from .module import Module
from .utils import _pair, _triple


class _FractionalMaxPoolNd(Module):
    """The arguments of fractional max pooling."""

    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]

    def __init__(
        self, kernel_size, output_size=None, output_ratio=None, return_indices=False,
        _random_samples=None,
    ):  # fmt: skip
        super().__init__()
        each, name = type(self)._tuple, type(self).__name__
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name}: needs output_size or output_ratio.")
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"{name}: give output_size or output_ratio, not both.")
        self.kernel_size = each(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each(output_size)
        self.output_ratio = None if output_ratio is None else each(output_ratio)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(
                f"{name}: output_ratio is {output_ratio}; each must be above 0 and below 1."
            )

    def forward(self, input):
        return self._pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The maximum of windows of (N, C, H, W) or (C, H, W) at pseudo-random places.

    Args:
        kernel_size (int or tuple): of the windows.
        output_size (int or tuple): the sizes of the result; or instead
        output_ratio (float or tuple): their share of the input's, between 0 and 1.
        return_indices (bool): give (values, indices), as MaxUnpool wants them.

    Example:
        >>> nn.FractionalMaxPool2d(2, output_size=5)(torch.zeros(1, 1, 8, 8)).shape
        torch.Size([1, 1, 5, 5])
    """

    _tuple = staticmethod(_pair)
    _pool = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The maximum of windows of (N, C, D, H, W) or (C, D, H, W) at pseudo-random places.

    Arguments as FractionalMaxPool2d.

    Example:
        >>> nn.FractionalMaxPool3d(2, output_size=5)(torch.zeros(1, 1, 8, 8, 8)).shape
        torch.Size([1, 1, 5, 5, 5])
    """

    _tuple = staticmethod(_triple)
    _pool = staticmethod(F.fractional_max_pool3d)


settle("pooling", FractionalMaxPool2d, FractionalMaxPool3d)
