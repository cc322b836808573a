"""Rearranging and picking: dims exchanged, indices chosen, tensors joined."""

from ... import _core
from ..core import operators as fl
from ..core.arguments import wrap_dim
from .convert import compress, to_coo
from .frame import (
    BSC,
    BSR,
    COO,
    CSC,
    CSR,
    Frame,
    frame_and_entries,
    frame_of,
    is_sparse,
    layout_name,
    number_of,
)
from .rules import replace, rule

_TURNED = {CSR: CSC, CSC: CSR, BSR: BSC, BSC: BSR}


@rule("permute")
def permute(input, *order, dims=()):
    """The dims in another order; sparse and dense ones stay apart."""
    dims = order or dims
    if len(dims) == 1 and not hasattr(dims[0], "__index__"):
        dims = tuple(dims[0])
    if len(dims) != input.dim():
        raise RuntimeError(
            f"permute: {len(dims)} dims are named of a tensor of {input.dim()}. Name each once."
        )
    order = [wrap_dim(d, input.dim(), "permute") for d in dims]
    if sorted(order) != list(range(input.dim())):
        raise RuntimeError(
            f"permute: dims {tuple(dims)} do not name each of the {input.dim()} dims once."
        )
    if order == list(range(input.dim())):
        return fl.alias(input) if hasattr(fl, "alias") else input
    if number_of(input) != COO:
        if sorted(order) != order and order[:-2] == list(range(input.dim() - 2)):
            return transpose(input, -2, -1)
        raise NotImplementedError(
            f"permute: {layout_name(input)} tensors only exchange rows and columns. Use transpose."
        )
    frame, values = frame_and_entries(input)
    sparse = frame.sparse_dim
    if any(d >= sparse for d in order[:sparse]):
        raise RuntimeError(
            f"permute: dims {tuple(order)} mix the {sparse} sparse dims with dense ones."
        )
    moved = order[:sparse] != list(range(sparse))
    indices = frame.indices[order[:sparse]] if moved else frame.indices
    values = values.permute(0, *(d - sparse + 1 for d in order[sparse:]))
    size = [frame.size[d] for d in order]
    return Frame(
        COO,
        None,
        indices,
        size,
        frame.dense_dim,
        frame.coalesced and (not moved or not frame.indices.shape[1]),
    ).assemble(values)


@rule("transpose", "swapaxes", "swapdims")
def transpose(input, dim0, dim1):
    ndim = input.dim()
    dim0, dim1 = wrap_dim(dim0, ndim, "transpose"), wrap_dim(dim1, ndim, "transpose")
    if dim0 == dim1:
        return fl.alias(input) if hasattr(fl, "alias") else input
    order = list(range(ndim))
    order[dim0], order[dim1] = dim1, dim0
    if number_of(input) == COO:
        return permute(input, order)
    frame, values = frame_and_entries(input)
    batch = frame.batch_dim
    if {dim0, dim1} != {batch, batch + 1}:
        raise RuntimeError(
            f"transpose: {layout_name(input)} tensors exchange rows and columns, dims {batch} and {batch + 1}, alone."
        )
    if frame.blocked:
        values = values.transpose(batch + 1, batch + 2)
    size = [frame.size[d] for d in order]
    turned = Frame(
        _TURNED[frame.layout], frame.compressed, frame.indices, size, frame.dense_dim, False
    )
    return turned.assemble(values)


@rule("t")
def t(input):
    if input.dim() > 2:
        raise RuntimeError(
            f"t: tensor {tuple(input.shape)} must have at most 2 dims. Use transpose."
        )
    if number_of(input) == COO and frame_of(input).dense_dim and input.dim() == 2:
        raise RuntimeError("t: the tensor has dense dims; sparse and dense dims are not exchanged.")
    return transpose(input, 0, 1) if input.dim() == 2 else input


