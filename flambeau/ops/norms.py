"""Sizes of vectors and distances between them."""

import math

from .. import _core
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import (
    check_broadcast,
    few,
    is_left_out,
    require_floating,
    require_tensors,
    wrap_dim,
    wrap_dims,
)
from .core.declare import composite, make_pointwise, primitive
from .core.ways import reduction_way
from .reduce import ReductionSpec, kept


def _real_dtype(dtype):
    return dtype.to_real()


def _is_nonzero(x):
    """1 where x is not 0, in the real dtype of x; inside its graph, with a gradient of 0."""
    if not x.requires_grad:
        return (x != 0).to(_real_dtype(x.dtype))
    magnitudes = x.abs()
    return fl.where(magnitudes.isnan(), fl.ones_like(magnitudes), magnitudes.sign())


def _check_norm_dtype(operator, input, dtype):
    require_floating(input, operator)
    if dtype is not None:
        if input.dtype.is_complex != dtype.is_complex or not (
            dtype.is_floating_point or dtype.is_complex
        ):
            raise RuntimeError(
                f"{operator}: dtype is {dtype}; for input of {input.dtype} it must be "
                f"{'complex' if input.dtype.is_complex else 'real'}."
            )
        if fl.promote_types(input.dtype, dtype) != dtype:
            raise RuntimeError(
                f"{operator}: dtype is {dtype}, narrower than input's {input.dtype}. Convert the "
                "result instead."
            )
        input = input.to(dtype)
    return input


_kernels = {
    name: _core.Reduction(ReductionSpec(name))
    for name in ("norm0", "norm1", "norm2", "norm_inf", "norm_minus_inf", "norm")
}
_names = {
    0.0: "norm0",
    1.0: "norm1",
    2.0: "norm2",
    math.inf: "norm_inf",
    -math.inf: "norm_minus_inf",
}


def _in_lanes(x, dims):
    """x in memory in which long runs of elements lie side by side, so that vectors of powers are full."""
    kept, reduced = [d for d in range(x.dim()) if d not in dims], sorted(dims)
    length = math.prod(x.size(d) for d in reduced)
    across = (
        length < 64 <= x.numel() // max(length, 1)
    )  # each vector then holds parts of several norms
    order = [*reduced, *kept] if across else [*kept, *reduced]
    if x.is_cuda or (x.is_contiguous() and (x.size(-1) >= 64 or order == [*range(x.dim())])):
        return x
    return x.permute(order).contiguous().permute([order.index(d) for d in range(x.dim())])


@primitive(method=False, function=False)
def _norm(ctx, x, p, dims, keepdim):
    """The p-norm over dims in one pass."""
    name = _names.get(p, "norm")
    parameters = () if name != "norm" else (p,)
    lanes = _in_lanes(x, dims) if parameters else x
    (result,) = _core._reduce(
        _kernels[name], (lanes,), dims, keepdim, (x.dtype.to_real(),), parameters
    )
    ctx.p, ctx.dims, ctx.keepdim = p, dims, keepdim
    ctx.save_for_backward(x, result)
    return result


@_norm.derivative
def _(ctx, grad_output):
    x, result = ctx.saved
    p, ndim = ctx.p, x.dim()
    grad = kept(grad_output, ctx.dims, ndim, ctx.keepdim)
    result = kept(result, ctx.dims, ndim, ctx.keepdim)
    if p == 0:
        return fl.zeros_like(x), None, None, None
    if p == 1:
        return x.sgn() * grad, None, None, None
    if math.isinf(p):
        # Elements that share the extreme share the gradient; nobody shares a NaN, as for amax.
        extreme = x.abs() == result
        share = grad / extreme.sum(ctx.dims, keepdim=True).clamp_min(1)
        return fl.where(extreme, x.sgn() * share, 0), None, None, None
    if p == 2:
        return _two_norm_slope(grad, x, result), None, None, None
    return _norm_slope(grad, x, result, p=p), None, None, None


def _slope(x, norm, p):
    """d norm / dx, 0 where it has no value: what is differentiated by the gradient is this alone."""
    slope = k.sgn(x) * k.where(
        k.isinf(norm),
        k.power(k.abs(x), p - 1) / k.power(norm, p - 1),
        k.power(k.abs(x) / norm, p - 1),
    )
    return k.where(k.logical_or(x == 0, norm == 0), 0, slope)


