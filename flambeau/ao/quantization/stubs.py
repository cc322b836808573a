"""Where quantized models begin and end."""

from . import DeQuantStub, QuantStub, QuantWrapper  # noqa: F401
