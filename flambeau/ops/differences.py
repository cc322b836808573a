"""Differences of neighbours, and sums of areas between them."""

from .core import operators as fl
from .core.arguments import wrap_dim, wrap_dims
from .core.declare import composite


@composite(out="same")
def diff(input, n: int = 1, dim: int = -1, prepend=None, append=None):
    """input[i + 1] - input[i] along `dim`, n times; bool gives where neighbours differ.

    Example:
        >>> torch.diff(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[1.],
                [1.]])
    """
    if input.dim() == 0:
        raise RuntimeError("diff: input is 0-dim; it must have 1 dim or more.")
    if n < 0:
        raise RuntimeError(f"diff: n is {n}; it must be 0 or more.")
    if n == 0:
        return input.clone()
    dim = wrap_dim(dim, input.dim(), "diff")
    for name, piece in (("prepend", prepend), ("append", append)):
        if piece is None:
            continue
        if not isinstance(piece, fl.Tensor):
            raise TypeError(f"diff: {name} is a {type(piece).__name__}; it must be a Tensor.")
        if piece.dim() != input.dim():
            raise RuntimeError(
                f"diff: {name} has {piece.dim()} dims but input has {input.dim()}. They must be "
                "equal."
            )
        if any(piece.size(d) != input.size(d) for d in range(input.dim()) if d != dim):
            raise RuntimeError(
                f"diff: {name} {tuple(piece.shape)} must have the sizes of input "
                f"{tuple(input.shape)} in all dims but {dim}."
            )
    pieces = [piece for piece in (prepend, input, append) if piece is not None]
    result = fl.cat(pieces, dim) if len(pieces) > 1 else input
    if n >= result.size(dim):
        return result.narrow(dim, 0, 0).clone()
    for _ in range(n):
        size = result.size(dim)
        after, before = (
            result.narrow(dim, min(1, size), max(size - 1, 0)),
            result.narrow(dim, 0, max(size - 1, 0)),
        )
        result = fl.logical_xor(after, before) if result.dtype == fl.bool else after - before
    return result


def _spacings(spacing, dims):
    """One spacing for each dim: a number, or the coordinates along it as a tensor."""
    if isinstance(spacing, (tuple, list)):
        if len(spacing) != len(dims):
            raise RuntimeError(
                f"gradient: spacing has {len(spacing)} items for {len(dims)} dims. Give one "
                "number, or one item for each dim."
            )
        return list(spacing)
    if isinstance(spacing, fl.Tensor) and spacing.dim() > 0 and len(dims) == 1:
        return [spacing]
    return [spacing] * len(dims)


def _slope(input, dim, spacing, edge_order):
    """The derivative along one dim: second order inside, one-sided at both ends."""
    n = input.size(dim)

    def part(start, length):
        return input.narrow(dim, start, length)

    shape = [1] * input.dim()
    shape[dim] = -1
    if isinstance(spacing, fl.Tensor) and spacing.dim() > 0:
        if spacing.dim() != 1 or spacing.numel() != n:
            raise RuntimeError(
                f"gradient: coordinates {tuple(spacing.shape)} must be a vector of {n}, one for "
                "each element along the dim."
            )
        steps = spacing.narrow(0, 1, n - 1) - spacing.narrow(0, 0, n - 1)
        before, after = (
            steps.narrow(0, 0, n - 2).reshape(shape),
            steps.narrow(0, 1, n - 2).reshape(shape),
        )
        inside = (
            -after / (before * (before + after)) * part(0, n - 2)
            + (after - before) / (before * after) * part(1, n - 2)
            + before / (after * (before + after)) * part(2, n - 2)
        )
        first, second = steps[0], steps[1] if n > 2 else None
        last, last_but_one = steps[-1], steps[-2] if n > 2 else None
    else:
        inside = (part(2, n - 2) - part(0, n - 2)) / (2 * spacing)
        first = second = last = last_but_one = spacing
    if edge_order == 1:
        start = (part(1, 1) - part(0, 1)) / first
        end = (part(n - 1, 1) - part(n - 2, 1)) / last
    else:
        start = _edge(part(0, 1), part(1, 1), part(2, 1), first, second)
        end = -_edge(part(n - 1, 1), part(n - 2, 1), part(n - 3, 1), last, last_but_one)
    return fl.cat([start, inside, end], dim)


def _edge(f0, f1, f2, h1, h2):
    """The derivative at f0 of the parabola through three points at distances h1 and h2."""
    return (
        -(2 * h1 + h2) / (h1 * (h1 + h2)) * f0
        + (h1 + h2) / (h1 * h2) * f1
        - h1 / (h2 * (h1 + h2)) * f2
    )


