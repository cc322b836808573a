"""Apple's GPUs are not supported: what asks is told so."""

from .absent_devices import absent

_NAMES = absent(
    "mps",
    "There is no GPU of Apple's:",
    "device_count empty_cache is_available manual_seed synchronize",
    """Event compile_shader current_allocated_memory driver_allocated_memory get_rng_state load_metallib
    recommended_max_memory seed set_per_process_memory_fraction set_rng_state""",
)
globals().update(_NAMES)
__all__ = sorted(_NAMES)
