"""The errors of PyTorch's compiler, for programs that catch them; none is ever raised."""

__all__ = [
    "BackendCompilerFailed",
    "InternalTorchDynamoError",
    "TorchDynamoException",
    "Unsupported",
    "UserError",
]


class TorchDynamoException(RuntimeError):
    """The base of them."""


class InternalTorchDynamoError(TorchDynamoException):
    """A fault of the compiler."""


class Unsupported(TorchDynamoException):
    """Python that cannot be compiled."""


class BackendCompilerFailed(TorchDynamoException):
    """A backend that failed."""


class UserError(Unsupported):
    """A program that cannot be exported."""
