"""Starting values for parameters. Every function fills its tensor in place and returns it."""

import math

import flambeau

from .. import _core

_UNIT_GAIN = {
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "sigmoid",
}  # fmt: skip


def calculate_gain(nonlinearity, param=None):
    """The factor by which weights must grow to keep the variance through `nonlinearity`.

    Example:
        >>> nn.init.calculate_gain("relu")
        1.4142135623730951

    Source: He et al., 2015, arXiv:1502.01852, for (leaky) relu; Klambauer et al., 2017,
    arXiv:1706.02515, for selu.
    """
    if nonlinearity in _UNIT_GAIN:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(
                f"calculate_gain: param is {param!r}; the slope of leaky_relu must be a number."
            )
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"calculate_gain: {nonlinearity!r} is no nonlinearity it knows.")


def _calculate_fan_in_and_fan_out(tensor):
    """How many inputs feed one output, and how many outputs one input feeds."""
    if tensor.dim() < 2:
        raise ValueError(
            f"init: a tensor {tuple(tensor.shape)} has no fan in and fan out; it needs 2 dims or "
            "more."
        )
    window = math.prod(tensor.shape[2:])
    return tensor.size(1) * window, tensor.size(0) * window


def _calculate_correct_fan(tensor, mode):
    mode = mode.lower()
    modes = ["fan_in", "fan_out"]
    if mode not in modes:
        raise ValueError(f"init: mode is {mode!r}; it must be one of {modes}.")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Fill with values uniform in [a, b).

    Example:
        >>> nn.init.uniform_(torch.empty(3), 2.0, 2.0)
        tensor([2., 2., 2.])
    """
    with flambeau.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Fill with normal values.

    Example:
        >>> nn.init.normal_(torch.empty(100, 100), std=0.1).std().round(decimals=2)
        tensor(0.1000)
    """
    with flambeau.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Fill with normal values drawn again until they lie in [a, b].

    Drawn through the inverse of the normal distribution function, which needs no second draw.

    Example:
        >>> bool(nn.init.trunc_normal_(torch.empty(1000), a=-1.0, b=1.0).abs().max() <= 1)
        True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        _core._warn(
            f"trunc_normal_: mean {mean} lies more than 2 std outside of {a} to {b}, where few "
            "normal numbers fall. Move the bounds."
        )
    low, high = (math.erf((edge - mean) / (std * math.sqrt(2.0))) for edge in (a, b))
    with flambeau.no_grad():
        tensor.uniform_(low, high, generator=generator)
        tensor.erfinv_()
        tensor.mul_(std * math.sqrt(2.0)).add_(mean)
        return tensor.clamp_(min=a, max=b)


def constant_(tensor, val):
    """Fill with `val`.

    Example:
        >>> nn.init.constant_(torch.empty(2), 0.5)
        tensor([0.5000, 0.5000])
    """
    with flambeau.no_grad():
        return tensor.fill_(val)


