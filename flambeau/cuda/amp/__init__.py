"""The older names of torch.amp for CUDA. Without a device they warn and change nothing, as PyTorch's."""

from ... import _core, amp, cuda
from ...amp import custom_bwd, custom_fwd
from ...amp.older import DeviceScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """amp.autocast("cuda"), float16 by default."""

    def __init__(self, enabled=True, dtype=_core.float16, cache_enabled=True):
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(DeviceScaler):
    """amp.GradScaler("cuda"): without a CUDA device it leaves losses and gradients as they are."""

    _of_device = "cuda"

    def _is_there(self):
        if not cuda.is_available():
            _core._warn("GradScaler: there is no CUDA device, so it is off.")
        return cuda.is_available()


from . import autocast_mode as autocast_mode  # noqa: E402
from . import common as common  # noqa: E402
from . import grad_scaler as grad_scaler  # noqa: E402
