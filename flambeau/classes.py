"""torch.classes: classes that C++ libraries register with PyTorch. None can be, so every look-up says so."""

__all__ = ["load_library", "loaded_libraries"]

loaded_libraries = frozenset()


def load_library(path):
    """Raises NotImplementedError: libraries built for PyTorch cannot be loaded."""
    raise NotImplementedError(
        f"classes.load_library: {path!r} is built for PyTorch's C++ interface, which flambeau has not."
    )


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
