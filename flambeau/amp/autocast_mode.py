"""autocast computes products in bfloat16 on the CPU. Which operators it lowers, and which it computes in float32, stands
in ops/core/autocast.py.
"""

import functools
import warnings

import flambeau

from .. import _core

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]

_SUPPORTED = (_core.bfloat16, _core.float16)
_other_dtypes = {"cuda": _core.float16}  # of devices that are not there: what was set, for who asks
_nesting = [0]


class autocast:
    """Lower precision by context or decorator: products and convolutions in bfloat16, losses in float32.

    Args:
        device_type (str): "cpu"; for another device a warning, and nothing changes.
        dtype (dtype): bfloat16 by default, or float16.
        enabled (bool): False turns it off within another autocast.
        cache_enabled (bool): accepted; weights are cast at each use.

    Example:
        >>> import flambeau as torch
        >>> a = torch.ones(2, 2)
        >>> with torch.autocast("cpu"):
        ...     print((a @ a).dtype, (a + a).dtype)
        torch.bfloat16 torch.float32
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(
                "autocast: device_type must be a str such as 'cpu', not "
                f"{type(device_type).__name__}."
            )
        self.device = _type_of_device(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = True if cache_enabled is None else cache_enabled
        if enabled and self.device != "cpu":
            there = self.device == "cuda" and flambeau.cuda.is_available()
            why = "lowers nothing yet" if there else "is not available"
            warnings.warn(f"autocast: {self.device} {why}. Autocast is off.", stacklevel=2)
            enabled = False
        elif enabled and self.fast_dtype not in _SUPPORTED:
            warnings.warn(
                f"autocast: {self.fast_dtype} is no dtype to lower to on the CPU; bfloat16 and "
                "float16 are. Autocast is off.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before = []

    def __enter__(self):
        if self.device == "cpu":
            self._before.append(_core._set_autocast(self._enabled, self.fast_dtype))
        return self

    def __exit__(self, *exception):
        if self.device == "cpu":
            _core._set_autocast(*self._before.pop())
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def inside(*args, **kwargs):
            with self:
                return function(*args, **kwargs)

        return inside


def autocast_decorator(autocast_instance, func):
    """func, run under an autocast."""
    return autocast_instance(func)


def _type_of_device(device_type):
    from ..types import device

    return device(device_type).type


def is_autocast_available(device_type):
    """Whether autocast works for a device: for the CPU."""
    if not isinstance(device_type, str):
        raise TypeError(
            f"is_autocast_available: device_type must be a str, not {type(device_type).__name__}."
        )
    return device_type == "cpu"


def is_autocast_enabled(device_type="cuda"):
    """Whether autocast is on for a device in this thread."""
    return device_type == "cpu" and _core._autocast_dtype() is not None


def set_autocast_enabled(device_type, enabled=None):
    """Turns autocast on or off for the CPU in this thread."""
    if device_type == "cpu":
        _core._set_autocast(enabled, None)


def get_autocast_dtype(device_type):
    """What autocast lowers to on a device."""
    if device_type != "cpu":
        return _other_dtypes.get(device_type, _core.bfloat16)
    state = _core._set_autocast(False, None)
    _core._set_autocast(*state)
    return state[1]


def set_autocast_dtype(device_type, dtype):
    """Sets what autocast lowers to on a device when it is not told."""
    if device_type != "cpu":
        _other_dtypes[device_type] = dtype
    else:
        _core._set_autocast(is_autocast_enabled("cpu"), dtype)


def is_autocast_cpu_enabled():
    """Whether autocast is on for the CPU in this thread."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled):
    """Turns autocast on or off for the CPU in this thread."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype():
    """What autocast lowers to on the CPU."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype):
    """Sets what autocast lowers to on the CPU when it is not told."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype():
    """What autocast would lower to on a GPU."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype):
    """Sets what autocast would lower to on a CUDA device when it is not told."""
    set_autocast_dtype("cuda", dtype)


def _of_device(kind):
    """The four functions of a device with names of its own, from before they took one: ipu and xla."""

    def is_enabled():
        return is_autocast_enabled(kind)

    def set_enabled(enabled):
        set_autocast_enabled(kind, enabled)

    def get_dtype():
        return get_autocast_dtype(kind)

    def set_dtype(dtype):
        set_autocast_dtype(kind, dtype)

    is_enabled.__doc__ = f"Whether autocast is on for {kind}, of which there are no devices: False."
    set_enabled.__doc__ = f"Nothing: there are no devices of {kind}."
    get_dtype.__doc__ = f"What autocast would lower to on {kind}."
    set_dtype.__doc__ = f"Sets what autocast would lower to on {kind}."
    return is_enabled, set_enabled, get_dtype, set_dtype


(
    is_autocast_ipu_enabled, set_autocast_ipu_enabled, get_autocast_ipu_dtype, set_autocast_ipu_dtype,
) = _of_device("ipu")  # fmt: skip
(
    is_autocast_xla_enabled, set_autocast_xla_enabled, get_autocast_xla_dtype, set_autocast_xla_dtype,
) = _of_device("xla")  # fmt: skip


def is_autocast_cache_enabled():
    """False: weights are cast at each use, so that nothing has to be forgotten."""
    return False


def set_autocast_cache_enabled(enabled):
    """Accepted: there is no cache of casts."""


def clear_autocast_cache():
    """There is no cache of casts to clear."""


def autocast_increment_nesting():
    """How many autocasts a program has opened by hand, one more."""
    _nesting[0] += 1
    return _nesting[0]


def autocast_decrement_nesting():
    """How many autocasts a program has opened by hand, one less."""
    _nesting[0] -= 1
    return _nesting[0]


def _cast(value, dtype):
    if isinstance(value, _core.Tensor):
        kind = value.dtype
        return value.to(dtype) if kind.is_floating_point and kind is not _core.float64 else value
    if isinstance(value, (list, tuple)) and any(isinstance(v, _core.Tensor) for v in value):
        return type(value)([_cast(v, dtype) for v in value])
    return value


def custom_fwd(fwd=None, *, device_type=None, cast_inputs=None):
    """Decorates Function.forward: within autocast, floating arguments are cast to cast_inputs and autocast is off.

    Without cast_inputs it runs under the autocast that is on; custom_bwd then restores that one.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(*args, **kwargs):
        dtype = _core._autocast_dtype() if device_type == "cpu" else None
        args[0]._autocast = (dtype is not None and cast_inputs is None, dtype)
        if dtype is None or cast_inputs is None:
            return fwd(*args, **kwargs)
        before = _core._set_autocast(False, None)
        try:
            args = [_cast(value, cast_inputs) for value in args]
            return fwd(*args, **{key: _cast(value, cast_inputs) for key, value in kwargs.items()})
        finally:
            _core._set_autocast(*before)

    return forward


def custom_bwd(bwd=None, *, device_type=None):
    """Decorates Function.backward: it runs under the autocast that forward ran under."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(*args, **kwargs):
        before = _core._set_autocast(*args[0]._autocast)
        try:
            return bwd(*args, **kwargs)
        finally:
            _core._set_autocast(*before)

    return backward
