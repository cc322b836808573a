"""The names of torch.nn.utils.init: making modules without drawing their values."""

from .initialization import skip_init

__all__ = ["skip_init"]
