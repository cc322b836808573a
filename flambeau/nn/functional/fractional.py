"""Fractional max pooling: windows of one size at pseudo-random steps between two integers.

Source: Graham, "Fractional max-pooling", 2014, arXiv:1412.6071.
"""

import math

import flambeau

from ... import _core
from ...ops.core.attach import of_constant_slope
from ...ops.pool import _fractional_max_pool
from .sizes import ntuple


def _starts(sample, size, count, kernel):
    """Where the windows of one dimension begin, (N, C, count), from one number in [0, 1) a plane."""
    last = flambeau.full(
        (*sample.shape, 1), size - kernel, dtype=flambeau.int64, device=sample.device
    )
    if count <= 1:
        return last[..., :count]
    step = (size - kernel) / (count - 1)
    steps = flambeau.arange(count - 1, dtype=sample.dtype, device=sample.device)
    # Truncated before the difference is taken: the windows of PyTorch depend on it.
    shifted = ((steps + sample.unsqueeze(-1)) * step).to(flambeau.int64)
    return flambeau.cat([shifted - (sample.unsqueeze(-1) * step).to(flambeau.int64), last], -1)


def _positions(samples, sizes, out, kernel):
    """The index in a flattened plane of every tap of every window: (N, C, windows, taps)."""
    n = len(sizes)
    # Two numbers a plane are for (W, H), three for (D, H, W).
    order = (1, 0) if n == 2 else (0, 1, 2)
    index = 0
    for d in range(n):
        starts = _starts(samples[:, :, order[d]], sizes[d], out[d], kernel[d])
        taps = starts.unsqueeze(-1) + flambeau.arange(
            kernel[d], device=samples.device
        )  # (N, C, windows of d, taps of d)
        shape = [1] * (2 * n)
        shape[d], shape[n + d] = out[d], kernel[d]
        index = index * sizes[d] + taps.reshape(*taps.shape[:2], *shape)
    return index.reshape(*samples.shape[:2], math.prod(out), math.prod(kernel))


def _maxima(planes, samples, kernel, out):
    """(the maximum of each window, its index in the flattened plane): (N, C, *out)."""
    batched = _core._is_batched(planes) or _core._is_batched(samples)
    if (
        planes.dtype is samples.dtype
        and planes.is_floating_point()
        and not (planes.is_cuda or batched)
    ):
        return _fractional_max_pool(planes, samples, kernel, out)
    index = _positions(samples, planes.shape[2:], out, kernel)
    taps = planes.flatten(2).gather(2, index.flatten(2)).reshape(index.shape)
    values, best = taps.max(-1)
    last_nan = taps.shape[-1] - 1 - taps.isnan().flip(-1).to(flambeau.uint8).argmax(-1)
    best = flambeau.where(values.isnan(), last_nan, best)
    return values, index.gather(-1, best.unsqueeze(-1)).squeeze(-1)


def _fractional(n):
    name = f"fractional_max_pool{n}d"

    def with_indices(
        input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
        _random_samples=None,
    ):  # fmt: skip
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name}: needs output_size or output_ratio.")
        if input.dim() not in (n + 1, n + 2):
            raise RuntimeError(
                f"{name}: input {tuple(input.shape)} must have {n + 2} dims, (N, C, sizes), or "
                f"{n + 1} without a batch."
            )
        if input.dim() == n + 2 and input.size(1) == 0:
            raise RuntimeError(
                f"{name}: input {tuple(input.shape)} has no channels; only the first dim may be empty."
            )
        for what, given in (("kernel_size", kernel_size), ("output_size", output_size)):
            if isinstance(given, (tuple, list)) and len(given) != n:
                raise RuntimeError(
                    f"{name}: {what} {tuple(given)} must be {n} sizes, or one number."
                )
        kernel, sizes = ntuple(kernel_size, n, f"{name}: kernel_size"), tuple(input.shape[-n:])
        if output_size is None:
            ratio = ntuple(output_ratio, n, f"{name}: output_ratio")
            output_size = [int(size * r) for size, r in zip(sizes, ratio, strict=True)]
        out = ntuple(output_size, n, f"{name}: output_size")
        for size, o, k in zip(sizes, out, kernel, strict=True):
            if o < 0 or k < 1 or o + k - 1 > size:
                raise RuntimeError(
                    f"{name}: output_size {out} with kernel_size {kernel} does not fit into an "
                    f"input of {sizes}."
                )
        input = of_constant_slope(input)
        planes = input if input.dim() == n + 2 else input.unsqueeze(0)
        if _random_samples is None:
            _random_samples = flambeau.rand(
                *planes.shape[:2], n, dtype=input.dtype, device=input.device
            )
        wanted = (*planes.shape[:2], n)
        _random_samples = _random_samples[: wanted[0]]  # made for a larger batch is enough
        if _random_samples.shape != wanted:
            raise RuntimeError(
                f"{name}: _random_samples {tuple(_random_samples.shape)} must be {wanted}."
            )
        values, indices = _maxima(planes, _random_samples, kernel, out)
        shape = (*input.shape[:-n], *out)
        return values.reshape(shape), indices.reshape(shape)

    def pool(
        input, kernel_size, output_size=None, output_ratio=None, return_indices=False,
        _random_samples=None,
    ):  # fmt: skip
        both = with_indices(
            input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
        )
        return both if return_indices else both[0]

    pool.__doc__ = f"""The maximum of windows over the last {n} dimensions, at pseudo-random places.

    The output has output_size, or output_ratio times the input's. _random_samples (N, C, {n})
    fixes the places."""
    with_indices.__doc__ = f"{name} with return_indices=True."
    pool.__name__ = pool.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = name + "_with_indices"
    return pool, with_indices


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional(3)
