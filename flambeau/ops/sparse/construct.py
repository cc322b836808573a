"""Making sparse tensors, and checking that what they are made of fits together."""

from ... import _core
from ...types import Size
from ...types import layout as layout_type
from ..core import operators as fl
from ..core.arguments import every
from .frame import BSC, BSR, COO, CSC, CSR, NAMES, NUMBERS, Frame, frame_of

_always_checked = False


def checks_by_default():
    return _always_checked


def set_checks_by_default(wanted):
    global _always_checked
    _always_checked = bool(wanted)


def _checks(wanted):
    return _always_checked if wanted is None else wanted


def _as_indices(value, name, dtypes=(_core.int64,)):
    tensor = value if isinstance(value, _core.Tensor) else fl.as_tensor(value)
    if tensor.dtype.is_complex:
        raise RuntimeError(f"{name}: indices are {tensor.dtype}; they must be integers.")
    return tensor.detach() if tensor.dtype in dtypes else tensor.detach().to(_core.int64)


def _as_values(value, dtype, device):
    if isinstance(value, _core.Tensor):
        if device is not None and value.device != fl.empty(0, device=device).device:
            value = value.to(device)
        return value if dtype is None else value.to(dtype)
    return fl.tensor(value, dtype=dtype, device=device)


def _sizes(name, size):
    try:
        size = Size(size)
    except TypeError:
        raise TypeError(f"{name}: size must be a sequence of ints, not {size!r}.") from None
    if any(extent < 0 for extent in size):
        raise RuntimeError(f"{name}: size {tuple(size)} has a negative extent.")
    return tuple(size)


def _finish(frame, values, requires_grad):
    """The tensor; values that have a history pass it on, unless the tensor is to be a leaf."""
    return frame.make(values.detach()).requires_grad_() if requires_grad else frame.assemble(values)


def _pinned(name, pin_memory):
    if pin_memory:
        raise RuntimeError(f"{name}: pin_memory needs an accelerator, which is not available here.")