@composite(method=False, out=False)
def gradient(input, *, spacing=1, dim=None, edge_order: int = 1) -> list:
    """The derivative of sampled values along each dim in `dim` (all), as a list.

    Args:
        spacing: the distance of samples, one number or one a dim; or the coordinates, a vector a dim.
        edge_order (1 or 2): the order of the one-sided differences at the ends.
    """
    if edge_order not in (1, 2):
        raise RuntimeError(f"gradient: edge_order is {edge_order}; it must be 1 or 2.")
    dims = wrap_dims(dim, input.dim(), "gradient")
    for d in dims:
        if input.size(d) < edge_order + 1:
            raise RuntimeError(
                f"gradient: input {tuple(input.shape)} is too short for edge_order={edge_order}, "
                f"which takes {edge_order + 1} elements or more along each dim."
            )
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        input = input.to(fl.get_default_dtype())
    spacings = _spacings(1 if spacing is None else spacing, dims)
    return [
        _slope(_in_dtype_of(input, h), d, h, edge_order)
        for d, h in zip(dims, spacings, strict=True)
    ]


def _in_dtype_of(input, spacing):
    """input, in the dtype of its derivative at coordinates of a wider one."""
    if isinstance(spacing, fl.Tensor) and spacing.dim() > 0:
        return input.to(fl.result_type(input, spacing))
    return input


def _check_step(operator, dx):
    if isinstance(dx, bool):
        raise RuntimeError(f"{operator}: dx is {dx}; it must be a real number.")


def _check_no_masks(operator, y, x=None):
    for name, values in (("y", y), ("x", x)):
        if values is not None and values.dtype is fl.bool:
            raise RuntimeError(
                f"{operator}: {name} is bool, which has no areas. Convert it with .float() first."
            )


def _areas(operator, y, x, dx, dim):
    """The areas of the trapezoids between neighbours along `dim`."""
    dim = wrap_dim(dim, y.dim(), operator)
    if y.dim() == 0:
        raise IndexError(f"{operator}: y is 0-dim; it must have 1 dim or more.")
    if x is not None and dx is not None:
        raise TypeError(f"{operator}: give either x or dx, not both.")
    _check_step(operator, dx)
    if operator == "trapezoid" and not y.size(dim):  # 0, whatever x is
        return y, dim
    _check_no_masks(operator, y, x)
    if x is not None and x.dim() == 1 and x.size(0) != y.size(dim):
        raise RuntimeError(
            f"{operator}: x has {x.size(0)} points but y has {y.size(dim)} samples along dim "
            f"{dim}. Give one point for each."
        )
    n = max(y.size(dim) - 1, 0)
    pairs = y.narrow(dim, min(1, y.size(dim)), n) + y.narrow(dim, 0, n)
    if x is None:
        return pairs * ((1.0 if dx is None else dx) / 2), dim
    if x.dim() == 1:
        shape = [1] * y.dim()
        shape[dim] = -1
        x = x.reshape(shape)
    else:
        x = x.reshape((1,) * (y.dim() - x.dim()) + tuple(x.shape))
        if x.size(dim) != y.size(dim) and (y.size(dim) or x.size(dim) > 1):
            raise RuntimeError(
                f"{operator}: x {tuple(x.shape)} and y {tuple(y.shape)} differ along dim {dim}. "
                "Give one point for each sample."
            )
    m = max(x.size(dim) - 1, 0)
    steps = x.narrow(dim, min(1, x.size(dim)), m) - x.narrow(dim, 0, m)
    return pairs * steps / 2, dim


@composite(method=False, out=False)
def trapezoid(y, x=None, *, dx: float = None, dim=-1):
    """The integral of y along `dim` by the trapezoidal rule, at coordinates x or in steps of dx (1).

    Example:
        >>> torch.trapezoid(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1.5000, 3.5000])
    """
    _check_step("trapezoid", dx)
    if x is None and y.dim():  # the two ends count half
        d = wrap_dim(dim, y.dim(), "trapezoid")
        if y.size(d):
            _check_no_masks("trapezoid", y)
            total = y.sum(d) - (y.select(d, 0) + y.select(d, -1)) * 0.5
            return total if dx is None else total * dx
    areas, dim = _areas("trapezoid", y, x, dx, dim)
    # Of nothing it is 0, whatever y: no gradient.
    return areas.sum(dim) if y.size(dim) else areas.sum(dim).to(y.dtype).detach()


@composite(method=False, out=False)
def trapz(y, x=None, *, dx: float = None, dim=-1):
    """An alias of `trapezoid`.

    Example:
        >>> torch.trapz(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1.5000, 3.5000])
    """
    return trapezoid(y, x, dim=dim) if dx is None else trapezoid(y, x, dx=dx, dim=dim)


@composite(method=False, out=False)
def cumulative_trapezoid(y, x=None, *, dx: float = None, dim=-1):
    """The running integral of y along `dim`, one value less than y has.

    Example:
        >>> torch.cumulative_trapezoid(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[1.5000],
                [3.5000]])
    """
    areas, dim = _areas("cumulative_trapezoid", y, x, dx, dim)
    return areas.cumsum(dim)
