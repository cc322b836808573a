"""From one layout to another: dense, COO, compressed rows or columns, blocks."""

import math

from ... import _core
from ...types import layout as layout_type
from ..core import operators as fl
from ..core.arguments import some
from ..core.declare import primitive
from . import frame as frames
from .coalesce import coalesce


def to_coo(input):
    """Any sparse tensor as COO; blocks are taken apart, zeros in them too."""
    frame, values = frames.frame_and_entries(input)
    if frame.layout == frames.COO:
        return input
    places = frame.places(values.shape)
    flat = frame.flat(values)
    if frame.layout != frames.CSR:
        order, _ = _core.sparse.order(frames.flat_index(places, frame.sparse_size))
        places, flat = places.index_select(1, order), flat.index_select(0, order)
    return frames.Frame(frames.COO, None, places, frame.size, frame.dense_dim, True).assemble(flat)


def to_dense(input, masked=True):
    """The strided tensor of the same elements.

    Args:
        masked (bool): whether the gradient is cut to the places of the entries; if not, it is a sparse tensor
            of what it has anywhere.
    """
    if not masked and input.requires_grad and _core.is_grad_enabled():
        return _to_dense_unmasked(input)
    frame, values = frames.frame_and_entries(input)
    flat = frame.flat(values)
    rows = math.prod(frame.sparse_size)
    out = fl.zeros((rows, *frame.dense_size), dtype=values.dtype, device=values.device)
    if values.is_meta:
        return out.reshape(frame.size)
    if frame.sparse_dim == 0:
        return (out + flat.sum(0).to(out.dtype)).reshape(frame.size)
    index = frames.flat_index(frame.places(values.shape), frame.sparse_size)
    single = frame.layout != frames.COO or frame.coalesced
    if single:
        return out.index_copy(0, index, flat).reshape(frame.size)
    return sum_at(out, index, flat).reshape(frame.size)


def sum_at(out, index, values):
    """out with values added at the rows of index; of bool, or."""
    if values.dtype is _core.bool:
        return out.to(_core.uint8).index_add(0, index, values.to(_core.uint8)).ne(0)
    return out.index_add(0, index, values)


@primitive(method=False, function=False)
def _to_dense_unmasked(ctx, input):
    frame = frames.frame_of(input)
    ctx.layout, ctx.sparse_dim, ctx.dense_dim = frame.layout, frame.sparse_dim, frame.dense_dim
    values = _core._sparse_parts(input)[3]
    ctx.block = frame.block_size(values) if frame.blocked else None
    return to_dense(input)


@_to_dense_unmasked.derivative
def _(ctx, grad_output):
    if ctx.layout == frames.COO:
        return dense_to_coo(grad_output, ctx.sparse_dim)
    return dense_to_compressed(grad_output, ctx.layout, ctx.block, ctx.dense_dim)


_to_dense_unmasked.sparse = True


def to_dtype_of(input, other):
    """`input` in the dtype of `other`."""
    return to_dtype(input, other.dtype)


def to_dtype(input, dtype):
    if input.dtype == dtype:
        return input
    frame, values = frames.frame_and_entries(input)
    return frame.assemble(values.to(dtype))


# ------------------------------------------------------------------------------------ from strided


def _from_strided(input, convert, *options):
    """convert(input, *options), a sparse tensor, whose gradient is that of each element."""
    if input.requires_grad and _core.is_grad_enabled():
        return _converted(input, convert, options)
    return convert(input, *options)


@primitive(method=False, function=False)
def _converted(ctx, input, convert, options):
    return convert(input, *options)


@_converted.derivative
def _(ctx, grad_output):
    return (to_dense(grad_output) if frames.is_sparse(grad_output) else grad_output), None, None


_converted.sparse = True


def dense_to_coo(input, sparse_dim):
    """The entries that are not zero; with dense dims the rows that are not all zeros."""
    sparse, dense = input.shape[:sparse_dim], input.shape[sparse_dim:]
    if sparse_dim == 0:
        if input.dim():
            raise RuntimeError(
                f"to_sparse: sparse_dim is 0 for {tuple(input.shape)}; it must be from 1 to {input.dim()}."
            )
        present = int(not input.is_meta and bool(input != 0))
        indices = fl.empty((0, present), dtype=_core.int64, device=input.device)
        return frames.Frame(frames.COO, None, indices, (), 0, True).assemble(
            input.reshape(1)[:present]
        )
    filled = input.detach() != 0
    if dense:
        filled = filled.reshape(*sparse, math.prod(dense)).any(-1)
    if input.is_meta:
        indices = fl.empty((sparse_dim, 0), dtype=_core.int64, device=input.device)
        return frames.Frame(frames.COO, None, indices, input.shape, len(dense), True).assemble(
            input.new_empty((0, *dense))
        )
    indices = fl.nonzero(filled).t().contiguous()
    values = input.reshape(math.prod(sparse), *dense).index_select(
        0, frames.flat_index(indices, sparse)
    )
    return frames.Frame(frames.COO, None, indices, input.shape, len(dense), True).assemble(values)


