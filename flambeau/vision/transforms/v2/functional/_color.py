"""Kernels of colours under the names of torchvision's file, for programs that look there."""

from ._dispatch import private as __getattr__  # noqa: F401
