"""Activation functions, element by element: the pointwise part of nn.functional."""

from .. import _core
from ..kernels import language as k
from ..types import iinfo
from .core.declare import NAMESPACES, composite, make_pointwise, pointwise, register

_HERE = {"namespaces": ("nn.functional",), "method": False}


def _activation(fn=None, **options):
    return pointwise(fn, **{**_HERE, "inplace": True, **options})


@pointwise(namespaces=("torch",), takes_bool=False)
def relu(input):
    """The positive part of input.

    Example:
        >>> torch.relu(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """
    return k.where(input > 0, input, k.where(k.isnan(input), input, 0))


@relu.derivative
def _(grad_output, input, result):
    # From the result: input need not be kept. 0 at 0, and through where it is NaN, as in PyTorch.
    return k.where(result <= 0, 0, grad_output)


@_activation(compute="smooth")
def silu(input):
    """input * sigmoid(input).

    Example:
        >>> torch.nn.functional.silu(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.2736,  0.0000,  1.7616])
    """
    return input / (1 + k.exp(-input))


@silu.derivative
def _(grad_output, input, result):
    s = k.sigmoid(input)
    return grad_output * (s * (1 + input * (1 - s)))


_gelu_erf = make_pointwise(
    lambda input: input * (k.ndtr_centered(input) + 0.5), name="gelu", compute="floating"
)


@_gelu_erf.derivative
def _(grad_output, input, result):
    cdf = k.ndtr_centered(input) + 0.5
    return grad_output * (cdf + input * k.exp(-0.5 * input * input) * 0.3989422804014327)


_gelu_tanh = make_pointwise(
    lambda input: (
        0.5 * input * (1 + k.tanh(0.7978845608028654 * (input + 0.044715 * input * input * input)))
    ),
    name="gelu",
    compute="floating",
)


@composite(method=False, namespaces=("nn.functional",))
def gelu(input, approximate="none"):
    """input * Phi(input), Phi the normal distribution function; approximate="tanh" takes a cheaper formula.

    Source: Hendrycks, Gimpel, arXiv:1606.08415.

    Example:
        >>> torch.nn.functional.gelu(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[1.9545, 0.0000],
                [0.0000, 3.9999]])
    """
    if approximate == "none":
        return _gelu_erf(input)
    if approximate == "tanh":
        return _gelu_tanh(input)
    raise RuntimeError(f"gelu: approximate is {approximate!r}; it must be 'none' or 'tanh'.")


@_activation(compute="smooth")
def mish(input):
    """input * tanh(softplus(input)).

    Example:
        >>> torch.nn.functional.mish(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.2981,  0.0000,  1.9440])
    """
    # tanh(log(1 + e)) = (n - 1) / (n + 1) with n = (1 + e)**2, e = exp(input): no log, no tanh.
    e = k.exp(k.minimum(input, 20.0))
    n = e * (e + 2)
    return k.where(input > 20, input, input * (n / (n + 2)))


@mish.derivative
def _(grad_output, input, result):
    e = k.exp(k.minimum(input, 20.0))
    n = e * (e + 2)
    t = n / (n + 2)
    return grad_output * k.where(input > 20, 1.0, t + input * (1 - t * t) * (e / (1 + e)))


@_activation(rounds=True, slope_rounds=())
def hardtanh(input, min_val=-1.0, max_val=1.0):
    """input held between min_val and max_val.

    Example:
        >>> torch.nn.functional.hardtanh(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """
    return k.minimum(k.maximum(input, min_val), max_val)


@hardtanh.derivative("input")
def _(grad_output, input, min_val, max_val, result):
    return k.where(k.logical_or(input <= min_val, input >= max_val), 0, grad_output)


@_activation
def relu6(input):
    """input held between 0 and 6.

    Example:
        >>> torch.nn.functional.relu6(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """
    return k.minimum(k.maximum(input, 0), 6)


@relu6.derivative
def _(grad_output, input, result):
    return k.where(k.logical_or(input <= 0, input >= 6), 0, grad_output)


@_activation(compute="smooth")
def leaky_relu(input, negative_slope=0.01):
    """input where positive, else negative_slope * input.

    Example:
        >>> torch.nn.functional.leaky_relu(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.0150,  0.0000,  2.0000])
    """
    return k.where(input > 0, input, input * negative_slope)


