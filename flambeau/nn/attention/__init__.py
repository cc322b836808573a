"""Which implementation scaled_dot_product_attention may use: here there is one."""

import contextlib
import enum

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """The implementations that PyTorch chooses from."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """A block in which attention uses one of `backends`; any choice means ours."""
    backends = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not backends or not all(isinstance(backend, SDPBackend) for backend in backends):
        raise AssertionError("sdpa_kernel: takes an SDPBackend or a list of them.")
    yield {}


def __getattr__(name):
    if name == "flex_attention":
        import importlib

        return importlib.import_module(".flex_attention", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
