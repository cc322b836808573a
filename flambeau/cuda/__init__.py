"""CUDA devices, by the driver that is installed. Nothing here opens it before something asks.

Read: this file (devices), streams.py (streams, events, graphs), memory.py, random.py. Kernels and launches are
in the core (csrc/runtime/cuda*, csrc/dispatch/cuda*) and in kernels/gpu.
"""

import functools
from types import SimpleNamespace

from .. import _core, types
from ..types import NoSuchDevice


def _reason():
    """Why there is no device, in a sentence."""
    return f"{types.no_cuda()} Ask torch.cuda.is_available() first."


_initialized = False


def is_available():
    """Whether a CUDA device can be used; opens the driver where that has not been tried."""
    return _core._cuda_state()[0] > 0


def is_bf16_supported(including_emulation=True):
    """Whether the current device computes in bfloat16: all do, from compute capability 8.0 on in hardware."""
    return is_available() and (including_emulation or get_device_capability()[0] >= 8)


def is_initialized():
    """Whether the driver has been opened and has a device."""
    return _core._cuda_was_opened() and is_available()


def device_count():
    """How many CUDA devices can be used."""
    return _core._cuda_state()[0]


def index_of(device, name, needs=True):
    """The number of a device: None is the current one. Raises NoSuchDevice where there is no such device."""
    name = f"cuda.{name}" if name else "cuda"  # the latter is Tensor.cuda
    if not is_available():
        raise NoSuchDevice(f"{name}: {_reason()}")
    if device is None:
        return _core._cuda_current_device()
    if isinstance(device, bool) or not isinstance(device, int):
        device = types.device(device)
        if device.type != "cuda":
            if not needs:
                return -1
            raise ValueError(f"{name}: takes a CUDA device, not {str(device)!r}.")
        device = _core._cuda_current_device() if device.index is None else device.index
    if not 0 <= device < device_count():
        raise NoSuchDevice(
            f"{name}: there is no device cuda:{device}; there are {device_count()}, numbered from 0."
        )
    return device


def init():
    """Opens the driver. Raises NoSuchDevice, with what was found, where there is no device."""
    index_of(None, "init")


def current_device():
    """The number of this thread's device."""
    return index_of(None, "current_device")


def set_device(device):
    """Makes a device this thread's; a negative number changes nothing."""
    if isinstance(device, int) and device < 0:
        return
    _core._cuda_set_device(index_of(device, "set_device"))


@functools.cache
def _properties(index):
    name, total, uuid, facts = _core._cuda_properties(index)
    return SimpleNamespace(
        name=name,
        total_memory=total,
        uuid=uuid.hex(),
        gcnArchName=f"sm_{facts['major']}{facts['minor']}",
        **facts,
    )


def get_device_properties(device=None):
    """What a device is: name, total_memory, major, minor, multi_processor_count and others."""
    return _properties(index_of(device, "get_device_properties"))


def get_device_name(device=None):
    """The name of a device."""
    return _properties(index_of(device, "get_device_name")).name


def get_device_capability(device=None):
    """(major, minor) of a device's architecture."""
    found = _properties(index_of(device, "get_device_capability"))
    return found.major, found.minor


def can_device_access_peer(device, peer_device):
    """Whether a device can read another's memory."""
    name = "can_device_access_peer"
    return _core._cuda_can_access_peer(index_of(device, name), index_of(peer_device, name))


def synchronize(device=None):
    """Waits until the device has done all it was given; raises what its kernels report.

    Raises:
        IndexError: a kernel met an index out of range; with the operator and the line that called it.
        RuntimeError: a kernel failed.
    """
    _core._cuda_synchronize(index_of(device, "synchronize"))


def clock_rate(device=None):
    """The device's highest clock in MHz."""
    return _properties(index_of(device, "clock_rate")).clock_rate // 1000