def dense_to_compressed(input, layout, block=None, dense_dim=None):
    """The same compressed; what stands before the matrix is a batch, whose matrices have as many entries each."""
    dense_dim = dense_dim or 0
    name = f"to_{frames.NAMES[layout]}"
    batch = input.dim() - dense_dim - 2
    if dense_dim < 0 or batch < 0:
        raise RuntimeError(
            f"{name}: {tuple(input.shape)} has {input.dim()} dims, {dense_dim} of them dense; a matrix needs "
            "two more."
        )
    size = input.shape
    rows, columns = size[batch : batch + 2]
    height, width = block or (1, 1)
    down, across = check_blocks(name, (height, width), rows, columns)
    # (batch, down, across, height, width, dense): a block is kept where anything in it is not zero.
    count = math.prod(size[:batch])
    split = input.reshape(count, down, height, across, width, *size[batch + 2 :])
    split = split.transpose(2, 3)
    filled = split.detach() != 0
    filled = filled.reshape(count, down, across, math.prod(split.shape[3:])).any(-1)
    by_rows = layout in (frames.CSR, frames.BSR)
    places = fl.nonzero(filled if by_rows else filled.transpose(1, 2))
    each = len(places) // max(count, 1)
    per_matrix = fl.bincount(places[:, 0], minlength=count) if batch else None
    if batch and count and some(per_matrix != each):
        raise RuntimeError(
            f"{name}: the matrices of a batch must have as many entries each; these have "
            f"{per_matrix.tolist()[:8]}{' ...' if count > 8 else ''}. Convert them one by one."
        )
    number, outer, inner = places.unbind(1)
    extent = down if by_rows else across
    r, c = (outer, inner) if by_rows else (inner, outer)
    compressed = pointers(number * extent + outer, count, extent).reshape(*size[:batch], extent + 1)
    flat = frames.flat_index((number, r, c), (count, down, across))
    flat_values = split.reshape(count * down * across, *split.shape[3:]).index_select(0, flat)
    if not block:
        flat_values = flat_values.reshape(len(places), *size[batch + 2 :])
    values = flat_values.reshape(*size[:batch], each, *flat_values.shape[1:])
    indices = inner.reshape(*size[:batch], each)
    return frames.Frame(layout, compressed, indices, size, dense_dim, False).assemble(values)


def check_blocks(name, block, rows, columns):
    """How many blocks there are (down, across); raises where they do not fill the matrix."""
    height, width = block
    if height <= 0 or width <= 0:
        raise RuntimeError(f"{name}: blocksize is {(height, width)}; both must be 1 or more.")
    if rows % height or columns % width:
        raise RuntimeError(
            f"{name}: blocks of {height} x {width} do not fill a matrix of {rows} x {columns}. The sizes must "
            "be multiples."
        )
    return rows // height, columns // width


def pointers(ordered, count, extent):
    """Where each of the rows begins in a list of them in order, for `count` matrices of `extent` rows.

    Returns:
        Tensor: (count, extent + 1), from 0 in each.
    """
    if count == 1:
        return _core.sparse.pointers(ordered, extent).reshape(1, extent + 1)
    counts = fl.bincount(ordered, minlength=count * extent)[: count * extent].reshape(count, extent)
    out = fl.zeros((count, extent + 1), dtype=_core.int64, device=ordered.device)
    out[:, 1:] = counts.cumsum(1)
    return out


# ------------------------------------------------------------------------------ from COO to compressed


