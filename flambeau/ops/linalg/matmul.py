"""Products of vectors and matrices, over the core's mm, bmm, matmul and addmm."""

import math

from ... import _core
from ...types import listed
from ..activation import gelu
from ..core import operators as fl
from ..core.arguments import broadcast_together, common_shape, require_floating, wrap_dim
from ..core.attach import attached
from ..core.declare import METHODS, NAMESPACES, composite, primitive
from ..core.ways import native_way


def _check_ndim(operator, **tensors):
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


def _scaled_sum(operator, input, product, beta, alpha):
    """beta * input + alpha * product; what beta = 0 multiplies is ignored, NaN or not."""
    if product.dtype != input.dtype:
        raise RuntimeError(
            f"{operator}: input is {input.dtype}, but the product is {product.dtype}. Convert one "
            "of them with .to()."
        )
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, complex) and not product.dtype.is_complex:
            raise RuntimeError(
                f"{operator}: {name}={factor} is complex, but input is {input.dtype}."
            )
    if not (product.dtype.is_floating_point or product.dtype.is_complex):
        beta, alpha = int(beta), int(alpha)
    shape = common_shape(operator, input.shape, product.shape)
    if tuple(shape) != tuple(product.shape):
        raise RuntimeError(
            f"{operator}: input {tuple(input.shape)} does not broadcast to the product {tuple(product.shape)}."
        )
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return attached(product, input, anyway=True)
    return product + (input if beta == 1 else input * beta)


_HALF = (_core.float16, _core.bfloat16)
_PLAIN = (_core.float32, _core.float64)
_COMPLEX = (_core.complex64, _core.complex128)
_WHOLE = (_core.int64, _core.int32, _core.int16, _core.int8, _core.uint8)
_ONE_PASS = _PLAIN + _COMPLEX + _WHOLE
_FEW_PRODUCTS = 1 << 16  # that may be written out where a sum of them is not finite


def _is_plain(dtype, beta, alpha):
    """Whether the core adds products of this dtype to something in one go."""
    if isinstance(beta, complex) or isinstance(alpha, complex):
        return False
    if dtype in _WHOLE:  # factors that each of them holds
        return (
            isinstance(beta, int)
            and isinstance(alpha, int)
            and 0 <= beta < 128
            and 0 <= alpha < 128
        )
    return dtype in _PLAIN or dtype in _COMPLEX


def _is_rounded_once(input, left, right, beta, alpha):
    """Whether the core sums in float32 what is asked for in half precision, with factors that it holds exactly."""
    return (
        left.dtype in _HALF
        and input.dtype == left.dtype == right.dtype
        and left.device.type == "cpu"
        and _is_held(beta)
        and _is_held(alpha)
        and abs(alpha) >= 1  # less may bring back what is beyond the range
    )


def _is_held(factor):
    """Whether half precision holds a factor exactly."""
    if isinstance(factor, complex) or not abs(factor) < 4096:
        return False
    digits, power = math.frexp(factor)
    return (digits * 256).is_integer() and power > -12


def _widened(*tensors):
    """The tensors in float32, if all are of one shorter dtype: beta * input + alpha * product is rounded once.

    A product beyond float16's range may come back into it by alpha.
    """
    dtype = tensors[0].dtype
    if dtype in _HALF and all(t.dtype == dtype for t in tensors):
        return [t.float() for t in tensors]
    return None


def _without_values(*tensors):
    """The tensors as zeros, with gradients of zeros: what a factor of 0 leaves, NaN and infinity too."""
    return [t.masked_fill(fl.ones((), dtype=fl.bool, device=t.device), 0) for t in tensors]


def _sum_with_product(operator, input, left, right, beta, alpha):
    """beta * input + alpha * (left @ right) for matrices or stacks of them."""
    if alpha != 1 and left.dim() == 2 and left.dtype.is_floating_point:
        if alpha == 0:
            left, right = _without_values(left, right)
        elif _is_plain(left.dtype, beta, alpha):
            # The operand, as a BLAS does: the product may be beyond what alpha brings back.
            left, alpha = left * alpha, 1
    if _is_plain(left.dtype, beta, alpha) or _is_rounded_once(input, left, right, beta, alpha):
        return _core._addmm(input, left, right, beta, alpha, operator)
    if wide := _widened(input, left, right):
        return _sum_with_product(operator, *wide, beta, alpha).to(left.dtype)
    multiply = fl.mm if left.dim() == 2 else fl.bmm
    return _scaled_sum(operator, input, multiply(left, right), beta, alpha)


def _in_order(name, args):
    """((input, a, b), beta and alpha) of a call where these numbers stand before the tensors that they scale."""
    tensors = [a for a in args if isinstance(a, fl.Tensor)]
    numbers = [a for a in args if not isinstance(a, fl.Tensor)]
    if len(tensors) != 3 or not 1 <= len(numbers) <= 2:
        raise TypeError(f"{name}: takes 3 Tensors, then beta= and alpha=; {len(args)} were given.")
    # The first words are what programs filter warnings by (docs/differences.md).
    _core._warn_once(
        f"{name}: older order",
        f"This overload of {name} is deprecated: a number before the tensors is beta or alpha. Write "
        "beta= and alpha= behind them.",
    )
    return tensors, dict(zip(("beta", "alpha"), numbers))