def move(tensor, device=None, non_blocking=False, memory_format=types.preserve_format):
    """For Tensor.cuda()."""
    index = index_of(device, "")
    return tensor.to(
        types.device("cuda", index), non_blocking=non_blocking, memory_format=memory_format
    )


def needs_device(name, module=__name__):
    """A function, or a type, that can be named but not called."""

    def error():
        if not is_available():
            return NoSuchDevice(f"cuda.{name}: {_reason()}")
        return NotImplementedError(f"cuda.{name}: flambeau does not have it.")

    if name[0].isupper():

        def init(self, *args, **kwargs):
            raise error()

        doc = "Can be named; making one raises NotImplementedError."
        return type(name, (), {"__init__": init, "__doc__": doc, "__module__": module})

    def refuse(*args, **kwargs):
        raise error()

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises NotImplementedError."
    refuse.__module__ = module
    return refuse


class device:
    """A context in which device `device` is the current one; without any device, or below 0, it changes nothing."""

    def __init__(self, device):
        self.idx = -1
        if device is None or (isinstance(device, int) and device < 0) or not is_available():
            return
        self.idx = index_of(device, "device", needs=False)

    def __enter__(self):
        if self.idx >= 0:
            self.prev_idx = _core._cuda_current_device()
            _core._cuda_set_device(self.idx)

    def __exit__(self, *exception):
        if self.idx >= 0:
            _core._cuda_set_device(self.prev_idx)
        return False


class device_of(device):
    """A context in which the device of a tensor or storage is the current one."""

    def __init__(self, obj):
        found = getattr(obj, "device", None)
        super().__init__(found if getattr(found, "type", "") == "cuda" else None)


def get_arch_list():
    """The architectures that kernels are written for: PTX of the oldest, which drivers compile for all later ones."""
    return ["compute_75"] if is_available() else []


def get_gencode_flags():
    """Compiler flags for those."""
    return "-gencode compute=compute_75" if is_available() else ""


def is_tf32_supported():
    """Whether products use TF32: False, they are computed in the dtype of their operands."""
    return False


OutOfMemoryError = types.OutOfMemoryError
has_half, has_magma = True, False

cudart = needs_device("cudart")
current_blas_handle = needs_device("current_blas_handle")
current_solver_handle = needs_device("current_solver_handle")
device_memory_used = needs_device("device_memory_used")
get_sync_debug_mode = needs_device("get_sync_debug_mode")
ipc_collect = needs_device("ipc_collect")
memory_usage = needs_device("memory_usage")
power_draw = needs_device("power_draw")
set_sync_debug_mode = needs_device("set_sync_debug_mode")
temperature = needs_device("temperature")
utilization = needs_device("utilization")
check_error = needs_device("check_error")
get_stream_from_external = needs_device("get_stream_from_external")

_MODULES = frozenset("amp graphs memory nvtx random streams".split())
_OTHERS = frozenset(
    "gds green_contexts jiterator nccl profiler sparse tunable".split()
)  # made when asked for


def __getattr__(name):
    from importlib import import_module

    if name == "default_generators":
        from .random import default_generator

        return tuple(default_generator(i) for i in range(device_count()))
    if name in _OTHERS:
        return import_module(".others", __name__).MODULES[name]()
    if name in _MODULES:
        return import_module("." + ("streams" if name == "graphs" else name), __name__)
    if name.endswith(("Tensor", "Storage")):
        from .older_types import TYPES

        if name in TYPES:
            return TYPES[name]
    for module in ("memory", "random", "streams", "others"):
        found = import_module("." + module, __name__)
        if name in found.__all__:
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    from importlib import import_module

    from ..lazy_modules import without_inner
    from .older_types import TYPES

    names = {
        n
        for m in ("memory", "random", "streams", "others")
        for n in import_module("." + m, __name__).__all__
    }
    listed = {*_MODULES, *TYPES, *names, "default_generators"}
    return [
        name
        for name in without_inner(globals(), listed)
        if name not in ("index_of", "needs_device")
    ]
