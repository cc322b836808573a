"""Random numbers of CUDA devices. Seeding is remembered nowhere: there is no device."""

from . import manual_seed, manual_seed_all, needs_device

__all__ = [
    "get_rng_state", "get_rng_state_all", "initial_seed", "manual_seed", "manual_seed_all", "seed",
    "seed_all", "set_rng_state", "set_rng_state_all",
]  # fmt: skip


def get_rng_state_all():
    """The state of each device: an empty list."""
    return []


def set_rng_state_all(new_states):
    """Sets the state of each device: there is none."""


def set_rng_state(new_state, device="cuda"):
    """Nothing without a device, as in PyTorch."""


def seed():
    """Nothing without a device, as in PyTorch."""


seed_all = seed
get_rng_state = needs_device("get_rng_state", __name__)
initial_seed = needs_device("initial_seed", __name__)
