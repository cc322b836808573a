"""Memory of CUDA devices: what tensors hold, what the allocator keeps for the next ones."""

from collections import OrderedDict

from .. import _core
from . import device_count, index_of, is_initialized, needs_device

__all__ = [
    "CUDAPluggableAllocator", "MemPool", "caching_allocator_alloc", "caching_allocator_delete",
    "change_current_allocator", "empty_cache", "get_allocator_backend", "get_per_process_memory_fraction",
    "host_memory_stats", "list_gpu_processes", "max_memory_allocated", "max_memory_cached",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved",
    "memory_snapshot", "memory_stats", "memory_stats_as_nested_dict", "memory_summary",
    "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached",
    "reset_peak_memory_stats", "set_per_process_memory_fraction", "use_mem_pool",
]  # fmt: skip


def _stats(device, name):
    """The allocator's numbers; zeros before the driver is opened."""
    return _core._cuda_memory_stats(index_of(device, name)) if is_initialized() else {}


def memory_allocated(device=None):
    """Bytes of tensors on the device."""
    return _stats(device, "memory_allocated").get("allocated", 0)


def max_memory_allocated(device=None):
    """The most bytes of tensors there were on the device."""
    return _stats(device, "max_memory_allocated").get("peak_allocated", 0)


def memory_reserved(device=None):
    """Bytes that the allocator holds, for tensors and for the next ones."""
    return _stats(device, "memory_reserved").get("reserved", 0)


def max_memory_reserved(device=None):
    """The most bytes that the allocator held."""
    return _stats(device, "max_memory_reserved").get("peak_reserved", 0)


def _renamed(old, new, function):
    """`function` under an old name, which warns."""

    def older(device=None):
        _core._warn(f"cuda.{old}: is an old name. Use cuda.{new}.", FutureWarning)
        return function(device)

    older.__name__ = older.__qualname__ = old
    older.__doc__ = function.__doc__
    return older


memory_cached = _renamed("memory_cached", "memory_reserved", memory_reserved)
max_memory_cached = _renamed("max_memory_cached", "max_memory_reserved", max_memory_reserved)


def memory_stats(device=None):
    """{name: number} of the allocator, by PyTorch's names; empty without a device."""
    s = _stats(device, "memory_stats")
    if not s:
        return OrderedDict()
    return OrderedDict(
        {
            "active.all.current": s["active_blocks"],
            "active_bytes.all.current": s["allocated"],
            "active_bytes.all.peak": s["peak_allocated"],
            "allocated_bytes.all.current": s["allocated"],
            "allocated_bytes.all.peak": s["peak_allocated"],
            "allocation.all.allocated": s["allocations"],
            "allocation.all.current": s["active_blocks"],
            "allocation.all.freed": s["frees"],
            "num_alloc_retries": s["retries"],
            "num_ooms": s["ooms"],
            "requested_bytes.all.current": s["requested"],
            "reserved_bytes.all.current": s["reserved"],
            "reserved_bytes.all.peak": s["peak_reserved"],
        }
    )


def memory_stats_as_nested_dict(device=None):
    """memory_stats as dicts within dicts."""
    nested = {}
    for name, value in memory_stats(device).items():
        *path, last = name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return nested


def host_memory_stats():
    """Statistics of pinned memory: none are kept."""
    return OrderedDict()


def memory_snapshot(mempool_id=None, include_traces=True):
    """The allocator's blocks: [{"device", "address", "total_size", "allocated_size", "blocks"}]."""
    if not is_initialized():
        return []
    found = []
    for index in range(device_count()):
        for address, nbytes, requested, used in _core._cuda_blocks(index):
            state = "active_allocated" if used else "inactive"
            block = {
                "address": address,
                "size": nbytes,
                "requested_size": requested,
                "state": state,
            }
            found.append(
                {
                    "device": index,
                    "address": address,
                    "total_size": nbytes,
                    "allocated_size": nbytes if used else 0,
                    "active_size": nbytes if used else 0,
                    "blocks": [block],
                }
            )
    return found


def memory_summary(device=None, abbreviated=False):
    """The allocator's statistics as text."""
    stats = memory_stats(device)
    if not stats:
        return "cuda: no device, no memory."
    width = max(map(len, stats))
    return "\n".join(f"{name:{width}}  {value}" for name, value in stats.items())


def list_gpu_processes(device=None):
    """The processes on the device as text: the driver's interface does not tell them."""
    return "cuda: the driver does not tell which processes use a device; nvidia-smi does."


def reset_peak_memory_stats(device=None):
    """Peaks start again from what is in use now."""
    if is_initialized():
        _core._cuda_reset_peak(index_of(device, "reset_peak_memory_stats"))


reset_accumulated_memory_stats = reset_peak_memory_stats
reset_max_memory_allocated, reset_max_memory_cached = (
    _renamed(name, "reset_peak_memory_stats, which resets all peaks", reset_peak_memory_stats)
    for name in ("reset_max_memory_allocated", "reset_max_memory_cached")
)


def empty_cache():
    """Gives memory that no tensor uses back to the driver; without a device nothing, as in PyTorch."""
    if is_initialized():
        for index in range(device_count()):
            _core._cuda_empty_cache(index)


def mem_get_info(device=None):
    """(free, total) bytes of a device."""
    return _core._cuda_memory_info(index_of(device, "mem_get_info"))


def set_per_process_memory_fraction(fraction, device=None):
    """Lets the allocator take at most this part of a device's memory."""
    if not 0 <= fraction <= 1:
        raise ValueError(
            f"cuda.set_per_process_memory_fraction: fraction is {fraction}; it must be in [0, 1]."
        )
    _core._cuda_memory_fraction(
        index_of(device, "set_per_process_memory_fraction"), float(fraction)
    )


def get_per_process_memory_fraction(device=None):
    """The part of a device's memory that the allocator may take."""
    return _core._cuda_memory_fraction(index_of(device, "get_per_process_memory_fraction"))


def get_allocator_backend():
    """The allocator's name."""
    return "native"


caching_allocator_alloc = needs_device("caching_allocator_alloc", __name__)
caching_allocator_delete = needs_device("caching_allocator_delete", __name__)
change_current_allocator = needs_device("change_current_allocator", __name__)
use_mem_pool = needs_device("use_mem_pool", __name__)
CUDAPluggableAllocator = needs_device("CUDAPluggableAllocator", __name__)
MemPool = needs_device("MemPool", __name__)
