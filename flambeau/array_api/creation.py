"""New arrays."""

import builtins

import flambeau as fl

from .array import array, promoted


def asarray(obj, /, *, dtype=None, device=None, copy=None):
    """obj (a number, nested sequences, an array, a buffer) as an array; copy=False forbids copying."""
    if isinstance(obj, memoryview | bytearray | bytes):
        obj = fl.as_tensor(obj) if copy is not True else fl.tensor(obj)
        copy = None if dtype is None else copy
    return array(fl.asarray(obj, dtype=dtype, device=device, copy=copy))


def from_dlpack(x, /, *, device=None, copy=None):
    """An array over the memory of an object with __dlpack__, or a copy of it."""
    return array(fl.from_dlpack(x, device=device, copy=copy))


def arange(start, /, stop=None, step=1, *, dtype=None, device=None):
    """The numbers start, start + step, ... before stop; 0, 1, ... before start if it is alone."""
    if stop is None:
        start, stop = 0, start
    if step and (stop - start) / step <= 0:
        start = stop = start + 0 * stop + 0 * step  # none of them, in the dtype of all
    return array(fl.arange(start, stop, step, dtype=dtype, device=device))


def linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True):
    """`num` evenly spaced numbers from start to stop, stop itself only with endpoint=True."""
    if endpoint:
        return array(fl.linspace(start, stop, num, dtype=dtype, device=device))
    return array(fl.linspace(start, stop, num + 1, dtype=dtype, device=device)[:-1])


def empty(shape, *, dtype=None, device=None):
    """An uninitialised array."""
    return array(fl.empty(shape, dtype=dtype, device=device))


def zeros(shape, *, dtype=None, device=None):
    """An array of zeros."""
    return array(fl.zeros(shape, dtype=dtype, device=device))


def ones(shape, *, dtype=None, device=None):
    """An array of ones."""
    return array(fl.ones(shape, dtype=dtype, device=device))


def full(shape, fill_value, *, dtype=None, device=None):
    """An array filled with one number."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return array(fl.full(shape, fill_value, dtype=dtype, device=device))


def empty_like(x, /, *, dtype=None, device=None):
    """An uninitialised array of x's shape."""
    return array(fl.empty_like(x, dtype=dtype, device=device))


def zeros_like(x, /, *, dtype=None, device=None):
    """Zeros of x's shape."""
    return array(fl.zeros_like(x, dtype=dtype, device=device))


def ones_like(x, /, *, dtype=None, device=None):
    """Ones of x's shape."""
    return array(fl.ones_like(x, dtype=dtype, device=device))


def full_like(x, /, fill_value, *, dtype=None, device=None):
    """One number in an array of x's shape."""
    return array(fl.full_like(x, fill_value, dtype=dtype, device=device))


def eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None):
    """Ones on the k-th diagonal, zeros elsewhere."""
    n_cols = n_rows if n_cols is None else n_cols
    result = fl.zeros(n_rows, n_cols, dtype=dtype, device=device)
    if -n_rows < k < n_cols:
        fl.diagonal(result, k).fill_(1)
    return array(result)


def meshgrid(*arrays, indexing="xy"):
    """Grids of coordinates, one for each vector."""
    if not arrays:
        return ()
    return tuple(fl.meshgrid(*promoted(*arrays), indexing=indexing))


def _clipped(k, x):
    limit = builtins.max(x.shape[-2:]) if x.ndim > 1 else 0
    return builtins.max(-limit, builtins.min(limit, k))


def tril(x, /, *, k=0):
    """The elements on and below the k-th diagonal of each matrix, zeros above."""
    return fl.tril(x, _clipped(k, x))


def triu(x, /, *, k=0):
    """The elements on and above the k-th diagonal of each matrix, zeros below."""
    return fl.triu(x, _clipped(k, x))
