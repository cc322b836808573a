"""Activations as modules; the functions are in nn.functional."""

import flambeau

from ... import _core
from .. import functional as F
from ..parameter import Parameter
from .homes import elsewhere
from .module import Module
from .shows import shows
from .utils import check_sizes


class _InplaceActivation(Module):
    """An activation whose only choice is to overwrite its input."""

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    extra_repr = shows("inplace?")


class ReLU(_InplaceActivation):
    """max(x, 0).

    Args:
        inplace (bool): write the result into the input.

    Example:
        >>> nn.ReLU()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """

    def forward(self, input):
        return F.relu(input, self.inplace)


class SELU(_InplaceActivation):
    """The self-normalizing ELU; see functional.selu.

    Args:
        inplace (bool): write the result into the input.

    Example:
        >>> nn.SELU()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-1.5202,  0.0000,  2.1014])
    """

    def forward(self, input):
        return F.selu(input, self.inplace)


class SiLU(_InplaceActivation):
    """x * sigmoid(x).

    Args:
        inplace (bool): write the result into the input.

    Example:
        >>> nn.SiLU()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.2384,  0.0000,  1.7616])
    """

    def forward(self, input):
        return F.silu(input, self.inplace)


class Mish(_InplaceActivation):
    """x * tanh(softplus(x)).

    Args:
        inplace (bool): write the result into the input.

    Example:
        >>> nn.Mish()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.2525,  0.0000,  1.9440])
    """

    def forward(self, input):
        return F.mish(input, self.inplace)


class Hardswish(_InplaceActivation):
    """x * hardsigmoid(x).

    Args:
        inplace (bool): write the result into the input.

    Example:
        >>> nn.Hardswish()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.3333,  0.0000,  1.6667])
    """

    def forward(self, input):
        return F.hardswish(input, self.inplace)

    def extra_repr(self):
        return ""


class Hardsigmoid(_InplaceActivation):
    """min(max(x + 3, 0), 6) / 6.

    Args:
        inplace (bool): write the result into the input.

    Example:
        >>> nn.Hardsigmoid()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0.1667, 0.5000, 0.8333])
    """

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self):
        return ""


class Hardtanh(Module):
    """x limited to [min_val, max_val].

    Args:
        min_val, max_val (float): the limits.
        inplace (bool): write the result into the input.

    Example:
        >>> nn.Hardtanh()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        for old, value in (("min_value", min_value), ("max_value", max_value)):
            if value is not None:
                new = old.replace("value", "val")
                _core._warn(f"Hardtanh: {old} is an old name. Write {new}.", FutureWarning)
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if not self.min_val < self.max_val:
            raise AssertionError(
                f"Hardtanh: min_val {self.min_val} must be below max_val {self.max_val}."
            )

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    extra_repr = shows("min_val max_val inplace?")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6).

    Args:
        inplace (bool): write the result into the input.

    Example:
        >>> nn.ReLU6()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    extra_repr = shows("inplace?")


class _ScaledActivation(Module):
    """ELU and CELU: a factor alpha, and perhaps in place."""

    __constants__ = ["alpha", "inplace"]

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    extra_repr = shows("alpha inplace?")


class ELU(_ScaledActivation):
    """x where positive, alpha * (exp(x) - 1) elsewhere.

    Args:
        alpha (float): it goes to -alpha for x towards -inf.
        inplace (bool): write the result into the input.

    Example:
        >>> nn.ELU()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.8647,  0.0000,  2.0000])
    """

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)


class CELU(_ScaledActivation):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).

    Args:
        alpha (float): where it goes for x towards -inf is -alpha.
        inplace (bool): write the result into the input.

    Example:
        >>> nn.CELU()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.8647,  0.0000,  2.0000])
    """

    def forward(self, input):
        return F.celu(input, self.alpha, self.inplace)


class LeakyReLU(Module):
    """x where positive, negative_slope * x elsewhere.

    Args:
        negative_slope (float): the slope below 0.
        inplace (bool): write the result into the input.

    Example:
        >>> nn.LeakyReLU()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.0200,  0.0000,  2.0000])
    """

    __constants__ = ["inplace", "negative_slope"]

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    extra_repr = shows("negative_slope inplace?")


class RReLU(Module):
    """LeakyReLU with a random slope in training.

    Args:
        lower, upper (float): slopes are drawn evenly between them; outside training it is their mean.
        inplace (bool): write the result into the input.

    Example:
        >>> nn.RReLU(0.25, 0.25)(torch.tensor([-8.0, 1.0]))
        tensor([-2.,  1.])
    """

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower, self.upper = lower, upper
        self.inplace = inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    extra_repr = shows("lower upper inplace?")


