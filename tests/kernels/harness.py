"""Calls compiled map kernels on NumPy arrays, as the core does on tensors."""

import ctypes

import numpy as np

NUMPY = {
    "bool": np.bool_,
    "uint8": np.uint8,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "float16": np.float16,
    "float32": np.float32,
    "float64": np.float64,
    "complex64": np.complex64,
    "complex128": np.complex128,
}
NAME = {np.dtype(v): k for k, v in NUMPY.items()}


def call(address, outputs, inputs, index0=0):
    """Runs the kernel over two-dimensional arrays of one shape (strides may be 0)."""
    operands = [*outputs, *inputs]
    n_outer, n_inner = outputs[0].shape
    n = len(operands)
    pointers = (ctypes.c_void_p * n)(*[a.ctypes.data for a in operands])
    inner = (ctypes.c_int64 * n)(*[a.strides[1] for a in operands])
    outer = (ctypes.c_int64 * n)(*[a.strides[0] for a in operands])
    kernel = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * 3)(address)
    kernel(n_inner, n_outer, index0, pointers, inner, outer)


def mode(array, is_output=False):
    """The mode character of an operand."""
    if array.strides[1] == array.itemsize or (array.shape[1] == 1 and is_output):
        return "c"
    return "s" if array.strides[1] == 0 and not is_output else "g"


def run(map_, inputs, out_dtypes, as_dtypes=None, modes=None, index0=0):
    """The outputs of a map over 1-d or 2-d arrays that broadcast against each other."""
    inputs = np.broadcast_arrays(*inputs) if len(inputs) > 1 else [np.asarray(inputs[0])]
    shape = inputs[0].shape
    inputs = [a.reshape(1, -1) if a.ndim < 2 else a for a in inputs]
    inputs = [
        np.lib.stride_tricks.as_strided(
            a, a.shape, (a.strides[0], a.itemsize if a.shape[1] == 1 else a.strides[1])
        )
        for a in inputs
    ]
    outputs = [np.empty(inputs[0].shape, NUMPY[d]) for d in out_dtypes]
    in_dtypes = [NAME[a.dtype] for a in inputs]
    modes = modes or "".join([mode(a, True) for a in outputs] + [mode(a) for a in inputs])
    address = map_.compile(in_dtypes, as_dtypes or in_dtypes, out_dtypes, modes)
    call(address, outputs, inputs, index0)
    return [a.reshape(shape) for a in outputs]
