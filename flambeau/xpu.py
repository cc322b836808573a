"""Intel's GPUs are not supported: what asks is told so."""

from .absent_devices import absent

_NAMES = absent(
    "xpu",
    "There is no GPU of Intel's:",
    """StreamContext device device_count device_of empty_cache is_available is_bf16_supported
    is_current_stream_capturing is_initialized is_tf32_supported manual_seed manual_seed_all max_memory_allocated
    max_memory_reserved memory_allocated memory_reserved memory_stats memory_stats_as_nested_dict
    reset_accumulated_memory_stats reset_peak_memory_stats stream synchronize""",
    """Event MemPool Stream XPUGraph XPUPluggableAllocator can_device_access_peer change_current_allocator clock_rate
    current_device current_stream device_memory_used get_device_capability get_device_name get_device_properties
    get_per_process_memory_fraction get_rng_state get_rng_state_all get_stream_from_external graph graph_pool_handle
    init initial_seed make_graphed_callables mem_get_info memory_snapshot memory_usage power_draw seed seed_all
    set_device set_per_process_memory_fraction set_rng_state set_rng_state_all set_stream temperature use_mem_pool
    utilization""",
)
globals().update(_NAMES)


def get_arch_list():
    """The architectures that kernels were built for: none."""
    return []


def get_gencode_flags():
    """Compiler flags for those: none."""
    return ""


__all__ = sorted([*_NAMES, "get_arch_list", "get_gencode_flags"])
