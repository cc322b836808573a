"""Images and volumes with borders, or enlarged."""

import flambeau.nn.functional as F

from .layer import Layer


class _Border(Layer):
    _mode = "constant"
    ndim = 4

    def __init__(self, pad_l, pad_r=None, pad_t=None, pad_b=None):
        super().__init__()
        self.pad_l = pad_l
        self.pad_r = pad_l if pad_r is None else pad_r
        self.pad_t = pad_l if pad_t is None else pad_t
        self.pad_b = pad_l if pad_b is None else pad_b

    def _widths(self):
        return self.pad_l, self.pad_r, self.pad_t, self.pad_b

    def __repr__(self):
        return f"nn.{type(self).__name__}({', '.join(map(str, self._widths()))})"

    def _compute(self, input):
        if input.dim() != self.ndim:
            raise RuntimeError(f"{self!r}: input must be {self.ndim}-D, got {tuple(input.shape)}.")
        return F.pad(input, self._widths(), self._mode)


class SpatialZeroPadding(_Border):
    """(N, C, H, W) with zeros at left, right, top and bottom (by default as many as at left); negative ones cut."""


class SpatialReflectionPadding(_Border):
    """(N, C, H, W) with its pixels mirrored beyond the borders."""

    _mode = "reflect"


class SpatialReplicationPadding(_Border):
    """(N, C, H, W) with its outermost pixels repeated beyond the borders."""

    _mode = "replicate"


class VolumetricReplicationPadding(_Border):
    """(N, C, D, H, W) with its outermost voxels repeated at left, right, top, bottom, front and back."""

    _mode = "replicate"
    ndim = 5

    def __init__(self, pleft, pright=None, ptop=None, pbottom=None, pfront=None, pback=None):
        super().__init__(pleft, pright, ptop, pbottom)
        self.pleft, self.pright, self.ptop, self.pbottom = super()._widths()
        self.pfront = pleft if pfront is None else pfront
        self.pback = pleft if pback is None else pback

    def _widths(self):
        return self.pleft, self.pright, self.ptop, self.pbottom, self.pfront, self.pback


class SpatialUpSamplingNearest(Layer):
    """Each pixel of (N, C, H, W) as a square of `scale` by `scale` pixels."""

    def __init__(self, scale):
        super().__init__()
        if scale < 1 or scale % 1 != 0:
            raise ValueError(
                f"nn.SpatialUpSamplingNearest: scale must be a whole number from 1 on, got {scale}."
            )
        self.scale_factor = int(scale)

    def _compute(self, input):
        if input.dim() != 4:
            raise RuntimeError(f"{self!r}: input must be 4-D, got {tuple(input.shape)}.")
        return F.interpolate(input, scale_factor=self.scale_factor, mode="nearest")
