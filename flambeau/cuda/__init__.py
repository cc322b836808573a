"""CUDA devices. There are none yet: what asks is told so, what needs one raises an error."""

from .. import types
from ..types import NoSuchDevice

_NONE = (
    "flambeau is not compiled with CUDA enabled: it computes on the CPU. "
    "Ask torch.cuda.is_available() before moving tensors."
)


def is_available():
    """Whether a CUDA device can be used: False."""
    return False


def is_bf16_supported(including_emulation=True):
    """Whether the current device computes in bfloat16: False, there is none."""
    return False


def is_initialized():
    """Whether CUDA is in use: False."""
    return False


def device_count():
    """How many CUDA devices can be used: 0."""
    return 0


def init():
    """Raises NoSuchDevice: there is no device to start."""
    raise NoSuchDevice(_NONE)


def current_device():
    """Raises NoSuchDevice: there is no current device."""
    raise NoSuchDevice(_NONE)


def set_device(device):
    """Raises NoSuchDevice: there is no device to choose."""
    raise NoSuchDevice(_NONE)


def get_device_name(device=None):
    """Raises NoSuchDevice: there is no device to name."""
    raise NoSuchDevice(_NONE)


def synchronize(device=None):
    """Raises NoSuchDevice: there is no device to wait for."""
    raise NoSuchDevice(_NONE)


def manual_seed(seed):
    """Seeds the current device; without one nothing, as in PyTorch."""
    int(seed)


def manual_seed_all(seed):
    """Seeds all devices; without one nothing, as in PyTorch."""
    int(seed)


def empty_cache():
    """Gives unused device memory back; without a device nothing, as in PyTorch."""


def memory_allocated(device=None):
    """Bytes of tensors on the device: 0."""
    return 0


def max_memory_allocated(device=None):
    """The most bytes of tensors there were on the device: 0."""
    return 0


def move(tensor, device=None):
    """For Tensor.cuda().

    Raises:
        NoSuchDevice: always.
    """
    wanted = types.device("cuda") if device is None else types.device(device)
    raise NoSuchDevice(f"cuda: {_NONE} Asked for {wanted}.")


def needs_device(name, module=__name__):
    """A function, or a type, that can be named but not called: NoSuchDevice."""
    if name[0].isupper():

        def init(self, *args, **kwargs):
            raise NoSuchDevice(f"cuda.{name}: {_NONE}")

        doc = "Needs a CUDA device; making one raises NoSuchDevice."
        return type(name, (), {"__init__": init, "__doc__": doc, "__module__": module})

    def refuse(*args, **kwargs):
        raise NoSuchDevice(f"cuda.{name}: {_NONE}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises NoSuchDevice: it needs a CUDA device."
    refuse.__module__ = module
    return refuse


class device:
    """A context in which device `device` is the current one; without a device it changes nothing."""

    def __init__(self, device):
        self.idx = -1

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return False


class device_of(device):
    """A context in which the device of a tensor or storage is the current one."""

    def __init__(self, obj):
        super().__init__(getattr(obj, "device", None))


def get_arch_list():
    """The architectures that kernels were built for: none."""
    return []


def get_gencode_flags():
    """Compiler flags for those: none."""
    return ""


def is_tf32_supported():
    """Whether the current device has TF32: False, there is none."""
    return False


default_generators = ()
has_half, has_magma = True, False

can_device_access_peer = needs_device("can_device_access_peer")
clock_rate = needs_device("clock_rate")
cudart = needs_device("cudart")
current_blas_handle = needs_device("current_blas_handle")
current_solver_handle = needs_device("current_solver_handle")
device_memory_used = needs_device("device_memory_used")
get_device_capability = needs_device("get_device_capability")
get_device_properties = needs_device("get_device_properties")
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

    from .older_types import TYPES

    names = {
        n
        for m in ("memory", "random", "streams", "others")
        for n in import_module("." + m, __name__).__all__
    }
    return sorted({*globals(), *_MODULES, *TYPES, *names})
