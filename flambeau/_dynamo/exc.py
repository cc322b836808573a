"""The errors of the compiler; torch.compile(fullgraph=True) raises Unsupported."""

__all__ = [
    "BackendCompilerFailed",
    "InternalTorchDynamoError",
    "InvalidBackend",
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


class InvalidBackend(TorchDynamoException):
    """A name that no backend has."""


class UserError(Unsupported):
    """A program that cannot be exported."""
