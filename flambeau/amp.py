"""Mixed precision: torch.amp. autocast is not there yet (see compat.py); GradScaler works by itself."""

import functools

from . import _core
from .compat import autocast

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


def is_autocast_available(device_type):
    """False: autocast is not supported on any device."""
    if not isinstance(device_type, str):
        raise TypeError(
            f"is_autocast_available: device_type must be a str, not {type(device_type).__name__}."
        )
    return False


def custom_fwd(fwd=None, *, device_type=None, cast_inputs=None):
    """Decorates Function.forward; as there is no autocast, it runs as it is."""
    return functools.partial(custom_fwd, device_type=device_type) if fwd is None else fwd


def custom_bwd(bwd=None, *, device_type=None):
    """Decorates Function.backward; as there is no autocast, it runs as it is."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd


class GradScaler:
    """Multiplies losses so that float16 gradients do not vanish, and divides the gradients again.

    A step whose gradients hold an infinity or a NaN is left out and the factor lowered; after
    growth_interval good steps it is raised.
    """

    def __init__(
        self,
        device="cuda",
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        if enabled and growth_factor <= 1.0:
            raise ValueError("The growth factor must be > 1.0.")
        if enabled and backoff_factor >= 1.0:
            raise ValueError("The backoff factor must be < 1.0.")
        self._device, self._enabled, self._scale = device, enabled, float(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._good_steps = growth_interval, 0
        self._found = {}  # id of an optimizer: whether its gradients, now unscaled, hold an inf or NaN
        self._stepped = set()

    def scale(self, outputs):
        """The tensors, or lists of them, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, _core.Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(one) for one in outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer):
        """Divides the gradients of the optimizer's parameters by the factor, once between steps."""
        if not self._enabled:
            return
        if id(optimizer) in self._stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if id(optimizer) in self._found:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        grads = [
            p.grad
            for group in optimizer.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        before = _core._set_grad_enabled(False)
        try:
            for grad in grads:
                if grad.dtype is _core.float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                grad.mul_(1.0 / self._scale)
            self._found[id(optimizer)] = not all(bool(grad.isfinite().all()) for grad in grads)
        finally:
            _core._set_grad_enabled(before)

    def step(self, optimizer, *args, **kwargs):
        """optimizer.step(), with the gradients unscaled, unless they hold an infinity or a NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return None if self._found[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale=None):
        """Changes the factor after the steps of one iteration, or sets it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            raise RuntimeError("No inf checks were recorded prior to update.")
        elif any(self._found.values()):
            self._scale, self._good_steps = self._scale * self._backoff_factor, 0
        else:
            self._good_steps += 1
            if self._good_steps == self._growth_interval:
                self._scale, self._good_steps = self._scale * self._growth_factor, 0
        self._found, self._stepped = {}, set()

    def get_scale(self):
        """The factor."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self):
        """Whether it does anything."""
        return self._enabled

    def get_growth_factor(self):
        """What the factor is multiplied by after growth_interval good steps."""
        return self._growth_factor

    def set_growth_factor(self, new_factor):
        """Sets what get_growth_factor() returns."""
        self._growth_factor = new_factor

    def get_backoff_factor(self):
        """What the factor is multiplied by after a step that was left out."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor):
        """Sets what get_backoff_factor() returns."""
        self._backoff_factor = new_factor

    def get_growth_interval(self):
        """How many good steps come before the factor grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval):
        """Sets what get_growth_interval() returns."""
        self._growth_interval = new_interval

    def state_dict(self):
        """What load_state_dict() takes up again."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._good_steps,
        }

    def load_state_dict(self, state_dict):
        """Takes up a state of state_dict()."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled GradScaler."
            )
        self._scale, self._good_steps = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
