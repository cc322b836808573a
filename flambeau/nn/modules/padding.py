"""Padding layers: for 1, 2 and 3 dimensions each of constant, zero, reflection, replication, circular."""

from .. import functional as F
from .module import Module
from .shows import shows


def _amounts(padding, n):
    """Before and after each of n dimensions, the last one first."""
    return (padding,) * (2 * n) if isinstance(padding, int) else tuple(padding)


class _ConstantPadNd(Module):
    """Padding with one value."""

    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__()
        self.padding = _amounts(padding, type(self)._n)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    extra_repr = shows("padding value")


class ConstantPad1d(_ConstantPadNd):
    """Pads the last dimension with `value`. Arguments as ConstantPad2d.

    Example:
        >>> nn.ConstantPad1d(1, 9.0)(torch.tensor([[1.0, 2.0]]))
        tensor([[9., 1., 2., 9.]])
    """

    _n = 1


class ConstantPad2d(_ConstantPadNd):
    """Pads the last two dimensions with `value`.

    Args:
        padding (int or 4 int): at each border: left, right, top, bottom.
        value (number): what is written there.

    Example:
        >>> nn.ConstantPad2d((1, 0, 0, 0), 9.0)(torch.tensor([[[1.0, 2.0]]]))
        tensor([[[9., 1., 2.]]])
    """

    _n = 2


class ConstantPad3d(_ConstantPadNd):
    """Pads the last three dimensions with `value`. Arguments as ConstantPad2d.

    Example:
        >>> nn.ConstantPad3d(1, 9.0)(torch.ones(1, 2, 2, 2)).shape
        torch.Size([1, 4, 4, 4])
    """

    _n = 3


class _ZeroPadNd(_ConstantPadNd):
    """Padding with 0."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd):
    """Pads the last dimension with 0. Arguments as ZeroPad2d.

    Example:
        >>> nn.ZeroPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[0., 1., 2., 3., 0.]])
    """

    _n = 1


class ZeroPad2d(_ZeroPadNd):
    """Pads the last two dimensions with 0.

    Args:
        padding (int or 4 int): at each border: left, right, top, bottom.

    Example:
        >>> nn.ZeroPad2d((1, 1, 0, 0))(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[0., 1., 2., 0.],
                 [0., 3., 4., 0.]]])
    """

    _n = 2


class ZeroPad3d(_ZeroPadNd):
    """Pads the last three dimensions with 0. Arguments as ZeroPad2d.

    Example:
        >>> nn.ZeroPad3d(1)(torch.ones(1, 2, 2, 2)).shape
        torch.Size([1, 4, 4, 4])
    """

    _n = 3


class _FromInputPadNd(Module):
    """Padding with values of the input itself."""

    __constants__ = ["padding"]

    def __init__(self, padding):
        super().__init__()
        self.padding = _amounts(padding, type(self)._n)

    def forward(self, input):
        self._check_input_dim(input)
        return F.pad(input, self.padding, self._mode)

    def _check_input_dim(self, input):
        pass

    def extra_repr(self):
        return f"{self.padding}"


class _ReflectionPadNd(_FromInputPadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pads the last dimension with its reflection. Arguments as ReflectionPad2d.

    Example:
        >>> nn.ReflectionPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[2., 1., 2., 3., 2.]])
    """

    _n = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pads the last two dimensions with their reflection.

    Args:
        padding (int or 4 int): at each border, smaller than the sizes: left, right, top, bottom.

    Example:
        >>> nn.ReflectionPad2d((1, 1, 0, 0))(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[2., 1., 2., 1.],
                 [4., 3., 4., 3.]]])
    """

    _n = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pads the last three dimensions with their reflection. Arguments as ReflectionPad2d.

    Example:
        >>> nn.ReflectionPad3d(1)(torch.ones(1, 2, 2, 2)).shape
        torch.Size([1, 4, 4, 4])
    """

    _n = 3


class _ReplicationPadNd(_FromInputPadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pads the last dimension with its edge. Arguments as ReplicationPad2d.

    Example:
        >>> nn.ReplicationPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[1., 1., 2., 3., 3.]])
    """

    _n = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pads the last two dimensions with their edges.

    Args:
        padding (int or 4 int): at each border: left, right, top, bottom.

    Example:
        >>> nn.ReplicationPad2d((1, 1, 0, 0))(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[1., 1., 2., 2.],
                 [3., 3., 4., 4.]]])
    """

    _n = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pads the last three dimensions with their edges. Arguments as ReplicationPad2d.

    Example:
        >>> nn.ReplicationPad3d(1)(torch.ones(1, 2, 2, 2)).shape
        torch.Size([1, 4, 4, 4])
    """

    _n = 3


class _CircularPadNd(_FromInputPadNd):
    """Padding as if the input were repeated."""

    _mode = "circular"

    def _check_input_dim(self, input):
        n = self._n
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(
                f"{type(self).__name__}: input {tuple(input.shape)} must have {n + 2} dims, (N, C, "
                f"sizes), or {n + 1} without a batch."
            )


class CircularPad1d(_CircularPadNd):
    """Pads the last dimension with its other end. Arguments as CircularPad2d.

    Example:
        >>> nn.CircularPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[3., 1., 2., 3., 1.]])
    """

    _n = 1


class CircularPad2d(_CircularPadNd):
    """Pads the last two dimensions with their other ends.

    Args:
        padding (int or 4 int): at each border, at most the sizes: left, right, top, bottom.

    Example:
        >>> nn.CircularPad2d((1, 1, 0, 0))(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[[2., 1., 2., 1.],
                 [4., 3., 4., 3.]]])
    """

    _n = 2


class CircularPad3d(_CircularPadNd):
    """Pads the last three dimensions with their other ends. Arguments as CircularPad2d.

    Example:
        >>> nn.CircularPad3d(1)(torch.ones(1, 2, 2, 2)).shape
        torch.Size([1, 4, 4, 4])
    """

    _n = 3
