"""Running results along a dim: cumsum, cumprod, logcumsumexp, cummax, cummin."""

from .._core import indexing
from .core import operators as fl
from .core.arguments import some, wrap_dim
from .core.declare import composite, primitive
from .core.results import result_type
from .core.zeros import into_zeros
from .scatter import private


def _counts(dtype):
    return not (dtype.is_floating_point or dtype.is_complex)


def _scanned(scan, input, dim, dtype):
    """scan(input, dim) in `dtype`; bool and integers are read as they are and give int64."""
    if dtype is None:
        return scan(input, dim)
    if not (_counts(dtype) and _counts(input.dtype)):
        input = input.to(dtype)
    return scan(input, dim).to(dtype)


def _reversed_cumsum(tensor, dim):
    return tensor.flip(dim).cumsum(dim).flip(dim) if tensor.dim() else tensor


@private
def _cumsum(ctx, input, dim):
    ctx.dim = dim
    return indexing.cumsum(input, dim)


@_cumsum.derivative
def _(ctx, grad_output):
    return _reversed_cumsum(grad_output, ctx.dim)


@composite(inplace=True, out="computed")
def cumsum(input, dim, *, dtype=None):
    """out[i] = input[0] + ... + input[i] along dim.

    Dtype: bool and integers give int64. Accuracy: float32 is summed in float64 and rounded once an element.

    Example:
        >>> torch.cumsum(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[1., 3.],
                [3., 7.]])
    """
    return _scanned(_cumsum, input, dim, dtype)


def _kept(ctx, scan, input, dim):
    """scan(input, dim), and kept for backward what it was of and what it gave."""
    result = scan(input, dim)
    ctx.save_for_backward(input, result)
    ctx.dim = dim
    return result


@private
def _cumprod(ctx, input, dim):
    return _kept(ctx, indexing.cumprod, input, dim)


@_cumprod.derivative
def _(ctx, grad_output):
    input, result = ctx.saved
    dim = ctx.dim
    if input.dim() == 0 or input.size(dim) <= 1 or input.numel() == 0:
        return grad_output * 1
    conjugate = input.dtype.is_complex
    if conjugate:
        input, result = input.conj(), result.conj()
    if not some(input == 0):
        return _reversed_cumsum(grad_output * result, dim) / input
    dim = wrap_dim(dim, input.dim(), "cumprod")
    if not fl.is_grad_enabled():
        return _past_zeros(grad_output, input, result, dim)
    # d result[j] / d input[k] is the product of input[0..j] without input[k]: with zeros there is no dividing.
    n = input.size(dim)
    parts = []
    for k in range(n):
        after = input.narrow(dim, k + 1, n - k - 1)
        factors = fl.cat([fl.ones_like(input.narrow(dim, k, 1)), after], dim).cumprod(dim)
        if k:
            factors = factors * input.narrow(dim, 0, k).prod(dim, keepdim=True)
        parts.append((grad_output.narrow(dim, k, n - k) * factors).sum(dim, keepdim=True))
    return fl.cat(parts, dim)


def _past_zeros(grad_output, input, result, dim):
    """The gradient of cumprod of an input with zeros; its own derivative would not be right.

    What stands behind the first zero of a lane has no gradient; the first zero has that of the products without it.
    """
    zero = input == 0
    seen = zero.cumsum(dim)
    first = zero & (seen == 1)
    without = input.masked_fill(first, 1).cumprod(dim)
    of_first = (grad_output * without).masked_fill(seen == 0, 0).sum(dim, keepdim=True)
    before = _reversed_cumsum((grad_output * result).masked_fill(seen > 0, 0), dim)
    return fl.where(first, of_first, before / input.masked_fill(zero, 1))


@composite(inplace=True, out="computed")
def cumprod(input, dim, *, dtype=None):
    """out[i] = input[0] * ... * input[i] along dim. Dtype: bool and integers give int64.

    Example:
        >>> torch.cumprod(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[ 1.,  2.],
                [ 3., 12.]])
    """
    return _scanned(_cumprod, input, dim, dtype)


@primitive(out="same")
def logcumsumexp(ctx, input, dim):
    """log of the running sum of exp(input) along dim, without overflow. Dtype: floating and complex.

    Example:
        >>> torch.logcumsumexp(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[1.0000, 2.3133],
                [3.0000, 4.3133]])
    """
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise NotImplementedError(
            f"logcumsumexp: input is {input.dtype}, but it must be floating or complex. Convert it "
            "with .float() first."
        )
    return _kept(ctx, indexing.logcumsumexp, input, dim)


