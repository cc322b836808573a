"""Products of vectors and matrices, over the core's mm, bmm, matmul and addmm."""

from ... import _core
from ...types import listed
from ..core import operators as fl
from ..core.arguments import broadcast_together, common_shape, require_floating, wrap_dim
from ..core.declare import NAMESPACES, composite, primitive


def check_ndim(operator, **tensors):
    """Each value is (tensor, its ndim)."""
    for name, (tensor, ndim) in tensors.items():
        if tensor.dim() != ndim:
            raise RuntimeError(
                f"{operator}: {name} is {tuple(tensor.shape)}; it takes {ndim} "
                f"dim{'s' * (ndim > 1)}."
            )


def _check_dtypes(operator, first, second):
    if first.dtype != second.dtype:
        raise RuntimeError(
            f"{operator}: the operands are {first.dtype} and {second.dtype}, but a product takes "
            "one dtype. Convert one of them with .to()."
        )


@composite(out="same", autocast="lower")
def mm(input, mat2):
    """The product of two matrices: (M, K) and (K, N) give (M, N).

    Example:
        >>> torch.mm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 7., 10.],
                [15., 22.]])
    """
    return _core.mm(input, mat2)


@composite(out="same", autocast="lower")
def bmm(input, mat2):
    """The products of two stacks of matrices: (B, M, K) and (B, K, N) give (B, M, N)."""
    return _core.bmm(input, mat2)


@composite(out="same")
def mv(input, vec):
    """The matrix (M, K) times the vector (K): a vector (M).

    Example:
        >>> torch.mv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0]))
        tensor([ 5., 11.])
    """
    return _core.mv(input, vec)


@composite(out="same")
def dot(input, tensor):
    """The sum of the products of two vectors of one length; for complex ones, without conjugation.

    Example:
        >>> torch.dot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor(11.)
    """
    return _core.dot(input, tensor)


@composite(out="same")
def vdot(input, other):
    """The sum of conj(input) * other over two vectors.

    Example:
        >>> torch.vdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor(11.)
    """
    return fl.dot(input.conj() if input.dtype.is_complex else input, other)


@composite(out="same", autocast="lower")
def matmul(input, other):
    """The product over the last dimension of `input` and the one before last of `other`.

    Shape: (*B, M, K) and (*B, K, N) give (*B, M, N), where *B broadcast; a vector (K) on either side
    counts as a matrix, and the dimension that this adds is dropped from the result.

    Example:
        >>> torch.matmul(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 7., 10.],
                [15., 22.]])
    """
    return _core.matmul(input, other)


_core._bind("matmul", matmul)  # a @ b
NAMESPACES["nn.functional"]["linear"] = _core.linear


