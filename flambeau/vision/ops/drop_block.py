"""Dropout of whole blocks of features.

Source: Ghiasi, Lin, Le, "DropBlock", 2018, arXiv:1810.12890, algorithm 1 and eq. 1.
"""

import math

from ... import empty, nn
from ...fx import wrap
from ...nn import functional as F

__all__ = ["DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d"]


def _drop_block(name, n, input, p, block_size, inplace, eps, training):
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: p is {p}; it must lie in [0, 1].")
    if input.ndim != n + 2:
        raise ValueError(f"{name}: input is {tuple(input.shape)}; it must have {n + 2} dims.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    size = min(block_size, *sizes)
    starts = [s - size + 1 for s in sizes]  # where a block may begin
    chance = p * math.prod(sizes) / (size**n * math.prod(starts))
    dropped = empty((*input.shape[:2], *starts), dtype=input.dtype, device=input.device)
    dropped.bernoulli_(min(chance, 1.0))
    pool = F.max_pool2d if n == 2 else F.max_pool3d
    kept = 1 - pool(F.pad(dropped, [size - 1] * (2 * n)), size, stride=1)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


@wrap
def drop_block2d(input, p, block_size, inplace=False, eps=1e-06, training=True):
    """input (N, C, H, W) with blocks of block_size x block_size set to 0, about a share p of it; the rest is scaled.

    Example:
        >>> ops.drop_block2d(torch.ones(1, 1, 4, 4), 0.5, 2, training=False).sum()
        tensor(16.)
    """
    return _drop_block("drop_block2d", 2, input, p, block_size, inplace, eps, training)


@wrap
def drop_block3d(input, p, block_size, inplace=False, eps=1e-06, training=True):
    """input (N, C, D, H, W) with cubes of block_size set to 0, about a share p of it; the rest is scaled.

    Example:
        >>> ops.drop_block3d(torch.ones(1, 1, 4, 4, 4), 0.5, 2, training=False).sum()
        tensor(64.)
    """
    return _drop_block("drop_block3d", 3, input, p, block_size, inplace, eps, training)


class DropBlock2d(nn.Module):
    """drop_block2d as a layer.

    Example:
        >>> ops.DropBlock2d(0.5, 3).eval()(torch.ones(1, 1, 4, 4)).sum()
        tensor(16.)
    """

    def __init__(self, p, block_size, inplace=False, eps=1e-06):
        super().__init__()
        self.p, self.block_size = p, block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input):
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def extra_repr(self):
        return f"p={self.p}, block_size={self.block_size}, inplace={self.inplace}"


class DropBlock3d(DropBlock2d):
    """drop_block3d as a layer.

    Example:
        >>> ops.DropBlock3d(0.5, 3).eval()(torch.ones(1, 1, 4, 4, 4)).sum()
        tensor(64.)
    """

    def forward(self, input):
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
