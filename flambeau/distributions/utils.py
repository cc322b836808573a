"""What several distributions share: broadcasting, and probabilities against logits."""

import flambeau
import flambeau.nn.functional as F

__all__ = ["broadcast_all", "clamp_probs", "logits_to_probs", "probs_to_logits"]


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape; numbers alone in the default dtype."""
    if not all(isinstance(value, (flambeau.Tensor, int, float)) for value in values):
        raise ValueError("distributions: parameters must be numbers or Tensors.")
    like = next((value for value in values if isinstance(value, flambeau.Tensor)), None)
    dtype = flambeau.get_default_dtype() if like is None else like.dtype
    tensors = [
        value if isinstance(value, flambeau.Tensor) else flambeau.tensor(value, dtype=dtype)
        for value in values
    ]
    return flambeau.broadcast_tensors(*tensors)


def clamp_probs(probs):
    """Probabilities kept away from 0 and 1 by one rounding unit."""
    eps = flambeau.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits, is_binary=False):
    """Log odds, or unnormalized logarithms, as probabilities."""
    return logits.sigmoid() if is_binary else F.softmax(logits, dim=-1)


def probs_to_logits(probs, is_binary=False):
    """Probabilities as log odds, or as logarithms."""
    safe = clamp_probs(probs)
    return safe.log() - (-safe).log1p() if is_binary else safe.log()


class derived:
    """An attribute that is computed from others at its first use, and then kept."""

    def __init__(self, compute):
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with flambeau.enable_grad():
            value = self.compute(instance)
        setattr(instance, self.name, value)
        return value