# d norm / dx = sgn(x) * (abs(x) / norm)**(p - 1), and 0 at a zero vector. The quotient is at most 1, however
# large or small its parts; of a norm beyond the dtype's range the quotient of powers tells whether it is 0.
_two_norm_slope = make_pointwise(
    lambda grad, x, norm: k.where(norm == 0, 0, grad * k.where(norm == 0, 0, x / norm)),
    name="norm_backward",
)
_norm_slope = make_pointwise(
    lambda grad, x, norm, *, p=3.0: k.where(
        k.logical_or(x == 0, norm == 0),
        k.where(k.isnan(norm), norm, 0),
        grad * _slope(x, norm, p),
    ),
    name="norm_backward",
)


@primitive(method=False, function=False)
def _size(ctx, x):
    """abs(x), the norm of one number; as that of many it has no slope at infinity and NaN."""
    ctx.save_for_backward(x)
    return x.abs()


@_size.derivative
def _(ctx, grad_output):
    (x,) = ctx.saved
    return fl.where(x.isfinite(), x.sgn(), math.nan) * grad_output


def _vector_norm(operator, x, ord, dim, keepdim):
    """The ord-norm over dims `dim` of floating x; None is all of them."""
    if isinstance(ord, str):
        raise TypeError(f"{operator}: the order of a vector's norm is a number, not {ord!r}.")
    ord = float(ord)
    dims = wrap_dims(None if is_left_out(dim) else dim, x.dim(), operator)
    if x.dim() == 0 or all(x.size(d) == 1 for d in dims):
        # One number: its size, where powers would be 0 or infinite, also for the order NaN.
        if ord == 0:
            size = _is_nonzero(x)
        else:
            size = x.abs() if ord == 1 or math.isinf(ord) else _size(x)
        return (
            size if keepdim else size.reshape([n for d, n in enumerate(x.shape) if d not in dims])
        )
    if any(x.size(d) == 0 for d in dims) and (ord < 0 or ord == math.inf):
        raise RuntimeError(
            f"{operator}: input {tuple(x.shape)} is empty where the {ord} norm is taken, and of "
            "nothing it has no value."
        )
    return _norm(x, ord, dims, keepdim)


@composite(name="vector_norm", namespaces=("linalg",), method=False, out="same")
def linalg_vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """The ord-norm (sum abs(x)**ord)**(1/ord) over `dim`, a list of dims, or all of them.

    ord = inf and -inf are the largest and smallest abs(x), ord = 0 the count of elements that are not 0.
    Gradient: 0 at a zero vector.

    Example:
        >>> torch.linalg.vector_norm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.4772)
    """
    x = _check_norm_dtype("linalg.vector_norm", x, dtype)
    return _vector_norm("linalg.vector_norm", x, ord, dim, keepdim)


def _largest(values, dim, keepdim=False):
    """amax, and 0 for a dimension without elements: norms are not negative."""
    return values.amax(dim, keepdim) if values.size(dim) else values.sum(dim, keepdim).detach()


def _singular_values_norm(x, dims, ord, keepdim):
    """The norms of matrices that need their singular values: "nuc", 2 and -2."""
    last = dims == (x.dim() - 2, x.dim() - 1)
    values = fl.linalg.svdvals(x if last else fl.movedim(x, dims, (-2, -1)))
    result = (
        values.sum(-1) if ord == "nuc" else _largest(values, -1) if ord == 2 else values.amin(-1)
    )
    if keepdim:
        for d in sorted(dims):
            result = result.unsqueeze(d)
    return result


def _matrix_norm(operator, x, ord, dim, keepdim):
    if ord in ("fro", "f"):
        return linalg_vector_norm(x, 2, dim, keepdim)
    rows, columns = wrap_dims(dim, x.dim(), operator)
    if ord in ("nuc", 2, -2):
        return _singular_values_norm(x, (rows, columns), ord, keepdim)
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(
            f"{operator}: ord={ord!r} is no norm of matrices; use 'fro', 'nuc', 1, 2, inf or one of these negative."
        )
    # 1 sums each column, inf each row; then the largest, or with a minus the smallest.
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = x.abs().sum(summed, keepdim=True)
    result = (
        _largest(sums, compared, keepdim=True) if ord > 0 else sums.amin(compared, keepdim=True)
    )
    if not keepdim:
        for d in sorted((rows, columns), reverse=True):
            result = result.squeeze(d)
    return result