def _below(input):
    """minimum(input, 0), with a slope of 0 at 0, where that of a minimum is a half."""
    return k.where(input >= 0, 0, input)


@_activation(compute="smooth")
def elu(input, alpha=1.0, scale=1.0, input_scale=1.0):
    """scale * (input where positive, else alpha * (exp(input * input_scale) - 1)).

    Example:
        >>> torch.nn.functional.elu(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.7769,  0.0000,  2.0000])
    """
    return scale * k.where(input > 0, input, alpha * k.expm1(k.minimum(input, 0) * input_scale))


@elu.derivative("input")
def _(grad_output, input, alpha, scale, input_scale, result):
    return (
        grad_output
        * scale
        * k.where(input <= 0, alpha * input_scale * k.exp(_below(input) * input_scale), 1)
    )


@_activation(compute="smooth")
def celu(input, alpha=1.0):
    """max(0, input) + min(0, alpha * (exp(input / alpha) - 1)).

    Example:
        >>> torch.celu(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.7769,  0.0000,  2.0000])
    """
    return k.where(input > 0, input, alpha * k.expm1(k.minimum(input, 0) / alpha))


@celu.derivative("input")
def _(grad_output, input, alpha, result):
    return grad_output * k.where(input <= 0, k.exp(_below(input) / alpha), 1)


@_activation(compute="smooth")
def selu(input):
    """The self-normalising exponential linear unit. Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> torch.selu(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-1.3658,  0.0000,  2.1014])
    """
    return k.where(
        input > 0, input * 1.0507009873554805, 1.7580993408473766 * k.expm1(k.minimum(input, 0))
    )


@selu.derivative
def _(grad_output, input, result):
    return grad_output * k.where(
        input <= 0, 1.7580993408473766 * k.exp(_below(input)), 1.0507009873554805
    )


for _name in ("selu", "celu"):
    register(_name, NAMESPACES["nn.functional"][_name])


