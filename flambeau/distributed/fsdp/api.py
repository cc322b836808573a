"""Options under the name that PyTorch gives their module."""

from .options import *  # noqa: F403
from .options import __all__  # noqa: F401
