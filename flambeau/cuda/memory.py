"""Memory of CUDA devices: there is none, so nothing is in use."""

from collections import OrderedDict

from . import empty_cache, max_memory_allocated, memory_allocated, needs_device

__all__ = [
    "CUDAPluggableAllocator", "MemPool", "caching_allocator_alloc", "caching_allocator_delete",
    "change_current_allocator", "empty_cache", "get_allocator_backend", "get_per_process_memory_fraction",
    "host_memory_stats", "list_gpu_processes", "max_memory_allocated", "max_memory_cached",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved",
    "memory_snapshot", "memory_stats", "memory_stats_as_nested_dict", "memory_summary",
    "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached",
    "reset_peak_memory_stats", "set_per_process_memory_fraction", "use_mem_pool",
]  # fmt: skip


def memory_reserved(device=None):
    """Bytes that the allocator holds: 0."""
    return 0


max_memory_reserved = memory_cached = max_memory_cached = memory_reserved


def memory_stats(device=None):
    """{name: number} of the allocator: empty."""
    return OrderedDict()


def memory_stats_as_nested_dict(device=None):
    """memory_stats as dicts within dicts: empty."""
    return {}


host_memory_stats = memory_stats


def memory_snapshot(mempool_id=None, include_traces=True):
    """The allocator's segments: none."""
    return []


def memory_summary(device=None, abbreviated=False):
    """The allocator's statistics as text."""
    return "cuda: no device, no memory."


def list_gpu_processes(device=None):
    """The processes on the device as text."""
    return "cuda: no device, no processes."


def reset_peak_memory_stats(device=None):
    """Nothing: without a device there is no peak."""


reset_accumulated_memory_stats = reset_peak_memory_stats
reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def get_allocator_backend():
    """The allocator's name."""
    return "native"


caching_allocator_alloc = needs_device("caching_allocator_alloc", __name__)
caching_allocator_delete = needs_device("caching_allocator_delete", __name__)
change_current_allocator = needs_device("change_current_allocator", __name__)
mem_get_info = needs_device("mem_get_info", __name__)
use_mem_pool = needs_device("use_mem_pool", __name__)
get_per_process_memory_fraction = needs_device("get_per_process_memory_fraction", __name__)
set_per_process_memory_fraction = needs_device("set_per_process_memory_fraction", __name__)
CUDAPluggableAllocator = needs_device("CUDAPluggableAllocator", __name__)
MemPool = needs_device("MemPool", __name__)
