"""The array API standard, version 2024.12: flambeau.array_api with lists where 2025.12 has tuples.

    xp = x.__array_namespace__(api_version="2024.12")

Source: Consortium for Python Data API Standards, data-apis.org/array-api, revision 2024.12.
"""

from flambeau import array_api

from .dtypes import _Info

__array_api_version__ = "2024.12"
__all__ = sorted(set(array_api.__all__) - {"broadcast_shapes", "isin"})


def broadcast_arrays(*arrays):
    """A list of the arrays, all expanded to the one shape that they broadcast to."""
    return list(array_api.broadcast_arrays(*arrays))


def meshgrid(*arrays, indexing="xy"):
    """A list of grids of coordinates, one for each vector."""
    return list(array_api.meshgrid(*arrays, indexing=indexing))


class _InfoWithLists(_Info):
    """What __array_namespace_info__() gives."""

    def devices(self):
        """The devices there are: the CPU."""
        return list(super().devices())


def __array_namespace_info__():
    """An object that tells capabilities, devices and dtypes."""
    return _InfoWithLists()


def __getattr__(name):
    if name in __all__:
        return getattr(array_api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return __all__
