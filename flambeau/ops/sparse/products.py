"""Products of matrices of which one or both are sparse.

The loops run over compressed rows (csrc/kernels/sparse/products.h). `rows_times_dense` and `_sampled`
are operators of dense tensors, each with the other in its derivative, so derivatives of any order follow.
"""

import math

from ... import _core
from ..core import operators as fl
from ..core.arguments import common_shape
from ..core.declare import primitive
from . import coalesce as sums
from . import frame as frames
from .convert import compress, to_coo, to_layout
from .rules import rule


class Rows:
    """A sparse matrix by its rows: pointers, columns and perhaps an order of the entries.

    `found` is the dict of the tensor that it was made of, where orders are kept for the next product.
    """

    __slots__ = ("pointers", "columns", "order", "size", "_rows", "found")

    def __init__(self, pointers, columns, order, size, rows=None, found=None):
        self.pointers, self.columns, self.order = pointers, columns, order
        self.size, self._rows, self.found = size, rows, found

    @property
    def rows(self):
        """The row of each entry, as the values stand."""
        if self._rows is None:
            rows = frames.expand_compressed(self.pointers, self.columns.shape[0])
            if self.order is not None:
                rows = fl.empty_like(rows).index_copy(0, self.order.to(_core.int64), rows)
            self._rows = rows
        return self._rows

    @property
    def transposed(self):
        return by_rows(self.columns, self.rows, self.size[::-1], self.found, "transposed")


def by_rows(rows, columns, size, found=None, name="rows"):
    """Rows of a matrix whose entries stand in any order, which `found` has under `name` once it was looked for.

    A graph is multiplied in every step and sorted once: to see that an order is still right takes a tenth of
    sorting, and is done each time, since indices may be written by ways that no version tells of.
    """
    if rows.is_meta:
        return Rows(rows.new_empty(size[0] + 1), columns, rows, tuple(size), rows)
    order, pointers = found.get(name, (None, None)) if found else (None, None)
    if order is None or not (
        pointers.shape[0] == size[0] + 1 and _core.sparse.is_order(rows, order, pointers)
    ):
        order, _ = _core.sparse.order(rows)
        pointers = _core.sparse.pointers(rows, size[0])
        if found is not None:
            found[name] = order, pointers
    return Rows(pointers, columns, order, tuple(size), rows)


def matrix_rows(input):
    """(Rows, values): a sparse matrix as products want it; duplicates and any order will do."""
    frame, values = frames.frame_and_entries(input)
    size = frame.size
    found = _core._sparse_found(input) if values.device.type == "cpu" else None
    if frame.layout == frames.CSR:
        return Rows(frame.compressed, frame.indices, None, size, None, found), values
    if frame.layout == frames.COO:
        rows, columns = frame.indices[0], frame.indices[1]
        if frame.coalesced:
            pointers = _core.sparse.pointers(rows, size[0])
            return Rows(pointers, columns, None, size, rows, found), values
        return by_rows(rows, columns, size, found), values
    places = frame.places(values.shape)
    return by_rows(places[0], places[1], size, found), frame.flat(values)


@primitive(method=False, function=False)
def rows_times_dense(ctx, values, dense, rows):
    ctx.save_for_backward(values, dense)
    ctx.rows = rows
    if values.is_meta or dense.is_meta:
        return dense.new_empty((rows.size[0], dense.shape[1]))
    return _core.sparse.times_dense(rows.pointers, rows.columns, values, rows.order, dense)


@rows_times_dense.derivative
def _(ctx, grad_output):
    values, dense = ctx.saved
    of_values = of_dense = None
    if ctx.needs_input_grad[0]:
        of_values = _sampled(grad_output, dense.conj().resolve_conj(), ctx.rows)
    if ctx.needs_input_grad[1]:
        of_dense = rows_times_dense(values.conj().resolve_conj(), grad_output, ctx.rows.transposed)
    return of_values, of_dense, None


@primitive(method=False, function=False)
def _sampled(ctx, x, y, rows):
    """x[row] . y[column] of each entry."""
    ctx.save_for_backward(x, y)
    ctx.rows = rows
    if x.is_meta or y.is_meta:
        return x.new_empty(rows.columns.shape[0])
    return _core.sparse.sampled(rows.rows, rows.columns, x, y)