@_activation(compute="smooth")
def softplus(input, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * input)) / beta; input itself where beta * input > threshold.

    Example:
        >>> torch.nn.functional.softplus(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([0.2014, 0.6931, 2.1269])
    """
    z = input * beta
    return k.where(z > threshold, input, (k.maximum(z, 0) + k.log1p(k.exp(-k.abs(z)))) / beta)


@softplus.derivative("input")
def _(grad_output, input, beta, threshold, result):
    z = input * beta
    return k.where(z > threshold, grad_output, grad_output * k.sigmoid(z))


@_activation(compute="smooth", row_major="always")
def logsigmoid(input):
    """log(sigmoid(input)) without underflow.

    Example:
        >>> torch.nn.functional.logsigmoid(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-1.7014, -0.6931, -0.1269])
    """
    return k.minimum(input, 0) - k.log1p(k.exp(-k.abs(input)))


@logsigmoid.derivative
def _(grad_output, input, result):
    return grad_output * k.sigmoid(-input)


@_activation(compute="floating")
def softsign(input):
    """input / (1 + abs(input)).

    Example:
        >>> torch.nn.functional.softsign(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.6000,  0.0000,  0.6667])
    """
    return input / (1 + k.abs(input))


@_activation(compute="floating")
def tanhshrink(input):
    """input - tanh(input).

    Example:
        >>> torch.nn.functional.tanhshrink(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.5949,  0.0000,  1.0360])
    """
    return input - k.tanh(input)


@_activation(compute="smooth")
def hardsigmoid(input):
    """clamp(input + 3, 0, 6) / 6.

    Example:
        >>> torch.nn.functional.hardsigmoid(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([0.2500, 0.5000, 0.8333])
    """
    return k.minimum(k.maximum(input + 3, 0), 6) / 6


@hardsigmoid.derivative
def _(grad_output, input, result):
    return k.where(k.logical_and(input > -3, input < 3), grad_output / 6, 0)


@_activation(compute="smooth")
def hardswish(input):
    """input * hardsigmoid(input).

    Example:
        >>> torch.nn.functional.hardswish(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-0.3750,  0.0000,  1.6667])
    """
    return input * k.minimum(k.maximum(input + 3, 0), 6) / 6


@hardswish.derivative
def _(grad_output, input, result):
    # Finite where it is not taken: a tangent multiplies by 0 there.
    slope = k.where(k.abs(input) >= 3, 1, input / 3 + 0.5)
    return k.where(input <= -3, 0, grad_output * slope)


@pointwise(
    inplace=False,
    compute="smooth",
    namespaces=("torch", "nn.functional"),
    rounds=True,
)
def hardshrink(input, lambd=0.5):
    """input where its magnitude exceeds lambd, else 0.

    Example:
        >>> torch.hardshrink(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-1.5000,  0.0000,  2.0000])
    """
    return k.where(k.logical_and(input >= -lambd, input <= lambd), 0, input)


@hardshrink.derivative("input")
def _(grad_output, input, lambd, result):
    return k.where(k.logical_or(input < -lambd, input > lambd), grad_output, 0)


@_activation(compute="smooth", slope_rounds=("lambd",))
def softshrink(input, lambd=0.5):
    """input moved towards 0 by lambd, 0 in between.

    Example:
        >>> torch.nn.functional.softshrink(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([-1.0000,  0.0000,  1.5000])
    """
    return k.where(
        input > lambd,
        input - lambd,
        k.where(input < -lambd, input + lambd, k.where(k.isnan(input), input, 0)),
    )


@softshrink.derivative("input")
def _(grad_output, input, lambd, result):
    return k.where(k.logical_or(input < -lambd, input > lambd), grad_output, 0)


_threshold = make_pointwise(
    lambda input, threshold=0.0, value=0.0: k.where(input <= threshold, value, input),
    name="threshold",
    rounds=("value",),
    slope_rounds=(),
)


@composite(method=False, inplace=True, namespaces=("torch", "nn.functional"))
def threshold(input, threshold, value):
    """input where it exceeds threshold, else value."""
    if not (input.dtype.is_floating_point or input.dtype.is_complex or input.dtype is _core.bool):
        info = iinfo(input.dtype)
        for name, number in (("threshold", threshold), ("value", value)):
            if not info.min <= int(number) <= info.max:
                raise RuntimeError(f"threshold: {name}={number} is out of range for {input.dtype}.")
    return _threshold(input, threshold, value)


_prelu = make_pointwise(
    lambda input, weight: k.where(input > 0, input, weight * input), name="prelu"
)


# What is derived multiplies the side that was not taken by 0: NaN beside an infinity.
@_prelu.derivative("input")
def _(grad_output, input, weight, result):
    return k.where(input > 0, grad_output, weight * grad_output)


@_prelu.derivative("weight")
def _(grad_output, input, weight, result):
    return k.where(input > 0, 0, input * grad_output)


@composite(method=True, namespaces=("torch", "nn.functional"), out=False, autocast="lower")
def prelu(input, weight):
    """input where positive, else weight * input; weight has one value, or one for each channel (dim 1).

    Example:
        >>> torch.prelu(torch.tensor([-2.0, 4.0]), torch.tensor([0.25]))
        tensor([-0.5000,  4.0000])
    """
    if weight.dtype != input.dtype:
        raise RuntimeError(
            f"prelu: input is {input.dtype} but weight is {weight.dtype}. Convert one of them with .to()."
        )
    if weight.dim() > 1:
        raise RuntimeError(
            f"prelu: weight {tuple(weight.shape)} must be a number or a vector, with one slope or "
            "one for each channel."
        )
    if weight.numel() != 1:
        if input.dim() == 0:
            raise RuntimeError(
                f"prelu: input is 0-dim and has no channels for the {weight.numel()} slopes in "
                "weight."
            )
        channels = input.shape[1] if input.dim() > 1 else 1
        if weight.numel() != channels:
            raise RuntimeError(
                f"prelu: weight has {weight.numel()} slopes but input {tuple(input.shape)} has "
                f"{channels} channels in dim 1. Give one slope, or one for each channel."
            )
        weight = weight.reshape(
            [-1 if d == 1 else 1 for d in range(max(input.dim(), 2))][: input.dim()]
        )
    elif weight.dim() > 0:
        weight = weight.reshape(())
    return _prelu(input, weight)
