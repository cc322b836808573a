"""Functions of each element alone."""

import flambeau as torch
import flambeau.nn.functional as F

from .layer import Layer


class Abs(Layer):
    """|x|."""

    def _compute(self, input):
        return input.abs()


class _WithConstant(Layer):
    def __init__(self, constant_scalar, inplace=False):
        super().__init__()
        self.constant_scalar = constant_scalar
        self.inplace = inplace


class AddConstant(_WithConstant):
    """x + constant_scalar."""

    def _compute(self, input):
        return input + self.constant_scalar


class MulConstant(_WithConstant):
    """x * constant_scalar."""

    def _compute(self, input):
        return input * self.constant_scalar


class ELU(Layer):
    """x, but alpha * (exp(x) - 1) where x is below 0."""

    _shown = "({0.alpha:.4f})"

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def _compute(self, input):
        return F.elu(input, self.alpha)


class Exp(Layer):
    """exp(x)."""

    def _compute(self, input):
        return input.exp()


class _Shrink(Layer):
    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd


class HardShrink(_Shrink):
    """x, but 0 between -lambd and lambd."""

    def _compute(self, input):
        return F.hardshrink(input, self.lambd)


class HardTanh(Layer):
    """x, at least min_value and at most max_value."""

    def __init__(self, min_value=-1, max_value=1, inplace=False):
        super().__init__()
        if max_value <= min_value:
            raise ValueError(
                f"nn.{type(self).__name__}: max_value must be above min_value, got {max_value} and {min_value}."
            )
        self.min_val, self.max_val = min_value, max_value
        self.inplace = inplace

    def _compute(self, input):
        return F.hardtanh(input, self.min_val, self.max_val)


class Clamp(HardTanh):
    """x, at least min_value and at most max_value."""

    def __init__(self, min_value, max_value):
        super().__init__(min_value, max_value)


class ReLU6(Layer):
    """x, at least 0 and at most 6."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def _compute(self, input):
        return F.relu6(input)


class LeakyReLU(Layer):
    """x, but negval * x where x is below 0."""

    _shown = "({0.negval:.4f})"

    def __init__(self, negval=1 / 100, inplace=False):
        super().__init__()
        self.negval = negval
        self.inplace = inplace

    def _compute(self, input):
        return F.leaky_relu(input, self.negval)


class Log(Layer):
    """The natural logarithm of x."""

    def _compute(self, input):
        return input.log()


class LogSigmoid(Layer):
    """log(1 / (1 + exp(-x)))."""

    def _compute(self, input):
        return F.logsigmoid(input)


class Power(Layer):
    """x to the power of p."""

    _shown = "({0.pow})"

    def __init__(self, p):
        super().__init__()
        self.pow = p

    def _compute(self, input):
        return input.pow(self.pow)


class PReLU(Layer):
    """x, but weight * x where x is below 0; one weight, or one for each of nOutputPlane planes (dim 1)."""

    _shown = "({0.nOutputPlane})"

    def __init__(self, nOutputPlane=0):
        super().__init__()
        self.nOutputPlane = nOutputPlane
        self.weight = torch.full((nOutputPlane or 1,), 0.25)
        self.gradWeight = torch.zeros(nOutputPlane or 1)

    def _compute(self, input):
        return F.prelu(input, self.weight)


class Threshold(Layer):
    """x where it is above the threshold, `value` elsewhere."""

    def __init__(self, threshold=0, value=0, inplace=False):
        super().__init__()
        self.threshold, self.value = threshold, value
        self.inplace = inplace
        self.validateParameters()

    def validateParameters(self):
        """Raise a RuntimeError for settings that do not work in place."""
        if self.inplace and self.value > self.threshold:
            raise RuntimeError(
                f"nn.{type(self).__name__}: in place, value ({self.value}) must not exceed threshold "
                f"({self.threshold})."
            )

    def updateOutput(self, input):
        self.validateParameters()
        return super().updateOutput(input)

    def _compute(self, input):
        return F.threshold(input, self.threshold, self.value)


class ReLU(Threshold):
    """x, but 0 where x is below 0."""

    def __init__(self, inplace=False):
        super().__init__(0, 0, inplace)


class RReLU(Layer):
    """x, but a random slope between lower and upper times x where x is below 0; their mean after evaluate().

    `noise` holds the factor of each element.
    """

    _shown = "({0.lower:.4f}, {0.upper:.4f})"

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        if not 0 <= lower <= upper:
            raise ValueError(f"nn.RReLU: needs 0 <= lower <= upper, got {lower} and {upper}.")
        self.lower, self.upper = lower, upper
        self.inplace = inplace
        self.noise = torch.Tensor()

    def updateOutput(self, input):
        slopes = (self.lower + self.upper) / 2
        if self.train:
            slopes = torch.empty_like(input).uniform_(self.lower, self.upper)
        self.noise = torch.where(input > 0, torch.ones_like(input), slopes)
        return super().updateOutput(input)

    def _compute(self, input):
        return input * self.noise

    def clearState(self):
        self.noise = self.noise.new()
        return super().clearState()


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    def _compute(self, input):
        return input.sigmoid()


class SoftPlus(Layer):
    """log(1 + exp(beta * x)) / beta, which is x itself beyond 20 / beta."""

    def __init__(self, beta=1):
        super().__init__()
        self.beta = beta
        self.threshold = 20

    def _compute(self, input):
        return F.softplus(input, self.beta, self.threshold)


class SoftShrink(_Shrink):
    """x moved towards 0 by lambd, and 0 from -lambd to lambd."""

    def _compute(self, input):
        return F.softshrink(input, self.lambd)


class SoftSign(Layer):
    """x / (1 + |x|)."""

    def _compute(self, input):
        return F.softsign(input)


class Sqrt(Layer):
    """The square root of x + eps (b is Lua's name for eps); its gradient is 0 where the root is."""

    def __init__(self, b=0, eps=0):
        super().__init__()
        self.eps = eps or b

    def _compute(self, input):
        shifted = input + self.eps if self.eps else input
        zero = shifted == 0
        return torch.where(zero, 0.0, torch.where(zero, 1.0, shifted).sqrt())


class Square(Layer):
    """x * x."""

    def _compute(self, input):
        return input.square()


class Tanh(Layer):
    """The hyperbolic tangent of x."""

    def _compute(self, input):
        return input.tanh()


class TanhShrink(Layer):
    """x - tanh(x)."""

    def _compute(self, input):
        return F.tanhshrink(input)