@rule("T", "_all_reversed")
def reversed_dims(input):
    """What .T gives."""
    return permute(input, tuple(range(input.dim()))[::-1])


for _name, _function in {"t_": t, "transpose_": transpose}.items():

    def _inplace(input, *args, function=_function, name=_name):
        if number_of(input) != COO:
            raise NotImplementedError(
                f"{name}: takes sparse_coo tensors, not {layout_name(input)}."
            )
        return replace(input, function(input, *args), name)

    rule(_name)(_inplace)


@rule("mT")
def mT(input):
    return transpose(input, -2, -1)


@rule("H", "mH", "adjoint")
def adjoint(input):
    turned = transpose(input, -2, -1) if input.dim() >= 2 else input
    return fl.conj(turned)


@rule("unsqueeze")
def unsqueeze(input, dim):
    need_coo("unsqueeze", input)
    dim = wrap_dim(dim, input.dim() + 1, "unsqueeze")
    frame, values = frame_and_entries(input)
    size = (*frame.size[:dim], 1, *frame.size[dim:])
    sparse = frame.sparse_dim
    if dim > sparse:
        return Frame(COO, None, frame.indices, size, frame.dense_dim + 1, frame.coalesced).assemble(
            values.unsqueeze(dim - sparse + 1)
        )
    row = fl.zeros((1, frame.indices.shape[1]), dtype=_core.int64, device=values.device)
    indices = fl.cat([frame.indices[:dim], row, frame.indices[dim:]])
    return Frame(COO, None, indices, size, frame.dense_dim, frame.coalesced).assemble(values)


def need_coo(name, input):
    if number_of(input) != COO:
        raise NotImplementedError(
            f"{name}: takes sparse_coo tensors, not {layout_name(input)}. Convert it with .to_sparse()."
        )


@rule("squeeze")
def squeeze(input, dim=None):
    need_coo("squeeze", input)
    if dim is None:
        dims = range(input.dim())
    else:
        dims = {
            wrap_dim(d, input.dim(), "squeeze")
            for d in (dim if isinstance(dim, (tuple, list)) else (dim,))
        }
    frame, values = frame_and_entries(input)
    gone = [d for d in dims if frame.size[d] == 1]
    sparse = frame.sparse_dim
    kept = [d for d in range(sparse) if d not in gone]
    size = [extent for d, extent in enumerate(frame.size) if d not in gone]
    for d in sorted(gone, reverse=True):
        if d >= sparse:
            values = values.squeeze(d - sparse + 1)
    return Frame(COO, None, frame.indices[kept], size, values.dim() - 1, frame.coalesced).assemble(
        values
    )


# --------------------------------------------------------------------------------------------- picking


def _kept(frame, values, mask, indices, size, coalesced):
    """The entries where mask is true, at other indices."""
    at = fl.nonzero(mask).reshape(-1)
    return Frame(COO, None, indices.index_select(1, at), size, frame.dense_dim, coalesced).assemble(
        values.index_select(0, at)
    )


@rule("select")
def select(input, dim, index):
    """The slice at one index: a sparse tensor of a dim less; where no sparse dim is left, a strided one."""
    ndim = input.dim()
    if ndim == 0:
        raise IndexError("select: a 0-dim tensor has no dim to select from.")
    dim = wrap_dim(dim, ndim, "select")
    index = int(index)
    extent = input.shape[dim]
    if not -extent <= index < extent:
        raise IndexError(f"select: index {index} is out of range for dim {dim} of size {extent}.")
    index %= extent
    if number_of(input) != COO:
        return _select_compressed(input, dim, index)
    frame, values = frame_and_entries(input)
    sparse = frame.sparse_dim
    size = (*frame.size[:dim], *frame.size[dim + 1 :])
    if dim >= sparse:
        picked = values.select(dim - sparse + 1, index)
        return Frame(COO, None, frame.indices, size, frame.dense_dim - 1, frame.coalesced).assemble(
            picked
        )
    mask = frame.indices[dim] == index
    if sparse == 1:
        return values.index_select(0, fl.nonzero(mask).reshape(-1)).sum(0, dtype=values.dtype)
    indices = frame.indices[[d for d in range(sparse) if d != dim]]
    return _kept(frame, values, mask, indices, size, frame.coalesced)


