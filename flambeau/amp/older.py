"""What torch.cpu.amp and torch.cuda.amp share: classes that name their device."""

from .. import _core
from .grad_scaler import GradScaler

__all__ = ["DeviceScaler"]


def advise(name, kind):
    """A warning that torch.amp has the same for every device."""
    _core._warn(f"{kind}.amp.{name}: is deprecated. Use amp.{name}({kind!r}, ...).", FutureWarning)


class DeviceScaler(GradScaler):
    """amp.GradScaler of the class's device."""

    _of_device = "cpu"

    def __init__(
        self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000,
        enabled=True,
    ):  # fmt: skip
        advise("GradScaler", self._of_device)
        super().__init__(
            self._of_device,
            init_scale,
            growth_factor,
            backoff_factor,
            growth_interval,
            enabled and self._is_there(),
        )

    def _is_there(self):
        """Whether there is something to scale for."""
        return True