def ones_(tensor):
    """Fill with 1.

    Example:
        >>> nn.init.ones_(torch.empty(2))
        tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """Fill with 0.

    Example:
        >>> nn.init.zeros_(torch.empty(2))
        tensor([0., 0.])
    """
    with flambeau.no_grad():
        return tensor.zero_()


def eye_(tensor):
    """Make a matrix the identity.

    Example:
        >>> nn.init.eye_(torch.empty(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if tensor.ndimension() != 2:
        raise ValueError(f"eye_: tensor {tuple(tensor.shape)} must be a matrix (2 dims).")
    with flambeau.no_grad():
        tensor.zero_()
        tensor.diagonal().fill_(1)
    return tensor


def dirac_(tensor, groups=1):
    """Make the weight of a convolution hand its input channels through unchanged.

    Example:
        >>> nn.init.dirac_(torch.empty(1, 1, 3))
        tensor([[[0., 1., 0.]]])
    """
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError(
            f"dirac_: tensor {tuple(tensor.shape)} must have 3 to 5 dims, as the weight of a "
            "convolution."
        )
    if tensor.size(0) % groups != 0:
        raise ValueError(
            f"dirac_: groups={groups} does not divide the {tensor.size(0)} channels in dim 0."
        )
    per_group = tensor.size(0) // groups
    center = tuple(n // 2 for n in tensor.shape[2:])
    with flambeau.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.size(1))):
                tensor[(group * per_group + channel, channel, *center)] = 1
    return tensor


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform, keeping the variance forward and backward alike.

    Example:
        >>> nn.init.xavier_uniform_(torch.empty(400, 200)).std().round(decimals=2)
        tensor(0.0600)

    Source: Glorot, Bengio, 2010: std = gain * sqrt(2 / (fan_in + fan_out)).
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """As xavier_uniform_, with normal values.

    Example:
        >>> nn.init.xavier_normal_(torch.empty(400, 200)).std().round(decimals=2)
        tensor(0.0600)
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor, gain):
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform, keeping the variance through rectifiers, forward ("fan_in") or backward ("fan_out").

    Example:
        >>> nn.init.kaiming_uniform_(torch.empty(400, 200)).std().round(decimals=2)
        tensor(0.1000)

    Source: He et al., 2015, arXiv:1502.01852: std = gain / sqrt(fan). `a` is the negative slope.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """As kaiming_uniform_, with normal values.

    Example:
        >>> nn.init.kaiming_normal_(torch.empty(400, 200)).std().round(decimals=2)
        tensor(0.1000)
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _is_empty(tensor):
    if 0 not in tensor.shape:
        return False
    _core._warn("init: the tensor is empty, so nothing is done.")
    return True


def _kaiming_std(tensor, a, mode, nonlinearity):
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def orthogonal_(tensor, gain=1, generator=None):
    """Make the tensor, flattened to two dimensions after the first, (semi-)orthogonal.

    Example:
        >>> w = nn.init.orthogonal_(torch.empty(3, 3))
        >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-5)
        True

    Source: Saxe et al., 2013, arXiv:1312.6120; the sign of the QR factors is fixed so that every
    orthogonal matrix is equally likely (Mezzadri, 2007, arXiv:math-ph/0609050).
    """
    if tensor.ndimension() < 2:
        raise ValueError(f"orthogonal_: tensor {tuple(tensor.shape)} must have 2 dims or more.")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    with flambeau.no_grad():
        normal = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
        q, r = flambeau.linalg.qr(normal if rows >= columns else normal.t())
        q = q * flambeau.diag(r, 0).sign()
        if rows < columns:
            q = q.t()
        tensor.copy_(q.reshape(tensor.shape)).mul_(gain)
    return tensor


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Normal values, of which a share `sparsity` in each column is 0.

    Example:
        >>> (nn.init.sparse_(torch.empty(10, 2), 0.5) == 0).sum(0)
        tensor([5, 5])

    Source: Martens, 2010, "Deep learning via Hessian-free optimization".
    """
    if tensor.ndimension() != 2:
        raise ValueError(f"sparse_: tensor {tuple(tensor.shape)} must be a matrix (2 dims).")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with flambeau.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            places = flambeau.randperm(rows, generator=generator)[:zeros]
            tensor[places, column] = 0
    return tensor


def _deprecated(function, *arguments, sizes=(2, 3)):
    """The old name of `function`, without the underscore; its example has a tensor of `sizes`, and `arguments`."""
    new = function.__name__
    old = new[:-1]

    def renamed(*args, **kwargs):
        _core._warn(f"nn.init.{old}: is an old name. Use nn.init.{new}.", FutureWarning)
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    example = ", ".join([f"torch.empty{sizes}", *map(str, arguments)])
    renamed.__doc__ = f"""The old name of {new}, with the same arguments; it warns.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     nn.init.{old}({example}).shape
        torch.Size({list(sizes)})
    """
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_, 0.5)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_, sizes=(2, 3, 1))
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_, 0.5)


def _no_grad_uniform_(tensor, a, b, generator=None):
    """uniform_(), by the name that libraries import."""
    return uniform_(tensor, a, b, generator)


def _no_grad_normal_(tensor, mean, std, generator=None):
    """normal_(), by the name that libraries import."""
    return normal_(tensor, mean, std, generator)


def _no_grad_trunc_normal_(tensor, mean, std, a, b, generator=None):
    """trunc_normal_(), by the name that libraries import."""
    return trunc_normal_(tensor, mean, std, a, b, generator)


def _no_grad_fill_(tensor, val):
    """constant_(), by the name that libraries import."""
    return constant_(tensor, val)


def _no_grad_zero_(tensor):
    """zeros_(), by the name that libraries import."""
    return zeros_(tensor)
