"""Row operators: several passes over one row while it is in cache. softmax, norms.

A row runs along one dimension; where that is not the last one, a transposed copy makes it so.
"""

import functools

from .. import _core
from .core import operators as fl
from .core.arguments import check_parameters, few, reduced_dims, refuse_uncomputed
from .core.attach import attached
from .core.declare import composite, make_pointwise, primitive
from .core.ways import by_dtype, native_way

_kernels = {}


def run_rows(name, outputs, inputs, kinds, n_rows, row_len, as_dtype=None):
    """Runs the row function `name`, a Rows or one of kernels/row_functions.py, on contiguous tensors."""
    key = (name, kinds, as_dtype, *(t.dtype for t in outputs), *(t.dtype for t in inputs))
    address = _kernels.get(key)
    if address is None:
        from ..kernels.schedules import row_functions

        rows = getattr(row_functions, name) if isinstance(name, str) else name
        refuse_uncomputed(
            rows.name, [t.dtype.name for t in inputs], [t.dtype.name for t in outputs]
        )
        address = _kernels[key] = rows.compile(
            tuple(t.dtype.name for t in inputs),
            kinds,
            tuple(t.dtype.name for t in outputs),
            as_dtype,
        )
    _core._rows(address, outputs, inputs, kinds, n_rows, row_len)
    return address


def _scalar(value, x):
    """A parameter shared by all rows of x."""
    return _core.full((1,), value, dtype=_statistic_dtype(x.dtype), device=x.device)


def _as_rows(input, dim):
    """input with `dim` last, contiguous."""
    return (input if dim == input.dim() - 1 else input.transpose(dim, -1)).contiguous()


_short = {}  # (name, dtype) -> address, for one contiguous input along its last dimension


