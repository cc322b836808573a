"""Rearranging channels and pixels, and resampling at the points of a grid."""

import flambeau

from ..._core import _keep_format
from ...ops.core.attach import attached, of_constant_slope
from ...ops.core.autocast import full_precision
from .activation import hardtanh
from .interpolation import cubic_taps


def pixel_shuffle(input, upscale_factor):
    """(*, C * r**2, H, W) to (*, C, H * r, W * r)."""
    r = upscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            f"pixel_shuffle: input {tuple(input.shape)} must have 3 dims or more, (..., C, H, W)."
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle: upscale_factor is {r}; it must be 1 or more.")
    *batch, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            f"pixel_shuffle: {c} channels do not divide by upscale_factor {r} squared, {r * r}."
        )
    out = input.reshape(*batch, c // (r * r), r, r, h, w)
    n = len(batch)
    out = out.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)  # (*, C, H, r, W, r)
    return _keep_format(out.reshape(*batch, c // (r * r), h * r, w * r), input)


def pixel_unshuffle(input, downscale_factor):
    """(*, C, H * r, W * r) to (*, C * r**2, H, W)."""
    r = downscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            f"pixel_unshuffle: input {tuple(input.shape)} must have 3 dims or more, (..., C, H, W)."
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle: downscale_factor is {r}; it must be 1 or more.")
    *batch, c, h, w = input.shape
    for name, size in (("height", h), ("width", w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle: input's {name}, {size}, does not divide by downscale_factor {r}."
            )
    out = input.reshape(*batch, c, h // r, r, w // r, r)
    n = len(batch)
    out = out.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)  # (*, C, r, r, H, W)
    return _keep_format(out.reshape(*batch, c * r * r, h // r, w // r), input)


def channel_shuffle(input, groups):
    """The channels of each of `groups` groups dealt out in turn."""
    if input.dim() <= 2:
        raise RuntimeError(
            f"channel_shuffle: input {tuple(input.shape)} must have 3 dims or more, (N, C, ...)."
        )
    n, c, *rest = input.shape
    if groups <= 0:
        raise RuntimeError(f"channel_shuffle: groups is {groups}; it must be 1 or more.")
    if c % groups:
        raise RuntimeError(f"channel_shuffle: groups={groups} does not divide {c} channels.")
    dealt = input.reshape(n, groups, c // groups, *rest).transpose(1, 2)
    return _keep_format(dealt.reshape(input.shape), input)


native_channel_shuffle = channel_shuffle


def affine_grid(theta, size, align_corners=None):
    """The points, in [-1, 1], that an affine map takes the points of an output of `size` to.

    Shape: theta (N, 2, 3) with size (N, C, H, W) gives (N, H, W, 2); (N, 3, 4) with (N, C, D, H, W)
    gives (N, D, H, W, 3). With align_corners -1 and 1 are the centres of the corner pixels,
    without it their outer edges.
    """
    align_corners = bool(align_corners)
    if not theta.is_floating_point():
        raise ValueError(
            f"affine_grid: theta is {theta.dtype}, but it must be floating. Convert it with "
            ".float()."
        )
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError(
            f"affine_grid: size {size} must be (N, C, H, W) or (N, C, D, H, W)."
        )
    if theta.dim() != 3 or theta.shape[-2:] != (n, n + 1):
        raise ValueError(
            f"affine_grid: theta {tuple(theta.shape)} must be (N, {n}, {n + 1}) for size {size}."
        )
    if min(size) <= 0:
        raise ValueError(f"affine_grid: size {size} must be 1 or more everywhere.")
    made = {"dtype": theta.dtype, "device": theta.device}
    spatial = list(size[2:])
    coordinates = []
    for place in reversed(range(n)):  # x first
        count = spatial[place]
        line = flambeau.linspace(-1, 1, count, **made) if count > 1 else flambeau.zeros(1, **made)
        if not align_corners:
            line = line * ((count - 1) / count)
        shape = [1] * n
        shape[place] = count
        coordinates.append(line.reshape(shape).expand(spatial))
    coordinates.append(flambeau.ones(spatial, **made))
    points = flambeau.stack(coordinates, -1).reshape(1, -1, n + 1)
    return (points @ theta.transpose(1, 2)).reshape(theta.size(0), *spatial, n)


@full_precision
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The values of `input` at the points of `grid`, x first, each in [-1, 1] over the input.

    Shape: (N, C, H, W) with (N, H', W', 2) gives (N, C, H', W'); one more dimension likewise.

    Args:
        mode (str): "bilinear", "nearest" or, with 2 dimensions, "bicubic" (a = -0.75).
        padding_mode (str): outside the input: "zeros", "border" or "reflection".
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"grid_sample: mode is {mode!r}; it must be 'bilinear', 'nearest' or 'bicubic'."
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: padding_mode is {padding_mode!r}; it must be 'zeros', 'border' or "
            "'reflection'."
        )
    n = input.dim() - 2
    if n not in (2, 3) or grid.dim() != input.dim():
        raise RuntimeError(
            f"grid_sample: input {tuple(input.shape)} and grid {tuple(grid.shape)} must both have "
            "4 dims, or both 5."
        )
    if input.size(0) != grid.size(0) or grid.size(-1) != n:
        raise RuntimeError(
            f"grid_sample: grid {tuple(grid.shape)} must have input's batch of {input.size(0)} "
            f"first and {n} coordinates last."
        )
    if mode == "bicubic" and n != 2:
        raise RuntimeError("grid_sample: mode='bicubic' takes input of 4 dims only.")
    if min(input.shape[2:]) == 0:
        raise RuntimeError(f"grid_sample: input {tuple(input.shape)} has no pixels.")
    if mode == "nearest":
        input, grid = of_constant_slope(input), of_constant_slope(grid)
    sizes = list(input.shape[2:])
    align = bool(align_corners)
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
        total = flambeau.where(none.any(-1).unsqueeze(1), total.detach(), total)
    return attached(total, grid, anyway=True) if mode == "nearest" else total


# The numbers that grid_sampler takes.
GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}


def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """grid_sample with numbers for its modes, in the order in which they are listed there."""
    modes, paddings = list(GRID_SAMPLE_INTERPOLATION_MODES), list(GRID_SAMPLE_PADDING_MODES)
    for name, number in (
        ("interpolation_mode", interpolation_mode),
        ("padding_mode", padding_mode),
    ):
        if number not in (0, 1, 2):
            raise ValueError(f"grid_sampler: {name} is 0, 1 or 2, but got {number}.")
    return grid_sample(
        input, grid, modes[interpolation_mode], paddings[padding_mode], align_corners
    )


grid_sampler_2d = grid_sampler_3d = _grid_sampler_2d_cpu_fallback = grid_sampler


def affine_grid_generator(theta, size, align_corners):
    """affine_grid by its older name."""
    return affine_grid(theta, size, align_corners)


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
            return attached(flambeau.zeros_like(at), at)
        offset = (at - low).abs()
        turns = (offset.detach() / span).floor()
        rest = offset - turns * span
        at = flambeau.where(turns.remainder(2) == 0, rest + low, span - rest + low)
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
    return [(base + i - 1, weight) for i, weight in enumerate(cubic_taps(part))]


def _product(taps):
    if not taps:
        return [()]
    return [(first, *rest) for first in taps[0] for rest in _product(taps[1:])]
