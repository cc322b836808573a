"""Where tensors are made, as a context and as a decorator."""

import functools

import flambeau

__all__ = ["DeviceContext", "device_decorator", "set_device"]


class DeviceContext:
    """A block in which new tensors lie on a device: `with flambeau.device(...)`."""

    def __init__(self, device):
        self.device = flambeau.device(device)

    def __enter__(self):
        self.device.__enter__()
        return self

    def __exit__(self, *exception):
        return self.device.__exit__(*exception)


def device_decorator(device, func):
    """func, whose tensors lie on a device."""

    @functools.wraps(func)
    def inside(*args, **kwargs):
        with flambeau.device(device):
            return func(*args, **kwargs)

    return inside


def set_device(device):
    """A decorator: device_decorator of that device."""
    return lambda func: device_decorator(flambeau.device(device), func)