@composite(inplace=True, out="same", autocast="lower")
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2)."""
    if mat1.ndim != 2 or mat2.ndim != 2:
        _check_ndim("addmm", mat1=(mat1, 2), mat2=(mat2, 2))
    return _sum_with_product("addmm", input, mat1, mat2, beta, alpha)


@composite(method=False)
def _addmm_activation(input, mat1, mat2, *, beta=1, alpha=1, use_gelu=False):
    """relu, or with use_gelu gelu by tanh, of addmm."""
    result = addmm(input, mat1, mat2, beta=beta, alpha=alpha)
    return gelu(result, approximate="tanh") if use_gelu else result.relu()


@composite(inplace=True, out="same")
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """beta * input + alpha * (mat @ vec)."""
    if alpha == 0 and mat.dtype.is_floating_point:
        mat, vec = _without_values(mat, vec)
    fits = mat.dim() == 2 and mat.size(1) == vec.numel() and input.numel() in (1, mat.size(0))
    if mat.numel() == 0 and beta != 0 and fits and input.dim() < 2:
        # As in PyTorch not expanded to the product's shape.
        return attached(input * beta, mat, vec, anyway=True)
    if _is_plain(mat.dtype, beta, alpha):
        result = _core._addmv(input, mat, vec, beta, alpha)
        if _core._in_vmap() or _core._all_finite(result) or mat.numel() > _FEW_PRODUCTS:
            return result
        # As in PyTorch a product beyond the range is infinite, whatever is added to it.
        return _scaled_sum("addmv", input, (mat * vec).sum(1), beta, alpha)
    if _is_rounded_once(input, mat, vec, beta, alpha):
        return _core._addmv(input, mat, vec, beta, alpha)
    if wide := _widened(input, mat, vec):
        return addmv(*wide, beta=beta, alpha=alpha).to(mat.dtype)
    return _scaled_sum("addmv", input, fl.mv(mat, vec), beta, alpha)


@composite(inplace=True)
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2)."""
    if type(beta) is type(alpha) is int and beta == alpha == 1 and input.dtype in _ONE_PASS:
        one_dtype = input.dtype == vec1.dtype == vec2.dtype
        if one_dtype and vec1.dim() == vec2.dim() == 1 and input.shape == (len(vec1), len(vec2)):
            return fl.addcmul(input, vec1.unsqueeze(1), vec2)
    dtype = fl.promote_types(fl.promote_types(vec1.dtype, vec2.dtype), input.dtype)
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, bool) and dtype is not fl.bool:
            raise RuntimeError(
                f"addr: {name}={factor} is for bool tensors only; {input.dtype} takes a number."
            )
        if isinstance(factor, float) and not (dtype.is_floating_point or dtype.is_complex):
            raise RuntimeError(f"addr: {name}={factor} would be cut to a whole number in {dtype}.")
    if dtype is fl.bool:
        product = fl.outer(vec1, vec2) & bool(alpha)
        return product | input if beta else product
    vec1, vec2, input = vec1.to(dtype), vec2.to(dtype), input.to(dtype)
    scales = alpha != 1 and dtype in _PLAIN + _WHOLE and not isinstance(alpha, complex)
    if (
        scales and vec1.dim() == 1
    ):  # the vector, as vec1 * vec2 may be beyond what alpha brings back
        vec1, alpha = vec1 * alpha, 1
    fits = vec1.dim() == vec2.dim() == 1 and input.shape == (len(vec1), len(vec2))
    if (
        fits
        and alpha == 1
        and beta != 0
        and dtype in _PLAIN + _WHOLE
        and not isinstance(beta, complex)
    ):
        return fl.addcmul(input if beta == 1 else input * beta, vec1.unsqueeze(1), vec2)
    return _scaled_sum("addr", input, fl.outer(vec1, vec2), beta, alpha)


@composite(inplace=True, out="same", autocast="lower")
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * the sum over b of batch1[b] @ batch2[b]."""
    _check_ndim("addbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    if batch1.size(0) != batch2.size(0) or batch1.size(2) != batch2.size(1):
        raise RuntimeError(
            f"addbmm: batch1 {tuple(batch1.shape)} and batch2 {tuple(batch2.shape)} do not fit: it "
            "takes (B, M, K) and (B, K, N)."
        )
    summed = batch1.size(0) * batch1.size(2)  # B * K
    left = batch1.transpose(0, 1).reshape(batch1.size(1), summed)
    right = batch2.reshape(summed, batch2.size(2))
    result = _sum_with_product("addbmm", input, left, right, beta, alpha)
    if _core._in_vmap() or _core._all_finite(result) or batch1.size(0) < 2:
        return result
    # Which sums are infinite and which NaN depends on their order: batch by batch, as in PyTorch.
    for one, other in zip(batch1, batch2, strict=True):
        input, beta = _sum_with_product("addbmm", input, one, other, beta, alpha), 1
    return input


@composite(inplace=True, out="same", autocast="lower")
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * bmm(batch1, batch2)."""
    _check_ndim("baddbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    return _sum_with_product("baddbmm", input, batch1, batch2, beta, alpha)


for _operator in (addmm, addmv, addr, addbmm, baddbmm):
    _operator.in_order = _in_order
for _name in ("addmm_", "baddbmm_"):
    native_way(METHODS[_name], _name)


@composite
def outer(input, vec2):
    """input[i] * vec2[j] at [i, j].

    Example:
        >>> torch.outer(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    _check_ndim("outer", input=(input, 1), vec2=(vec2, 1))
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


_OF_KERNEL = frozenset((fl.float32, fl.float64, fl.complex64, fl.complex128, fl.int32, fl.int64))


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
