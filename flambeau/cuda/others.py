"""What torch.cuda has beside devices, memory and streams: parts of NVIDIA's libraries, none of which is here."""

import contextlib
import sys
from types import ModuleType

from . import needs_device

__all__ = [
    "CudaError", "DeferredCudaCallError", "GreenContext", "caching_allocator_disabled", "caching_allocator_enable",
    "cudaStatus", "host_memory_stats_as_nested_dict", "reset_accumulated_host_memory_stats",
    "reset_peak_host_memory_stats",
]  # fmt: skip


class cudaStatus:
    """Numbers that CUDA's functions return."""

    SUCCESS = 0
    ERROR_NOT_READY = 34


class CudaError(RuntimeError):
    """What a function of CUDA's says went wrong; never raised, as none is called."""

    def __init__(self, code):
        super().__init__(f"CUDA's error {code}")


class DeferredCudaCallError(Exception):
    """What goes wrong in a call that waited for CUDA to start; never raised."""


GreenContext = needs_device("GreenContext", __name__)


def caching_allocator_enable(value=True):
    """Nothing: there is no device whose memory could be kept."""


@contextlib.contextmanager
def caching_allocator_disabled():
    """A context that changes nothing: there is no device whose memory could be kept."""
    yield


def host_memory_stats_as_nested_dict():
    """Statistics of pinned memory: none is in use."""
    return {}


def reset_peak_host_memory_stats():
    """Nothing: without a device no memory is pinned."""


reset_accumulated_host_memory_stats = reset_peak_host_memory_stats


class _Absent(ModuleType):
    """A module of a library that is not here: what it has refuses."""

    def __init__(self, name, doc, refused, **answered):
        super().__init__(f"{__package__}.{name}", doc)
        for one in refused.split():
            setattr(self, one, needs_device(f"{name}.{one}", self.__name__))
        for one, value in answered.items():
            setattr(self, one, value)
        sys.modules[self.__name__] = self


def _false(*_):
    """False: the library is not here."""
    return False


_SPARSE = "BFloat16 Byte Char Double Float Half Int Long Short"

MODULES = {
    "gds": lambda: _Absent(
        "gds", "GPUDirect Storage.", "GdsFile gds_deregister_buffer gds_register_buffer"
    ),
    "green_contexts": lambda: _Absent(
        "green_contexts", "Parts of a CUDA device.", "", GreenContext=GreenContext
    ),
    "jiterator": lambda: _Absent(
        "jiterator",
        "Pointwise kernels from C++ source. flambeau.kernel makes them from Python functions.",
        "_create_jit_fn _create_multi_output_jit_fn",
    ),
    "nccl": lambda: _Absent(
        "nccl",
        "NVIDIA's library of collectives.",
        "all_gather all_reduce broadcast init_rank reduce reduce_scatter unique_id version",
        is_available=_false,
        SUM=0,
    ),
    "sparse": lambda: _Absent(
        "sparse",
        "The older types of sparse tensors on CUDA devices.",
        " ".join(f"{kind}Tensor" for kind in _SPARSE.split()),
    ),
    "profiler": lambda: _Absent("profiler", "CUDA's profiler.", "init profile start stop"),
    "tunable": lambda: _Absent(
        "tunable",
        "Choosing among products of libraries by trying them.",
        """enable get_filename get_max_tuning_duration get_max_tuning_iterations get_results
        get_rotating_buffer_size get_validators mgpu_tune_gemm_in_file read_file record_untuned_enable
        record_untuned_is_enabled set_filename set_max_tuning_duration set_max_tuning_iterations
        set_numerical_check_tolerances set_rotating_buffer_size tune_gemm_in_file tuning_enable""",
        is_enabled=_false,
        tuning_is_enabled=_false,
    ),
}
