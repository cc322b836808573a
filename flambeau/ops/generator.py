"""The source of random numbers: a seed and a count of the draws made with it; and the default one."""

from .. import _core
from .core.declare import register


class Generator:
    """A source of random numbers: a seed and how many draws were made with it."""

    def __init__(self, device="cpu"):
        from ..types import device as Device

        self.device = Device(device)
        if self.device.type == "cuda" and self.device.index is None and _core._cuda_state()[0]:
            self.device = Device("cuda", _core._cuda_current_device())
        if self.device.type != "cpu" and not (
            self.device.type == "cuda" and (self.device.index or 0) < _core._cuda_state()[0]
        ):
            raise NotImplementedError(f"Generator(): there is no device {device} here.")
        self._seed, self._calls = 67280421310721, 0

    def manual_seed(self, seed):
        """Starts anew from `seed`; returns the generator."""
        if isinstance(seed, str):
            raise ValueError(f"manual_seed: seed must be an int, not {seed!r}.")
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"manual_seed: seed {seed} does not fit 64 bits (overflow).")
        self._seed, self._calls = seed % 2**64, 0
        return self

    def seed(self):
        """Starts anew from a seed of the system's; returns it."""
        import os

        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self):
        """The seed."""
        return self._seed

    def get_state(self):
        """The state as a uint8 tensor of 16 bytes."""
        data = self._seed.to_bytes(8, "little") + self._calls.to_bytes(8, "little")
        return _core.tensor(list(data), dtype=_core.uint8, device="cpu")

    def set_state(self, new_state):
        """Takes up a state of get_state()."""
        if (
            not isinstance(new_state, _core.Tensor)
            or new_state.dtype is not _core.uint8
            or new_state.numel() != 16
        ):
            raise TypeError(
                "set_state: takes a uint8 tensor of 16 elements, as get_state() gives it."
            )
        data = bytes(new_state.tolist())
        self._seed, self._calls = (
            int.from_bytes(data[:8], "little"),
            int.from_bytes(data[8:], "little"),
        )
        return self

    def clone_state(self):
        """Another generator in the same state."""
        return Generator(self.device).set_state(self.get_state())

    def __reduce__(self):
        where = () if self.device.type == "cpu" else (str(self.device),)
        return _restore, (self._seed, self._calls, *where)

    def __repr__(self):
        return f"<flambeau.Generator device={self.device} seed={self._seed} calls={self._calls}>"

    def _next(self):
        """(seed as a signed number, number of this call)."""
        call, seed = self._calls, self._seed
        self._calls = call + 1
        return seed if seed < 0x8000000000000000 else seed - 2**64, call


def _restore(seed, calls, device="cpu"):
    generator = Generator(device)
    generator._seed, generator._calls = seed, calls
    return generator


default_generator = Generator()
_of_devices = {}  # the default generators of CUDA devices, made when first asked for


def generator_of(index):
    """The default generator of a CUDA device: it begins with the seed that manual_seed() was last given."""
    if index not in _of_devices:
        _of_devices[index] = Generator(f"cuda:{index}")
        _of_devices[index].manual_seed(default_generator._seed)
    return _of_devices[index]


def generator_for(tensor):
    """The default generator of the device where a tensor lies."""
    return generator_of(tensor.device.index) if tensor.is_cuda else default_generator


def manual_seed(seed):
    """Seeds the default generators of the CPU and all devices; returns the CPU's."""
    for generator in _of_devices.values():
        generator.manual_seed(seed)
    return default_generator.manual_seed(seed)


def seed():
    """Seeds the default generator from the system; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Sets the state of the default generator."""
    default_generator.set_state(new_state)


for _function in (manual_seed, seed, initial_seed, get_rng_state, set_rng_state):
    register(_function.__name__, _function)
register("Generator", Generator)
register("default_generator", default_generator)
