"""Optical flow: where each pixel of one image has gone in the next."""

from .. import _lazy

__all__, __getattr__ = _lazy.contents(__name__, "optical_flow", {"RAFT": "raft"})
