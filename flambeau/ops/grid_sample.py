"""The values of images and volumes at the points of a grid.

The loops of csrc/kernels/vision/grid.h compute them and their gradients. What they are stands here once more,
written out in operators: second derivatives come from there.
"""

from math import prod

from .. import _core
from .activation import hardtanh
from .core import operators as fl
from .core.attach import attached, of_constant_slope
from .core.declare import primitive

# As csrc/kernels/vision/grid.h counts them, and grid_sampler.
MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def sampled(input, grid, mode, padding_mode, align):
    """input (N, C, *S) at the points of grid (N, *P, len(S)): (N, C, *P). The arguments are checked."""
    dtype = input.dtype
    if dtype is grid.dtype and dtype in (fl.float32, fl.float64) and input.numel() <= 2**24:
        return _grid_sample(input, grid, mode, padding_mode, align)
    halves = (fl.float16, fl.bfloat16)
    wide = input.float() if input.dtype in halves else input
    points = grid.float() if grid.dtype in halves else grid
    largest = 2**24 if wide.dtype is fl.float32 else 2**31
    plain = wide.dtype is points.dtype and wide.dtype in (fl.float32, fl.float64)
    fits = plain and max(wide.shape[2:]) <= largest and prod(wide.shape[2:]) < 2**31
    if not fits:
        result = _written_out(input, grid, mode, padding_mode, align)
        return result if result.numel() else result.to(input.dtype)
    return _grid_sample(wide, points, mode, padding_mode, align).to(input.dtype)


@primitive(method=False, function=False, out=False)
def _grid_sample(ctx, input, grid, mode, padding_mode, align):
    ctx.save_for_backward(input, grid)
    ctx.options = mode, padding_mode, align
    return _core._grid_sample(input, grid, MODES.index(mode), PADDINGS.index(padding_mode), align)


@_grid_sample.derivative
def _(ctx, grad_output):
    input, grid = ctx.saved
    mode, padding_mode, align = ctx.options
    wants_input, wants_grid = ctx.needs_input_grad[:2]
    if _core.is_grad_enabled():
        made = _recorded_gradients(grad_output, input, grid, ctx.options, wants_input, wants_grid)
        return *made, None, None, None
    moves = wants_grid and mode != "nearest"
    grad_input, grad_grid = _core._grid_sample_backward(
        grad_output, input, grid, MODES.index(mode), PADDINGS.index(padding_mode), align, wants_input, moves
    )  # fmt: skip
    if wants_grid and not moves:
        grad_grid = fl.zeros_like(grid)
    return grad_input, grad_grid, None, None, None


@primitive(method=False, function=False, out=False)
def affine_points(ctx, theta, sizes, align):
    """The points (N, *sizes, n) that theta (N, n, n + 1) takes those of a grid over [-1, 1] to."""
    ctx.options = sizes, align, theta.shape[1]
    return _core._affine_grid(theta, sizes, align)


@affine_points.derivative
def _(ctx, grad_output):
    sizes, align, n = ctx.options
    identity = fl.eye(n, n + 1, dtype=grad_output.dtype, device=grad_output.device)
    points = _core._affine_grid(identity.unsqueeze(0), sizes, align).reshape(-1, n)
    flat = grad_output.reshape(grad_output.size(0), -1, n).transpose(1, 2)
    return fl.cat((flat @ points, flat.sum(2, keepdim=True)), 2), None, None


def _recorded_gradients(grad_output, input, grid, options, wants_input, wants_grid):
    """Gradients that have derivatives themselves."""
    # Names of their own: the grid may depend on the input.
    input, grid = (
        t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in (input, grid)
    )
    wanted = [t for t, wants in ((input, wants_input), (grid, wants_grid)) if wants]
    outputs = [_written_out(input, grid, *options)]
    made = iter(_core._run_backward(outputs, [grad_output], True, True, wanted, True))
    return tuple(next(made) if wants else None for wants in (wants_input, wants_grid))


