"""The values of images and volumes at the points of a grid on GPUs: sums over the neighbours that a kernel finds."""

from ... import _core
from ..core import operators as fl
from .index import write_rows
from .launch import launch
from .rules import rule
from .windows import sums_of_rows

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


class _Points:
    """The neighbours of all points: keys into the rows (N * plane, C) of images, weights, slopes."""

    def __init__(self, input, grid, mode, padding, align, with_slopes):
        from ...kernels.gpu import grid as kernels

        self.input, dims = input, grid.shape[-1]
        self.points = grid.numel() // dims
        count = kernels.NEIGHBOURS[_MODES[mode]] ** dims
        device, dtype = grid.device, grid.dtype
        made = lambda *sizes, dtype=dtype: _core.empty(sizes, dtype=dtype, device=device)
        self.keys = made(self.points, count, dtype=_core.int64)
        self.weights = made(self.points, count)
        self.slopes = made(self.points, count, dims) if with_slopes else None
        key = dtype.name, dims, _MODES[mode], _PADDINGS[padding], bool(align), with_slopes
        sizes = [self.points, *[1] * (3 - dims), *input.shape[2:]]
        tensors = [grid.contiguous(), self.keys, self.weights, self.slopes if with_slopes else 0]
        write = lambda: kernels.write(*key)
        launch("grid_sample", ("grid", *key), write, device.index, self.points, [sizes, tensors])
        N = input.shape[0]
        self.plane = input.numel() // max(N * input.shape[1], 1)
        image = fl.arange(self.points, device=device) // max(self.points // max(N, 1), 1)
        rows = self.keys + (image * self.plane).unsqueeze(1)
        self.valid = self.keys >= 0
        self.rows = fl.where(self.valid, rows, -1)

    def table(self):
        """The images as rows (N * plane, C)."""
        return self.input.movedim(1, -1).reshape(-1, self.input.shape[1]).contiguous()


def _by_point(values, channels):
    """(N, C, *P) as (N * points, C)"""
    return values.movedim(1, -1).reshape(-1, channels).contiguous()


@rule("_grid_sample")
def grid_sample(input, grid, mode, padding, align):
    found = _Points(input, grid, mode, padding, align, False)
    N, C = input.shape[:2]
    begins = fl.arange(found.points + 1, device=grid.device) * found.keys.shape[1]
    made = sums_of_rows(
        found.table(), found.rows.reshape(-1), begins, False, found.weights.reshape(-1)
    )
    return made.reshape(N, *grid.shape[1:-1], C).movedim(-1, 1).contiguous()


@rule("_grid_sample_backward")
def grid_sample_backward(grad, input, grid, mode, padding, align, wants_input, wants_grid):
    found = _Points(input, grid, mode, padding, align, wants_grid)
    N, C = input.shape[:2]
    given = _by_point(grad, C)
    if grid.shape[-1] == 3 and padding != 0:
        # A place that is none has a value, as PyTorch has it, but no gradient.
        none = ~(grid.abs() < 2.0**100) if _PADDINGS[padding] == "reflection" else grid.isnan()
        given = fl.where(none.any(-1).reshape(-1, 1), 0, given)
    grad_input = grad_grid = None
    count = found.keys.shape[1]
    if wants_input:
        target = _core.zeros(N * found.plane, C, dtype=input.dtype, device=input.device)
        share = found.weights.unsqueeze(2) * given.unsqueeze(1)  # (points, neighbours, C)
        share = fl.where(found.valid.unsqueeze(2), share, 0).reshape(-1, C)
        keys = found.rows.clamp(min=0).reshape(-1)
        write_rows("grid_sample", target, keys, share, 1, True)
        grad_input = target.reshape(N, *input.shape[2:], C).movedim(-1, 1).contiguous()
    if wants_grid:
        neighbours = found.table()[found.rows.clamp(min=0).reshape(-1)].reshape(-1, count, C)
        slopes = (neighbours * given.unsqueeze(1)).sum(2)
        slopes = fl.where(found.valid, slopes, 0)
        grad_grid = (slopes.unsqueeze(2) * found.slopes).sum(1).reshape(grid.shape)
    return grad_input, grad_grid
