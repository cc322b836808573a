"""Products by cuBLASLt.

It takes matrices column after column, so out = a @ b of rows is asked for as out.T = b.T @ a.T.
"""

import ctypes
import functools

from .... import _core
from ...core import float32
from . import choice
from .open import (
    DATA_TYPES,
    INT,
    INT64,
    POINTER,
    SIZE,
    address,
    alignment,
    library,
    stream,
    workspace,
)

_WORKSPACE = {9: 32 << 20}  # by major number of the device, as NVIDIA advises
_LESS_WORKSPACE = 4 << 20
_UINT64 = ctypes.c_uint64
# cublasComputeType_t, and the dtype of alpha and beta, for each dtype of the matrices.
_COMPUTE = {
    "float16": (68, "float32"), "bfloat16": (68, "float32"), "float32": (68, "float32"),
    "float64": (70, "float64"), "complex64": (68, "complex64"), "complex128": (70, "complex128"),
}  # fmt: skip
_FAST_TF32 = 77
_TRANSPOSE_A, _TRANSPOSE_B = 3, 4  # cublasLtMatmulDescAttributes_t
_BATCH_COUNT, _BATCH_OFFSET = 5, 6  # cublasLtMatrixLayoutAttribute_t
_MAX_WORKSPACE, _ALIGNMENTS = 1, (5, 6, 7, 8)  # cublasLtMatmulPreferenceAttributes_t
_STATUS = {
    1: "CUBLAS_STATUS_NOT_INITIALIZED", 3: "CUBLAS_STATUS_ALLOC_FAILED", 7: "CUBLAS_STATUS_INVALID_VALUE",
    8: "CUBLAS_STATUS_ARCH_MISMATCH", 11: "CUBLAS_STATUS_MAPPING_ERROR", 13: "CUBLAS_STATUS_EXECUTION_FAILED",
    14: "CUBLAS_STATUS_INTERNAL_ERROR", 15: "CUBLAS_STATUS_NOT_SUPPORTED", 16: "CUBLAS_STATUS_LICENSE_ERROR",
}  # fmt: skip


class _Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t"""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace_bytes", SIZE),
        ("state", INT),
        ("waves", ctypes.c_float),
        ("reserved", INT * 4),
    )


def _entries():
    handles = POINTER
    attribute = (handles, INT, POINTER, SIZE)
    return {
        "cublasLtCreate": (POINTER,),
        "cublasLtMatmulDescCreate": (POINTER, INT, INT),
        "cublasLtMatmulDescSetAttribute": attribute,
        "cublasLtMatrixLayoutCreate": (POINTER, INT, _UINT64, _UINT64, INT64),
        "cublasLtMatrixLayoutSetAttribute": attribute,
        "cublasLtMatmulPreferenceCreate": (POINTER,),
        "cublasLtMatmulPreferenceSetAttribute": attribute,
        "cublasLtMatmulPreferenceDestroy": (handles,),
        "cublasLtMatmulDescDestroy": (handles,),
        "cublasLtMatrixLayoutDestroy": (handles,),
        "cublasLtMatmulAlgoGetHeuristic": (*[handles] * 7, INT, POINTER, POINTER),
        "cublasLtMatmul": (
            handles, handles, POINTER, POINTER, handles, POINTER, handles, POINTER,
            POINTER, handles, POINTER, handles, POINTER, POINTER, SIZE, POINTER,
        ),
    }  # fmt: skip


def _texts():
    return _STATUS


def lt():
    """cuBLASLt's table, or None."""
    return library("cublasLt", "cublas", _entries, _texts, "cublasLtGetVersion")


@functools.cache
def _handle(index):
    made = POINTER()
    lt().cublasLtCreate(ctypes.byref(made))
    return made


def _column_major(matrix):
    """(leading dimension, whether it lies transposed) of a matrix, column after column; None where neither side lies so."""
    rows, columns = matrix.shape[-2:]
    down, across = matrix.stride()[-2:]
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return max(across, rows, 1) if columns > 1 else max(rows, 1), False
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return max(down, columns, 1) if rows > 1 else max(columns, 1), True
    return None


class _Layout:
    """What cuBLASLt is told of one matrix or stack of them."""

    def __init__(self, matrix):
        self.matrix = matrix
        found = _column_major(matrix)
        self.fits = found is not None
        if self.fits:
            self.leading, self.transposed = found
        self.batch_stride = matrix.stride(0) if matrix.dim() == 3 else 0

    def facts(self):
        return self.leading, self.transposed, self.batch_stride, alignment(self.matrix)

    def create(self, count):
        rows, columns = self.matrix.shape[-2:]
        if self.transposed:
            rows, columns = columns, rows
        made = POINTER()
        dtype = DATA_TYPES[self.matrix.dtype.name]
        lt().cublasLtMatrixLayoutCreate(ctypes.byref(made), dtype, rows, columns, self.leading)
        if count > 1:
            _set(lt().cublasLtMatrixLayoutSetAttribute, made, _BATCH_COUNT, INT(count))
            offset = INT64(self.batch_stride)
            _set(lt().cublasLtMatrixLayoutSetAttribute, made, _BATCH_OFFSET, offset)
        return made


def _set(setter, object, attribute, value):
    setter(object, attribute, ctypes.byref(value), ctypes.sizeof(value))


