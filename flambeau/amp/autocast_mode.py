"""autocast computes products in bfloat16 on the CPU and in float16 on GPUs. Which operators it lowers, and which it
computes in float32, stands where they are declared, and for GPUs in ops/cuda/precision.py.
"""

import functools

import flambeau

from .. import _core

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]

_SUPPORTED = (_core.bfloat16, _core.float16)
_other_dtypes = {}  # of devices that are not there: what was set, for who asks
_KINDS = {"cpu": False, "cuda": True}  # devices that it works on: whether GPUs are meant
_nesting = [0]


class autocast:
    """Lower precision by context or decorator: products and convolutions in half precision, losses in float32.

    Args:
        device_type (str): "cpu" or "cuda", whose tensors are meant; for a device that is not there a warning, and
            nothing changes.
        dtype (dtype): bfloat16 or float16; by default the first on the CPU, the second on GPUs.
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
        if enabled and not is_autocast_available(self.device):
            _core._warn(f"autocast: {self.device} is not available. Autocast is off.")
            enabled = False
        elif enabled and self.fast_dtype not in _SUPPORTED:
            _core._warn(
                f"autocast: {self.fast_dtype} is no dtype to lower to; bfloat16 and float16 are. "
                "Autocast is off."
            )
            enabled = False
        self._enabled = enabled
        self._before = []

    def __enter__(self):
        if self.device in _KINDS:
            cuda = _KINDS[self.device]
            self._before.append(_core._set_autocast(self._enabled, self.fast_dtype, cuda))
        return self

    def __exit__(self, *exception):
        if self.device in _KINDS:
            _core._set_autocast(*self._before.pop(), _KINDS[self.device])
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
    """Whether autocast works for a device: for the CPU, and for GPUs where there is one."""
    if not isinstance(device_type, str):
        raise TypeError(
            f"is_autocast_available: device_type must be a str, not {type(device_type).__name__}."
        )
    return device_type == "cpu" or (device_type == "cuda" and flambeau.cuda.is_available())


def is_autocast_enabled(device_type="cuda"):
    """Whether autocast is on for a device in this thread."""
    if device_type not in _KINDS:
        return False
    return _core._autocast_dtype(_KINDS[device_type]) is not None


def set_autocast_enabled(device_type, enabled=None):
    """Turns autocast on or off for a kind of device in this thread."""
    if device_type in _KINDS:
        _core._set_autocast(enabled, None, _KINDS[device_type])


def _state_of(device_type):
    """(whether it is on, its dtype)"""
    state = _core._set_autocast(False, None, _KINDS[device_type])
    _core._set_autocast(*state, _KINDS[device_type])
    return state


def get_autocast_dtype(device_type):
    """What autocast lowers to on a device."""
    if device_type not in _KINDS:
        return _other_dtypes.get(device_type, _core.bfloat16)
    return _state_of(device_type)[1]


def set_autocast_dtype(device_type, dtype):
    """Sets what autocast lowers to on a device when it is not told."""
    if device_type not in _KINDS:
        _other_dtypes[device_type] = dtype
    else:
        _core._set_autocast(is_autocast_enabled(device_type), dtype, _KINDS[device_type])


def state_of_all():
    """[(whether autocast is on, its dtype)] of the kinds of devices, for restore()."""
    return [_state_of(kind) for kind in _KINDS]


def restore(states):
    """Autocast as state_of_all() found it; returns how it was."""
    return [_core._set_autocast(*s, cuda) for s, cuda in zip(states, _KINDS.values(), strict=True)]


def _deprecated(old, new):
    _core._warn(f"{old}: is deprecated. Use {new}.", DeprecationWarning)


def is_autocast_cpu_enabled():
    """Whether autocast is on for the CPU in this thread."""
    _deprecated("is_autocast_cpu_enabled", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled):
    """Turns autocast on or off for the CPU in this thread."""
    _deprecated("set_autocast_cpu_enabled", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype():
    """What autocast lowers to on the CPU."""
    _deprecated("get_autocast_cpu_dtype", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype):
    """Sets what autocast lowers to on the CPU when it is not told."""
    _deprecated("set_autocast_cpu_dtype", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype():
    """What autocast lowers to on a GPU."""
    _deprecated("get_autocast_gpu_dtype", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype):
    """Sets what autocast lowers to on a GPU when it is not told."""
    _deprecated("set_autocast_gpu_dtype", "set_autocast_dtype('cuda', dtype)")
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


def _cast(value, dtype, cuda):
    if isinstance(value, _core.Tensor):
        kind = value.dtype
        eligible = kind.is_floating_point and kind is not _core.float64 and value.is_cuda == cuda
        return value.to(dtype) if eligible else value
    if isinstance(value, (list, tuple)) and any(isinstance(v, _core.Tensor) for v in value):
        return type(value)([_cast(v, dtype, cuda) for v in value])
    return value


def custom_fwd(fwd=None, *, device_type=None, cast_inputs=None):
    """Decorates Function.forward: within autocast, floating arguments are cast to cast_inputs and autocast is off.

    Without cast_inputs it runs under the autocast that is on; custom_bwd then restores that one.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(*args, **kwargs):
        cuda = _KINDS.get(device_type)
        dtype = None if cuda is None else _core._autocast_dtype(cuda)
        args[0]._autocast = (dtype is not None and cast_inputs is None, dtype, bool(cuda))
        if dtype is None or cast_inputs is None:
            return fwd(*args, **kwargs)
        before = _core._set_autocast(False, None, cuda)
        try:
            given = [_cast(value, cast_inputs, cuda) for value in args]
            named = {key: _cast(value, cast_inputs, cuda) for key, value in kwargs.items()}
            return fwd(*given, **named)
        finally:
            _core._set_autocast(*before, cuda)

    return forward


def custom_bwd(bwd=None, *, device_type=None):
    """Decorates Function.backward: it runs under the autocast that forward ran under."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(*args, **kwargs):
        state = args[0]._autocast
        before = _core._set_autocast(*state)
        try:
            return bwd(*args, **kwargs)
        finally:
            _core._set_autocast(*before, state[2])

    return backward
