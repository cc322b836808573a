"""Calling compiled reductions and row kernels on NumPy arrays, straight through their C signature."""

import ctypes

import numpy as np

_I64, _PTR = ctypes.c_int64, ctypes.c_void_p


def _array(kind, values):
    return (kind * max(1, len(values)))(*values)


def _name(array):
    return str(array.dtype)


def reduce_call(
    reduction, inputs, out_dtypes, mode="g", stage="full", params=(), as_dtype=None, index0=0,
    in_dtypes=None, address_of=None,
):  # fmt: skip
    """The outputs of a reduction of arrays of shape (n_out, n_red0, n_red1), any strides."""
    n_out, n_red0, n_red1 = inputs[0].shape
    params = [np.asarray(p) for p in params]
    dtypes = in_dtypes or tuple(_name(a) for a in inputs)
    declared = dtypes
    if stage == "combine":
        declared = in_dtypes
    elif params:
        declared = dtypes + tuple(_name(p) for p in params)
    address = reduction.compile(declared, as_dtype, out_dtypes, mode, stage)
    if stage == "partial":
        out_dtypes = reduction.state_dtypes(declared, as_dtype)
    outputs = [np.full(n_out, 77).astype(d) for d in out_dtypes]
    operands = [*outputs, *inputs, *params]
    kernel = ctypes.CFUNCTYPE(None, _I64, _I64, _I64, _PTR, _PTR, _PTR, _PTR, _I64)(address)
    strides = [[o.strides[0], 0, 0] for o in outputs]
    strides += [list(a.strides) for a in inputs] + [[0, 0, 0] for _ in params]
    kernel(
        n_out,
        n_red0,
        n_red1,
        _array(_PTR, [o.ctypes.data for o in operands]),
        *[_array(_I64, [s[k] for s in strides]) for k in range(3)],
        index0,
    )
    return outputs


def in_parts(reduction, inputs, out_dtypes, mode, parts, params=(), as_dtype=None):
    """The same through partial states, as the core does with threads; `inputs` as above."""
    n_red1 = inputs[0].shape[2]
    dtypes = tuple(_name(a) for a in [*inputs, *map(np.asarray, params)])
    edges = [n_red1 * k // parts for k in range(parts + 1)]
    states = [
        reduce_call(
            reduction,
            [a[:, :, b:e] for a in inputs],
            out_dtypes,
            mode,
            "partial",
            params,
            as_dtype,
            index0=b,
        )
        for b, e in zip(edges, edges[1:])
    ]
    stacked = [np.stack(column, axis=1)[:, None, :] for column in zip(*states)]
    return reduce_call(
        reduction, stacked, out_dtypes, "g", "combine", params, as_dtype, in_dtypes=dtypes
    )


def rows_call(rows, operands, kinds, out_kinds, out_dtypes, as_dtype=None, in_dtypes=None, row0=0):
    """The outputs of a row kernel; 'v' operands have shape (n_rows, row_len), 'x' ones (n_rows,)."""
    shapes = [a.shape for a, k in zip(operands, kinds) if k == "v"]
    n_rows, row_len = shapes[0]
    dtypes = in_dtypes or tuple(_name(a) for a in operands)
    address = rows.compile(dtypes, out_kinds + kinds, out_dtypes, as_dtype)
    outputs = [
        np.full((n_rows, row_len) if k == "v" else (n_rows,), 77).astype(d)
        for k, d in zip(out_kinds, out_dtypes)
    ]
    everything = [*outputs, *operands]
    kernel = ctypes.CFUNCTYPE(None, _I64, _I64, _PTR, _PTR, _I64)(address)
    strides = [a.strides[0] if a.ndim and a.shape[0] == n_rows else 0 for a in everything]
    kernel(
        n_rows,
        row_len,
        _array(_PTR, [a.ctypes.data for a in everything]),
        _array(_I64, strides),
        row0,
    )
    return outputs
