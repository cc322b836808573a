"""Dropout: parts of the input set to 0 at random, in training only.

Source: Srivastava et al., JMLR 15 (2014) 1929; alpha dropout: Klambauer et al., arXiv:1706.02515.
Every function takes `generator=` as well.
"""

import numbers

import flambeau

from ... import _core
from ...ops import fill_random, random


def _check_probability(p):
    if not isinstance(p, numbers.Real | flambeau.Tensor):
        raise TypeError(f"dropout: p takes a number, but got {p!r:.40} ({type(p).__name__}).")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: p is {p}; a probability is from 0 to 1.")


def dropout(input, p=0.5, training=True, inplace=False, *, generator=None):
    """Each element is 0 with probability `p`, else divided by 1 - p."""
    _check_probability(p)
    return _drop(input, input.shape, p, training, inplace, generator)


def _drop(input, mask_shape, p, training, inplace, generator):
    if not training or p == 0.0 or input.numel() == 0:
        return input
    if p < 1.0 and mask_shape == input.shape and input.is_floating_point():
        # One pass; backward draws the mask again, so none is kept.
        dropped = random.dropout(input, p, generator)
        return input.copy_(dropped) if inplace else dropped
    if p == 1.0:
        scale = flambeau.zeros((), dtype=input.dtype, device=input.device)
    else:
        kept = fill_random.fresh(flambeau.empty(mask_shape, dtype=input.dtype, device=input.device))
        scale = kept.bernoulli_(1 - p, generator=generator).div_(1 - p)
    return input.mul_(scale) if inplace else input * scale


def _channel_mask_shape(input, spatial):
    """(N, C, 1 ...), or (C, 1 ...) without a batch."""
    leading = input.dim() - spatial
    return (*input.shape[:leading], *[1] * spatial)


def dropout1d(input, p=0.5, training=True, inplace=False, *, generator=None):
    """dropout of whole channels of (N, C, L) or (C, L)."""
    _check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: input {tuple(input.shape)} must have 3 dims, (N, C, L), or 2 without a "
            "batch."
        )
    return _drop(input, _channel_mask_shape(input, 1), p, training, inplace, generator)


def _warn_of_guess(name, input, layout, ndim):
    if input.dim() not in (ndim - 1, ndim):
        _core._warn(
            f"{name}: input {tuple(input.shape)} should have {ndim} dims, {layout}; what its "
            "channels are is a guess. Use dropout for single elements."
        )


def dropout2d(input, p=0.5, training=True, inplace=False, *, generator=None):
    """dropout of whole channels of (N, C, H, W) or (C, H, W)."""
    _check_probability(p)
    _warn_of_guess("dropout2d", input, "(N, C, H, W)", 4)
    if input.dim() == 3:
        _core._warn(
            f"dropout2d: input {tuple(input.shape)} of 3 dims is taken as (N, C, L). Use dropout1d "
            "for that, or unsqueeze(0) a (C, H, W)."
        )
    return _drop_channels(input, p, training, inplace, generator)


def dropout3d(input, p=0.5, training=True, inplace=False, *, generator=None):
    """dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    _check_probability(p)
    _warn_of_guess("dropout3d", input, "(N, C, D, H, W)", 5)
    if input.dim() == 4:
        return _drop(input, _channel_mask_shape(input, 3), p, training, inplace, generator)
    return _drop_channels(input, p, training, inplace, generator)


def _drop_channels(input, p, training, inplace, generator):
    dropping = training and 0.0 < p < 1.0 and input.numel()
    shape = _first_two(input) if dropping else input.shape
    return _drop(input, shape, p, training, inplace, generator)


def _first_two(input):
    if input.dim() < 2:
        raise RuntimeError(
            f"feature_dropout: input {tuple(input.shape)} must have 2 dims or more, (N, C, ...)."
        )
    return (*input.shape[:2], *[1] * (input.dim() - 2))


def alpha_dropout(input, p=0.5, training=False, inplace=False, *, generator=None):
    """dropout to the negative saturation of selu, rescaled so that mean and variance stay."""
    _check_probability(p)
    return _alpha_drop(input, input.shape, p, training, inplace, generator)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False, *, generator=None):
    """alpha_dropout of whole channels."""
    _check_probability(p)
    shape = _first_two(input) if training and 0.0 < p < 1.0 and input.numel() else input.shape
    return _alpha_drop(input, shape, p, training, inplace, generator)


def _alpha_drop(input, mask_shape, p, training, inplace, generator):
    if not training or p == 0.0 or input.numel() == 0:
        return input
    if p == 1.0:
        zero = flambeau.zeros((), dtype=input.dtype, device=input.device)
        return input.mul_(zero) if inplace else input * zero
    saturation = -1.7580993408473766  # -scale * alpha of selu
    a = ((1 - p) * (1 + p * saturation**2)) ** -0.5
    kept = fill_random.fresh(flambeau.empty(mask_shape, dtype=input.dtype, device=input.device))
    kept.bernoulli_(1 - p, generator=generator)
    # a * (kept ? input : saturation) + b, with b = -a * p * saturation
    shift = (1 - kept) * (a * saturation) - a * p * saturation
    if inplace:
        return input.mul_(kept * a).add_(shift)
    return input * (kept * a) + shift
