"""Random numbers of CUDA devices: a generator for each, which gives the numbers that the CPU's gives."""

from .. import _core
from . import device_count, index_of, is_available

__all__ = [
    "get_rng_state", "get_rng_state_all", "initial_seed", "manual_seed", "manual_seed_all", "seed",
    "seed_all", "set_rng_state", "set_rng_state_all",
]  # fmt: skip


def default_generator(index):
    """The generator that draws on a device use where none is given."""
    from ..ops.generator import generator_of

    return generator_of(index)


def _of(device, name):
    return default_generator(index_of(device, name))


def manual_seed(seed):
    """Seeds the current device; without one nothing, as in PyTorch."""
    seed = int(seed)
    if is_available():
        _of(None, "manual_seed").manual_seed(seed)


def manual_seed_all(seed):
    """Seeds all devices; without one nothing, as in PyTorch."""
    seed = int(seed)
    for index in range(device_count()):
        default_generator(index).manual_seed(seed)


def seed():
    """Seeds the current device from the system; without one nothing, as in PyTorch."""
    if is_available():
        _of(None, "seed").seed()


def seed_all():
    """Seeds all devices with one seed from the system."""
    if is_available():
        manual_seed_all(_of(None, "seed_all").seed())


def initial_seed():
    """The seed of the current device."""
    return _of(None, "initial_seed").initial_seed()


def get_rng_state(device="cuda"):
    """The state of a device's generator, a uint8 tensor on the CPU."""
    return _of(device, "get_rng_state").get_state()


def get_rng_state_all():
    """The state of each device's generator."""
    return [default_generator(i).get_state() for i in range(device_count())]


def set_rng_state(new_state, device="cuda"):
    """Sets the state of a device's generator; without a device nothing, as in PyTorch."""
    if is_available():
        _of(device, "set_rng_state").set_state(
            new_state.cpu() if isinstance(new_state, _core.Tensor) else new_state
        )


def set_rng_state_all(new_states):
    """Sets the state of each device's generator."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)