def _select_compressed(input, dim, index):
    frame, values = frame_and_entries(input)
    batch = frame.batch_dim
    size = (*frame.size[:dim], *frame.size[dim + 1 :])
    if dim < batch:
        made = Frame(
            frame.layout,
            frame.compressed.select(dim, index),
            frame.indices.select(dim, index),
            size,
            frame.dense_dim,
            False,
        )
        return made.assemble(values.select(dim, index))
    if batch:
        raise RuntimeError(
            "select: of a batch of compressed matrices only the batch dims can be selected from."
        )
    if dim >= 2:
        made = Frame(
            frame.layout, frame.compressed, frame.indices, size, frame.dense_dim - 1, False
        )
        return made.assemble(values.select(dim - 1, index))
    return select(to_coo(input), dim, index)


@rule("narrow", "narrow_copy")
def narrow(input, dim, start, length):
    """length slices from start on."""
    need_coo("narrow", input)
    if isinstance(dim, int) and not -input.dim() <= dim < input.dim():
        raise RuntimeError(
            f"narrow: dim {dim} is out of range; {tuple(input.shape)} has {input.dim()} dims."
        )
    dim = wrap_dim(dim, input.dim(), "narrow")
    start, length, extent = int(start), int(length), input.shape[dim]
    if not -extent <= start <= extent:
        raise RuntimeError(f"narrow: start {start} is out of range for dim {dim} of size {extent}.")
    start = start + extent if start < 0 else start
    if length < 0 or start + length > extent:
        raise RuntimeError(
            f"narrow: start {start} and length {length} go beyond dim {dim} of size {extent}."
        )
    frame, values = frame_and_entries(input)
    sparse = frame.sparse_dim
    size = (*frame.size[:dim], length, *frame.size[dim + 1 :])
    if dim >= sparse:
        return frame.renewed(size=size).assemble(values.narrow(dim - sparse + 1, start, length))
    row = frame.indices[dim]
    mask = (row >= start) & (row < start + length)
    indices = frame.indices.clone()
    indices[dim] -= start
    return _kept(frame, values, mask, indices, size, frame.coalesced)


@rule("index_select")
def index_select(input, dim, index):
    """The slices that `index` names, in its order."""
    if input.dim() == 0:
        raise IndexError("index_select: a 0-dim sparse tensor has no dim to select from.")
    dim = wrap_dim(dim, input.dim(), "index_select")
    if is_sparse(index) or index.dim() > 1:
        raise IndexError(
            f"index_select: index must be a strided vector, not {layout_name(index)} {tuple(index.shape)}."
        )
    if index.dtype not in (_core.int64, _core.int32):
        raise RuntimeError(
            f"index_select: index is {index.dtype}; it must be int64 or int32. Convert it with .long()."
        )
    if number_of(input) != COO:
        made = index_select(to_coo(input), dim, index)
        return _back(made, input)
    index = index.reshape(-1).to(_core.int64)
    frame, values = frame_and_entries(input)
    extent, count = frame.size[dim], len(index)
    if count and (int(index.min()) < -extent or int(index.max()) >= extent):
        raise IndexError(f"index_select: an index lies outside of dim {dim} of size {extent}.")
    index = index % max(extent, 1)
    sparse = frame.sparse_dim
    size = (*frame.size[:dim], count, *frame.size[dim + 1 :])
    if dim >= sparse:
        return frame.renewed(size=size).assemble(values.index_select(dim - sparse + 1, index))
    # Entries by their index in this dim; each wanted index takes its run of them.
    row = frame.indices[dim]
    order, _ = _core.sparse.order(row)
    pointers = _core.sparse.pointers(row, extent)
    starts, counts = (
        pointers.index_select(0, index),
        (pointers[1:] - pointers[:-1]).index_select(0, index),
    )
    new = fl.arange(count, device=row.device).repeat_interleave(counts)
    within = fl.arange(len(new), device=row.device) - (counts.cumsum(0) - counts).repeat_interleave(
        counts
    )
    at = order.index_select(0, starts.repeat_interleave(counts) + within)
    indices = frame.indices.index_select(1, at)
    indices[dim] = new
    coalesced = frame.coalesced and dim == 0
    return frame.renewed(indices, size, coalesced).assemble(values.index_select(0, at))


