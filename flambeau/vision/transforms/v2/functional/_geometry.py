"""Kernels of places and directions under the names of torchvision's file, for programs that look there."""

from ..._image_warp import perspective_coefficients as _get_perspective_coeffs  # noqa: F401
from ._dispatch import private as __getattr__  # noqa: F401
from ._points import straightened as _parallelogram_to_bounding_boxes  # noqa: F401