@_sampled.derivative
def _(ctx, grad_output):
    x, y = ctx.saved
    of_x = of_y = None
    if ctx.needs_input_grad[0]:
        of_x = rows_times_dense(grad_output, y.conj().resolve_conj(), ctx.rows)
    if ctx.needs_input_grad[1]:
        of_y = rows_times_dense(grad_output, x.conj().resolve_conj(), ctx.rows.transposed)
    return of_x, of_y, None


def _check_matrices(name, input, other):
    for what, matrix in (("input", input), ("mat2", other)):
        if matrix.dim() != 2:
            raise RuntimeError(
                f"{name}: {what} is {tuple(matrix.shape)}; it must be a matrix (2 dims)."
            )
    if input.shape[1] != other.shape[0]:
        raise RuntimeError(
            f"{name}: inner dimensions differ ({input.shape[1]} != {other.shape[0]}): input {tuple(input.shape)} @ "
            f"mat2 {tuple(other.shape)}."
        )
    if input.dtype != other.dtype:
        raise RuntimeError(
            f"{name}: the matrices are {input.dtype} and {other.dtype}. Convert one of them with .to()."
        )


def _need_sparse_matrix(name, input):
    frame = frames.frame_of(input)
    if frame.dense_dim:
        raise RuntimeError(
            f"{name}: a sparse matrix with dense dims, {frame.size}, is not multiplied."
        )


@rule("mm")
def mm(input, mat2, out_dtype=None):
    """The product of two matrices: strided where one of them is, sparse where both are sparse."""
    if out_dtype is not None:
        raise NotImplementedError("mm: out_dtype is not supported for sparse matrices.")
    _check_matrices("mm", input, mat2)
    for each in (input, mat2):
        if frames.is_sparse(each):
            _need_sparse_matrix("mm", each)
    if frames.is_sparse(input) and frames.is_sparse(mat2):
        return _product_of_two(input, mat2)
    if frames.is_sparse(input):
        rows, values = matrix_rows(input)
        return rows_times_dense(values, mat2, rows)
    rows, values = matrix_rows(mat2)
    return rows_times_dense(values, input.t(), rows.transposed).t()


def _product_of_two(input, other):
    """Sparse @ sparse, in the layout of input where both have one, else as COO."""
    a, x = matrix_rows(input)
    b, y = matrix_rows(other)
    size = (a.size[0], b.size[1])
    recorded = _core.is_grad_enabled() and (x.requires_grad or y.requires_grad)
    pointers, columns, values = _core.sparse.times_rows(
        a.pointers, a.columns, x, a.order, b.pointers, b.columns, y, b.order, size[1]
    )
    if recorded:
        values = _values_of_product(a, x, b, y, pointers, columns, size)
    made = frames.Frame(frames.CSR, pointers, columns, size, 0, False).assemble(values)
    layouts = {frames.number_of(input), frames.number_of(other)}
    return to_coo(made) if frames.COO in layouts else made


def _like(made, input):
    number = frames.number_of(input)
    blocks = None
    if number in (frames.BSR, frames.BSC):
        frame, values = frames.split(input)
        blocks = frame.block_size(values)
        if made.shape[0] % blocks[0] or made.shape[1] % blocks[1]:
            return made
    return to_layout(made, number, blocksize=blocks)


def _values_of_product(a, x, b, y, pointers, columns, size):
    """The values of a product once more, by operators that have derivatives: each multiplication is an entry."""
    counts = (b.pointers[1:] - b.pointers[:-1]).to(_core.int64)
    of_a = a.order if a.order is not None else fl.arange(len(a.columns), device=a.columns.device)
    each = counts.index_select(0, a.columns.index_select(0, of_a).to(_core.int64))
    left = of_a.repeat_interleave(each)
    starts = (
        b.pointers[:-1]
        .to(_core.int64)
        .index_select(0, a.columns.index_select(0, left).to(_core.int64))
    )
    first = (each.cumsum(0) - each).repeat_interleave(each)
    right = starts + fl.arange(len(left), device=left.device) - first
    if b.order is not None:
        right = b.order.index_select(0, right)
    rows = a.rows.index_select(0, left)
    wanted = rows * size[1] + b.columns.index_select(0, right).to(_core.int64)
    counts = pointers[1:] - pointers[:-1]
    keys = fl.arange(size[0], device=pointers.device).repeat_interleave(counts) * size[1] + columns
    at = fl.searchsorted(keys, wanted)
    products = x.index_select(0, left) * y.index_select(0, right)
    return products.new_zeros(len(keys)).index_add(0, at, products)


