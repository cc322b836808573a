"""Borders: of constant numbers, and where those of other kinds come from."""

from .. import _core
from ..types import channels_last, contiguous_format
from .core.declare import composite, primitive


def check_widths(pad, input):
    """Raises unless pad has two numbers for each of some of input's dims."""
    if len(pad) % 2:
        raise RuntimeError(
            f"pad: the list has {len(pad)} numbers; it takes two for each dim, counted from the "
            "last."
        )
    if len(pad) // 2 > input.dim():
        raise RuntimeError(
            f"pad: the list has {len(pad)} numbers, for more dims than the {input.dim()} of input."
        )


@composite(method=False)
def constant_pad_nd(input, pad, value=0):
    """`input` with its last dimensions longer, or with negative numbers shorter.

    Args:
        pad (sequence of int): before and after the last dimension, then the one before it, ...
        value (float): what the border is filled with.
    """
    if (
        len(pad) in (2, 4, 6)
        and len(pad) <= 2 * input.dim()
        and min(pad) >= 0
        and _is_plain(input, value)
    ):
        return _add_constant_border(input, tuple(pad), value)
    if is_of_pixels(input, pad) and min(pad) >= 0 and _is_plain(input.permute(0, 2, 3, 1), value):
        # Rows of pixels are rows of numbers.
        n, channels, height, width = input.shape
        border = (pad[0] * channels, pad[1] * channels, pad[2], pad[3])
        rows = input.permute(0, 2, 3, 1).reshape(n, height, width * channels)
        padded = _add_constant_border(rows, border, value)
        return padded.unflatten(2, (width + pad[0] + pad[1], channels)).permute(0, 3, 1, 2)
    if len(pad) == 4 and min(pad) < 0 and is_of_pixels(input, pad):
        rows = _middle(input.permute(0, 2, 3, 1), 1, pad[2:])
        cut = _middle(rows, 2, pad[:2])
        if cut.numel():
            cut = cut.clone(memory_format=contiguous_format).permute(0, 3, 1, 2)
            widths = [max(p, 0) for p in pad]
            return constant_pad_nd(cut, widths, value) if any(widths) else cut
    check_widths(pad, input)
    out_shape, inner = list(input.shape), [slice(None)] * input.dim()
    inside, cut_only = list(inner), True
    for i in range(len(pad) // 2):
        dim = input.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        size = input.shape[dim]
        out_shape[dim] = size + before + after
        if size + min(before, 0) + min(after, 0) < 0 or out_shape[dim] < 0:
            raise RuntimeError(
                f"pad: {before} and {after} take more from dim {dim} than its size {size}."
            )
        inner[dim] = slice(max(before, 0), out_shape[dim] - max(after, 0))
        inside[dim] = slice(max(-before, 0), size - max(-after, 0))
        cut_only = cut_only and before <= 0 and after <= 0
    source = input[tuple(inside)]
    if cut_only:
        return source.clone()
    out = input.new_full(out_shape, value)
    out = _core._keep_format(out, input)
    out[tuple(inner)] = source
    return out


def _middle(input, dim, pad):
    """What negative widths leave of a dim; nothing where they take more than there is."""
    first = max(-pad[0], 0)
    left = input.size(dim) - first - max(-pad[1], 0)
    return input.narrow(dim, first, left) if left > 0 else input.narrow(dim, 0, 0)


def is_of_pixels(input, pad):
    """Whether these are borders of images whose channels lie side by side."""
    return (
        len(pad) == 4
        and input.dim() == 4
        and not input.is_contiguous()
        and input.is_contiguous(memory_format=channels_last)
        and not _core._in_vmap()
    )


def _is_plain(input, value):
    return (
        type(value) in (int, float)
        and input.is_contiguous()
        and not input.is_meta
        and not input.is_quantized
        and not _core._in_vmap()
    )


@primitive(method=False, function=False)
def _add_constant_border(ctx, input, pad, value):
    ctx.pad = pad
    return _core._add_constant_border(input, pad, value)


@_add_constant_border.derivative
def _(ctx, grad_output):
    return constant_pad_nd(grad_output, [-p for p in ctx.pad]), None, None


@primitive(method=False, function=False)
def add_border(ctx, input, mode, pad):
    """`input` with borders taken from inside: mode "reflect", "replicate" or "circular".

    `pad` is as of constant_pad_nd, for the last 1 to 3 dims, none of them empty.
    """
    ctx.mode, ctx.pad = mode, pad
    return _core._add_border(input, mode, pad)


@primitive(method=False, function=False)
def _fold_border(ctx, input, mode, pad):
    """The adjoint of add_border."""
    ctx.mode, ctx.pad = mode, pad
    if input.dtype in (_core.float16, _core.bfloat16):
        return _core._fold_border(input.float(), mode, pad).to(input.dtype)
    return _core._fold_border(input, mode, pad)


@add_border.derivative
def _(ctx, grad_output):
    return _fold_border(grad_output, ctx.mode, ctx.pad), None, None


@_fold_border.derivative
def _(ctx, grad_output):
    return add_border(grad_output, ctx.mode, ctx.pad), None, None
