"""GradScaler keeps small gradients of float16 from vanishing."""

import enum

import flambeau

from .. import _core, cuda

__all__ = ["GradScaler", "OptState"]


class OptState(enum.Enum):
    """What a scaler has done for an optimizer since its last step."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _found_infinite(grads):
    """For each device a flag that lies there: whether one of its gradients holds an infinity or a NaN."""
    flags = {}
    for grad in grads:
        flags.setdefault(grad.device, []).append(grad.isfinite().all())
    return [~flambeau.stack(several).all() for several in flags.values()]


class GradScaler:
    """Multiplies losses so that float16 gradients do not vanish, and divides the gradients again.

    A step whose gradients hold an infinity or a NaN is left out and the factor lowered; after
    growth_interval good steps it is raised.
    """

    def __init__(
        self, device="cuda", init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5,
        growth_interval=2000, enabled=True,
    ):  # fmt: skip
        if enabled and growth_factor <= 1.0:
            raise ValueError(f"GradScaler: growth_factor is {growth_factor}; it must be above 1.")
        if enabled and backoff_factor >= 1.0:
            raise ValueError(f"GradScaler: backoff_factor is {backoff_factor}; it must be below 1.")
        if enabled and device == "cuda" and not cuda.is_available():
            _core._warn(
                "GradScaler: there is no CUDA device, so it is off. For the CPU pass 'cpu'."
            )
            enabled = False
        self._device, self._enabled, self._scale = device, enabled, float(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._good_steps = growth_interval, 0
        # id of an optimizer: flags, one for each device, whether its gradients, now unscaled, hold an inf or NaN
        self._found = {}
        self._stepped = set()

    def scale(self, outputs):
        """The tensors, or lists of them, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, _core.Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(one) for one in outputs)
        raise ValueError(
            "GradScaler.scale: takes a Tensor or nested lists of them, not "
            f"{type(outputs).__name__}."
        )

    def unscale_(self, optimizer):
        """Divides the gradients of the optimizer's parameters by the factor, once between steps."""
        if not self._enabled:
            return
        if id(optimizer) in self._stepped:
            raise RuntimeError(
                "GradScaler.unscale_: the optimizer has been stepped already. Call unscale_() "
                "before step(), and update() behind it."
            )
        if id(optimizer) in self._found:
            raise RuntimeError(
                "GradScaler.unscale_: was called for this optimizer already. Call update() before "
                "the next round."
            )
        grads = [
            p.grad._values() if _core._is_sparse(p.grad) else p.grad
            for group in optimizer.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        before = _core._set_grad_enabled(False)
        try:
            for grad in grads:
                if grad.dtype is _core.float16:
                    raise ValueError(
                        "GradScaler.unscale_: a gradient is float16, where small ones are lost. "
                        "Keep the parameters in float32."
                    )
                grad.mul_(1.0 / self._scale)
            self._found[id(optimizer)] = _found_infinite(grads)
        finally:
            _core._set_grad_enabled(before)

    def step(self, optimizer, *args, **kwargs):
        """optimizer.step(), with the gradients unscaled, unless they hold an infinity or a NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError(
                "GradScaler.step: takes no closure, because the losses of a closure are not scaled."
            )
        if id(optimizer) in self._stepped:
            raise RuntimeError(
                "GradScaler.step: was called for this optimizer already. Call update() before the "
                "next round."
            )
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        # The one place that waits for the device.
        self._found[id(optimizer)] = found = [bool(flag) for flag in self._found[id(optimizer)]]
        return None if any(found) else optimizer.step(*args, **kwargs)

    def update(self, new_scale=None):
        """Changes the factor after the steps of one iteration, or sets it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            raise RuntimeError(
                "GradScaler: no optimizer was stepped or unscaled, so nothing is known of its "
                "gradients. Has it parameters with gradients?"
            )
        elif any(bool(flag) for flags in self._found.values() for flag in flags):
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
                "GradScaler.load_state_dict: the state is empty, as that of a scaler with "
                "enabled=False. Leave it out."
            )
        self._scale, self._good_steps = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