def _back(made, input):
    """A COO result in the layout of input, where it has the dims for it."""
    if not is_sparse(made) or frame_of(made).sparse_dim != 2:
        return made
    frame = frame_of(input)
    blocks = frame.block_size(_core._sparse_parts(input)[3]) if frame.blocked else None
    return compress(made, frame.layout, blocks)


@rule("__setitem__")
def set_item(input, index, value):
    if not is_sparse(input):
        raise TypeError(
            "indexing: a sparse tensor is not assigned into a strided one. Use to_dense()."
        )
    raise TypeError(
        f"indexing: a {layout_name(input)} tensor is not assigned into. Make it anew, or use to_dense()."
    )


@rule("unbind")
def unbind(input, dim=0):
    dim = wrap_dim(dim, input.dim(), "unbind")
    return tuple(select(input, dim, i) for i in range(input.shape[dim]))


@rule("split", "chunk", "unsafe_split", "unsafe_chunk")
def _split(input, *args, **kwargs):
    raise NotImplementedError(
        f"split: {layout_name(input)} tensors have no views. Use narrow or index_select."
    )


@rule("__getitem__", "index")
def get_item(input, index):
    """input[...] of ints, slices of step 1, None, '...' and one vector of indices a dim."""
    items = index if isinstance(index, tuple) else (index,)
    if is_sparse(input):
        known = sum(item is not None and item is not Ellipsis for item in items)
        if known > input.dim():
            raise IndexError(
                f"indexing: tensor {tuple(input.shape)} has {input.dim()} dims, fewer than there are indices."
            )
        missing = input.dim() - known
    else:
        raise NotImplementedError(
            "indexing: a sparse tensor is no index of a strided one. Use to_dense()."
        )
    dim, seen = 0, False
    for item in items:
        if item is Ellipsis:
            if seen:
                raise IndexError(
                    "indexing: '...' stands in the index twice; it may stand there once."
                )
            seen = True
            dim += missing
        elif item is None:
            input, dim = unsqueeze(input, dim), dim + 1
        elif isinstance(item, slice):
            if item != slice(None):
                start, stop, step = item.indices(input.shape[dim])
                if step == 1:
                    input = narrow(input, dim, start, max(stop - start, 0))
                else:
                    at = fl.arange(start, stop, step, device=input.device) if step > 0 else None
                    if at is None:
                        raise ValueError(
                            f"indexing: the slice's step is {step}; it must be 1 or more."
                        )
                    input = index_select(input, dim, at)
            dim += 1
        elif isinstance(item, bool) or (isinstance(item, _core.Tensor) and is_sparse(item)):
            raise NotImplementedError(
                "indexing: truth values and sparse tensors do not index a sparse tensor."
            )
        elif isinstance(item, (list, tuple, _core.Tensor)) and not (
            isinstance(item, _core.Tensor) and not item.dim()
        ):
            at = fl.as_tensor(item)
            if at.dtype is _core.bool and at.dim() == 1 and len(at) == input.shape[dim]:
                at = fl.nonzero(at).reshape(-1)
            if at.dim() != 1:
                raise NotImplementedError(
                    f"indexing: a sparse tensor takes vectors of indices, not {tuple(at.shape)}."
                )
            input, dim = index_select(input, dim, at), dim + 1
        elif hasattr(item, "__index__"):
            if not is_sparse(input):
                input = input.select(dim, int(item))
            else:
                extent, place = input.shape[dim], item.__index__()
                if not -extent <= place < extent:
                    raise IndexError(
                        f"indexing: index {place} is out of range for dim {dim} of size {extent}."
                    )
                input = select(input, dim, place)
        else:
            raise IndexError(f"indexing: {type(item).__name__} is no index of a sparse tensor.")
    return input


