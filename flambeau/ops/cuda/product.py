"""Products of matrices on GPUs, called by the core with the result to fill."""

from ... import _core
from ..core import float32
from ..core import operators as fl
from .launch import function, has_tensor_cores, is_hopper
from .libraries import cublaslt
from .rules import rule

_TILE = 64
_LARGE = (
    128 * 128 * 96
)  # results from which on tiles of 128 by 128 leave no multiprocessor without one


@rule("multiply")
def multiply(out, a, b, alpha, beta):
    """out = alpha * a @ b + beta * out, of matrices or stacks of them, of any strides."""
    if not cublaslt.runs(out, a, b, alpha, beta, lambda to: _multiply(to, a, b, alpha, 0)):
        _multiply(out, a, b, alpha, beta)


def _multiply(out, a, b, alpha, beta):
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
    dtype, threads, arch, shared = out.dtype.name, 256, None, 0
    tile = _TILE, _TILE
    if _on_tensor_cores(out.dtype, index):
        from ...kernels.gpu import tensor_cores as kernels

        side = 128 if count * M * N >= _LARGE and min(M, N) >= 128 else 64
        tile = side, side
        vectors = _vectors(a, strides[3:6], left == "k"), _vectors(b, strides[6:9], right == "r")
        threads, arch = kernels.threads(side), "sm_80"
        key = ("tensor_cores", dtype, left, right, scaled, side, vectors)
        if side == 128 and all(vectors) and 64 <= K < 1 << 30 and size == 2 and is_hopper(index):
            from ...kernels.gpu import hopper as kernels

            # Two results of a line, of an even number of them, at once.
            paired = not scaled and strides[2] == size and not (out.data_ptr() % 4 or N % 2)
            paired = paired and not (strides[1] % 4 or strides[0] % 4)
            key, arch = ("hopper", dtype, left, right, scaled, paired), "sm_90a"
            threads, shared = kernels.THREADS, kernels.SHARED
            tile = kernels.ROWS, kernels.COLUMNS
        write = lambda: kernels.write(*key[1:])
    else:
        key = ("product", dtype, left, right, scaled)

        def write():
            from ...kernels.gpu import product

            return product.write(*key[1:])

    tiles = -(-M // tile[0]) * -(-N // tile[1])
    found = function("matmul", key, write, index, arch, shared)
    arguments = [[M, N, K, count], [out, a, b], strides, [float(alpha), float(beta)]]
    grid = tiles, min(count, 65535)
    _core._cuda_launch(found, "matmul", index, grid, threads, shared, arguments)


@rule("_cross")
def cross(input, other, dim):
    a, b = input.unbind(dim), other.unbind(dim)
    return fl.stack([a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)], dim)


def _on_tensor_cores(dtype, index):
    if dtype is _core.float32:
        return float32.allows_tf32() and has_tensor_cores(index)
    return dtype in (_core.float16, _core.bfloat16) and has_tensor_cores(index)


def _vectors(matrix, strides, along_columns):
    """Whether 16 bytes can be read at once along the dimension that lies side by side: all of them are aligned."""
    batch, row, column = strides
    step, other = (column, row) if along_columns else (row, column)
    aligned = not (matrix.data_ptr() % 16 or other % 16 or batch % 16)
    return aligned and step == matrix.element_size()