@composite(name="matrix_norm", namespaces=("linalg",), method=False, out="same")
def linalg_matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """The norm of matrices: "fro", "nuc", 1, -1, 2, -2, inf or -inf.

    Example:
        >>> torch.linalg.matrix_norm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.4772)
    """
    if A.dim() < 2:
        raise RuntimeError(f"linalg.matrix_norm: A {tuple(A.shape)} must have 2 dims or more.")
    dim = dim if type(dim) is tuple else few(dim)
    if len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim {dim} must name two dims.")
    A = _check_norm_dtype("linalg.matrix_norm", A, dtype)
    return _matrix_norm("linalg.matrix_norm", A, ord, dim, keepdim)


@composite(name="norm", namespaces=("linalg",), method=False, out="same")
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """The norm of a vector (dim an int) or of matrices (dim a pair); without ord the 2-norm of all elements.

    Example:
        >>> torch.linalg.norm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.4772)
    """
    A = _check_norm_dtype("linalg.norm", A, dtype)
    if dim is not None and not isinstance(dim, int):
        dim = few(dim)
        if len(dim) not in (1, 2):
            raise RuntimeError(f"linalg.norm: dim {dim} must name one dim or two.")
    if ord is None:
        return linalg_vector_norm(A, 2, dim, keepdim)
    if dim is None:
        if A.dim() not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: A {tuple(A.shape)} must have 1 or 2 dims where ord is given without "
                "dim. Name the dims with dim=."
            )
        dim = (0,) if A.dim() == 1 else (0, 1)
    if isinstance(dim, int) or len(dim) == 1:
        if isinstance(ord, str):
            raise RuntimeError(
                f"linalg.norm: order {ord!r} is one of matrices, but dim {dim} does not name two "
                "dims."
            )
        return _vector_norm("linalg.norm", A, ord, dim, keepdim)
    return _matrix_norm("linalg.norm", A, ord, dim, keepdim)


@composite(out="same")
def norm(input, p="fro", dim=None, keepdim=False, *, dtype=None):
    """The p-norm over `dim`, or over all elements; "nuc" is the sum of singular values.

    Example:
        >>> torch.norm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.4772)
    """
    input = _check_norm_dtype("norm", input, dtype)
    if p is None or p == "fro":
        return _vector_norm("norm", input, 2, dim, keepdim)
    if p == "nuc":
        dims = (0, 1) if dim is None else (dim,) if isinstance(dim, int) else dim
        if len(dims) != 2 or input.dim() < 2 or (dim is None and input.dim() != 2):
            raise RuntimeError(
                f"norm: the nuclear norm is one of matrices, but dim {dim} of {tuple(input.shape)} "
                "does not name two dims."
            )
        return _singular_values_norm(input, wrap_dims(dims, input.dim(), "norm"), "nuc", keepdim)
    if isinstance(p, str):
        raise RuntimeError(f"norm: {p!r} is no norm; 'fro', 'nuc' and numbers are.")
    return _vector_norm("norm", input, p, dim, keepdim)


def _by_place(name, args):
    """By place `out` comes before dtype in the function, and dtype stands alone in the method."""
    first, rest = args[:4], args[4:]
    if len(rest) > 2:
        raise TypeError(f"{name}: takes 6 arguments at most; {len(args)} were given.")
    is_out = len(rest) == 2 or isinstance(rest[0], fl.Tensor)
    return first, dict(zip(("out", "dtype") if is_out else ("dtype",), rest, strict=False))


norm.in_order = _by_place


def _two_norm_backward(grad_output, input, result, dims, keepdim):
    grad, result = (kept(values, dims, input.dim(), keepdim) for values in (grad_output, result))
    return _two_norm_slope(grad, input, result)


for _operator in (norm, linalg_vector_norm):
    reduction_way(_operator, _kernels["norm2"], "s", "adf", backward=_two_norm_backward)


@composite
def dist(input, other, p=2):
    """The p-norm of input - other.

    Example:
        >>> torch.dist(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(0.)
    """
    require_tensors("dist", input=input, other=other)
    try:
        difference = input - other
    except RuntimeError:
        check_broadcast("dist", input, other)
        raise
    require_floating(difference, "dist")
    return linalg_vector_norm(difference, p)