def sparse_coo_tensor(indices=None, values=None, size=None, *, dtype=None, layout=None, device=None, pin_memory=False,
                      requires_grad=False, check_invariants=None, is_coalesced=None):  # fmt: skip
    """A sparse tensor of these values at these indices; values of equal indices add up.

    Args:
        indices (Tensor or nested sequence): (sparse dims, nnz), integers.
        values (Tensor or sequence): (nnz, *dense sizes).
        size (sequence of int, optional): sizes of all dimensions; by default they are as large as the indices
            ask for. `sparse_coo_tensor(size)` alone makes an empty tensor.
        dtype, device (optional): of the values; by default those they have.
        requires_grad (bool): whether gradients are computed for the tensor.
        check_invariants (bool, optional): whether indices are checked against size; by default as
            `torch.sparse.check_sparse_tensor_invariants` says.
        is_coalesced (bool, optional): True where the indices are in order, each once.

    Returns:
        Tensor: of layout sparse_coo, (*sparse sizes, *dense sizes).

    Raises:
        RuntimeError: the parts do not fit together.

    Example:
        >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    name = "sparse_coo_tensor"
    _pinned(name, pin_memory)
    if layout is not None and NUMBERS.get(layout) != COO:
        raise RuntimeError(
            f"{name}: layout is {layout}; it can only be sparse_coo. Use the function of that layout."
        )
    if values is None:
        if indices is None and size is None:
            raise TypeError(f"{name}: needs indices and values, or a size.")
        size = _sizes(name, indices if size is None else size)
        return empty(size, COO, dtype=dtype, device=device, requires_grad=requires_grad)
    values = _as_values(values, dtype, device)
    indices = _as_indices(indices, name)
    if indices.device != values.device:
        indices = indices.to(values.device)
    if indices.dim() == 1 and indices.numel() == 0:
        indices = indices.reshape(0 if size is None else len(size), 0)
    if indices.dim() != 2:
        raise RuntimeError(
            f"{name}: indices are {tuple(indices.shape)}; they must be a matrix, (sparse dims, nnz)."
        )
    if values.dim() == 0 and indices.shape[1] == 1:
        values = values.reshape(1)
    if values.dim() == 0:
        raise RuntimeError(
            f"{name}: values are a single number; they must have a first dim of nnz."
        )
    sparse_dim, nnz = indices.shape
    if values.shape[0] != nnz:
        raise RuntimeError(
            f"{name}: there are {nnz} indices, but values are {tuple(values.shape)}. The first dim must be as many."
        )
    dense = tuple(values.shape[1:])
    check = _checks(check_invariants)
    if size is None:
        if nnz and not indices.is_meta:
            if int(indices.min()) < 0 if sparse_dim else False:
                raise RuntimeError(f"{name}: an index is negative: {int(indices.min())}.")
            largest = [int(each) + 1 for each in indices.amax(1)] if sparse_dim else []
        else:
            largest = [0] * sparse_dim
        size = (*largest, *dense)
    else:
        size = _sizes(name, size)
        if len(size) != sparse_dim + len(dense):
            raise RuntimeError(
                f"{name}: size {size} has {len(size)} dims, but there are {sparse_dim} sparse dims in indices "
                f"{tuple(indices.shape)} and {len(dense)} dense ones in values {tuple(values.shape)}."
            )
        if size[sparse_dim:] != dense:
            raise RuntimeError(
                f"{name}: the dense sizes are {size[sparse_dim:]} in size and {dense} in values {tuple(values.shape)}."
            )
        if check:
            _check_range(name, indices, size)
    if is_coalesced and check and not _is_ordered(indices, size):
        raise RuntimeError(
            f"{name}: is_coalesced is True, but the indices are not in order, each once."
        )
    if is_coalesced is None:
        is_coalesced = nnz < 2
    frame = Frame(COO, None, indices, size, len(dense), bool(is_coalesced))
    return _finish(frame, values, requires_grad)


def _check_range(name, indices, size):
    if indices.numel() == 0 or indices.is_meta:
        return
    low, high = indices.amin(1).tolist(), indices.amax(1).tolist()
    for dim, (least, most) in enumerate(zip(low, high, strict=True)):
        if least < 0:
            raise RuntimeError(f"{name}: an index of dim {dim} is negative: {least}.")
        if most >= size[dim]:
            raise RuntimeError(
                f"{name}: an index of dim {dim} is {most}, but the size there is {size[dim]}: {size}."
            )


def _is_ordered(indices, size):
    from .frame import flat_index

    if indices.shape[1] < 2 or indices.is_meta:
        return True
    if indices.shape[0] == 0:
        return False
    flat = flat_index(indices, size[: indices.shape[0]])
    return every(flat[1:] > flat[:-1])


def _compressed_tensor(name, layout, compressed, plain, values, size, dtype, device, pin_memory, requires_grad,
                       check_invariants):  # fmt: skip
    _pinned(name, pin_memory)
    values = _as_values(values, dtype, device)
    index_dtypes = (_core.int64, _core.int32)
    compressed = _as_indices(compressed, name, index_dtypes)
    plain = _as_indices(plain, name, index_dtypes)
    if compressed.dtype != plain.dtype:
        raise RuntimeError(
            f"{name}: the two indices are {compressed.dtype} and {plain.dtype}. Their dtypes must be equal."
        )
    if compressed.device != values.device:
        compressed, plain = compressed.to(values.device), plain.to(values.device)
    blocked = layout in (BSR, BSC)
    batch = compressed.dim() - 1
    if batch < 0:
        raise RuntimeError(f"{name}: the compressed indices must have at least 1 dim.")
    if plain.dim() != batch + 1:
        raise RuntimeError(
            f"{name}: the plain indices are {tuple(plain.shape)} and the compressed ones {tuple(compressed.shape)}. "
            "They must have as many dims."
        )
    dense_dim = values.dim() - batch - 1 - 2 * blocked
    if dense_dim < 0:
        raise RuntimeError(
            f"{name}: values are {tuple(values.shape)}; with {batch} batch dims they must have at least "
            f"{batch + 1 + 2 * blocked} dims."
        )
    block = tuple(values.shape[batch + 1 : batch + 3]) if blocked else (1, 1)
    by_rows = layout in (CSR, BSR)
    if size is None:
        outer = (compressed.shape[-1] - 1) * block[0 if by_rows else 1]
        inner = (int(plain.max()) + 1 if plain.numel() and not plain.is_meta else 0) * block[
            1 if by_rows else 0
        ]
        matrix = (outer, inner) if by_rows else (inner, outer)
        size = (*compressed.shape[:-1], *matrix, *values.shape[batch + 1 + 2 * blocked :])
        if outer < 0:
            raise RuntimeError(f"{name}: the compressed indices must have at least one number.")
    size = _sizes(name, size)
    frame = Frame(layout, compressed, plain, size, dense_dim, False)
    _check_shapes(name, frame, values)
    if _checks(check_invariants):
        _check_compressed(name, frame, values)
    return _finish(frame, values, requires_grad)


def _check_shapes(name, frame, values):
    """What must hold that no loop reads outside: sizes, without a look at the indices."""
    size, batch, block = frame.size, frame.batch_dim, frame.block_size(values)
    if len(size) != batch + 2 + frame.dense_dim:
        raise RuntimeError(
            f"{name}: size {size} has {len(size)} dims; {batch} of a batch, 2 of the matrix and "
            f"{frame.dense_dim} dense ones are {batch + 2 + frame.dense_dim}."
        )
    rows, columns = size[batch : batch + 2]
    if not all(block) or rows % block[0] or columns % block[1]:
        raise RuntimeError(f"{name}: blocks of {block} do not fill a matrix of {rows} x {columns}.")
    extent = rows // block[0] if frame.by_rows else columns // block[1]
    nnz = frame.indices.shape[-1]
    wanted = {
        "the compressed indices": (tuple(frame.compressed.shape), (*size[:batch], extent + 1)),
        "the plain indices": (tuple(frame.indices.shape), (*size[:batch], nnz)),
        "the values": (
            tuple(values.shape),
            (*size[:batch], nnz, *(block if frame.blocked else ()), *size[batch + 2 :]),
        ),
    }
    for what, (got, expected) in wanted.items():
        if got != expected:
            raise RuntimeError(
                f"{name}: {what} are {got}; for size {size} they must be {expected}."
            )


def _check_compressed(name, frame, values):
    compressed, plain = frame.compressed, frame.indices
    if compressed.is_meta:
        return
    nnz = plain.shape[-1]
    block = frame.block_size(values)
    batch = frame.batch_dim
    rows, columns = frame.size[batch : batch + 2]
    inner = columns // block[1] if frame.by_rows else rows // block[0]
    counts = compressed[..., 1:] - compressed[..., :-1]
    if not every(compressed[..., 0] == 0):
        raise RuntimeError(f"{name}: the compressed indices must begin with 0.")
    if not every(compressed[..., -1] == nnz):
        raise RuntimeError(
            f"{name}: the compressed indices must end with {nnz}, the number of entries."
        )
    if not every((counts >= 0) & (counts <= inner)):
        raise RuntimeError(
            f"{name}: the compressed indices must not fall, and grow by at most {inner} at a time."
        )
    if not every((plain >= 0) & (plain < inner)):
        raise RuntimeError(f"{name}: the plain indices must be from 0 to {inner - 1}.")
    if nnz > 1:
        from .frame import expand_compressed

        outer = expand_compressed(compressed, nnz)
        same = outer[..., 1:] == outer[..., :-1]
        if not every(~same | (plain[..., 1:] > plain[..., :-1])):
            raise RuntimeError(
                f"{name}: the plain indices of each row (or column) must be in order, each once."
            )


def sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, dtype=None, layout=None,
                             device=None, pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
    """A sparse tensor of the compressed layout that `layout` names: sparse_csr, sparse_csc, sparse_bsr, sparse_bsc.

    Args:
        compressed_indices (Tensor or sequence): (*batch, M + 1): where each row (of csc and bsc: column) begins
            among the entries; of the block layouts, each row of blocks.
        plain_indices (Tensor or sequence): (*batch, nnz): the column (or row) of each entry.
        values (Tensor or sequence): (*batch, nnz, *dense sizes); of the block layouts
            (*batch, nnz, rows of a block, columns of it, *dense sizes).
        size (sequence of int, optional): (*batch, rows, columns, *dense sizes).
        layout (torch.layout): which one.
        check_invariants (bool, optional): whether the indices are looked at.

    Raises:
        RuntimeError: the parts do not fit together, or layout is none of the four.
    """
    name = "sparse_compressed_tensor"
    if not isinstance(layout, layout_type):
        raise RuntimeError(
            f"{name}: needs layout=, one of sparse_csr, sparse_csc, sparse_bsr and sparse_bsc."
        )
    if NUMBERS[layout] < CSR:
        raise RuntimeError(
            f"{name}: layout is {layout}; it must be sparse_csr, sparse_csc, sparse_bsr or sparse_bsc."
        )
    return _compressed_tensor(name, NUMBERS[layout], compressed_indices, plain_indices, values, size, dtype, device,
                              pin_memory, requires_grad, check_invariants)  # fmt: skip


_EXAMPLES = {
    CSR: ("crow_indices", "col_indices", "rows", "[0, 1, 3], [2, 0, 1], [3.0, 4.0, 5.0], (2, 3)",
          "[0., 0., 3.],\n                [4., 5., 0.]"),
    CSC: ("ccol_indices", "row_indices", "columns", "[0, 1, 2, 3], [1, 1, 0], [4.0, 5.0, 3.0], (2, 3)",
          "[0., 0., 3.],\n                [4., 5., 0.]"),
    BSR: ("crow_indices", "col_indices", "rows of blocks", "[0, 1], [1], [[[1.0, 2.0], [3.0, 4.0]]], (2, 4)",
          "[0., 0., 1., 2.],\n                [0., 0., 3., 4.]"),
    BSC: ("ccol_indices", "row_indices", "columns of blocks", "[0, 0, 1], [0], [[[1.0, 2.0], [3.0, 4.0]]], (2, 4)",
          "[0., 0., 1., 2.],\n                [0., 0., 3., 4.]"),
}  # fmt: skip


def _constructor(layout):
    name = f"{NAMES[layout]}_tensor"
    first, second, what, example, shown = _EXAMPLES[layout]

    if layout in (CSR, BSR):

        def construct(crow_indices, col_indices, values, size=None, *, dtype=None, layout=None, device=None,
                      pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
            return made(crow_indices, col_indices, values, size, dtype, layout, device, pin_memory, requires_grad,
                        check_invariants)  # fmt: skip
    else:

        def construct(ccol_indices, row_indices, values, size=None, *, dtype=None, layout=None, device=None,
                      pin_memory=False, requires_grad=False, check_invariants=None):  # fmt: skip
            return made(ccol_indices, row_indices, values, size, dtype, layout, device, pin_memory, requires_grad,
                        check_invariants)  # fmt: skip

    number = layout

    def made(compressed, plain, values, size, dtype, layout, *options):
        if layout is not None and NUMBERS.get(layout) != number:
            raise RuntimeError(f"{name}: layout is {layout}; it can only be {NAMES[number]}.")
        return _compressed_tensor(name, number, compressed, plain, values, size, dtype, *options)

    construct.__name__ = construct.__qualname__ = name
    construct.__doc__ = f"""A sparse tensor whose {what} are compressed.

    Args:
        {first} (Tensor or sequence): where each of the {what} begins among the entries, with the end behind.
        {second} (Tensor or sequence): the place of each entry in the other direction.
        values, size, dtype, device, requires_grad, check_invariants: as for `sparse_compressed_tensor`.

    Raises:
        RuntimeError: the parts do not fit together.

    Example:
        >>> torch.{name}({example}).to_dense()
        tensor([{shown}])
    """
    return construct


sparse_csr_tensor, sparse_csc_tensor, sparse_bsr_tensor, sparse_bsc_tensor = map(
    _constructor, (CSR, CSC, BSR, BSC)
)


def empty(size, layout, *, dtype=None, device=None, requires_grad=False, dense_dim=0):
    """A tensor of a sparse layout without entries."""
    size = tuple(size)
    name = f"empty of layout {NAMES[layout]}"
    options = {"dtype": dtype, "device": device}
    integers = {"dtype": _core.int64, "device": device}
    if layout == COO:
        sparse_dim = len(size) - dense_dim
        indices = fl.empty((sparse_dim, 0), **integers)
        values = fl.empty((0, *size[sparse_dim:]), **options)
        frame = Frame(COO, None, indices, size, dense_dim, True)
    elif layout in (BSR, BSC):
        raise RuntimeError(
            f"{name}: the sizes do not tell that of the blocks. Use sparse_{NAMES[layout][7:]}_tensor."
        )
    else:
        if len(size) < 2:
            raise RuntimeError(f"{name}: takes 2 sizes or more, not {size}.")
        batch, extent = size[:-2], size[-2 if layout == CSR else -1]
        frame = Frame(
            layout,
            fl.zeros((*batch, extent + 1), **integers),
            fl.empty((*batch, 0), **integers),
            size,
            0,
            False,
        )
        values = fl.empty((*batch, 0), **options)
    made = frame.make(values)
    return made.requires_grad_() if requires_grad else made


def empty_like(input, dtype=None, device=None):
    """A tensor without entries, alike in layout, sizes and dense dimensions."""
    frame, values = frame_of(input), _core._sparse_parts(input)[3]
    dtype = input.dtype if dtype is None else dtype
    device = input.device if device is None else device
    if frame.layout == COO:
        return empty(frame.size, COO, dtype=dtype, device=device, dense_dim=frame.dense_dim)
    batch = frame.batch_dim
    compressed = fl.zeros(frame.compressed.shape, dtype=frame.compressed.dtype, device=device)
    indices = fl.empty((*frame.size[:batch], 0), dtype=frame.indices.dtype, device=device)
    shape = (*frame.size[:batch], 0, *values.shape[batch + 1 :])
    made = Frame(frame.layout, compressed, indices, frame.size, frame.dense_dim, False)
    return made.make(fl.empty(shape, dtype=dtype, device=device))


def validate(layout, compressed, plain, values, size, is_coalesced=False):
    """Raises where the parts of a tensor do not fit together."""
    if layout == COO:
        sparse_coo_tensor(plain, values, size, check_invariants=True, is_coalesced=is_coalesced)
    else:
        _compressed_tensor("sparse_compressed_tensor", layout, compressed, plain, values, size, None, None, False, False, True)  # fmt: skip
