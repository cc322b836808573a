"""Meta's accelerators (MTIA) are not supported: what asks is told so."""

from .absent_devices import absent

_NAMES = absent(
    "mtia",
    "There is no MTIA device:",
    """StreamContext device device_count empty_cache is_available is_bf16_supported is_initialized manual_seed
    manual_seed_all max_memory_allocated memory_allocated memory_stats reset_peak_memory_stats stream synchronize""",
    """Event MTIAGraph Stream attach_out_of_memory_observer current_device current_stream default_stream
    get_device_capability get_device_properties get_rng_state get_rng_state_all graph graph_pool_handle init
    initial_seed record_memory_history seed seed_all set_device set_rng_state set_rng_state_all set_stream
    snapshot""",
)
globals().update(_NAMES)


class DeferredMtiaCallError(Exception):
    """What goes wrong in a call that waited for the device; never raised."""


__all__ = sorted([*_NAMES, "DeferredMtiaCallError"])