@rule("addmm")
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2)."""
    product = mm(mat1, mat2)
    if not frames.is_sparse(product) and not frames.is_sparse(input):
        shape = tuple(product.shape)
        if tuple(common_shape("addmm", input.shape, shape)) != shape:
            raise RuntimeError(
                f"addmm: input {tuple(input.shape)} does not broadcast to the product, {shape}."
            )
    product = _scaled(product, alpha)
    if beta == 0:
        return product
    if frames.is_sparse(input) and not frames.is_sparse(product):
        return fl.add(product, _scaled(input, beta))
    if frames.is_sparse(input) and frames.number_of(input) != frames.number_of(product):
        product = _like(product, input)
    return fl.add(_scaled(input, beta), product)


def _scaled(input, factor):
    """input * factor in the dtype of input."""
    return input if factor == 1 else (input * factor).to(input.dtype)


@rule("addmm_")
def addmm_(input, mat1, mat2, *, beta=1, alpha=1):
    made = addmm(input, mat1, mat2, beta=beta, alpha=alpha)
    if frames.is_sparse(input):
        from .rules import replace

        return replace(input, made, "addmm_")
    return input.copy_(made)


@rule("mv")
def mv(input, vec):
    """A sparse matrix times a strided vector."""
    if not frames.is_sparse(input) or frames.is_sparse(vec):
        raise NotImplementedError(
            "mv: takes a sparse matrix and a strided vector. Use to_dense() on the vector."
        )
    if vec.dim() != 1 or input.dim() != 2:
        raise RuntimeError(
            f"mv: takes a matrix and a vector, not {tuple(input.shape)} and {tuple(vec.shape)}."
        )
    return mm(input, vec.unsqueeze(1)).squeeze(1)


@rule("addmv")
def addmv(input, mat, vec, *, beta=1, alpha=1):
    product = mv(mat, vec) * alpha
    return product if beta == 0 else input * beta + product


@rule("bmm")
def bmm(input, mat2, out_dtype=None):
    """A product of each of two stacks of matrices, the first of them sparse."""
    if out_dtype is not None:
        raise NotImplementedError("bmm: out_dtype is not supported for sparse matrices.")
    if frames.is_sparse(mat2) and not frames.is_sparse(input):
        return bmm(fl.transpose(mat2, 1, 2), input.transpose(1, 2)).transpose(1, 2)
    if frames.is_sparse(mat2):
        raise NotImplementedError("bmm: takes one sparse stack of matrices, not two.")
    if input.dim() != 3 or mat2.dim() != 3:
        raise RuntimeError(
            f"bmm: takes stacks of matrices (3 dims), not {tuple(input.shape)} and {tuple(mat2.shape)}."
        )
    count, rows, inner = input.shape
    if mat2.shape[0] != count or mat2.shape[1] != inner:
        raise RuntimeError(
            f"bmm: input {tuple(input.shape)} and mat2 {tuple(mat2.shape)} do not fit together."
        )
    if input.dtype != mat2.dtype:
        raise RuntimeError(
            f"bmm: the stacks are {input.dtype} and {mat2.dtype}. Convert one of them with .to()."
        )
    frame, values = frames.frame_and_entries(input)
    if frame.dense_dim or frame.sparse_dim != 3:
        raise RuntimeError(f"bmm: a sparse stack has 3 sparse dims, not {frame.sparse_dim}.")
    number, r, c = frame.places(values.shape)
    # One matrix with the blocks on its diagonal.
    blocks = by_rows(number * rows + r, number * inner + c, (count * rows, count * inner))
    product = rows_times_dense(
        frame.flat(values), mat2.reshape(count * inner, mat2.shape[2]), blocks
    )
    return product.reshape(count, rows, mat2.shape[2])


@rule("baddbmm")
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    product = bmm(batch1, batch2) * alpha
    return product if beta == 0 else input * beta + product


@rule("matmul", "__matmul__", "__rmatmul__")
def matmul(input, other):
    """The product of matrices, stacks and vectors of which one is sparse."""
    dims = (input.dim(), other.dim())
    if dims == (2, 2):
        return mm(input, other)
    if dims == (2, 1):
        return mv(input, other)
    if dims == (1, 2):
        return mv(fl.t(other), input)
    if dims == (1, 1):
        return dot(input, other)
    if dims == (3, 3):
        return bmm(input, other)
    raise NotImplementedError(
        f"matmul: {frames.layout_name(input)} {tuple(input.shape)} @ {frames.layout_name(other)} {tuple(other.shape)} is not "
        "offered. Use mm, mv or bmm."
    )


@rule("dot", "inner", "vdot")
def dot(input, other):
    """The sum of the products of two vectors."""
    if not frames.is_sparse(input):
        input, other = other, input
    return frames.entries(to_coo(fl.mul(input, other))).sum()


@rule("linear")
def linear(input, weight, bias=None):
    """input @ weight.T + bias, with a sparse weight."""
    if frames.is_sparse(input):
        product = mm(input, fl.t(weight))
    else:
        rows = input.unsqueeze(0).flatten(0, -2)
        product = mm(rows, fl.t(weight)).reshape(*input.shape[:-1], weight.shape[0])
    return product if bias is None else product + bias


# -------------------------------------------------------------------------------------------- torch.sparse


def _reduced(name, input, other, reduce):
    """Products of entries with rows of `other`, combined row by row."""
    rows, values = matrix_rows(input)
    products = other.index_select(0, rows.columns.to(_core.int64)) * values.unsqueeze(1)
    index = rows.rows.unsqueeze(1).expand(products.shape)
    start = other.new_zeros((rows.size[0], other.shape[1]))
    kind = {"sum": "sum", "mean": "mean", "amax": "amax", "amin": "amin"}.get(reduce)
    if kind is None:
        raise ValueError(
            f"{name}: reduce is {reduce!r}; it must be 'sum', 'mean', 'amax' or 'amin'."
        )
    return start.scatter_reduce(0, index, products, kind, include_self=False)


def sparse_mm(mat1, mat2, reduce=None):
    """The product of two matrices of which one is sparse, or both.

    Args:
        mat1 (Tensor): (M, K).
        mat2 (Tensor): (K, N).
        reduce (str, optional): what becomes of the products of a row: "sum", "mean", "amax" or "amin". It needs a
            sparse_csr mat1 and a strided mat2.

    Returns:
        Tensor: (M, N), sparse where both are.

    Raises:
        RuntimeError: sizes or dtypes do not fit together.
    """
    if not frames.is_sparse(mat1) and not frames.is_sparse(mat2):
        raise RuntimeError(
            "sparse.mm: takes at least one sparse matrix. Use torch.mm for two strided ones."
        )
    if reduce is not None:
        if (
            not frames.is_sparse(mat1)
            or frames.number_of(mat1) != frames.CSR
            or frames.is_sparse(mat2)
        ):
            raise RuntimeError("sparse.mm: reduce needs a sparse_csr mat1 and a strided mat2.")
        _check_matrices("sparse.mm", mat1, mat2)
        return _reduced("sparse.mm", mat1, mat2, reduce)
    return mm(mat1, mat2)


def sparse_addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * (mat1 @ mat2) with a sparse mat1."""
    return addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0, out=None):
    """alpha * (mat1 @ mat2) where `input` has entries, plus beta * input.

    Args:
        input (Tensor): sparse_csr, (*B, M, N).
        mat1 (Tensor): strided, (*B, M, K).
        mat2 (Tensor): strided, (*B, K, N).

    Returns:
        Tensor: sparse_csr, of the entries of input.

    Raises:
        RuntimeError: layouts, sizes or dtypes do not fit together.
    """
    name = "sampled_addmm"
    if not frames.is_sparse(input) or frames.number_of(input) not in (frames.CSR, frames.COO):
        raise RuntimeError(f"{name}: input must be sparse_csr, not {frames.layout_name(input)}.")
    if frames.is_sparse(mat1) or frames.is_sparse(mat2):
        raise RuntimeError(f"{name}: mat1 and mat2 must be strided.")
    if mat1.dim() < 2 or mat1.dim() != mat2.dim() or mat1.dim() != input.dim():
        raise RuntimeError(
            f"{name}: mat1 {tuple(mat1.shape)} and mat2 {tuple(mat2.shape)} must have the dims of input, {input.dim()}."
        )
    if tuple(input.shape) != (*mat1.shape[:-1], mat2.shape[-1]) or mat1.shape[-1] != mat2.shape[-2]:
        raise RuntimeError(
            f"{name}: mat1 {tuple(mat1.shape)} @ mat2 {tuple(mat2.shape)} is not of the sizes of input, "
            f"{tuple(input.shape)}."
        )
    if not input.dtype == mat1.dtype == mat2.dtype:
        raise RuntimeError(f"{name}: dtypes differ: {input.dtype}, {mat1.dtype}, {mat2.dtype}.")
    if frames.number_of(input) == frames.COO:
        input = compress(input, frames.CSR)
    frame, values = frames.frame_and_entries(input)
    places = frame.places(values.shape)
    batch = frame.batch_dim
    m, n, k = mat1.shape[-2], mat2.shape[-1], mat1.shape[-1]
    count = math.prod(mat1.shape[:-2])
    x, y = mat1.reshape(count * m, k), mat2.transpose(-1, -2).reshape(count * n, k)
    if batch:
        number = frames.flat_index(places[:batch], frame.size[:batch])
        rows, columns = number * m + places[batch], number * n + places[batch + 1]
    else:
        rows, columns = places[0], places[1]
    found = _sampled(x, y, by_rows(rows, columns, (x.shape[0], y.shape[0]))).reshape(values.shape)
    found = found if alpha == 1 else found * alpha
    made = frame.assemble(found if beta == 0 else found + values * beta)
    if out is None:
        return made
    from .rules import replace

    return replace(out, made, name)