@composite(inplace=True, out="same")
def renorm(input, p, dim, maxnorm):
    """Each slice along `dim` scaled down to the p-norm `maxnorm` where its own is larger."""
    require_floating(input, "renorm")
    if not p > 0:
        raise RuntimeError(f"renorm: p is {p}; it must be above 0.")
    if not maxnorm >= 0:
        raise RuntimeError(f"renorm: maxnorm is {maxnorm}; it must be 0 or more.")
    if input.dim() < 2:
        raise RuntimeError(f"renorm: input {tuple(input.shape)} must have 2 dims or more.")
    dim = wrap_dim(dim, input.dim(), "renorm")
    others = [d for d in range(input.dim()) if d != dim]
    size = _vector_norm("renorm", input, p, others, True)
    large = size > maxnorm
    if (
        input.requires_grad
    ):  # slices that stay as they are have no slope of their norm: it may be NaN
        size = _vector_norm("renorm", fl.where(large, input, fl.zeros_like(input)), p, others, True)
    return input.contiguous() * fl.where(large, maxnorm / (size + 1e-7), fl.ones_like(size))


_MOST_DIFFERENCES = 2**22  # elements, which are 16 MiB in float32


def _difference_norm(difference, p):
    if difference.size(-1) == 0:
        return difference.sum(-1)  # points without features do not differ, in the inf-norm either
    distance = _vector_norm("cdist", difference, p, -1, False)
    if p == 0:  # which counts a NaN as well
        distance = distance.masked_fill(difference.detach().isnan().any(-1), math.nan)
    return distance


def _by_kernel(x1, x2):
    """Whether the core's kernel takes the distances of these; it knows of no GPU."""
    return x1.device.type != "cuda" and x2.device.type != "cuda"


@primitive(method=False, function=False, out=False)
def _point_distances(ctx, x1, x2, p):
    """Distances between x1 (*B, P, M) and x2 (*B, R, M), or of all pairs of x1 (P, M) where x2 is None."""
    ctx.p = p
    result = _core._distances(x1, x2, p)
    ctx.save_for_backward(x1, x2, result)
    return result


@_point_distances.derivative
def _(ctx, grad_output):
    x1, x2, result = ctx.saved
    wants_1, wants_2 = ctx.needs_input_grad[:2]
    if _core.is_grad_enabled():
        return *_recorded_slopes(grad_output, x1, x2, ctx.p, wants_1, wants_2), None
    slope_1 = slope_2 = None
    if wants_1:
        slope_1 = _core._distances_backward(grad_output, x1, x2, result, ctx.p)
    if wants_2:
        slope_2 = _core._distances_backward(grad_output.mT, x2, x1, result.mT, ctx.p)
    return slope_1, slope_2, None


def _recorded_slopes(grad_output, x1, x2, p, wants_1, wants_2):
    """Gradients that have derivatives themselves."""
    points = [
        None if x is None else x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        for x in (x1, x2)
    ]
    wanted = [x for x, wants in zip(points, (wants_1, wants_2), strict=True) if wants]
    outputs = [_pairs(points[0], p) if x2 is None else _written_out(*points, p)]
    made = iter(_core._run_backward(outputs, [grad_output], True, True, wanted, True))
    return tuple(next(made) if wants else None for wants in (wants_1, wants_2))


def _distances(x1, x2, p):
    if not _by_kernel(x1, x2):
        return _written_out(x1, x2, p)
    if x1.shape[:-2] != x2.shape[:-2]:
        batch = fl.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
        x1, x2 = (x.expand(*batch, *x.shape[-2:]) for x in (x1, x2))
    dtype = fl.promote_types(x1.dtype, x2.dtype)
    wide = dtype if dtype.itemsize > 2 else fl.float32
    return _point_distances(x1.to(wide), x2.to(wide), p).to(dtype)


