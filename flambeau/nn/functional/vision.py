"""Rearranging channels and pixels, and resampling at the points of a grid."""

import flambeau

from ... import _core
from ..._core import _keep_format
from ...ops.core.arguments import is_plain
from ...ops.core.autocast import full_precision
from ...ops.grid_sample import MODES, PADDINGS, affine_points, sampled


def _check_factor(operator, input, name, factor, layout="(..., C, H, W)"):
    if input.dim() < 3:
        raise RuntimeError(
            f"{operator}: input {tuple(input.shape)} must have 3 dims or more, {layout}."
        )
    if factor <= 0:
        raise RuntimeError(f"{operator}: {name} is {factor}; it must be 1 or more.")


def _copied(input, sizes):
    """input in other sizes and memory of its own, also where reshape() would give a view."""
    copied = input.contiguous()
    if copied is input:
        copied = input.clone(memory_format=flambeau.contiguous_format)
    return copied.reshape(sizes)


def _pixels(input):
    """input with its channels last if that is how they lie, (N, H, W, C) without gaps; else None."""
    if input.dim() != 4 or input.is_contiguous() or _core._in_vmap():
        return None
    pixels = input.permute(0, 2, 3, 1)
    return pixels if pixels.is_contiguous() else None


# Bytes up to which two copies, of little matrices turned and of runs of pixels, are quicker than one.
_IN_CACHE = 1 << 22


def _in_two(pixels, channels):
    """Whether a shuffle goes by two copies."""
    return channels > 1 and 0 < pixels.numel() * pixels.itemsize <= _IN_CACHE


