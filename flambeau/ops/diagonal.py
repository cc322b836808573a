"""Diagonals and triangles of matrices."""

from .. import _core
from .._core import indexing
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import wrap_dim
from .core.attach import attached
from .core.declare import composite, make_pointwise
from .core.ways import native_way
from .creation import check_options


@composite(out="same")
def diag(input, diagonal=0):
    """The diagonal of a matrix, or the matrix with a vector on its diagonal and 0 elsewhere.

    Example:
        >>> torch.diag(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 4.])
    """
    if input.dim() == 1:
        return diag_embed(input, diagonal)
    if input.dim() == 2:
        return input.diagonal(diagonal).clone()
    raise RuntimeError(
        f"diag: input {tuple(input.shape)} must have 1 or 2 dims. For stacks use diagonal or "
        "diag_embed."
    )


@composite(out=False)
def diagflat(input, offset=0):
    """The matrix with the elements of `input`, flattened, on a diagonal and 0 elsewhere.

    Example:
        >>> torch.diagflat(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[1., 0., 0., 0.],
                [0., 2., 0., 0.],
                [0., 0., 3., 0.],
                [0., 0., 0., 4.]])
    """
    return diag_embed(input.reshape(-1), offset)


@composite(out=False)
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Square matrices in dims dim1 and dim2 with the last dimension of `input` on a diagonal.

    Example:
        >>> torch.diag_embed(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[[1., 0.],
                 [0., 2.]],
        <BLANKLINE>
                [[3., 0.],
                 [0., 4.]]])
    """
    last = dim1 == -2 and dim2 == -1
    if not last:
        ndim = input.dim() + 1
        first, second = wrap_dim(dim1, ndim, "diag_embed"), wrap_dim(dim2, ndim, "diag_embed")
        if first == second:
            raise RuntimeError(
                f"diag_embed: dim1 and dim2 are the same dim ({dim1} and {dim2}); they must differ."
            )
    n = input.size(-1) + abs(offset)
    if n >= 2**63:
        raise RuntimeError(f"diag_embed: no tensor has {n} rows. Take an offset nearer to 0.")
    result = input.new_zeros((*input.shape[:-1], n, n))
    result.diagonal(offset, -2, -1).copy_(input)
    return result if last else fl.movedim(result, (-2, -1), (first, second))


native_way(diag_embed, "diag_embed", lambda grad, shape, offset: grad.diagonal(offset, -2, -1))


@composite(out=False, autocast="float32")
def trace(input):
    """The sum of the diagonal of a matrix.

    Example:
        >>> torch.trace(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.)
    """
    if input.dim() != 2:
        raise RuntimeError(f"trace: input {tuple(input.shape)} must be a matrix (2 dims).")
    return input.diagonal().sum()


def _triangle(name, keeps):
    """The kernel that keeps x where keeps(column - row, diagonal), and has 0 elsewhere, NaN or not."""

    def kernel(input, row, column, *, diagonal=0):
        return k.where(keeps(column - row, diagonal), input, 0)

    return make_pointwise(
        kernel, name=name, keep=("row", "column", "diagonal"), float8=True, row_major="always"
    )


_lower = _triangle("tril", lambda distance, diagonal: distance <= diagonal)
_upper = _triangle("triu", lambda distance, diagonal: distance >= diagonal)


def _keep_triangle(operator, kernel, input, diagonal):
    if input.dim() < 2:
        raise RuntimeError(f"{operator}: input {tuple(input.shape)} must have 2 dims or more.")
    rows = fl.arange(input.size(-2), device=input.device).unsqueeze(1)
    columns = fl.arange(input.size(-1), device=input.device)
    return kernel(input, rows, columns, diagonal=diagonal)


@composite(inplace=True, out="same")
def tril(input, diagonal=0):
    """The lower triangle of matrices, up to the given diagonal; 0 above it.

    Example:
        >>> torch.tril(torch.ones(2, 3))
        tensor([[1., 0., 0.],
                [1., 1., 0.]])
    """
    return _keep_triangle("tril", _lower, input, diagonal)


@composite(inplace=True, out="same")
def triu(input, diagonal=0):
    """The upper triangle of matrices, from the given diagonal; 0 below it.

    Example:
        >>> torch.triu(torch.ones(2, 3), 1)
        tensor([[0., 1., 1.],
                [0., 0., 1.]])
    """
    return _keep_triangle("triu", _upper, input, diagonal)


native_way(tril, "tril", lambda grad, shape, diagonal: tril(grad, diagonal))
native_way(triu, "triu", lambda grad, shape, diagonal: triu(grad, diagonal))


def _lower_count(row, col, offset):
    """How many places of a matrix lie on or below a diagonal."""

    def before(stop):  # the sum of the numbers below stop, each brought into [0, col]
        ramp = min(max(stop, 0), col + 1)
        return ramp * (ramp - 1) // 2 + max(stop - col - 1, 0) * col

    return before(row + offset + 1) - before(offset + 1)


def _triangle_indices(row, col, offset, upper, dtype, device, layout):
    check_options("triu_indices" if upper else "tril_indices", layout, device)
    if row < 0 or col < 0:
        raise RuntimeError(
            f"tril_indices, triu_indices: row is {row} and col is {col}; both must be 0 or more."
        )
    dtype = fl.int64 if dtype is None else dtype
    on_cpu = device is None or fl.device(device).type == "cpu"
    if on_cpu and _core._default_device().type == "cpu":
        count = _lower_count(row, col, offset - 1 if upper else offset)
        count = row * col - count if upper else count
        places = indexing.triangle_places(row, col, offset, upper, count)
        return places if dtype is fl.int64 else places.to(dtype)
    # Rows and columns without a place are left out: the matrix may be long, its triangle small.
    if upper:
        top, bottom, left, right = 0, min(row, max(col - offset, 0)), min(max(offset, 0), col), col
    else:
        top, bottom, left, right = min(max(-offset, 0), row), row, 0, min(col, max(row + offset, 0))
    rows = fl.arange(top, bottom, dtype=fl.int64, device=device).unsqueeze(1)
    if rows.is_meta:
        count = _lower_count(row, col, offset - 1 if upper else offset)
        return fl.empty(2, row * col - count if upper else count, dtype=dtype, device="meta")
    distance = fl.arange(left, right, dtype=fl.int64, device=device) - rows
    places = (distance >= offset if upper else distance <= offset).nonzero().t().contiguous()
    for first, indices in ((top, places[0]), (left, places[1])):
        if first:
            indices += first
    return places.to(dtype)


@composite(method=False, out=False)
def tril_indices(row: int, col: int, offset=0, *, dtype=None, device=None, layout=None):
    """The (2, N) indices of the lower triangle of a row x col matrix, row by row."""
    return _triangle_indices(row, col, offset, False, dtype, device, layout)


@composite(method=False, out=False)
def triu_indices(row: int, col: int, offset=0, *, dtype=None, device=None, layout=None):
    """The (2, N) indices of the upper triangle of a row x col matrix, row by row."""
    return _triangle_indices(row, col, offset, True, dtype, device, layout)


def _powers(x, n, increasing):
    dtype = (
        fl.int64
        if x.dtype == fl.bool or not (x.dtype.is_floating_point or x.dtype.is_complex)
        else x.dtype
    )
    x = x.to(dtype).unsqueeze(-1)
    if n == 0 or x.numel() == 0:
        return attached(x.new_empty(*x.shape[:-1], n), x)
    powers = fl.cat([fl.ones_like(x), x.expand(*x.shape[:-1], n - 1).cumprod(-1)], -1)
    return powers if increasing else powers.flip(-1)


@composite(method=False, out=False)
def vander(x, N=None, increasing=False):
    """The matrix whose columns are powers of the vector x, by default from x**(N-1) down to 1.

    Example:
        >>> torch.vander(torch.tensor([3.0, 1.0, 2.0]))
        tensor([[9., 3., 1.],
                [1., 1., 1.],
                [4., 2., 1.]])
    """
    if x.dim() != 1:
        raise RuntimeError(f"vander: x {tuple(x.shape)} must be a vector (1 dim).")
    if N is not None and N < 0:
        raise RuntimeError(f"vander: N is {N}; it must be 0 or more.")
    return _powers(x, x.size(0) if N is None else N, increasing)


@composite(name="vander", namespaces=("linalg",), method=False, out=False)
def linalg_vander(x, *, N=None):
    """Matrices whose columns are the powers 1, x, x**2, ... of the last dimension of x.

    Example:
        >>> torch.linalg.vander(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[[1., 1.],
                 [1., 2.]],
        <BLANKLINE>
                [[1., 3.],
                 [1., 4.]]])
    """
    x = x.reshape(1) if x.dim() == 0 else x
    N = x.size(-1) if N is None else N
    if N <= 1:
        raise RuntimeError(f"linalg.vander: N is {N}; it must be 2 or more.")
    return _powers(x, N, True)


@composite(name="diagonal", namespaces=("linalg",), method=False, out=False)
def linalg_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """A view of the diagonal of the matrices in the last two dims.

    Example:
        >>> torch.linalg.diagonal(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 4.])
    """
    return A.diagonal(offset, dim1, dim2)