@rule("smm")
def smm(input, mat):
    """The product of a sparse and a strided matrix, as a sparse one."""
    _check_matrices("smm", input, mat)
    return sspaddmm(_nothing(input, mat), input, mat)


@rule("hspmm")
def hspmm(mat1, mat2):
    """The product of a sparse and a strided matrix, of which the rows without entries are left out."""
    sums.need_coo("hspmm", mat1)
    product = mm(mat1, mat2)
    rows = fl.unique(frames.frame_of(mat1).indices[0])
    frame = frames.Frame(frames.COO, None, rows.unsqueeze(0), product.shape, 1, True)
    return frame.assemble(product.index_select(0, rows))


def _nothing(mat1, mat2):
    from .construct import empty

    return empty((mat1.shape[0], mat2.shape[1]), frames.COO, dtype=mat1.dtype, device=mat1.device)


@rule("sspaddmm")
def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2), sparse: of the product, the rows in which mat1 has entries."""
    if frames.number_of(mat1) != frames.COO or frames.number_of(input) != frames.COO:
        raise RuntimeError("sspaddmm: input and mat1 must be sparse_coo.")
    product = mm(sums.coalesce(mat1), mat2)
    if tuple(input.shape) != tuple(product.shape):
        raise RuntimeError(
            f"sspaddmm: input is {tuple(input.shape)} and the product {tuple(product.shape)}."
        )
    rows = fl.unique(frames.frame_of(mat1).indices[0])
    width = product.shape[1]
    indices = fl.stack(
        [rows.repeat_interleave(width), fl.arange(width, device=rows.device).repeat(len(rows))]
    )
    values = product.index_select(0, rows).reshape(-1) * alpha
    made = frames.Frame(frames.COO, None, indices, product.shape, 0, True).assemble(values)
    return sums.add(input if beta == 1 else fl.mul(input, beta), made)


@rule("saddmm")
def saddmm(input, mat1, mat2, *, beta=1, alpha=1):
    return addmm(input, mat1, mat2, beta=beta, alpha=alpha)
