"""What this flambeau was built with and runs on: torch.__config__."""

from . import _core
from .backends.cpu import get_cpu_capability
from .version import __version__, flambeau


def show():
    """The version, the instructions that kernels use, and the threads, as text."""
    return (
        f"flambeau {flambeau}, the interface of PyTorch {__version__}, CPU capability {get_cpu_capability()}\n"
        f"{parallel_info()}"
    )


def _cxx_flags():
    """The flags that matter of those the core was compiled with, as text."""
    return "-O3 -std=c++20 -ffp-contract=off"


def parallel_info():
    """How many threads compute, as text."""
    return f"threads of one operator: {_core.get_num_threads()}\noperators at a time: 1\n"
