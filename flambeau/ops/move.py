"""Elements moved or repeated without looking at them: flip, roll, repeat_interleave."""

from .._core import indexing
from ..types import contiguous_format
from .core import operators as fl
from .core.arguments import few, sequence, some, wrap_dim, wrap_dims
from .core.declare import composite
from .core.ways import native_way
from .scatter import private


@private(keeps_format=True)
def _flip(ctx, input, dims):
    ctx.dims = dims
    return indexing.flip(input, dims)


@_flip.derivative
def _(ctx, grad_output):
    return _flip(grad_output, ctx.dims)


@composite(method=False, out=False)
def flip(input, dims: tuple):
    """A copy with each of dims reversed."""
    return _flip(input, wrap_dims(dims, input.dim(), "flip"))


@composite(name="flip", function=False, out=False)
def _flip_method(input, *args, dims: tuple | None = None):
    """A copy with each of dims reversed: flip(0, 1), flip((0, 1)) or flip(dims=(0, 1))."""
    if dims is None:
        if not args:
            raise TypeError(
                "flip: dims is missing. flip(0), flip((0, 1)) and flip(dims=(0,)) name them."
            )
        dims = sequence(*args[:1], args[1:])
    return _flip(input, wrap_dims(dims, input.dim(), "flip"))


def _flip_backward(grad, shape, dims):
    return flip(grad, dims)


native_way(flip, "flip", _flip_backward)
native_way(_flip_method, "flip_method", _flip_backward)


@private(keeps_format=True)
def _roll(ctx, input, shifts, dims):
    ctx.shifts, ctx.dims = shifts, dims
    return indexing.roll(input, shifts, dims)


@_roll.derivative
def _(ctx, grad_output):
    return _roll(grad_output, [-shift for shift in ctx.shifts], ctx.dims)


@composite(out=False)
def roll(input, shifts, dims=None):
    """out[(i + shift) % size] = input[i] along each of dims; without dims along the flattened input.

    Args:
        shifts (int or tuple of int): one for each of dims.

    Example:
        >>> torch.roll(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[4., 1.],
                [2., 3.]])
    """
    shifts = (shifts,) if hasattr(shifts, "__index__") else few(shifts)
    dims = (dims,) if hasattr(dims, "__index__") else few(() if dims is None else dims)
    if not shifts:
        raise RuntimeError("roll: shifts are empty; give one or more.")
    if not dims and len(shifts) == 1:
        return _roll(input.reshape(-1), shifts, (0,)).view(input.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(
            f"roll: there are {len(shifts)} shifts for {len(dims)} dims. Give one shift for each "
            "dim."
        )
    if input.dim() == 0:
        raise IndexError(f"roll: a 0-dim tensor has no dim {dims[0]}.")
    if input.numel() == 0:
        return input.clone()
    if len({dim % input.dim() for dim in dims}) == len(dims):
        return _roll(input, shifts, dims)
    for shift, dim in zip(shifts, dims):  # one after the other
        input = _roll(input, (shift,), (dim,))
    return input


native_way(roll, "roll", lambda grad, shape, shift, dim: roll(grad, -shift, dim))


@composite(out=False)
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each slice along dim, repeats times in a row; without dim of the flattened input.

    Args:
        repeats (int or Tensor): how often; a 1-D tensor has one count for each slice.
        output_size (int, optional): the sum of repeats, where it is known; checked.

    repeat_interleave(repeats) alone gives the index that does it: repeats[i] times i.

    Example:
        >>> torch.repeat_interleave(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([1., 2., 3., 4.])
    """
    if repeats is None:
        return _repeated_places(input, output_size)
    if dim is None:
        input, dim = input.reshape(-1), 0
    if input.dim() == 0:
        input = input.reshape(1)
    size = input.size(dim)
    if type(repeats) is int and input.numel() * repeats >= 2**63:
        raise RuntimeError(
            f"repeat_interleave: the repeats sum to {size * repeats}; no tensor has so many elements."
        )
    if type(repeats) is int and repeats > 1 and output_size in (None, size * repeats):
        dim = wrap_dim(dim, input.dim(), "repeat_interleave")
        sizes = (*input.shape[: dim + 1], repeats, *input.shape[dim + 1 :])
        repeated = input.unsqueeze(dim + 1).expand(sizes)
        return repeated.clone(memory_format=contiguous_format).flatten(dim, dim + 1)
    if not isinstance(repeats, fl.Tensor):
        if isinstance(repeats, (tuple, list)):
            repeats = fl.tensor(repeats, dtype=fl.int64, device=input.device)
        elif not hasattr(repeats, "__index__"):
            raise TypeError(
                f"repeat_interleave: repeats takes an int or a Tensor, not {type(repeats).__name__}."
            )
        else:
            if output_size is None and input.is_meta:
                output_size = size * repeats
            repeats = fl.full((size,), repeats, dtype=fl.int64, device=input.device)
    elif repeats.dim() == 0 or (repeats.numel() == 1 and repeats.dim() == 1):
        repeats = repeats.reshape(1).expand(size)
    if repeats.dim() != 1 or repeats.numel() != size:
        raise RuntimeError(
            f"repeat_interleave: there are {repeats.numel()} repeats for the {size} elements along "
            f"dim {dim}. Give one number, or one for each."
        )
    return input.index_select(dim, _repeated_places(repeats, output_size))


def _repeated_places(repeats, output_size):
    if repeats.dim() != 1:
        raise RuntimeError("repeat_interleave: repeats must be a number or a vector (1 dim).")
    if repeats.dtype not in (fl.int64, fl.int32):
        raise RuntimeError(
            f"repeat_interleave: repeats are {repeats.dtype}; they must be int64 or int32. Convert "
            "them with .long()."
        )
    if repeats.is_meta:
        if output_size is None:
            raise RuntimeError(
                "repeat_interleave: how often elements repeat is not known on the meta device. Give "
                "output_size."
            )
        return repeats.new_empty(output_size)
    if repeats.numel() and int(repeats.min()) < 0:
        raise RuntimeError("repeat_interleave: repeats hold numbers below 0.")
    ends = repeats.cumsum(0)
    total = int(ends[-1]) if repeats.numel() else 0
    # A sum that 64 bits do not hold comes out below another, or below zero.
    if repeats.numel() and (total < 0 or some(ends < repeats)):
        raise RuntimeError(
            "repeat_interleave: the repeats sum to more than 64 bits hold; no tensor has so many "
            "elements."
        )
    if output_size is not None and output_size != total:
        raise RuntimeError(
            f"repeat_interleave: output_size is {output_size}, but the repeats sum to {total}."
        )
    # Output place p belongs to the first slice that ends behind it.
    return fl.searchsorted(
        ends, fl.arange(total, dtype=fl.int64, device=ends.device), right=True
    ).to(repeats.dtype)