# --------------------------------------------------------------------------------------------- joining


@rule("cat", "concat", "concatenate")
def cat(tensors, dim=0):
    """Sparse tensors one behind another."""
    tensors = tuple(tensors)
    for place, each in enumerate(tensors):
        if not is_sparse(each):
            raise RuntimeError(
                f"cat: tensor {place} is strided and others are sparse. Convert it with .to_sparse()."
            )
    first = tensors[0]
    if number_of(first) != COO:
        return _back(cat([to_coo(each) for each in tensors], dim), first)
    dim = wrap_dim(dim, first.dim(), "cat")
    frames = [frame_and_entries(to_coo(each)) for each in tensors]
    a = frames[0][0]
    for place, (b, _) in enumerate(frames):
        if (b.sparse_dim, b.dense_dim) != (a.sparse_dim, a.dense_dim):
            raise RuntimeError(
                f"cat: tensor {place} has {b.sparse_dim} sparse and {b.dense_dim} dense dims, the first {a.sparse_dim} and "
                f"{a.dense_dim}. They must be alike."
            )
        if b.size[:dim] + b.size[dim + 1 :] != a.size[:dim] + a.size[dim + 1 :]:
            raise RuntimeError(
                f"cat: tensor {place} is {b.size}, the first {a.size}; they may differ in dim {dim} alone."
            )
    dtype = frames[0][1].dtype
    for _, values in frames[1:]:
        dtype = fl.promote_types(dtype, values.dtype)
    total = sum(frame.size[dim] for frame, _ in frames)
    size = (*a.size[:dim], total, *a.size[dim + 1 :])
    indices, parts, offset = [], [], 0
    for frame, values in frames:
        values = values.to(dtype)
        own = frame.indices
        if dim < a.sparse_dim:
            own = own.clone()
            own[dim] += offset
        else:
            at = dim - a.sparse_dim + 1
            shape = list(values.shape)
            before, after = list(shape), list(shape)
            before[at], after[at] = offset, total - offset - shape[at]
            values = fl.cat([values.new_zeros(before), values, values.new_zeros(after)], at)
        indices.append(own)
        parts.append(values)
        offset += frame.size[dim]
    coalesced = dim == 0 < a.sparse_dim and all(frame.coalesced for frame, _ in frames)
    return Frame(COO, None, fl.cat(indices, 1), size, a.dense_dim, coalesced).assemble(
        fl.cat(parts)
    )


@rule("stack")
def stack(tensors, dim=0):
    tensors = tuple(tensors)
    dim = wrap_dim(dim, tensors[0].dim() + 1, "stack")
    return cat([unsqueeze(each, dim) for each in tensors], dim)


@rule("broadcast_to", "_sparse_broadcast_to")
def broadcast_to(input, size):
    """input repeated along dims of size 1 and new ones in front."""
    need_coo("broadcast_to", input)
    size = tuple(size)
    missing = len(size) - input.dim()
    for _ in range(missing):
        input = unsqueeze(input, 0)
    for dim, extent in enumerate(size):
        have = input.shape[dim]
        if extent == -1 or have == extent:
            continue
        if have != 1:
            raise RuntimeError(f"broadcast_to: {tuple(input.shape)} does not broadcast to {size}.")
        input = index_select(input, dim, fl.zeros(extent, dtype=_core.int64, device=input.device))
    return input