def _written_out(x1, x2, p):
    """cdist from the differences, of some points of x1 after the other where all at once fill gigabytes."""
    if x1.numel() * x2.size(-2) <= 16 * _MOST_DIFFERENCES:
        return _difference_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)
    of_one = x1.numel() // x1.size(-2) * x2.size(-2)
    rows = max(_MOST_DIFFERENCES // of_one, 1)
    return fl.cat(
        [_difference_norm(x.unsqueeze(-2) - x2.unsqueeze(-3), p) for x in x1.split(rows, -2)], -2
    )


@composite(method=False, out=False, autocast="float32")
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm of x1[*b, i] - x2[*b, j] at [*b, i, j].

    Shape: (*B, P, M) and (*B, R, M) give (*B, P, R). With p = 2 and more than 25 rows on a side (the
    limit that PyTorch has) it is taken from squares and products: sqrt(a*a + b*b - 2*a*b), which is
    faster and loses digits where rows lie close together.

    Example:
        >>> torch.cdist(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[0.0000, 2.8284],
                [2.8284, 0.0000]])
    """
    modes = {
        "use_mm_for_euclid_dist_if_necessary": None,
        "use_mm_for_euclid_dist": True,
        "donot_use_mm_for_euclid_dist": False,
    }
    if compute_mode not in modes:
        raise ValueError(
            f"cdist: compute_mode is {compute_mode!r}; it must be "
            "'use_mm_for_euclid_dist_if_necessary', 'use_mm_for_euclid_dist' or "
            "'donot_use_mm_for_euclid_dist'."
        )
    require_floating(x1, "cdist", complex_too=False)
    require_floating(x2, "cdist", complex_too=False)
    if x1.dim() < 2 or x2.dim() < 2:
        raise RuntimeError(
            f"cdist: x1 {tuple(x1.shape)} and x2 {tuple(x2.shape)} must have 2 dims or more, (..., "
            "points, features)."
        )
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(
            f"cdist: x1 has {x1.size(-1)} features but x2 has {x2.size(-1)}. They must be equal."
        )
    if not p >= 0:
        raise RuntimeError(f"cdist: p is {p}; it must be 0 or more.")
    by_product = modes[compute_mode]
    if by_product is None:
        by_product = x1.size(-2) > 25 or x2.size(-2) > 25
    if p != 2 or not by_product:
        return _distances(x1, x2, p)
    # The product first: backward reaches it last and adds its transposed gradient to a contiguous one.
    product = fl.matmul(x1, x2.transpose(-2, -1))
    square1 = (x1 * x1).sum(-1, keepdim=True)
    square2 = (x2 * x2).sum(-1).unsqueeze(-2)
    return _from_product(product, square1, square2)


def _distance(product, square1, square2):
    return k.sqrt(k.maximum(square1 + square2 - 2 * product, 0))


_from_product = make_pointwise(_distance, name="euclidean_distance")


# The derived forms divide by the distance; at 0, where the true one has no value, PyTorch has 0.
@_from_product.derivative("product")
def _(grad_output, product, square1, square2, result):
    return k.where(result == 0, 0, -grad_output / result)


@_from_product.derivative("square1")
def _(grad_output, product, square1, square2, result):
    return k.where(result == 0, 0, grad_output / (2 * result))


@_from_product.derivative("square2")
def _(grad_output, product, square1, square2, result):
    return k.where(result == 0, 0, grad_output / (2 * result))


@composite(method=False, out=False, namespaces=("torch", "nn.functional"))
def pdist(input, p=2.0):
    """The p-norms of input[i] - input[j] for all i < j, row by row.

    Example:
        >>> torch.pdist(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([2.8284])
    """
    if input.dim() != 2:
        raise RuntimeError(
            f"pdist: input {tuple(input.shape)} must be a matrix, (points, features)."
        )
    require_floating(input, "pdist", complex_too=False)
    if not p >= 0:
        raise RuntimeError(f"pdist: p is {p}; it must be 0 or more.")
    if not _by_kernel(input, input):
        return _pairs(input, p)
    if input.dtype.itemsize > 2:
        return _point_distances(input, None, p)
    return _point_distances(input.float(), None, p).to(input.dtype)


def _pairs(input, p):
    """pdist from the differences."""
    n, features = input.shape
    if features >= 16 and n * (n - 1) // 2 * features > _MOST_DIFFERENCES:
        # A row of the result after the other: all differences at once fill gigabytes.
        return fl.cat([_difference_norm(input[i + 1 :] - input[i], p) for i in range(n - 1)])
    i, j = fl.triu_indices(n, n, 1, device=input.device)
    return _difference_norm(input[i] - input[j], p)


@composite(method=False)
def frobenius_norm(input, dim=(), keepdim=False):
    """The root of the sum of squares over dim, or of everything.

    Example:
        >>> torch.frobenius_norm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([2.2361, 5.0000])
    """
    return fl.linalg.vector_norm(input, 2, None if is_left_out(dim) else dim, keepdim)


@composite(method=False)
def nuclear_norm(input, dim=(-2, -1), keepdim=False):
    """The sum of the singular values.

    Example:
        >>> torch.nuclear_norm(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.8310)
    """
    return fl.linalg.matrix_norm(input, "nuc", dim, keepdim)
