"""What several distributions share: broadcasting, and probabilities against logits."""

import functools
import math

import flambeau

from ..ops.core.arguments import broadcast_together

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits",
    "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape; numbers alone in the default dtype."""
    return tensors_for("broadcast_all", *values)


def tensors_for(operator, *values):
    """broadcast_all, whose errors name `operator`; plain tensors of one shape are as they are."""
    if _are_alike(values):
        return values
    if not all(isinstance(value, (flambeau.Tensor, int, float)) for value in values):
        raise ValueError(f"{operator}: parameters must be numbers or Tensors.")
    like = next((value for value in values if isinstance(value, flambeau.Tensor)), None)
    dtype = flambeau.get_default_dtype() if like is None else like.dtype
    tensors = [
        value if isinstance(value, flambeau.Tensor) else flambeau.tensor(value, dtype=dtype)
        for value in values
    ]
    return broadcast_together(operator, *tensors)


def _are_alike(values):
    """Whether all are plain tensors of one shape."""
    shape = None
    for value in values:
        if type(value) is not flambeau.Tensor:
            return False
        if shape is None:
            shape = value.shape
        elif value.shape != shape:
            return False
    return True


def _standard_normal(shape, dtype, device):
    """Numbers from the normal distribution with mean 0 and variance 1."""
    return flambeau.randn(shape, dtype=dtype, device=device)


def clamp_probs(probs):
    """Probabilities kept away from 0 and 1 by one rounding unit."""
    eps = flambeau.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits, is_binary=False):
    """Log odds, or unnormalized logarithms, as probabilities."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs, is_binary=False):
    """Probabilities as log odds, or as logarithms."""
    safe = clamp_probs(probs)
    return safe.log() - (-safe).log1p() if is_binary else safe.log()


def sum_rightmost(value, dims):
    """The sum over the last `dims` dimensions; `value` itself where that is 0."""
    return value.flatten(value.dim() - dims).sum(-1) if dims else value


_sum_rightmost = sum_rightmost  # the name that libraries import


def tril_matrix_to_vec(mat, diag=0):
    """(*B, N, N) -> (*B, K): what stands on and below diagonal `diag`, row by row."""
    n = mat.size(-1)
    if not -n <= diag < n:
        raise ValueError(
            f"tril_matrix_to_vec: diag is {diag}; a matrix of {n} rows takes {-n} to {n - 1}."
        )
    rows, columns = flambeau.tril_indices(n, n, diag, device=mat.device)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag=0):
    """(*B, K) -> (*B, N, N): row by row on and below diagonal `diag`, zeros above; the inverse of the former.

    Raises:
        ValueError: no matrix has K elements there.
    """
    # K = N (N + 1) / 2 for diag 0; each diagonal below leaves one row out.
    count = vec.size(-1)
    n = (math.isqrt(8 * count + 1) - 1) // 2 - diag
    rows, columns = flambeau.tril_indices(n, n, diag, device=vec.device)
    if len(rows) != count:
        raise ValueError(
            f"vec_to_tril_matrix: {count} elements do not fill a triangle below diagonal {diag}."
        )
    flat = vec.new_zeros((*vec.shape[:-1], n * n)).index_copy(-1, rows * n + columns, vec)
    return flat.unflatten(-1, (n, n))


def borrowed(part, name, doc=None):
    """A property of the whole that is the property `name` of its attribute `part`."""

    def read(self):
        return getattr(getattr(self, part), name)

    read.__name__ = name
    return property(read, doc=doc)


class lazy_property:
    """An attribute that is computed from others at its first use, and then kept.

    On the class it is a property, so that what reads signatures and documentation finds one.
    """

    def __init__(self, wrapped):
        functools.update_wrapper(self, wrapped)
        self.wrapped = wrapped

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        if flambeau.is_grad_enabled():
            value = self.wrapped(instance)
        else:
            with flambeau.enable_grad():
                value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