def pixel_shuffle(input, upscale_factor):
    """(*, C * r**2, H, W) to (*, C, H * r, W * r)."""
    r = upscale_factor
    _check_factor("pixel_shuffle", input, "upscale_factor", r)
    *batch, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            f"pixel_shuffle: {c} channels do not divide by upscale_factor {r} squared, {r * r}."
        )
    pixels = _pixels(input)
    if pixels is not None and r > 1:
        if _in_two(pixels, c // (r * r)):
            turned = pixels.reshape(*batch, h, w, c // (r * r), r * r).mT.contiguous()
            split = turned.reshape(*batch, h, w, r, c // r).transpose(2, 3)
        else:
            split = pixels.reshape(*batch, h, w, c // (r * r), r, r).permute(0, 1, 4, 2, 5, 3)
        return _copied(split, (*batch, h * r, w * r, c // (r * r))).permute(0, 3, 1, 2)
    out = input.reshape(*batch, c // (r * r), r, r, h, w)
    n = len(batch)
    out = out.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)  # (*, C, H, r, W, r)
    return _keep_format(_copied(out, (*batch, c // (r * r), h * r, w * r)), input)


def pixel_unshuffle(input, downscale_factor):
    """(*, C, H * r, W * r) to (*, C * r**2, H, W)."""
    r = downscale_factor
    _check_factor("pixel_unshuffle", input, "downscale_factor", r)
    *batch, c, h, w = input.shape
    for name, size in (("height", h), ("width", w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle: input's {name}, {size}, does not divide by downscale_factor {r}."
            )
    if not input.numel():
        return input.clone()  # as in PyTorch, of the shape it came in
    pixels = _pixels(input)
    if pixels is not None and r > 1:
        if _in_two(pixels, c):
            split = pixels.reshape(*batch, h // r, r, w // r, r * c).transpose(2, 3).contiguous()
            split = split.reshape(*batch, h // r, w // r, r * r, c).mT
        else:
            split = pixels.reshape(*batch, h // r, r, w // r, r, c).permute(0, 1, 3, 5, 2, 4)
        return _copied(split, (*batch, h // r, w // r, c * r * r)).permute(0, 3, 1, 2)
    out = input.reshape(*batch, c, h // r, r, w // r, r)
    n = len(batch)
    out = out.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)  # (*, C, r, r, H, W)
    return _keep_format(_copied(out, (*batch, c * r * r, h // r, w // r)), input)


def channel_shuffle(input, groups):
    """The channels of each of `groups` groups dealt out in turn."""
    shape = input.shape
    if len(shape) < 3 or groups <= 0:
        _check_factor("channel_shuffle", input, "groups", groups, "(N, C, ...)")
    c = shape[1]
    if c % groups:
        raise RuntimeError(f"channel_shuffle: groups={groups} does not divide {c} channels.")
    pixels = _pixels(input) if 1 < groups < c else None
    if pixels is not None:
        dealt = pixels.unflatten(3, (groups, c // groups)).transpose(3, 4)
        return _copied(dealt, pixels.shape).permute(0, 3, 1, 2)
    dealt = input.unflatten(1, (groups, c // groups)).transpose(1, 2)
    # Both numbers above 1, they cannot be one dim of a view.
    copied = dealt.reshape(shape) if 1 < groups < c else _copied(dealt, shape)
    return _keep_format(copied, input)


native_channel_shuffle = channel_shuffle


def _warn_of_default(name):
    _core._warn(
        f"{name}: align_corners is False unless given, as it was not before PyTorch 1.3. Say which is meant."
    )


def affine_grid(theta, size, align_corners=None):
    """The points, in [-1, 1], that an affine map takes the points of an output of `size` to.

    Shape: theta (N, 2, 3) with size (N, C, H, W) gives (N, H, W, 2); (N, 3, 4) with (N, C, D, H, W)
    gives (N, D, H, W, 3). With align_corners -1 and 1 are the centres of the corner pixels,
    without it their outer edges.
    """
    if align_corners is None:
        _warn_of_default("affine_grid")
        align_corners = False
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
    spatial = list(size[2:])
    if align_corners and 1 in spatial:
        _core._warn(
            f"affine_grid: with align_corners=True a dim of one point, in size {tuple(size)}, has no corners "
            "to align; the point stands in the middle. Pass align_corners=False."
        )
    if theta.dtype in (flambeau.float32, flambeau.float64) and is_plain(theta):
        return affine_points(theta, spatial, align_corners)
    made = {"dtype": theta.dtype, "device": theta.device}
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
    if mode not in MODES:
        raise ValueError(
            f"grid_sample: mode is {mode!r}; it must be 'bilinear', 'nearest' or 'bicubic'."
        )
    if padding_mode not in PADDINGS:
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
    if input.is_floating_point() and not grid.is_floating_point() and grid.numel():
        raise RuntimeError(
            f"grid_sample: input is {input.dtype} but grid {grid.dtype}. Convert it, for example "
            "grid.to(input.dtype)."
        )
    if mode == "bicubic" and n != 2:
        raise RuntimeError("grid_sample: mode='bicubic' takes input of 4 dims only.")
    if input.numel() == 0 and min(input.shape[2:]) == 0:
        raise RuntimeError(f"grid_sample: input {tuple(input.shape)} has no pixels.")
    if align_corners is None:
        _warn_of_default("grid_sample")
        align_corners = False
    return sampled(input, grid, mode, padding_mode, bool(align_corners))


# The numbers that grid_sampler takes.
GRID_SAMPLE_INTERPOLATION_MODES = {mode: number for number, mode in enumerate(MODES)}
GRID_SAMPLE_PADDING_MODES = {padding: number for number, padding in enumerate(PADDINGS)}


def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """grid_sample with numbers for its modes, in the order in which they are listed there."""
    for name, number in (
        ("interpolation_mode", interpolation_mode),
        ("padding_mode", padding_mode),
    ):
        if number not in (0, 1, 2):
            raise ValueError(f"grid_sampler: {name} is 0, 1 or 2, but got {number}.")
    return grid_sample(
        input, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align_corners
    )


grid_sampler_2d = grid_sampler_3d = _grid_sampler_2d_cpu_fallback = grid_sampler


def affine_grid_generator(theta, size, align_corners):
    """affine_grid by its older name."""
    return affine_grid(theta, size, align_corners)
