"""Products of matrices on GPUs, called by the core with the result to fill."""

from ... import _core
from .launch import function
from .rules import rule

_TILE = 64


@rule("multiply")
def multiply(out, a, b, alpha, beta):
    """out = alpha * a @ b + beta * out, of matrices or stacks of them, of any strides."""
    batched = out.dim() == 3
    M, N = out.shape[-2:]
    K = a.shape[-1]
    size = out.element_size()
    index = out.device.index
    count = out.shape[0] if batched else 1
    strides = []
    for t in (out, a, b):
        strides += [t.stride(0) * size if batched else 0, t.stride(-2) * size, t.stride(-1) * size]
    left = "k" if abs(strides[5]) <= size else "r"
    right = "k" if abs(strides[7]) <= size < abs(strides[8]) else "r"
    scaled = alpha != 1 or beta != 0
    dtype = out.dtype.name

    def write():
        from ...kernels.gpu import product

        return product.write(dtype, left, right, scaled)

    tiles = -(-M // _TILE) * -(-N // _TILE)
    found = function("matmul", ("product", dtype, left, right, scaled), write, index)
    arguments = [[M, N, K, count], [out, a, b], strides, [float(alpha), float(beta)]]
    _core._cuda_launch(found, "matmul", index, (tiles, min(count, 65535)), 256, 0, arguments)
