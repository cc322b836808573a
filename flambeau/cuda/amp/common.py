"""torch.cuda.amp.common: what mixed precision asks about the machine."""

from .. import is_available

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available():
    """Whether there is no device that GradScaler and autocast of CUDA could be for."""
    return not is_available()
