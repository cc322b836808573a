"""Sizes as tensors, for programs that were written for the older exporter."""

import flambeau

__all__ = ["reshape_from_tensor_shape", "shape_as_tensor"]


def shape_as_tensor(x):
    """The sizes of a tensor as a tensor of int64; in an export they stay free.

    Example:
        >>> from flambeau.onnx.operators import shape_as_tensor
        >>> shape_as_tensor(flambeau.ones(2, 3))
        tensor([2, 3])
    """
    return flambeau.tensor(tuple(x.shape), dtype=flambeau.int64)


def reshape_from_tensor_shape(x, shape):
    """x.reshape of the sizes in a tensor, which are read: an export holds for these."""
    return x.reshape(shape.tolist())
