"""Convolutions by cuDNN: of its algorithms only those that give the same bits every time."""

import ctypes
import functools

from .... import _core
from ...core import float32
from . import choice
from .open import INT, POINTER, SIZE, Failed, address, library, stream, workspace

# cudnnDataType_t, and what sums are kept in.
_TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 9}
_NCHW, _CROSS_CORRELATION = 0, 1
_PLAIN_MATH, _TENSOR_MATH, _FMA_MATH = 0, 1, 3  # cudnnMathType_t
_ASKED = 8  # algorithms that the heuristic lists at most
_STATUS = {
    1: "CUDNN_STATUS_NOT_INITIALIZED", 2: "CUDNN_STATUS_ALLOC_FAILED", 3: "CUDNN_STATUS_BAD_PARAM",
    4: "CUDNN_STATUS_INTERNAL_ERROR", 5: "CUDNN_STATUS_INVALID_VALUE", 6: "CUDNN_STATUS_ARCH_MISMATCH",
    7: "CUDNN_STATUS_MAPPING_ERROR", 8: "CUDNN_STATUS_EXECUTION_FAILED", 9: "CUDNN_STATUS_NOT_SUPPORTED",
    2000: "CUDNN_STATUS_BAD_PARAM", 3000: "CUDNN_STATUS_NOT_SUPPORTED", 4000: "CUDNN_STATUS_INTERNAL_ERROR",
    5000: "CUDNN_STATUS_EXECUTION_FAILED",
}  # fmt: skip


class _Performance(ctypes.Structure):
    """cudnnConvolutionFwdAlgoPerf_t, and its two siblings."""

    _fields_ = (
        ("algorithm", INT),
        ("status", INT),
        ("time", ctypes.c_float),
        ("memory", SIZE),
        ("determinism", INT),
        ("math", INT),
        ("reserved", INT * 3),
    )


# For each kind of convolution: the function that lists algorithms, and the one that computes.
_KINDS = {
    "forward": ("cudnnGetConvolutionForwardAlgorithm_v7", "cudnnConvolutionForward"),
    "input": ("cudnnGetConvolutionBackwardDataAlgorithm_v7", "cudnnConvolutionBackwardData"),
    "weight": ("cudnnGetConvolutionBackwardFilterAlgorithm_v7", "cudnnConvolutionBackwardFilter"),
}


def _entries():
    p = POINTER
    made = {
        "cudnnCreate": (p,),
        "cudnnSetStream": (p, p),
        "cudnnCreateTensorDescriptor": (p,),
        "cudnnSetTensorNdDescriptor": (p, INT, INT, p, p),
        "cudnnDestroyTensorDescriptor": (p,),
        "cudnnCreateFilterDescriptor": (p,),
        "cudnnSetFilterNdDescriptor": (p, INT, INT, INT, p),
        "cudnnDestroyFilterDescriptor": (p,),
        "cudnnCreateConvolutionDescriptor": (p,),
        "cudnnSetConvolutionNdDescriptor": (p, INT, p, p, p, INT, INT),
        "cudnnSetConvolutionGroupCount": (p, INT),
        "cudnnSetConvolutionMathType": (p, INT),
        "cudnnDestroyConvolutionDescriptor": (p,),
    }
    for find, compute in _KINDS.values():
        made[find] = (p, p, p, p, p, INT, p, p)
        made[compute] = (p, p, p, p, p, p, p, INT, p, SIZE, p, p, p)
    return made


def _texts():
    return _STATUS


def dnn():
    """cuDNN's table, or None."""
    return library("cudnn", "cudnn", _entries, _texts, "cudnnGetVersion")


@functools.cache
def _handle(index):
    made = POINTER()
    dnn().cudnnCreate(ctypes.byref(made))
    return made


def _ints(values):
    return (INT * len(values))(*values)


def _spatial(values, filler):
    """The numbers of each spatial dim, of two of them at least."""
    values = list(values)
    return values if len(values) > 1 else [filler, *values]


class _Described:
    """A descriptor of cuDNN's, destroyed with this object."""

    def __init__(self, kind):
        self.pointer = POINTER()
        self.destroy = getattr(dnn(), f"cudnnDestroy{kind}Descriptor")
        getattr(dnn(), f"cudnnCreate{kind}Descriptor")(ctypes.byref(self.pointer))

    def __del__(self):
        self.destroy(self.pointer)


def _tensor(sizes, dtype):
    """Of a contiguous tensor (N, C, *spatial)."""
    sizes = [*sizes[:2], *_spatial(sizes[2:], 1)]
    strides, step = [], 1
    for size in reversed(sizes):
        strides.insert(0, step)
        step *= size
    made = _Described("Tensor")
    dnn().cudnnSetTensorNdDescriptor(
        made.pointer, _TYPES[dtype], len(sizes), _ints(sizes), _ints(strides)
    )
    return made


def _filter(sizes, dtype):
    sizes = [*sizes[:2], *_spatial(sizes[2:], 1)]
    made = _Described("Filter")
    dnn().cudnnSetFilterNdDescriptor(made.pointer, _TYPES[dtype], _NCHW, len(sizes), _ints(sizes))
    return made


