"""PyTorch's interface on an engine of its own."""

__version__ = "0.1.0"
