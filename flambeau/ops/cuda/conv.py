"""Convolution and pooling on GPUs: windows as views of the padded input, then products and reductions.

windows[n, c, p, k] = padded[n, c, p * stride + k * dilation]      p: pixels of the output, k: taps
"""

from ... import _core
from ..core import operators as fl
from .launch import made_like, on_meta
from .libraries import cudnn
from .rules import rule
from .windows import adaptive_maxima, adaptive_mean, maxima, maxima_backward


def _padded(input, padding, out, kernel, stride, dilation, value=0):
    """The input within a border, as large as its windows reach."""
    spatial = input.dim() - 2
    need = [(out[d] - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1 for d in range(spatial)]
    sizes = [max(need[d], padding[d] + input.shape[2 + d]) for d in range(spatial)]
    if all(p == 0 for p in padding) and list(input.shape[2:]) == sizes:
        return input.contiguous()
    made = _core.full((*input.shape[:2], *sizes), value, dtype=input.dtype, device=input.device)
    inside = made
    for d in range(spatial):
        inside = inside.narrow(2 + d, padding[d], input.shape[2 + d])
    inside.copy_(input)
    return made


def _windows(padded, out, kernel, stride, dilation):
    """(N, C, *out, *kernel): a view."""
    s = padded.stride()
    spatial = len(out)
    return padded.as_strided(
        (*padded.shape[:2], *out, *kernel),
        (
            s[0], s[1], *(s[2 + d] * stride[d] for d in range(spatial)),
            *(s[2 + d] * dilation[d] for d in range(spatial)),
        ),
    )  # fmt: skip


def _taps(kernel):
    if not kernel:
        yield ()
        return
    for first in range(kernel[0]):
        for rest in _taps(kernel[1:]):
            yield (first, *rest)


def _numel(sizes):
    n = 1
    for s in sizes:
        n *= s
    return n


def _columns(input, out, kernel, window):
    """(groups, C / groups * taps, N * pixels)."""
    stride, padding, dilation, groups = window
    N, C = input.shape[:2]
    spatial = len(out)
    padded = _padded(input, padding, out, kernel, stride, dilation)
    windows = _windows(padded, out, kernel, stride, dilation)
    order = [1, *range(2 + spatial, 2 + 2 * spatial), 0, *range(2, 2 + spatial)]
    columns = windows.permute(order).contiguous()  # (C, *kernel, N, *out)
    return columns.view(groups, C // groups * _numel(kernel), N * _numel(out))


def _fill(kind, own, result, moving, still, sizes, window):
    """Fills the result by cuDNN where that is there and quicker than own(result, moving, still, window)."""
    run = lambda to: own(to, moving, still, window)
    pair = (moving, still) if kind == "forward" else (still, moving)
    if not cudnn.runs(kind, result, *pair, sizes, window, run):
        run(result)


@rule("_conv_forward")
def conv_forward(input, weight, bias, out_sizes, stride, padding, dilation, groups, relu=False):
    out_sizes = list(out_sizes)
    found = on_meta(
        _core._conv_forward, input, weight, bias, out_sizes, stride, padding, dilation, groups, relu
    )
    out = made_like(found, input.device)
    if out.numel() == 0:
        return out
    window = list(stride), list(padding), list(dilation), groups
    sizes = input.shape, weight.shape, out.shape
    _fill("forward", _forward, out, input, weight, sizes, window)
    if bias is not None:
        out.add_(bias.reshape(-1, *[1] * len(out_sizes)))
    return out.relu_() if relu else out


def _forward(out, input, weight, window):
    """Fills `out` with windows times weights."""
    N, O, *out_sizes = out.shape
    groups = window[3]
    if weight[0].numel() == 0:
        out.zero_()
        return
    columns = _columns(input, out_sizes, list(weight.shape[2:]), window)
    product = _core.bmm(weight.reshape(groups, O // groups, -1), columns)
    out.copy_(product.view(O, N, *out_sizes).transpose(0, 1))


@rule("_conv_backward_input")
def conv_backward_input(grad_output, weight, bias, in_sizes, stride, padding, dilation, groups):
    in_sizes = list(in_sizes)
    result = made_like(
        on_meta(
            _core._conv_backward_input,
            grad_output,
            weight,
            bias,
            in_sizes,
            stride,
            padding,
            dilation,
            groups,
        ),
        grad_output.device,
    )
    if result.numel() == 0:
        return result
    window = list(stride), list(padding), list(dilation), groups
    sizes = result.shape, weight.shape, grad_output.shape
    _fill("input", _backward_input, result, grad_output, weight, sizes, window)
    if bias is not None:
        result.add_(bias.reshape(-1, *[1] * len(in_sizes)))
    return result


def _backward_input(result, grad_output, weight, window):
    """Fills `result` with what each tap gives back, summed where it was taken."""
    stride, padding, dilation, groups = window
    in_sizes = list(result.shape[2:])
    N, C = result.shape[:2]
    O, out, kernel = grad_output.shape[1], list(grad_output.shape[2:]), list(weight.shape[2:])
    spatial = len(out)
    result.zero_()
    if grad_output.numel() and weight.numel():
        grads = grad_output.transpose(0, 1).reshape(groups, O // groups, -1)
        taps = weight.reshape(groups, O // groups, -1).transpose(1, 2)
        columns = _core.bmm(taps, grads).view(C, *kernel, N, *out)
        reach = [
            max(
                (out[d] - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1,
                padding[d] + in_sizes[d],
            )
            for d in range(spatial)
        ]
        padded = _core.zeros((N, C, *reach), dtype=result.dtype, device=result.device)
        for tap in _taps(kernel):
            place = padded
            for d in range(spatial):
                first = tap[d] * dilation[d]
                place = _stepped(place, 2 + d, first, out[d], stride[d])
            place.add_(columns[(slice(None), *tap)].transpose(0, 1))
        inside = padded
        for d in range(spatial):
            inside = inside.narrow(2 + d, padding[d], in_sizes[d])
        result.copy_(inside)


def _stepped(tensor, dim, first, count, step):
    index = [slice(None)] * tensor.dim()
    index[dim] = slice(first, first + (count - 1) * step + 1, step)
    return tensor[tuple(index)]


@rule("_conv_backward_weight")
def conv_backward_weight(grad_output, input, kernel_sizes, stride, padding, dilation, groups):
    kernel = list(kernel_sizes)
    result = made_like(
        on_meta(
            _core._conv_backward_weight,
            grad_output,
            input,
            kernel,
            stride,
            padding,
            dilation,
            groups,
        ),
        input.device,
    )
    if result.numel() == 0:
        return result
    if grad_output.numel() == 0:
        return result.zero_()
    window = list(stride), list(padding), list(dilation), groups
    sizes = input.shape, result.shape, grad_output.shape
    _fill("weight", _backward_weight, result, grad_output, input, sizes, window)
    return result


def _backward_weight(result, grad_output, input, window):
    """Fills `result` with the gradients times windows."""
    O, out = grad_output.shape[1], list(grad_output.shape[2:])
    groups = window[3]
    columns = _columns(input, out, list(result.shape[2:]), window)
    grads = grad_output.transpose(0, 1).reshape(groups, O // groups, -1)
    result.copy_(_core.bmm(grads, columns.transpose(1, 2)).reshape(result.shape))


@rule("_conv_backward_bias")
def conv_backward_bias(grad_output):
    return grad_output.sum([0, *range(2, grad_output.dim())])


# -- pooling, of windows of one size


def _pool_windows(input, sizes, kernel, stride, padding, dilation, value):
    spatial = len(sizes)
    flat = input.reshape(-1, 1, *input.shape[input.dim() - spatial :])
    padded = _padded(flat, padding, sizes, kernel, stride, dilation, value)
    return _windows(padded, sizes, kernel, stride, dilation)


@rule("_max_pool")
def max_pool(
    input, with_indices, in_sizes, out_sizes, kernel=None, stride=None, padding=None, dilation=None
):
    if kernel is None:
        return adaptive_maxima(input, with_indices, in_sizes, out_sizes)
    found = on_meta(
        _core._max_pool, input, with_indices, in_sizes, out_sizes, kernel, stride, padding, dilation
    )
    values = made_like(found[0], input.device)
    if values.numel() == 0:
        return NotImplemented
    indices = None
    if with_indices:
        indices = _core.empty(values.shape, dtype=_core.int64, device=input.device)
    window = in_sizes, out_sizes, kernel, stride, padding, dilation
    return maxima(input, values, indices, *window), indices


@rule("_max_pool_backward")
def max_pool_backward(
    grad_output, indices, in_sizes, out_sizes, kernel=None, stride=None, padding=None, dilation=None
):
    result = made_like(
        on_meta(
            _core._max_pool_backward,
            grad_output,
            indices,
            in_sizes,
            out_sizes,
            kernel,
            stride,
            padding,
            dilation,
        ),
        grad_output.device,
    )
    if result.numel() == 0:
        return result
    if kernel is not None and grad_output.numel():
        window = in_sizes, out_sizes, kernel, stride, padding, dilation
        return maxima_backward(grad_output, indices, result, *window)
    result.zero_()
    plane, pixels = _numel(in_sizes), _numel(out_sizes)
    if grad_output.numel():
        flat = result.view(-1, plane)
        flat.scatter_add_(1, indices.reshape(-1, pixels), grad_output.reshape(-1, pixels))
    return result


def _pixels_in(sizes, in_sizes, kernel, stride, padding, include_pad, device, dtype):
    """How many pixels each window counts, over the output's pixels."""
    total = None
    for d in range(len(sizes)):
        first = fl.arange(sizes[d], device=device) * stride[d] - padding[d]
        end = (first + kernel[d]).clamp(max=in_sizes[d] + padding[d])
        if not include_pad:
            first, end = first.clamp(min=0), end.clamp(max=in_sizes[d])
        count = (end - first).reshape([-1 if k == d else 1 for k in range(len(sizes))])
        total = count if total is None else total * count
    return total.to(dtype)


def _averaging(include_pad, divisor, in_sizes, sizes, kernel, stride, padding, like):
    if divisor:
        return divisor
    real = _core.float64 if like.dtype is _core.float64 else _core.float32
    return _pixels_in(sizes, in_sizes, kernel, stride, padding, include_pad, like.device, real)


@rule("_avg_pool")
def avg_pool(
    input, include_pad, divisor, in_sizes, out_sizes, kernel=None, stride=None, padding=None,
    dilation=None,
):  # fmt: skip
    if not input.dtype.is_floating_point:
        return NotImplemented
    arguments = include_pad, divisor, in_sizes, out_sizes, kernel, stride, padding, dilation
    found = on_meta(_core._avg_pool, input, *arguments)
    out = made_like(found, input.device)
    if out.numel() == 0:
        return out
    if kernel is None:
        return out.copy_(adaptive_mean(input, in_sizes, out_sizes))
    sizes = list(out_sizes)
    real = _core.float64 if input.dtype is _core.float64 else _core.float32
    windows = _pool_windows(input.to(real), sizes, kernel, stride, padding, [1] * len(sizes), 0)
    sums = windows.reshape(-1, *sizes, _numel(kernel)).sum(-1)
    count = _averaging(include_pad, divisor, in_sizes, sizes, kernel, stride, padding, input)
    return out.copy_((sums / count).reshape(out.shape))


@rule("_avg_pool_backward")
def avg_pool_backward(
    grad_output, include_pad, divisor, in_sizes, out_sizes, kernel=None, stride=None, padding=None,
    dilation=None,
):  # fmt: skip
    arguments = include_pad, divisor, in_sizes, out_sizes, kernel, stride, padding, dilation
    found = on_meta(_core._avg_pool_backward, grad_output, *arguments)
    result = made_like(found, grad_output.device)
    if result.numel() == 0 or grad_output.numel() == 0:
        return result.zero_()
    if kernel is None:
        return result.copy_(adaptive_mean(grad_output, in_sizes, out_sizes, back=True))
    sizes, spatial = list(out_sizes), len(out_sizes)
    count = _averaging(include_pad, divisor, in_sizes, sizes, kernel, stride, padding, grad_output)
    real = _core.float64 if grad_output.dtype is _core.float64 else _core.float32
    share = grad_output.reshape(-1, *sizes).to(real) / count
    reach = [
        max((sizes[d] - 1) * stride[d] + kernel[d], padding[d] + in_sizes[d])
        for d in range(spatial)
    ]
    padded = _core.zeros((share.shape[0], *reach), dtype=real, device=result.device)
    for tap in _taps(list(kernel)):
        place = padded
        for d in range(spatial):
            place = _stepped(place, 1 + d, tap[d], sizes[d], stride[d])
        place.add_(share)
    for d in range(spatial):
        padded = padded.narrow(1 + d, padding[d], in_sizes[d])
    return result.copy_(padded.reshape(result.shape))
