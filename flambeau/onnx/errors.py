"""What the exporter raises."""

__all__ = ["CheckerError", "OnnxExporterError", "UnsupportedOperatorError"]


class OnnxExporterError(RuntimeError):
    """The exporter cannot write a program."""


class UnsupportedOperatorError(OnnxExporterError):
    """An operator has no rule."""


class CheckerError(OnnxExporterError):
    """The written model is not valid ONNX."""
