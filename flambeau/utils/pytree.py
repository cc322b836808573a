"""The public names of _pytree."""

from . import _pytree
from ._pytree import *  # noqa: F403

__all__ = _pytree.__all__
