"""Moments, quantiles and covariances."""

import math

from .. import _core
from .core import operators as fl
from .core.arguments import every, is_left_out, require_floating, some, wrap_dim, wrap_dims
from .core.declare import composite, primitive
from .core.ways import reduction_way
from .reduce import ReductionSpec, kept, moment_reduction, moments, reduced_and_kept


def _moment_arguments(operator, dim, unbiased, correction, keepdim):
    """(dims, correction, keepdim) from the three ways to call: (dim, unbiased), (unbiased), correction=."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if isinstance(unbiased, bool) and correction is not None:
        raise TypeError(f"{operator}: give either unbiased or correction, not both.")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dim, correction, keepdim


@primitive(method=False, function=False)
def _moments(ctx, input, kind, dims, correction, keepdim):
    """The kernel called `kind`: var, std, var_mean or std_mean."""
    results = moments(kind, input, dims, correction, keepdim)
    if not input.numel() and not math.prod(input.size(d) for d in dims):
        for result in results:  # of nothing, whatever the correction is
            result.fill_(math.nan)
    ctx.kind, ctx.dims, ctx.correction, ctx.keepdim = kind, dims, correction, keepdim
    ctx.set_materialize_grads(False)  # a variance nobody uses may be infinite: no 0 * inf
    ctx.save_for_backward(input, results[0] if kind.startswith("std") else None)
    return results


@_moments.derivative
def _(ctx, grad_output, grad_mean=None):
    if grad_output is None and grad_mean is None:
        return None, None, None, None, None
    options = ctx.dims, ctx.correction, ctx.keepdim
    return _moment_gradient(grad_output, *ctx.saved, *options, grad_mean), None, None, None, None


def _moment_gradient(grad_output, input, std, dims, correction, keepdim, grad_mean=None):
    """The gradient of var, or of std where that is given; and of the mean, if both come, or that alone."""
    count = math.prod(input.size(d) for d in dims)
    degrees = count - correction

    def spread(values):
        return kept(values, dims, input.dim(), keepdim)

    if grad_output is None:
        return (spread(grad_mean) / count).expand(input.shape)

    if std is not None:
        # d std = d var / (2 std); 0 where all elements are equal.
        zero = std == 0
        grad_output = fl.where(
            zero, fl.zeros_like(std), grad_output / (2 * fl.where(zero, fl.ones_like(std), std))
        )
    centred = input - input.mean(dims, keepdim=True)
    scale = 2 / degrees if degrees else math.inf  # below 0 too: the variance is infinite there
    result = spread(grad_output) * centred * scale
    if grad_mean is not None:
        result = result + spread(grad_mean) / count
    return result


def _var_backward(grad_output, input, result, dims, keepdim):
    return _moment_gradient(grad_output, input, None, dims, 1, keepdim)


def _std_backward(grad_output, input, result, dims, keepdim):
    return _moment_gradient(grad_output, input, result, dims, 1, keepdim)


def _spread(operator, input, dim, correction, keepdim):
    require_floating(input, operator)
    of_all = is_left_out(dim)
    dims = wrap_dims(None if of_all else dim, input.dim(), operator)
    dims = dims if input.dim() else []
    count = input.numel() if of_all else math.prod(input.size(d) for d in dims)
    results = of_all or math.prod(input.size(d) for d in range(input.dim()) if d not in dims)
    if count <= correction or not results:
        _core._warn(
            f"{operator}: no degrees of freedom are left, as correction={correction} is not below the "
            f"{count} elements of each result. Pass a smaller correction."
        )
    results = _moments(input, operator, dims, float(correction), keepdim)
    return results if operator.endswith("mean") else results[0]


@composite
def var(input, dim: object = None, unbiased=None, keepdim=False, *, correction=None):
    """The mean squared distance from the mean over `dim`; the count is lessened by `correction` (1).

    Example:
        >>> torch.var(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(1.6667)
    """
    return _spread("var", input, *_moment_arguments("var", dim, unbiased, correction, keepdim))


@composite
def std(input, dim: object = None, unbiased=None, keepdim=False, *, correction=None):
    """The square root of `var`. Gradient: 0 where all elements are equal.

    Example:
        >>> torch.std(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(1.2910)
    """
    return _spread("std", input, *_moment_arguments("std", dim, unbiased, correction, keepdim))


for _operator, _accepts, _backward in ((var, "adfwo", _var_backward), (std, "adfw", _std_backward)):
    reduction_way(
        _operator,
        moment_reduction[_operator.__name__],
        "s",
        _accepts,
        parameter=1.0,
        backward=_backward,
    )


@composite(method=False, out=False)
def var_mean(input, dim: object = None, unbiased=None, keepdim=False, *, correction=None) -> tuple:
    """(var, mean) over `dim`.

    Example:
        >>> torch.var_mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        (tensor(1.6667), tensor(2.5000))
    """
    return _spread(
        "var_mean", input, *_moment_arguments("var_mean", dim, unbiased, correction, keepdim)
    )


@composite(method=False, out=False)
def std_mean(input, dim: object = None, unbiased=None, keepdim=False, *, correction=None) -> tuple:
    """(std, mean) over `dim`.

    Example:
        >>> torch.std_mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        (tensor(1.2910), tensor(2.5000))
    """
    return _spread(
        "std_mean", input, *_moment_arguments("std_mean", dim, unbiased, correction, keepdim)
    )


@composite
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean of the elements that are not NaN.

    Example:
        >>> torch.nanmean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(2.5000)
    """
    require_floating(input, "nanmean")
    if dtype is not None:
        input = input.to(dtype)
    known = ~input.isnan()
    total = fl.where(known, input, fl.zeros_like(input))
    return total.sum(dim, keepdim) / known.sum(dim, keepdim)


_logsumexp_kernel = _core.Reduction(ReductionSpec("logsumexp"))


@primitive(method=False, function=False)
def _log_sum_exp(ctx, input, dims, keepdim):
    """logsumexp of real numbers in one pass."""
    return reduced_and_kept(ctx, _logsumexp_kernel, input, dims, keepdim)


@_log_sum_exp.derivative
def _(ctx, grad_output):
    return _log_sum_exp_backward(grad_output, *ctx.saved, ctx.dims, ctx.keepdim), None, None


def _log_sum_exp_backward(grad_output, input, result, dims, keepdim):
    grad, result = (kept(values, dims, input.dim(), keepdim) for values in (grad_output, result))
    # Against -inf the elements count as they are, e**-inf = 0. The share of an infinite one is NaN.
    shift = fl.where(result == -math.inf, fl.zeros_like(result), result)
    return grad * (input - shift).exp()


@composite(namespaces=("torch", "special"))
def logsumexp(input, dim, keepdim=False):
    """log(sum(exp(input))) over `dim`, without overflow.

    Example:
        >>> torch.logsumexp(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([2.3133, 4.3133])
    """
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        input = input.to(fl.get_default_dtype())
    dims = wrap_dims(None if is_left_out(dim) else dim, input.dim(), "logsumexp")
    if input.dim() == 0:
        return logsumexp(input.reshape(1), 0).reshape(())
    if input.numel() == 0:
        return input.exp().sum(dims, keepdim).log()
    if not input.dtype.is_complex:
        return _log_sum_exp(input, dims, keepdim)
    largest = input.detach().real.amax(dims, keepdim=True)
    largest = fl.where(largest.isfinite(), largest, fl.zeros_like(largest))
    result = (input - largest).exp().sum(dims, keepdim=True).log() + largest
    if keepdim:
        return result
    return result.reshape([size for d, size in enumerate(input.shape) if d not in dims])


logsumexp = reduction_way(logsumexp, _logsumexp_kernel, "s", "df", backward=_log_sum_exp_backward)

_interpolations = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(operator, input, q, dim, keepdim, interpolation, ignore_nan):
    if input.dtype not in (fl.float32, fl.float64):
        raise RuntimeError(
            f"{operator}: input is {input.dtype}; it must be float32 or float64. Convert it with "
            ".float() first."
        )
    if interpolation not in _interpolations:
        raise RuntimeError(
            f"{operator}: interpolation is {interpolation!r}; it must be 'linear', 'lower', "
            "'higher', 'midpoint' or 'nearest'."
        )
    if isinstance(q, (int, float)) or _core._is_array_scalar(q):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{operator}: q is {q}; it must be from 0 to 1.")
        q = fl.tensor(float(q), dtype=input.dtype, device=input.device)
    if q.dim() > 1:
        raise RuntimeError(f"{operator}: q must be a number or a vector (1 dim).")
    if q.dtype != input.dtype:
        raise RuntimeError(
            f"{operator}: q is {q.dtype} but input is {input.dtype}. Convert q with "
            ".to(input.dtype)."
        )
    if q.numel() and not every((q >= 0) & (q <= 1)):
        raise RuntimeError(f"{operator}: q holds numbers outside of 0 to 1.")
    if input.numel() == 0:
        raise RuntimeError(f"{operator}: input is empty, and of nothing there is no quantile.")
    ndim = input.dim()
    if dim is None:
        rows = input.reshape(-1)
        kept = [1] * ndim if keepdim else []
    else:
        dim = wrap_dim(dim, ndim, operator)
        rows = input.unsqueeze(-1).transpose(dim, -1).squeeze(dim) if ndim else input.reshape(1)
        kept = list(input.shape)
        if ndim:
            kept[dim : dim + 1] = [1] if keepdim else []
    rows = rows.sort(-1).values  # NaN sort last
    last = rows.size(-1) - 1
    unknown = rows.isnan()
    quantiles = q.reshape(-1)
    if ignore_nan:
        count = (~unknown).sum(-1, keepdim=True)
        ranks = quantiles * (count - 1).clamp_min(0).to(rows.dtype)
    else:
        # One NaN makes its whole row NaN: every rank then points at the last element.
        ranks = quantiles * last
        ranks = fl.where(unknown.any(-1, keepdim=True), fl.full_like(ranks, last), ranks)
    ranks = ranks.expand(*rows.shape[:-1], quantiles.numel())
    if interpolation == "lower":
        ranks = ranks.floor()
    elif interpolation == "higher":
        ranks = ranks.ceil()
    elif interpolation == "nearest":
        ranks = ranks.round()
    below = ranks.floor()
    result = rows.gather(-1, below.to(fl.int64))
    if interpolation in ("linear", "midpoint"):
        above = rows.gather(-1, ranks.ceil().to(fl.int64))
        weight = fl.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
        result = fl.lerp(result, above, weight)
    # (*rows, Q): the quantiles come first, or vanish for a single q.
    result = result.movedim(-1, 0) if q.dim() else result.squeeze(-1)
    return result.reshape([*q.shape, *kept])


@composite(out="same", autocast="float32")
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The values below which the fractions q of a dimension lie.

    Shape: q a number drops `dim`, or keeps it as 1; q a vector (Q) puts Q in front.
    Special values: a NaN makes the quantiles of its row NaN; `nanquantile` leaves it out.

    Example:
        >>> torch.quantile(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor(4.)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, ignore_nan=False)


@composite(out="same", autocast="float32")
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """`quantile` of the elements that are not NaN.

    Example:
        >>> torch.nanquantile(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor(4.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, ignore_nan=True)


def _check_weights(name, weights, count, integral):
    if weights.dim() > 1:
        raise RuntimeError(f"cov: {name} {tuple(weights.shape)} must be a vector (1 dim).")
    is_floating = weights.dtype.is_floating_point or weights.dtype.is_complex
    if is_floating == integral:
        raise RuntimeError(
            f"cov: {name} are {weights.dtype}; they must be "
            f"{'integers' if integral else 'floating'}."
        )
    if weights.numel() != count:
        raise RuntimeError(
            f"cov: {name} hold {weights.numel()} weights for {count} observations. Give one for "
            "each."
        )
    if count and some(weights < 0):
        raise RuntimeError(f"cov: {name} hold numbers below 0.")


@composite(out=False)
def cov(input, *, correction: int = 1, fweights=None, aweights=None):
    """The covariance matrix of the rows of `input`, whose columns are observations.

    fweights counts, and aweights weighs, the observations; both are vectors.

    Example:
        >>> torch.cov(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"cov: input {tuple(input.shape)} must be (variables, observations), or one variable."
        )
    if input.dtype == fl.bool:
        raise RuntimeError("cov: input is bool. Convert it with .float() first.")
    rows = input.reshape(1, -1) if input.dim() < 2 else input
    count = rows.size(1)
    weights = None
    if fweights is not None:
        _check_weights("fweights", fweights, count, integral=True)
        weights = fweights
    if aweights is not None:
        _check_weights("aweights", aweights, count, integral=False)
        weights = aweights if weights is None else weights * aweights
    if not (rows.dtype.is_floating_point or rows.dtype.is_complex):
        rows = rows.to(fl.get_default_dtype())
    total = count if weights is None else weights.sum()
    if weights is not None and some(total == 0):
        raise RuntimeError("cov: the weights sum to zero, so there is no mean.")
    mean = (
        rows.mean(1, keepdim=True)
        if weights is None
        else (rows * weights).sum(1, keepdim=True) / total
    )
    if weights is not None and aweights is not None and correction != 0:
        degrees = total - correction * (weights * aweights).sum() / total
    else:
        degrees = total - correction
    degrees = max(degrees, 0) if weights is None else degrees.clamp_min(0)
    centered = rows - mean
    weighted = centered if weights is None else centered * weights
    other = weighted.t().conj() if rows.dtype.is_complex else weighted.t()
    result = fl.mm(centered.to(other.dtype), other) / degrees
    return result.squeeze()


@composite(out=False)
def corrcoef(input):
    """The correlation matrix of the rows of `input`: `cov` with a diagonal of 1.

    Example:
        >>> torch.corrcoef(torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"corrcoef: input {tuple(input.shape)} must be (variables, observations), or one "
            "variable."
        )
    covariance = fl.cov(input)
    if covariance.dim() == 0:
        return covariance / covariance
    deviation = (
        covariance.diagonal().real if covariance.dtype.is_complex else covariance.diagonal()
    ).sqrt()
    result = covariance / deviation.unsqueeze(1) / deviation
    if result.dtype.is_complex:
        return fl.complex(result.real.clamp(-1, 1), result.imag.clamp(-1, 1))
    return fl.where(result.isnan(), result, result.clamp(-1, 1))  # with a gradient of NaN
