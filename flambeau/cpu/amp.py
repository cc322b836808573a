"""The older names of torch.amp for the CPU."""

from .. import _core
from .. import amp as _amp

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
        super().__init__("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(_amp.GradScaler):
    """amp.GradScaler("cpu")."""

    def __init__(
        self,
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