def _written_out(input, grid, mode, padding_mode, align):
    n = input.dim() - 2
    if mode == "nearest":
        input, grid = of_constant_slope(input), of_constant_slope(grid)
    sizes = list(input.shape[2:])
    places = []
    for dim, size in enumerate(sizes):
        at = grid[..., n - 1 - dim]
        at = (at + 1) / 2 * (size - 1) if align else ((at + 1) * size - 1) / 2
        # Cubic taps are brought inside one by one: a point keeps its place between its neighbours.
        places.append(at if mode == "bicubic" else _bring_inside(at, size, padding_mode, align, n))
    taps = [
        [_checked_tap(tap, size, mode, padding_mode, align, n) for tap in _grid_taps(at, mode)]
        for at, size in zip(places, sizes, strict=True)
    ]
    total = None
    for combination in _product(taps):
        weight, index, valid = None, 0, None
        for (place, share, ok), size in zip(combination, sizes, strict=True):
            valid = ok if valid is None else valid & ok
            index = index * size + place
            if share is not None:
                weight = share if weight is None else weight * share
        # Outside, an infinite or NaN neighbour counts for nothing.
        values = _take(input, index).masked_fill(~valid.unsqueeze(1), 0)
        if weight is not None:
            values = values * weight.unsqueeze(1)
        total = values if total is None else total + values
    if n == 3 and padding_mode != "zeros":
        # A place that is none has a value, as PyTorch has it, but no gradient.
        none = ~(grid.abs() < 2.0**100) if padding_mode == "reflection" else grid.isnan()
        total = fl.where(none.any(-1).unsqueeze(1), total.detach(), total)
    return attached(total, grid, anyway=True) if mode == "nearest" else total


def _cubic_taps(part, a=-0.75):
    """Weights of the 4 neighbours at distances 1 + part, part, 1 - part, 2 - part.

    Source: Keys, IEEE Trans. ASSP 29 (1981) 1153, with a = -0.75.
    """
    return [_cubic(distance, a) for distance in (1 + part, part, 1 - part, 2 - part)]


def _cubic(distance, a):
    """Keys' kernel at a tensor of distances in [0, 2]."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return fl.where(distance <= 1, near, far)


def _take(input, index):
    """input (N, C, *) at flat positions index (N, *P): (N, C, *P)."""
    n, c = input.shape[:2]
    flat = index.flatten(1).unsqueeze(1).expand(-1, c, -1)
    return input.flatten(2).gather(2, flat).reshape(n, c, *index.shape[1:])


def _checked_tap(tap, size, mode, padding_mode, align, n):
    """A neighbour's (index, weight, whether it is inside).

    A point at NaN or infinity has weights of NaN, which with 2 dims make the result NaN; with 3 they
    count for nothing, as in PyTorch.
    """
    place, share = tap
    if mode == "bicubic":
        place = _bring_inside(place, size, padding_mode, align, n)
    ok = (place >= 0) & (place <= size - 1)
    if share is not None and n == 3:
        share = share.masked_fill(~ok, 0)
    return place.detach().clamp(0, size - 1).nan_to_num().long(), share, ok


def _bring_inside(at, size, padding_mode, align, n):
    # As in PyTorch a place at the limit has no gradient: clamp would give it one.
    # A place that is none is the first one with 2 dims, the last one with 3.
    none = 0 if n == 2 else size - 1
    if padding_mode == "border":
        return hardtanh(at.masked_fill(at.isnan(), none), 0.0, size - 1.0)
    if padding_mode == "reflection":
        low, span = (0.0, size - 1.0) if align else (-0.5, float(size))
        if span == 0:
            return attached(fl.zeros_like(at), at)
        offset = (at - low).abs()
        turns = (offset.detach() / span).floor()
        rest = offset - turns * span
        at = fl.where(turns.remainder(2) == 0, rest + low, span - rest + low)
        return hardtanh(at.masked_fill(at.isnan(), none), 0.0, size - 1.0)
    return at


def _grid_taps(at, mode):
    """(place, weight) of each neighbour of the points along one dimension; None is weight 1."""
    if mode == "nearest":
        return [(at.detach().round(), None)]
    base = at.detach().floor()
    part = at - base
    if mode == "bilinear":
        return [(base, 1 - part), (base + 1, part)]
    return [(base + i - 1, weight) for i, weight in enumerate(_cubic_taps(part))]


def _product(taps):
    if not taps:
        return [()]
    return [(first, *rest) for first in taps[0] for rest in _product(taps[1:])]
