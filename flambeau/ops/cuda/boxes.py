"""Boxes of images on GPUs."""

from ... import _core
from .launch import function
from .rules import rule


@rule("_nms")
def nms(boxes, order, threshold):
    from ...kernels.gpu import boxes as kernels

    n, index = order.numel(), order.device.index
    if n > kernels.MOST or boxes.dtype not in (_core.float32, _core.float64):
        return NotImplemented
    if n == 0:
        return order.clone()
    size = next(s for s in (256, 2048, kernels.MOST) if n <= s)
    key = boxes.dtype.name, size
    stays = _core.empty(n, dtype=_core.bool, device=order.device)
    found = function("nms", ("nms", *key), lambda: kernels.write(*key), index)
    arguments = [n, [stays, boxes.index_select(0, order).contiguous()], [float(threshold)]]
    _core._cuda_launch(found, "nms", index, 1, kernels.THREADS, 0, arguments)
    return order[stays]
