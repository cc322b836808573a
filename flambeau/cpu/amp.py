"""The older names of torch.amp for the CPU."""

from .. import _core
from .. import amp as _amp
from ..amp.older import DeviceScaler, advise

__all__ = ["GradScaler", "autocast"]


class autocast(_amp.autocast):
    """amp.autocast("cpu"), bfloat16 by default.

    Example:
        >>> a = torch.ones(2, 2)
        >>> with torch.cpu.amp.autocast():
        ...     (a @ a).dtype
        torch.bfloat16
    """

    def __init__(self, enabled=True, dtype=_core.bfloat16, cache_enabled=True):
        advise("autocast", "cpu")
        super().__init__("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(DeviceScaler):
    """amp.GradScaler("cpu")."""
