"""Layer, group, root-mean-square and local response normalization."""

from collections.abc import Iterable

import flambeau

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module
from .utils import check_sizes


def _shape_tuple(normalized_shape):
    return (
        tuple(normalized_shape) if isinstance(normalized_shape, Iterable) else (normalized_shape,)
    )


class _AffineNorm(Module):
    """A norm with a weight and a bias, each a parameter or None."""

    def _make_parameters(self, shape, weight, bias, device, dtype):
        for name, wanted in (("weight", weight), ("bias", bias)):
            made = Parameter(flambeau.empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self):
        """weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_AffineNorm):
    """Mean 0 and variance 1 over the trailing dimensions; see functional.layer_norm.

    Args:
        normalized_shape (int or tuple): the sizes of those dimensions.
        eps (float): added to the variance.
        elementwise_affine, bias (bool): whether there are a weight and a bias to learn.
        device, dtype: of the parameters.

    Example:
        >>> nn.LayerNorm(3)(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[-1.2247,  0.0000,  1.2247]], grad_fn=<NativeLayerNormBackward0>)
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None,
        dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape_tuple(normalized_shape)
        check_sizes(self, normalized_shape=self.normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_parameters(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype
        )

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Root mean square 1 over the trailing dimensions; see functional.rms_norm.

    Args:
        normalized_shape (int or tuple): the sizes of those dimensions.
        eps (float, optional): added to the mean square; the machine epsilon if None, of float32 for halves.
        elementwise_affine (bool): whether there is a weight to learn.
        device, dtype: of the weight.

    Example:
        >>> nn.RMSNorm(2)(torch.tensor([[3.0, 4.0]]))
        tensor([[0.8485, 1.1314]], grad_fn=<RmsNormBackward0>)
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None
    ):
        super().__init__()
        self.normalized_shape = _shape_tuple(normalized_shape)
        check_sizes(self, normalized_shape=self.normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            weight = flambeau.empty(self.normalized_shape, device=device, dtype=dtype)
            self.weight = Parameter(weight)
        else:
            self.register_parameter("weight", None)
        self.reset_parameters()

    def reset_parameters(self):
        """weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input):
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(_AffineNorm):
    """Mean 0 and variance 1 over groups of channels; see functional.group_norm.

    Args:
        num_groups (int): a divisor of num_channels.
        num_channels (int): C.
        eps (float): added to the variance.
        affine, bias (bool): whether there are a weight and a bias to learn, one a channel.
        device, dtype: of the parameters.

    Example:
        >>> nn.GroupNorm(2, 4)(torch.tensor([[1.0, 3.0, 0.0, 8.0]]))
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]],
               grad_fn=<NativeGroupNormBackward0>)
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *,
        bias=True,
    ):  # fmt: skip
        super().__init__()
        check_sizes(self, num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups != 0:
            raise ValueError(
                f"GroupNorm: num_groups={num_groups} does not divide num_channels={num_channels}."
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps = eps
        self.affine = affine
        self._make_parameters(num_channels, affine, affine and bias, device, dtype)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Division by the response of neighbouring channels; see functional.local_response_norm.

    Args:
        size (int): how many channels count as neighbours.
        alpha, beta, k (float): the divisor is (k + alpha * mean of squares)**beta.

    Example:
        >>> nn.LocalResponseNorm(2)(torch.ones(1, 3, 2)).shape
        torch.Size([1, 3, 2])
    """

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha, self.beta, self.k = alpha, beta, k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """LocalResponseNorm under its old name.

    Args:
        size (int), alpha, beta, k (float): as of LocalResponseNorm.

    Example:
        >>> nn.CrossMapLRN2d(2)(torch.ones(1, 3, 2, 2)).shape
        torch.Size([1, 3, 2, 2])
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1):
        super().__init__(size, alpha, beta, k)