class _Plan:
    """A product of fixed sizes, strides and alignments: descriptors and the algorithm that the heuristic names first."""

    def __init__(self, left, right, out, count, tf32, index):
        self.table = table = lt()
        dtype = out.matrix.dtype.name
        self.layouts = []
        compute, scale = _COMPUTE[dtype]
        self.scale = scale
        self.operation = POINTER()
        compute = _FAST_TF32 if tf32 else compute
        table.cublasLtMatmulDescCreate(ctypes.byref(self.operation), compute, DATA_TYPES[scale])
        for attribute, layout in ((_TRANSPOSE_A, left), (_TRANSPOSE_B, right)):
            flag = INT(int(layout.transposed))
            _set(table.cublasLtMatmulDescSetAttribute, self.operation, attribute, flag)
        self.layouts = [layout.create(count) for layout in (left, right, out)]
        self._find(left, right, out, index)

    def _find(self, left, right, out, index):
        table, preference = lt(), POINTER()
        table.cublasLtMatmulPreferenceCreate(ctypes.byref(preference))
        try:
            major = _core._cuda_properties(index)[3]["major"]
            most = _UINT64(_WORKSPACE.get(major, _LESS_WORKSPACE))
            setter = table.cublasLtMatmulPreferenceSetAttribute
            _set(setter, preference, _MAX_WORKSPACE, most)
            for attribute, layout in zip(_ALIGNMENTS, (left, right, out, out)):
                _set(setter, preference, attribute, ctypes.c_uint32(alignment(layout.matrix)))
            result, count = _Heuristic(), INT(0)
            a, b, c = self.layouts
            table.cublasLtMatmulAlgoGetHeuristic(
                _handle(index), self.operation, a, b, c, c, preference, 1,
                ctypes.byref(result), ctypes.byref(count),
            )  # fmt: skip
        finally:
            table.cublasLtMatmulPreferenceDestroy(preference)
        self.algorithm = result.algorithm if count.value and result.state == 0 else None
        self.workspace_bytes = result.workspace_bytes

    def __del__(self):
        table = self.table
        for layout in self.layouts:
            table.cublasLtMatrixLayoutDestroy(layout)
        table.cublasLtMatmulDescDestroy(self.operation)

    def run(self, left, right, out, alpha, beta, index):
        real = ctypes.c_float if self.scale in ("float32", "complex64") else ctypes.c_double
        pair = real * 2
        numbers = [pair(float(v), 0.0) for v in (alpha, beta)]
        a, b, c = self.layouts
        result = address(out.matrix)
        room = workspace(self.workspace_bytes, out.matrix.device)
        lt().cublasLtMatmul(
            _handle(index), self.operation, ctypes.byref(numbers[0]),
            address(left.matrix), a, address(right.matrix), b, ctypes.byref(numbers[1]),
            result, c, result, c, ctypes.byref(self.algorithm), address(room), self.workspace_bytes, stream(index),
        )  # fmt: skip


_plans = {}
_MOST_PLANS = 512


def product(out, a, b, alpha, beta):
    """A function that computes out = alpha * a @ b + beta * out by cuBLASLt, or None where it takes no such call."""
    if out.dtype.name not in _COMPUTE or lt() is None or 0 in (*out.shape, *a.shape):
        return None
    # Out's columns must lie side by side, or its rows: then the product is the transposed one.
    if out.stride(-2) == 1 and out.shape[-2] > 1:
        left, right, made = _Layout(a), _Layout(b), _Layout(out)
    else:
        left, right, made = _Layout(b.mT), _Layout(a.mT), _Layout(out.mT)
    if not (left.fits and right.fits and made.fits) or made.transposed:
        return None
    tf32 = out.dtype is _core.float32 and float32.allows_tf32()
    index, count = out.device.index, out.shape[0] if out.dim() == 3 else 1
    key = (index, out.dtype, tf32, count, *out.shape[-2:], a.shape[-1],
           left.facts(), right.facts(), made.facts())  # fmt: skip
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        plan = _plans[key] = _Plan(left, right, made, count, tf32, index)
    if plan.algorithm is None:
        return None
    return lambda: plan.run(left, right, made, alpha, beta, index)


def runs(out, a, b, alpha, beta, own):
    """Whether cuBLASLt has computed out: where it takes the call and is faster than `own(out)`."""
    theirs = product(out, a, b, alpha, beta)
    if theirs is None:
        return False
    index = out.device.index
    sizes = [
        choice.rounded(n)
        for n in (out.numel() // max(out.shape[-1], 1), out.shape[-1], a.shape[-1])
    ]
    tf32 = out.dtype is _core.float32 and float32.allows_tf32()
    way = "k" if abs(a.stride(-1)) <= 1 else "r", "k" if abs(b.stride(-2)) <= 1 else "r"
    key = f"product {out.dtype.name} {'tf32 ' if tf32 else ''}{''.join(way)} {sizes}"
    table = choice.table("product", index, lt().version)
    found = table.known.get(key)
    if found is None:
        # Measured on a result of its own: with beta the first call would change what the next one reads.
        other = _core.empty_strided(out.shape, out.stride(), dtype=out.dtype, device=out.device)
        trial = product(other, a, b, alpha, 0)
        if trial is None:
            return False
        found = table.choose(key, {"cublaslt": trial, "own": lambda: own(other)}, index)
    if found != "cublaslt":
        return False
    theirs()
    return True
