"""Borders: of constant numbers, and where those of other kinds come from."""

from .. import _core
from .core import operators as fl
from .core.declare import composite


@composite(method=False)
def constant_pad_nd(input, pad, value=0):
    """`input` with its last dimensions longer, or with negative numbers shorter.

    Args:
        pad (sequence of int): before and after the last dimension, then the one before it, ...
        value (float): what the border is filled with.
    """
    if len(pad) % 2:
        raise RuntimeError(
            f"pad: the list has {len(pad)} numbers; it takes two for each dim, counted from the "
            "last."
        )
    if len(pad) // 2 > input.dim():
        raise RuntimeError(
            f"pad: the list has {len(pad)} numbers, for more dims than the {input.dim()} of input."
        )
    out_shape, inner = list(input.shape), [slice(None)] * input.dim()
    inside, cut_only = list(inner), True
    for i in range(len(pad) // 2):
        dim = input.dim() - 1 - i
        before, after = pad[2 * i], pad[2 * i + 1]
        size = input.shape[dim]
        out_shape[dim] = size + before + after
        if out_shape[dim] < 0:
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


def border_source(mode, size, before, after, device):
    """The index in a dimension of `size` of each place of the padded one; cut where a number is negative.

    mode "reflect" needs before and after below size.
    """
    if device.type != "meta":
        _core._check_room(2 * 8 * (size + before + after))
    places = fl.arange(-before, size + after, device=device)
    if mode == "replicate":
        return places.clamp(0, size - 1)
    if mode == "reflect":
        return size - 1 - (size - 1 - places.abs()).abs()
    low, high = (
        max(-before, 0),
        size - max(-after, 0),
    )  # circular: what is left after cutting goes round
    return low + (places - low) % (high - low)
