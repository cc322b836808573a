"""The older names of torch.amp for CUDA. Without a device they warn and change nothing, as PyTorch's."""

from ... import _core, amp, cuda
from ...amp.older import DeviceScaler, advise

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """amp.autocast("cuda"), float16 by default."""

    def __init__(self, enabled=True, dtype=_core.float16, cache_enabled=True):
        advise("autocast", "cuda")
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """amp.custom_fwd of CUDA."""
    advise("custom_fwd", "cuda")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd):
    """amp.custom_bwd of CUDA."""
    advise("custom_bwd", "cuda")
    return amp.custom_bwd(bwd, device_type="cuda")


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
