"""Linear, Bilinear and Identity."""

import math

import flambeau

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .homes import elsewhere
from .module import Module
from .utils import check_sizes


class Identity(Module):
    """The input itself, whatever the arguments of the constructor.

    Example:
        >>> nn.Identity()(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


def _bias(wanted, size, made):
    return Parameter(flambeau.empty(size, **made)) if wanted else None


class Linear(Module):
    """y = x @ weight.T + bias.

    Args:
        in_features (int): how many numbers an input has, in its last dimension.
        out_features (int): how many an output has.
        bias (bool): whether there is a bias.

    Shape: (*B, in_features) to (*B, out_features). `weight` is (out_features, in_features).
    Both start uniform in +-1 / sqrt(in_features).

    Example:
        >>> layer = nn.Linear(3, 4)
        >>> layer(torch.randn(2, 3)).shape
        torch.Size([2, 4])
        >>> layer.weight.shape
        torch.Size([4, 3])
    """

    __constants__ = ["in_features", "out_features"]

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        check_sizes(self, in_features=in_features, out_features=out_features)
        made = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(flambeau.empty((out_features, in_features), **made))
        self.register_parameter("bias", _bias(bias, out_features, made))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        # kaiming_uniform_ with a = sqrt(5) is uniform in +-1 / sqrt(fan_in).
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that attention's output projection has in PyTorch's repr."""


class Bilinear(Module):
    """y[k] = x1 @ weight[k] @ x2 + bias[k].

    Shape: (*B, in1_features) and (*B, in2_features) to (*B, out_features).

    Args:
        in1_features, in2_features, out_features (int): the last sizes.
        bias (bool): whether a bias is added.
        device, dtype: of the parameters.

    Example:
        >>> nn.Bilinear(3, 4, 5)(torch.randn(2, 3), torch.randn(2, 4)).shape
        torch.Size([2, 5])
    """

    __constants__ = ["in1_features", "in2_features", "out_features"]

    def __init__(
        self, in1_features, in2_features, out_features, bias=True, device=None, dtype=None
    ):
        super().__init__()
        if isinstance(in1_features, int) and in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features is {in1_features}; it must be 1 or more.")
        check_sizes(
            self, in1_features=in1_features, in2_features=in2_features, out_features=out_features
        )
        made = {"device": device, "dtype": dtype}
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(flambeau.empty(shape, **made))
        self.register_parameter("bias", _bias(bias, out_features, made))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


__getattr__ = elsewhere(lazy="LazyLinear")