class PReLU(Module):
    """LeakyReLU whose slope is learned: one for all, or one a channel.

    Args:
        num_parameters (int): 1, or the number of channels (dimension 1).
        init (float): the first slope.
        device, dtype: of the weight.

    Example:
        >>> nn.PReLU()(torch.tensor([-2.0, 2.0])).detach()
        tensor([-0.5000,  2.0000])
    """

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        check_sizes(self, num_parameters=num_parameters)
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(flambeau.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Set every slope to `init`."""
        with flambeau.no_grad():
            self.weight.fill_(self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    extra_repr = shows("num_parameters")


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    Example:
        >>> nn.Sigmoid()(torch.tensor([0.0]))
        tensor([0.5000])
    """

    def forward(self, input):
        return input.sigmoid()


class Tanh(Module):
    """tanh(x).

    Example:
        >>> nn.Tanh()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.9640,  0.0000,  0.9640])
    """

    def forward(self, input):
        return input.tanh()


class LogSigmoid(Module):
    """log(sigmoid(x)).

    Example:
        >>> nn.LogSigmoid()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-2.1269, -0.6931, -0.1269])
    """

    def forward(self, input):
        return F.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|).

    Example:
        >>> nn.Softsign()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.6667,  0.0000,  0.6667])
    """

    def forward(self, input):
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x).

    Example:
        >>> nn.Tanhshrink()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-1.0360,  0.0000,  1.0360])
    """

    def forward(self, input):
        return F.tanhshrink(input)


class GELU(Module):
    """x * Phi(x); see functional.gelu.

    Args:
        approximate (str): "none", or "tanh" for the formula with tanh.

    Example:
        >>> nn.GELU()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-0.0455,  0.0000,  1.9545])
    """

    __constants__ = ["approximate"]

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, self.approximate)

    extra_repr = shows("approximate")


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta.

    Args:
        beta (float): how sharp the bend is.
        threshold (float): where beta * x is above it, the result is x.

    Example:
        >>> nn.Softplus()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0.1269, 0.6931, 2.1269])
    """

    __constants__ = ["beta", "threshold"]

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    extra_repr = shows("beta threshold")


class _Shrink(Module):
    """Hardshrink and Softshrink: values up to lambd become 0."""

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def extra_repr(self):
        return str(self.lambd)


class Hardshrink(_Shrink):
    """x where |x| > lambd, else 0.

    Args:
        lambd (float): 0 or more.

    Example:
        >>> nn.Hardshrink()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-2.,  0.,  2.])
    """

    def forward(self, input):
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by lambd.

    Args:
        lambd (float): 0 or more.

    Example:
        >>> nn.Softshrink()(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([-1.5000,  0.0000,  1.5000])
    """

    def forward(self, input):
        return F.softshrink(input, self.lambd)


class Threshold(Module):
    """x where it is above `threshold`, `value` elsewhere.

    Args:
        threshold, value (number): see above.
        inplace (bool): write the result into the input.

    Example:
        >>> nn.Threshold(0.1, 9.0)(torch.tensor([-1.0, 0.2, 1.0]))
        tensor([9.0000, 0.2000, 1.0000])
    """

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold, self.value = threshold, value
        self.inplace = inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    extra_repr = shows("threshold value inplace?")


class GLU(Module):
    """The first half times the sigmoid of the second, along `dim`.

    Args:
        dim (int): along which.

    Example:
        >>> nn.GLU()(torch.tensor([1.0, 2.0, 0.0, 0.0]))
        tensor([0.5000, 1.0000])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    extra_repr = shows("dim")


class _AlongDim(Module):
    """Softmax and its relatives: a dimension."""

    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)

    extra_repr = shows("dim")


class Softmax(_AlongDim):
    """exp(x) / sum(exp(x)) along `dim`.

    Args:
        dim (int): along which.

    Example:
        >>> nn.Softmax(dim=0)(torch.tensor([0.0, 1.0]))
        tensor([0.2689, 0.7311])
    """

    def forward(self, input):
        return F.softmax(input, self.dim)


class Softmin(_AlongDim):
    """Softmax of -x.

    Args:
        dim (int): along which.

    Example:
        >>> nn.Softmin(dim=0)(torch.tensor([0.0, 1.0]))
        tensor([0.7311, 0.2689])
    """

    def forward(self, input):
        return F.softmin(input, self.dim)


class LogSoftmax(_AlongDim):
    """The logarithm of Softmax.

    Args:
        dim (int): along which.

    Example:
        >>> nn.LogSoftmax(dim=0)(torch.tensor([0.0, 0.0]))
        tensor([-0.6931, -0.6931])
    """

    def forward(self, input):
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W).

    Example:
        >>> nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten()
        tensor([0.5000, 0.5000])
    """

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(
                f"Softmax2d: input {tuple(input.shape)} must have 4 dims, (N, C, H, W), or 3 "
                "without a batch."
            )
        return F.softmax(input, -3)


__getattr__ = elsewhere(attention="MultiheadAttention")
