"""The older names of torch.amp for CUDA. Without a device they warn and change nothing, as PyTorch's."""

from ... import _core, amp, cuda
from ...amp import custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """amp.autocast("cuda"), float16 by default."""

    def __init__(self, enabled=True, dtype=_core.float16, cache_enabled=True):
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(amp.GradScaler):
    """amp.GradScaler("cuda"): without a CUDA device it leaves losses and gradients as they are."""

    def __init__(
        self,
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        if enabled and not cuda.is_available():
            _core._warn("GradScaler: there is no CUDA device, so it is off.")
            enabled = False
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )


from . import autocast_mode as autocast_mode  # noqa: E402
from . import common as common  # noqa: E402
from . import grad_scaler as grad_scaler  # noqa: E402
