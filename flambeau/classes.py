"""torch.classes: classes that C++ libraries register with PyTorch. None can be, so every look-up says so.

And load_library, which is torch.ops's, too.
"""

import ctypes
import os

__all__ = ["load_library", "loaded_libraries"]

loaded_libraries = set()


def load_library(path):
    """Loads a shared library into the process, for what its loading does; operators cannot come of it.

    Args:
        path (str or path): the file.

    Raises:
        OSError: it cannot be loaded, as any that is built for PyTorch's C++ interface, which flambeau has not.

    Example:
        >>> try:
        ...     flambeau.ops.load_library("nowhere.so")
        ... except OSError:
        ...     print("it is not there")
        it is not there
    """
    path = os.path.realpath(path)
    try:
        ctypes.CDLL(path)
    except OSError as error:
        raise OSError(
            f"load_library: {path} cannot be loaded ({error}). What is built for PyTorch's C++ interface cannot be, "
            "here; use that library without its compiled part."
        ) from None
    loaded_libraries.add(path)


class _Namespace:
    """`torch.classes.NAME`."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(
            f"classes: there is no class {self.name}.{name}; C++ libraries cannot register any here."
        )


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Namespace(name)