def _convolution(window, dtype, tf32):
    stride, padding, dilation, groups = window
    steps = _spatial(padding, 0), _spatial(stride, 1), _spatial(dilation, 1)
    made = _Described("Convolution")
    sums = _TYPES["float64" if dtype == "float64" else "float32"]
    dnn().cudnnSetConvolutionNdDescriptor(
        made.pointer, len(steps[0]), *[_ints(s) for s in steps], _CROSS_CORRELATION, sums
    )
    dnn().cudnnSetConvolutionGroupCount(made.pointer, groups)
    narrow = dtype in ("float16", "bfloat16")
    # With the plain type cuDNN may round float32 to tf32, which must be asked for here.
    math = _TENSOR_MATH if narrow else _PLAIN_MATH if tf32 else _FMA_MATH
    dnn().cudnnSetConvolutionMathType(made.pointer, math)
    return made


class _Plan:
    """One kind of convolution of fixed sizes. The three operands are input, weight and output, or their gradients."""

    def __init__(self, kind, sizes, window, dtype, tf32, index):
        self.kind, self.dtype = kind, dtype
        images, weight, out = sizes
        self.window = _convolution(window, dtype, tf32)
        x, w, y = _tensor(images, dtype), _filter(weight, dtype), _tensor(out, dtype)
        # In the order in which cuDNN takes them: what is read, then what is written.
        self.operands = {"forward": (x, w, y), "input": (w, y, x), "weight": (x, y, w)}[kind]
        find = getattr(dnn(), _KINDS[kind][0])
        listed, count = (_Performance * _ASKED)(), INT(0)
        first, second, third = (o.pointer for o in self.operands)
        find(
            _handle(index),
            first,
            second,
            self.window.pointer,
            third,
            _ASKED,
            ctypes.byref(count),
            listed,
        )
        usable = [p for p in listed[: count.value] if p.status == 0 and p.determinism == 1]
        self.algorithm = usable[0].algorithm if usable else None
        self.workspace_bytes = usable[0].memory if usable else 0

    def run(self, first, second, made):
        index = made.device.index
        real = ctypes.c_double if self.dtype == "float64" else ctypes.c_float
        one, zero = real(1.0), real(0.0)
        room = workspace(self.workspace_bytes, made.device)
        handle = _handle(index)
        dnn().cudnnSetStream(handle, stream(index))
        a, b, c = (o.pointer for o in self.operands)
        getattr(dnn(), _KINDS[self.kind][1])(
            handle, ctypes.byref(one), a, address(first), b, address(second), self.window.pointer,
            self.algorithm, address(room), self.workspace_bytes, ctypes.byref(zero), c, address(made),
        )  # fmt: skip


@functools.lru_cache(512)
def _plan(kind, sizes, window, dtype, tf32, index):
    try:
        return _Plan(kind, sizes, window, dtype, tf32, index)
    except Failed:
        return None  # what cuDNN does not take the other way does


def _is_even(sizes, window):
    """Whether windows are as cuDNN counts them: with the same padding on both sides."""
    images, weight, out = sizes
    stride, padding, dilation, _ = window
    return all(
        (i + 2 * p - d * (k - 1) - 1) // s + 1 == o
        for i, k, o, s, p, d in zip(images[2:], weight[2:], out[2:], stride, padding, dilation)
    )


def runs(kind, made, first, second, sizes, window, own):
    """Whether cuDNN has computed `made`, contiguous: where it takes the call and is faster than `own(out)`.

    kind: forward (of input, weight), input (of weight, grad_output) or weight (of input, grad_output); sizes: those
    of input, weight and output; window: strides, padding, dilations, groups.
    """
    dtype = made.dtype.name
    if not float32.uses_cudnn or dtype not in _TYPES or dnn() is None or not made.is_contiguous():
        return False
    if 0 in (made.numel(), first.numel(), second.numel()) or len(sizes[0]) > 5:
        return False
    if first.dtype is not made.dtype or second.dtype is not made.dtype:
        return False
    sizes = tuple(tuple(s) for s in sizes)
    window = (*(tuple(w) for w in window[:3]), window[3])
    if not _is_even(sizes, window):
        return False
    index = made.device.index
    tf32 = made.dtype is _core.float32 and float32.cudnn_tf32
    plan = _plan(kind, sizes, window, dtype, tf32, index)
    if plan is None or plan.algorithm is None:
        return False
    first, second = first.contiguous(), second.contiguous()
    table = choice.table("convolution", index, dnn().version)
    rounded = [[choice.rounded(n) for n in s] for s in sizes]
    key = f"{kind} {dtype} {'tf32 ' if tf32 else ''}{rounded} {window}"
    found = table.known.get(key)
    if found is None:
        other = _core.empty_like(made)
        ways = {"cudnn": lambda: plan.run(first, second, other), "own": lambda: own(other)}
        found = table.choose(key, ways, index)
    if found != "cudnn":
        return False
    plan.run(first, second, made)
    return True