def _along(name, inputs, dim):
    """A row function of tensors of one shape, along dim; gives a tensor of that shape."""
    first = inputs[0]
    address = _short.get((name, first.dtype))
    if address is not None and dim == first.dim() - 1 and first.is_contiguous() and first.numel():
        out = _core.empty_like(first)
        length = first.shape[-1]
        _core._rows(address, (out,), inputs, "vv", first.numel() // length, length)
        return out
    if first.numel() == 0:
        return _core.empty_like(first)
    if name in _ACROSS and _core._is_of_columns(first, dim):
        return _ACROSS[name](*inputs, dim)
    moved = [_as_rows(t, dim) for t in inputs]
    length = moved[0].shape[-1]
    out = _core.empty_like(moved[0])
    address = run_rows(name, (out,), moved, "v" * (1 + len(moved)), out.numel() // length, length)
    if len(moved) == 1:
        _short[name, out.dtype] = address
    return out if dim == first.dim() - 1 else out.transpose(dim, -1).contiguous()


# The same along a dimension that is not the last, without a transposed copy.

_ACROSS = {
    name + suffix: functools.partial(call, log=name == "log_softmax")
    for name in ("softmax", "log_softmax")
    for suffix, call in (
        ("", _core._softmax_of_columns),
        ("_backward", _core._softmax_of_columns_backward),
    )
}

# An infinite weight leaves no number in its channel, as in PyTorch, which multiplies the mean by it too.
affine = make_pointwise(
    lambda input, weight, bias: input * weight + (bias + weight * 0), name="affine"
)


def _softmax_like(name):
    backward_name = name + "_backward"

    @primitive(name=backward_name, function=False, method=False)
    def backward(ctx, grad_output, result, dim):
        ctx.save_for_backward(grad_output, result)
        ctx.dim = dim
        return _along(backward_name, (grad_output, result), dim)

    @primitive(name=name, function=False, method=False)
    def forward(ctx, input, dim):
        result = _along(name, (input,), dim)
        ctx.save_for_backward(result)
        ctx.dim = dim
        return result

    @forward.derivative
    def _(ctx, grad_output):
        (result,) = ctx.saved
        return backward(grad_output, result, ctx.dim), None

    return forward, backward


_softmax, _softmax_backward = _softmax_like("softmax")
_log_softmax, _log_softmax_backward = _softmax_like("log_softmax")


@_softmax_backward.derivative
def _(ctx, g):
    # backward(grad, y) = y * (grad - sum(grad * y))
    grad, y = ctx.saved
    inner = (grad * y).sum(ctx.dim, keepdim=True)
    total = (g * y).sum(ctx.dim, keepdim=True)
    return y * (g - total), g * (grad - inner) - grad * total, None


@_log_softmax_backward.derivative
def _(ctx, g):
    # backward(grad, y) = grad - exp(y) * sum(grad)
    grad, y = ctx.saved
    p = y.exp()
    return g - (g * p).sum(ctx.dim, keepdim=True), -g * p * grad.sum(ctx.dim, keepdim=True), None


def _prepare(input, dim, dtype, name):
    if dtype is not None:
        input = input.to(dtype)
    if not input.dtype.is_floating_point and input.numel():
        raise NotImplementedError(
            f"{name}: input is {input.dtype}, but it must be floating. Pass dtype=torch.float32, "
            "or convert it with .float()."
        )
    ndim = input.dim()
    if type(dim) is int and 0 < ndim and -ndim <= dim < ndim:
        return input, (dim % ndim,)
    return input, reduced_dims(int(dim), ndim, name)


def _of_nothing(input):
    """A result without elements; not linear in input, so its gradient has a history as that of others."""
    return input * input if input.dtype.is_floating_point else input.clone()


@composite(namespaces=("torch", "special", "nn.functional"), out="same")
def softmax(input, dim, dtype=None):
    """exp(input) over its sum along dim: positive numbers that add up to 1.

    Example:
        >>> torch.softmax(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[0.2689, 0.7311],
                [0.2689, 0.7311]])
    """
    input, dims = _prepare(input, dim, dtype, "softmax")
    if not input.numel():
        return _of_nothing(input)
    return _softmax(input, dims[0]) if dims else _softmax(input.reshape(1), 0).reshape(())


@composite(namespaces=("torch", "special", "nn.functional"), out="same")
def log_softmax(input, dim, dtype=None):
    """log(softmax(input, dim)), computed without under- or overflow.

    Example:
        >>> torch.log_softmax(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[-1.3133, -0.3133],
                [-1.3133, -0.3133]])
    """
    input, dims = _prepare(input, dim, dtype, "log_softmax")
    if not input.numel():
        return _of_nothing(input)
    return _log_softmax(input, dims[0]) if dims else _log_softmax(input.reshape(1), 0).reshape(())


def _softmax_kernels(name):
    """compile(variant, dtype) of a row function (0) and of its backward (1)."""

    @by_dtype
    def compile(variant, dtype):
        from ..kernels.schedules import row_functions

        refuse_uncomputed(name, [dtype.name], [dtype.name])
        rows = getattr(row_functions, (name, name + "_backward")[variant])
        return rows.compile((dtype.name,) * rows.n_in, "v" * (1 + rows.n_in), (dtype.name,))

    return compile


def _norm_kernels(*names):
    """compile(variant, dtype) of the norms `names`, the first two without statistics among their results."""

    @by_dtype
    def compile(variant, dtype):
        from ..kernels.schedules import row_functions

        rows = getattr(row_functions, names[variant])
        refuse_uncomputed(names[variant], [dtype.name], [dtype.name])
        wide = _statistic_dtype(dtype).name
        n_statistics = 0 if variant < 2 else 2 if "layer" in names[variant] else 1
        return rows.compile(
            (*(dtype.name,) * (rows.n_in - 1), wide),
            "v" + "x" * n_statistics + "v" * (rows.n_in - 1) + "x",
            (dtype.name, *(wide,) * n_statistics),
        )

    return compile


softmax = native_way(softmax, "softmax", _softmax_kernels("softmax"), _softmax_backward)
log_softmax = native_way(
    log_softmax, "softmax", _softmax_kernels("log_softmax"), _log_softmax_backward
)

# ------------------------------------------------------------------------------------------------ norms


def _norm_sizes(input, normalized_shape, weight, bias, name):
    if isinstance(normalized_shape, int):
        raise TypeError(
            f"{name}: normalized_shape is an int; it must be a tuple or list, such as ({normalized_shape},)."
        )
    shape = few(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"{name}: input {tuple(input.shape)} does not end in normalized_shape {tuple(shape)}."
        )
    for what, t in (("weight", weight), ("bias", bias)):
        if t is not None and tuple(t.shape) != shape:
            raise RuntimeError(
                f"{name}: {what} {tuple(t.shape)} must have the shape of normalized_shape, "
                f"{tuple(shape)}."
            )
    length = 1
    for s in shape:
        length *= s
    return length


def _statistic_dtype(dtype):
    return _core.float64 if dtype is _core.float64 else _core.float32


@primitive(name="layer_norm", function=False, method=False)
def _layer_norm(ctx, input, length, weight, bias, eps):
    x = input.contiguous()
    n_rows = x.numel() // length if length else 0
    out = _core.empty_like(x)
    mean = _core.empty(n_rows, dtype=_statistic_dtype(x.dtype), device=x.device)
    rstd = _core.empty_like(mean)
    if x.numel():
        affine = [t.contiguous() for t in (weight, bias) if t is not None]
        name = (
            "layer_norm_affine"
            if len(affine) == 2
            else "layer_norm_weight"
            if weight is not None
            else "layer_norm"
        )
        if weight is None and bias is not None:
            name, affine = "layer_norm", []
        run_rows(
            name,
            (out, mean, rstd),
            (x, *affine, _scalar(eps, x)),
            "vxxv" + "v" * len(affine) + "x",
            n_rows,
            length,
        )
        if weight is None and bias is not None:
            out = out + bias
    ctx.save_for_backward(input, mean, rstd, weight)  # not x: a copy would have no history
    ctx.length, ctx.eps = length, eps
    return out


@_layer_norm.derivative
def _(ctx, grad_output):
    needs = ctx.needs_input_grad
    wanted = needs[0], needs[2], needs[3]
    grads = _layer_norm_backward(grad_output, *ctx.saved, ctx.length, ctx.eps, wanted)
    return grads[0], None, *grads[1:], None


def _layer_norm_backward(grad_output, x, mean, rstd, weight, length, eps, wanted):
    """The gradients of x, weight and bias, as far as they are wanted."""
    grad = grad_output.contiguous()
    if _core.is_grad_enabled() or _core._is_batched(grad):
        return _layer_norm_gradients(x, weight, grad, length, eps, wanted)
    if x.numel() and x.dtype in (fl.float32, fl.float64) and x.device.type == "cpu":
        made = _core._layer_norm_backward(grad, x, mean, rstd, weight, length, *wanted)
        grad_input, *vectors = made
        shape = (-1,) if weight is None else weight.shape
        return grad_input, *(None if v is None else v.reshape(shape) for v in vectors)
    x = x.contiguous()
    n_rows = x.numel() // length if length else 0
    grad_input = grad_weight = grad_bias = None
    rows = grad.reshape(n_rows, length)
    if x.numel() and (wanted[0] or wanted[1]):
        grad_input = _core.empty_like(x)
        outputs, inputs, kinds = (grad_input,), (grad, x, mean, rstd), "vvvxx"
        name = "layer_norm_backward"
        if weight is not None:
            name = "layer_norm_weight_backward"
            inputs, kinds = (*inputs, weight.contiguous()), "vvvxxv"
        if wanted[1]:
            name = "layer_norm_both_backward"
            products = _core.empty((n_rows, length), dtype=x.dtype, device=x.device)
            outputs, kinds = (grad_input, products), "vvvvxxv"
        run_rows(name, outputs, inputs, kinds, n_rows, length)
        if wanted[1]:
            grad_weight = products.sum(0).reshape(weight.shape)
    elif wanted[0] or wanted[1]:
        grad_input = _core.empty_like(x)
        grad_weight = (
            _core.zeros(weight.shape, dtype=x.dtype, device=x.device) if wanted[1] else None
        )
    if wanted[2]:
        grad_bias = rows.sum(0).reshape(-1)
        grad_bias = grad_bias.reshape(weight.shape) if weight is not None else grad_bias
    return grad_input, grad_weight, grad_bias


def _blocks(tensor, length):
    """A row for each trailing block of `length` elements; blocks of nothing give no rows."""
    return tensor.reshape(tensor.numel() // length if length else 0, length)


def _layer_norm_gradients(x, weight, grad, length, eps, wanted):
    """The same by differentiable operators, for gradients of gradients."""
    rows, g = _blocks(x, length), _blocks(grad, length)
    centred = rows - rows.mean(1, keepdim=True)
    rstd = ((centred * centred).mean(1, keepdim=True) + eps).rsqrt()
    normal = centred * rstd
    scaled = g if weight is None else g * weight.reshape(-1)
    grad_input = rstd * (
        scaled - scaled.mean(1, keepdim=True) - normal * (scaled * normal).mean(1, keepdim=True)
    )
    shape = None if weight is None else weight.shape
    grad_bias = None
    if wanted[2]:
        grad_bias = attached(g.sum(0) if shape is None else g.sum(0).reshape(shape), x, weight)
    return (
        grad_input.reshape(x.shape) if wanted[0] else None,
        (g * normal).sum(0).reshape(shape) if wanted[1] else None,
        grad_bias,
    )


@composite(method=False, out=False, namespaces=("torch", "nn.functional"))
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """Each trailing block of sizes normalized_shape shifted and scaled to mean 0 and variance 1.

    out = (input - mean) / sqrt(var + eps) * weight + bias; var divides by the count.
    Source: Ba, Kiros, Hinton, arXiv:1607.06450.
    """
    length = _norm_sizes(input, normalized_shape, weight, bias, "layer_norm")
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"layer_norm: input is {input.dtype}, but it must be floating. Convert it with "
            ".float() first."
        )
    if any(p is not None and p.dtype is not input.dtype for p in (weight, bias)):
        check_parameters("layer_norm", input, weight=weight, bias=bias)
    if bias is not None and weight is None:
        return (_layer_norm(input, length, None, None, eps) + bias).to(input.dtype)
    return _layer_norm(input, length, weight, bias, eps)


layer_norm = native_way(
    layer_norm,
    "layer_norm",
    _norm_kernels("plain_layer_norm", "plain_layer_norm_affine", "layer_norm", "layer_norm_affine"),
    _layer_norm_backward,
)


@primitive(name="rms_norm", function=False, method=False)
def _rms_norm(ctx, input, length, weight, eps):
    x = input.contiguous()
    n_rows = x.numel() // length if length else 0
    out = _core.empty_like(x)
    rstd = _core.empty(n_rows, dtype=_statistic_dtype(x.dtype), device=x.device)
    if x.numel():
        affine = () if weight is None else (weight.contiguous(),)
        name = "rms_norm" if weight is None else "rms_norm_weight"
        run_rows(
            name,
            (out, rstd),
            (x, *affine, _scalar(eps, x)),
            "vxv" + "v" * len(affine) + "x",
            n_rows,
            length,
        )
    ctx.save_for_backward(input, rstd, weight)  # not x: a copy would have no history
    ctx.length, ctx.eps = length, eps
    return out


@_rms_norm.derivative
def _(ctx, grad_output):
    needs = ctx.needs_input_grad
    wanted = needs[0], needs[2]
    grads = _rms_norm_backward(grad_output, *ctx.saved, ctx.length, ctx.eps, wanted)
    return grads[0], None, grads[1], None


def _rms_norm_backward(grad_output, x, rstd, weight, length, eps, wanted):
    """The gradients of x and weight, as far as they are wanted."""
    rows, g = _blocks(x, length), _blocks(grad_output, length)
    grad_input = normal = None
    if _core.is_grad_enabled() or _core._is_batched(grad_output):
        # By differentiable operators, for gradients of gradients.
        rstd = ((rows * rows).mean(1, keepdim=True) + eps).rsqrt()
        normal = rows * rstd
        scaled = g if weight is None else g * weight.reshape(-1)
        grad_input = rstd * (scaled - normal * (scaled * normal).mean(1, keepdim=True))
        grad_input = grad_input.reshape(x.shape)
    else:
        if wanted[0]:
            x = x.contiguous()
            grad_input = _core.empty_like(x)
            affine = () if weight is None else (weight.contiguous(),)
            name = "rms_norm_backward" if weight is None else "rms_norm_weight_backward"
            inputs = (g.contiguous(), x, rstd, *affine)
            if x.numel():
                run_rows(name, (grad_input,), inputs, "vvvx" + "v" * len(affine), len(rows), length)
        if wanted[1]:
            normal = (rows * rstd.unsqueeze(1)).to(x.dtype)
    return grad_input, (g * normal).sum(0).reshape(weight.shape) if wanted[1] else None


@composite(method=False, out=False, namespaces=("torch", "nn.functional"))
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Each trailing block divided by its root mean square. Source: Zhang, Sennrich, arXiv:1910.07467.

    `eps` is the machine epsilon of the dtype it is computed in: of float32 for halves, as in PyTorch.
    """
    from ..types import finfo

    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise NotImplementedError(
            f"rms_norm: input is {input.dtype}, but it must be floating or complex. Convert it with .float() first."
        )
    length = _norm_sizes(input, normalized_shape, weight, None, "rms_norm")
    if eps is None:
        eps = finfo(input.dtype if input.dtype.itemsize > 2 else _core.float32).eps
    if input.dtype.is_complex:
        blocks = _blocks(input, length)
        scale = (
            (blocks * blocks).mean(1, keepdim=True)  # PyTorch squares, it does not take abs
            + eps
        ).rsqrt()
        out = (blocks * scale).reshape(input.shape)
        return out if weight is None else out * weight
    return _rms_norm(input, length, weight, eps)


rms_norm = native_way(
    rms_norm,
    "rms_norm",
    _norm_kernels("plain_rms_norm", "plain_rms_norm_weight", "rms_norm", "rms_norm_weight"),
    _rms_norm_backward,
)
