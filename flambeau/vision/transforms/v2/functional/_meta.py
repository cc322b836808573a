"""Kernels of sizes, boxes and keypoints under the names of torchvision's file, for programs that look there."""

from ._dispatch import private as __getattr__  # noqa: F401
from ._points import conversions

# _xyxy_to_xywh and the like
globals().update(conversions())
