"""torch._VF: operators by name, past the functions of Python that prepare their arguments."""

import flambeau

from .ops.inner_names import _unique_dim as unique_dim

__all__ = ["unique_dim"]


def __getattr__(name):
    try:
        return getattr(flambeau, name)
    except AttributeError:
        raise AttributeError(f"_VF: flambeau has no operator {name!r}.") from None