@composite
def outer(input, vec2):
    """input[i] * vec2[j] at [i, j].

    Example:
        >>> torch.outer(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    check_ndim("outer", input=(input, 1), vec2=(vec2, 1))
    return input.unsqueeze(1) * vec2


@composite
def ger(input, vec2):
    """An alias of `outer`.

    Example:
        >>> torch.ger(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    return fl.outer(input, vec2)


@composite(out="same")
def inner(input, other):
    """The products of the last dimensions: out[*i, *j] = sum over k of input[*i, k] * other[*j, k].

    Example:
        >>> torch.inner(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 5., 11.],
                [11., 25.]])
    """
    if input.dim() == 0 or other.dim() == 0:
        return input * other
    if input.size(-1) != other.size(-1):
        raise RuntimeError(
            f"inner: the last sizes of {tuple(input.shape)} and {tuple(other.shape)} differ; they "
            "must be equal."
        )
    if input.dim() == other.dim() == 2:
        return fl.mm(input, other.t())
    if other.dim() == 1 and input.dim() < 3 and input.dtype is other.dtype is not fl.bool:
        return fl.dot(input, other) if input.dim() == 1 else fl.mv(input, other)
    return fl.tensordot(input, other, dims=([-1], [-1]))


@composite
def kron(input, other):
    """The Kronecker product: block [i] of the result is input[i] * other.

    Example:
        >>> torch.kron(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 1.,  2.,  2.,  4.],
                [ 3.,  4.,  6.,  8.],
                [ 3.,  6.,  4.,  8.],
                [ 9., 12., 12., 16.]])
    """
    if input.dim() == other.dim() == 2:
        (m, n), (p, q) = input.shape, other.shape
        return (input.reshape(m, 1, n, 1) * other.unsqueeze(1)).reshape(m * p, n * q)
    ndim = max(input.dim(), other.dim())
    a = (1,) * (ndim - input.dim()) + tuple(input.shape)
    b = (1,) * (ndim - other.dim()) + tuple(other.shape)
    spread_a = [size for pair in zip(a, (1,) * ndim) for size in pair]
    spread_b = [size for pair in zip((1,) * ndim, b) for size in pair]
    product = input.reshape(spread_a) * other.reshape(spread_b)
    return product.reshape([m * n for m, n in zip(a, b)])


@primitive(method=False, function=False)
def _vector_product(ctx, input, other, dim):
    """input x other along dim; its slopes are vector products, too."""
    ctx.save_for_backward(input, other)
    ctx.dim = dim
    return _core._cross(input, other, dim)


@_vector_product.derivative
def _(ctx, grad_output):
    input, other = ctx.saved
    if grad_output.dtype.is_complex:
        input, other = input.conj(), other.conj()
    return (
        _vector_product(other, grad_output, ctx.dim),
        _vector_product(grad_output, input, ctx.dim),
        None,
    )


_OF_KERNEL = frozenset(
    (
        fl.float32,
        fl.float64,
        fl.float16,
        fl.bfloat16,
        fl.complex64,
        fl.complex128,
        fl.int32,
        fl.int64,
    )
)


def _cross(operator, input, other, dim):
    if input.dim() != other.dim():
        raise RuntimeError(
            f"{operator}: input has {input.dim()} dims but other has {other.dim()}. They must be "
            "equal."
        )
    _check_dtypes(operator, input, other)
    dim = wrap_dim(dim, input.dim(), operator)
    if input.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"{operator}: dim {dim} has sizes {input.size(dim)} and {other.size(dim)}; it takes "
            "vectors of 3. Name the dim of size 3 with dim=."
        )
    if input.shape != other.shape:
        input, other = broadcast_together("cross", input, other)
    if input.dtype in _OF_KERNEL:
        return _vector_product(input, other, dim)
    # Component i of the result takes the two others, i+1 and i+2, in turn.
    return input.roll(-1, dim) * other.roll(-2, dim) - input.roll(-2, dim) * other.roll(-1, dim)


