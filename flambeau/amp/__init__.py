"""Mixed precision: autocast computes products in bfloat16 on the CPU, GradScaler keeps small gradients.

Read: autocast_mode.py, grad_scaler.py.
"""

from . import autocast_mode
from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


def __getattr__(name):
    return getattr(autocast_mode, name)  # the switches, which are public as torch.<name>