@logcumsumexp.derivative
def _(ctx, grad_output):
    input, result = ctx.saved
    if input.dim() == 0 or input.numel() == 0:
        return grad_output * 1
    return _weighed_back(grad_output, input.conj(), result.conj(), ctx.dim)


def _in_logs(scan, factors, add, subtract):
    """exp(scan(log(factors) + add) - subtract), for factors of either sign."""
    if factors.dtype.is_complex:
        return fl.exp(scan(fl.log(factors) + add) - subtract)
    # As good as nothing, but finite even less a result: infinities would meet.
    nothing = fl.finfo(factors.dtype).min / 2
    size = fl.log(fl.abs(factors).masked_fill(factors == 0, 1))
    up = size.masked_fill(factors <= 0, nothing)
    down = size.masked_fill(factors >= 0, nothing)
    return fl.exp(scan(up + add) - subtract) - fl.exp(scan(down + add) - subtract)


# Both are linear in their first argument, which logarithms hide where it is 0: each is the other's derivative.


@private
def _weighed_back(ctx, grad, input, result, dim):
    """out[i] = the sum over j >= i of grad[j] * exp(input[i] - result[j])."""
    ctx.save_for_backward(grad, input, result)
    ctx.dim = dim
    return _in_logs(lambda t: t.flip(dim).logcumsumexp(dim).flip(dim), grad, -result, -input)


@_weighed_back.derivative
def _(ctx, grad_output):
    grad, input, result = ctx.saved
    input, result, dim = input.conj(), result.conj(), ctx.dim
    slope = _weighed_on(grad_output, input, result, dim)
    back = _weighed_back(grad.conj(), input, result, dim)
    return slope, grad_output * back, -grad.conj() * slope, None


@private
def _weighed_on(ctx, tangent, input, result, dim):
    """out[j] = the sum over i <= j of tangent[i] * exp(input[i] - result[j])."""
    ctx.save_for_backward(tangent, input, result)
    ctx.dim = dim
    return _in_logs(lambda t: t.logcumsumexp(dim), tangent, input, result)


@_weighed_on.derivative
def _(ctx, grad_output):
    tangent, input, result = ctx.saved
    input, result, dim = input.conj(), result.conj(), ctx.dim
    slope = _weighed_back(grad_output, input, result, dim)
    on = _weighed_on(tangent.conj(), input, result, dim)
    return slope, tangent.conj() * slope, -grad_output * on, None


def _keep_places(ctx, input, dim, result):
    ctx.save_for_backward(result.indices)
    ctx.dim, ctx.shape = dim, input.shape
    return result


def _to_places(ctx, grad_values):
    (indices,) = ctx.saved
    if grad_values.dtype in (fl.float16, fl.bfloat16):  # a sum of ones would stay at 2048 or 256
        wide = grad_values.float()
        return into_zeros("scatter_add", ctx.shape, wide, ctx.dim, indices, wide).to(
            grad_values.dtype
        )
    return into_zeros("scatter_add", ctx.shape, grad_values, ctx.dim, indices, grad_values)


Cummax = result_type("cummax", "values indices")
Cummin = result_type("cummin", "values indices")


@primitive
def cummax(ctx, input, dim):
    """The greatest value so far along dim and the place of its last occurrence; from a NaN on, NaN.

    Example:
        >>> torch.cummax(torch.tensor([1, 3, 2]), 0).values
        tensor([1, 3, 3])
    """
    return _keep_places(ctx, input, dim, Cummax._make(indexing.cummax(input, dim)))


@cummax.derivative
def _(ctx, grad_values, _):
    return _to_places(ctx, grad_values)


@primitive
def cummin(ctx, input, dim):
    """The least value so far along dim and the place of its last occurrence; from a NaN on, NaN.

    Example:
        >>> torch.cummin(torch.tensor([3, 1, 2]), 0)
        torch.return_types.cummin(
        values=tensor([3, 1, 1]),
        indices=tensor([0, 1, 1]))
    """
    return _keep_places(ctx, input, dim, Cummin._make(indexing.cummin(input, dim)))


@cummin.derivative
def _(ctx, grad_values, _):
    return _to_places(ctx, grad_values)