@composite(out="exact")
def cross(input, other, dim=None):
    """The vector product along `dim`, by default the first dimension of size 3."""
    if dim is None:
        shape = (
            common_shape("cross", input.shape, other.shape)
            if input.dim() == other.dim()
            else input.shape
        )
        dim = next((d for d, size in enumerate(shape) if size == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: input {tuple(input.shape)} has no dim of size 3.")
        _core._warn_once(
            "cross without dim",
            f"cross: without dim it takes the first of size 3, here {dim}, where linalg.cross takes the last "
            "dim. Say which is meant.",
        )
    return _cross("cross", input, other, dim)


@composite(name="cross", namespaces=("linalg",), method=False, out="same")
def linalg_cross(input, other, *, dim=-1):
    """The vector product along `dim`."""
    return _cross("linalg.cross", input, other, dim)


@composite(name="vecdot", namespaces=("linalg",), method=False, out="same", autocast="lower")
def linalg_vecdot(x, y, *, dim: int = -1):
    """The sum of conj(x) * y along `dim`.

    Example:
        >>> torch.linalg.vecdot(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([ 5., 25.])
    """
    require_floating(x, "linalg.vecdot")
    _check_dtypes("linalg.vecdot", x, y)
    return ((x.conj() if x.dtype.is_complex else x) * y).sum(dim)


@composite(name="matmul", namespaces=("linalg",), method=False, out="same")
def linalg_matmul(input, other):
    """An alias of `matmul`.

    Example:
        >>> torch.linalg.matmul(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 7., 10.],
                [15., 22.]])
    """
    return fl.matmul(input, other)


@composite(name="multi_dot", namespaces=("linalg",), method=False, out="exact", autocast="lower")
def linalg_multi_dot(tensors):
    """The product of two or more matrices, in the order that needs the fewest multiplications.

    The first may be a row and the last a column, each given as a vector.

    Example:
        >>> torch.linalg.multi_dot([torch.tensor([1.0]), torch.tensor([2.0])])
        tensor(2.)
    """
    tensors = listed(tensors)
    if len(tensors) < 2:
        raise RuntimeError(
            f"linalg.multi_dot: {len(tensors)} tensors were given; it takes 2 or more."
        )
    shape = []
    first, last = tensors[0], tensors[-1]
    if first.dim() == 1:
        tensors[0] = first.unsqueeze(0)
    elif first.dim() == 2:
        shape.append(first.size(0))
    if last.dim() == 1:
        tensors[-1] = last.unsqueeze(1)
    elif last.dim() == 2:
        shape.append(last.size(1))
    sizes, dtype = [first.size(0) if first.dim() == 2 else 1], first.dtype
    for position, tensor in enumerate(tensors):
        if tensor.dim() != 2:
            raise RuntimeError(
                f"linalg.multi_dot: tensor {position} {tuple(tensor.shape)} must be a matrix (2 "
                "dims)."
            )
        if tensor.dtype is not dtype:
            _check_dtypes("linalg.multi_dot", first, tensor)
        rows, columns = tensor.shape
        if rows != sizes[-1]:
            a, b = tensors[position - 1].shape, tensor.shape
            raise RuntimeError(
                f"linalg.multi_dot: inner dimensions of tensors {position - 1} and {position} "
                f"differ: {tuple(a)} @ {tuple(b)}."
            )
        sizes.append(columns)
    for left, right in _core._chain_order(sizes):
        tensors.append(fl.mm(tensors[left], tensors[right]))
    return tensors[-1] if len(shape) == 2 else tensors[-1].reshape(shape)


@composite(method=False)
def chain_matmul(*matrices):
    """The product of matrices, in the order that needs the fewest multiplications.

    Example:
        >>> torch.chain_matmul(torch.ones(1, 9), torch.ones(9, 2), torch.ones(2, 1))
        tensor([[18.]])
    """
    _core._warn_once(
        "chain_matmul", "chain_matmul: is an old name. Use linalg.multi_dot, which takes a list."
    )
    if len(matrices) == 1:
        return matrices[0].clone()
    for matrix in matrices:
        if matrix.dim() != 2:
            raise RuntimeError(
                f"chain_matmul: tensor {tuple(matrix.shape)} must be a matrix (2 dims)."
            )
    return linalg_multi_dot(matrices)


def _matrix_power(operator, input, n):
    if input.dim() < 2 or input.size(-1) != input.size(-2):
        raise RuntimeError(f"{operator}: input {tuple(input.shape)} must hold square matrices.")
    if n < 0:
        input, n = fl.linalg.inv(input), -n
    elif n == 1:
        return input.clone(memory_format=fl.contiguous_format)
    if n == 3:
        return fl.matmul(fl.matmul(input, input), input)
    result = None
    while n:
        if n & 1:
            result = input if result is None else fl.matmul(result, input)
        n >>= 1
        if n:
            input = fl.matmul(input, input)
    if result is None:
        # A write over a copy stays in the graph, with a gradient of 0.
        result = input.clone()
        result.copy_(fl.eye(input.size(-1), dtype=input.dtype, device=input.device))
    return result


@composite
def matrix_power(input, n):
    """The n-th power of square matrices; a negative n inverts first.

    Example:
        >>> torch.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
        tensor([[1., 5.],
                [0., 1.]])
    """
    return _matrix_power("matrix_power", input, n)


@composite(name="matrix_power", namespaces=("linalg",), method=False)
def linalg_matrix_power(A, n):
    """The n-th power of square matrices; a negative n inverts first.

    Example:
        >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
        tensor([[1., 5.],
                [0., 1.]])
    """
    return _matrix_power("linalg.matrix_power", A, n)