def compress(input, layout, block=None):
    """A COO tensor of two sparse dims in a compressed layout."""
    name = f"to_{frames.NAMES[layout]}"
    frame, values = frames.frame_and_entries(input)
    if frame.sparse_dim != 2:
        raise RuntimeError(
            f"{name}: takes a tensor of 2 sparse dims, not of {frame.sparse_dim}, {frame.size}."
        )
    if not frame.coalesced:
        frame, values = frames.frame_and_entries(coalesce(input))
    rows, columns = frame.size[:2]
    r, c = frame.indices.unbind(0)
    dense = values.shape[1:]
    if block:
        height, width = block
        down, across = check_blocks(name, block, rows, columns)
        number = (r // height) * across + c // width
        blocks, which = fl.unique(number, return_inverse=True)
        within = (which * height + r % height) * width + c % width
        cells = values.new_zeros((len(blocks) * height * width, *dense))
        values = cells.index_copy(0, within, values).reshape(len(blocks), height, width, *dense)
        r, c, rows, columns = blocks // max(across, 1), blocks % max(across, 1), down, across
    if layout in (frames.CSR, frames.BSR):
        outer, inner, extent = r, c, rows
    else:
        order, _ = _core.sparse.order(c)
        outer, inner, extent = c.index_select(0, order), r.index_select(0, order), columns
        values = values.index_select(0, order)
    compressed = pointers(outer, 1, extent).reshape(extent + 1)
    return frames.Frame(
        layout, compressed, inner.contiguous(), frame.size, frame.dense_dim, False
    ).assemble(values)


# --------------------------------------------------------------------------------------- the forms


def to_layout(input, layout, *, sparse_dim=None, blocksize=None, dense_dim=None, name="to_sparse"):
    """input, dense or sparse, in the layout of that number."""
    here = frames.number_of(input)
    blocksize = checked_block(name, layout, blocksize)
    if dense_dim is not None and here != frames.STRIDED:
        raise RuntimeError(
            f"{name}: dense_dim is for strided tensors; this one is {frames.layout_name(input)}."
        )
    if layout == frames.STRIDED:
        return to_dense(input) if here else input
    if layout == frames.COO:
        return _to_coo(input, sparse_dim, dense_dim, name)
    if here == layout and (blocksize is None or blocksize == _block_of(input)):
        return input
    if here == frames.STRIDED:
        return _from_strided(input, dense_to_compressed, layout, blocksize, dense_dim)
    frame = frames.frame_of(input)
    if here != frames.COO and frame.batch_dim:
        kept = dense_to_compressed(to_dense(input), layout, blocksize, frame.dense_dim)
        return kept
    if blocksize is None and layout in (frames.BSR, frames.BSC):
        blocksize = _block_of(input)
    return compress(to_coo(input), layout, blocksize)


def _block_of(input):
    frame = frames.frame_of(input)
    return frame.block_size(_core._sparse_parts(input)[3]) if frame.blocked else None


def checked_block(name, layout, blocksize):
    if layout not in (frames.BSR, frames.BSC):
        if blocksize is not None:
            raise RuntimeError(
                f"{name}: blocksize is for the layouts of blocks, not for {frames.NAMES[layout]}."
            )
        return None
    if blocksize is None:
        return None
    try:
        height, width = (blocksize,) * 2 if hasattr(blocksize, "__index__") else blocksize
    except (TypeError, ValueError):
        raise RuntimeError(f"{name}: blocksize takes two ints, not {blocksize!r}.") from None
    return int(height), int(width)


def _to_coo(input, sparse_dim, dense_dim, name):
    if frames.number_of(input) != frames.STRIDED:
        if (
            sparse_dim is not None
            and sparse_dim != frames.frame_of(input).sparse_dim
            and frames.number_of(input) == frames.COO
        ):
            raise RuntimeError(
                f"{name}: sparse_dim is {sparse_dim}, but the tensor has {frames.frame_of(input).sparse_dim} sparse dims "
                "already. Convert it with .to_dense() first."
            )
        return to_coo(input)
    if dense_dim is not None:
        if not 0 <= dense_dim <= input.dim():
            raise RuntimeError(f"{name}: dense_dim is {dense_dim} for {tuple(input.shape)}.")
        sparse_dim = input.dim() - dense_dim
    if sparse_dim is None:
        sparse_dim = input.dim()
    elif not 0 < sparse_dim <= input.dim():
        raise RuntimeError(
            f"{name}: sparse_dim is {sparse_dim} for {tuple(input.shape)}; it must be from 1 to {input.dim()}."
        )
    return _from_strided(input, dense_to_coo, sparse_dim)


def to_sparse(input, *args, layout=None, sparse_dim=None, blocksize=None, dense_dim=None):
    """input in a sparse layout; a number in front is sparse_dim."""
    for value in args:
        if isinstance(value, layout_type):
            layout = value
        elif hasattr(value, "__index__") and sparse_dim is None:
            sparse_dim = int(value)
        elif value is not None:
            raise TypeError(
                f"to_sparse: takes a layout or a number of dims, not {type(value).__name__}."
            )
    if layout is not None and sparse_dim is not None:
        raise RuntimeError("to_sparse: takes layout= or sparse_dim, not both.")
    if layout is None:
        number = frames.COO if blocksize is None else frames.BSR
    else:
        number = frames.NUMBERS[layout]
    if number == frames.STRIDED:
        if frames.is_sparse(input):
            raise RuntimeError("to_sparse: strided is no sparse layout. Use to_dense().")
        return input  # as it is, as in PyTorch
    if number in (frames.BSR, frames.BSC) and blocksize is None and not frames.is_sparse(input):
        raise RuntimeError(f"to_sparse: {frames.NAMES[number]} needs blocksize=(rows, columns).")
    return to_layout(input, number, sparse_dim=sparse_dim, blocksize=blocksize, dense_dim=dense_dim)
