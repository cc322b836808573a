"""Which implementation scaled_dot_product_attention may use: here there is one."""

import contextlib
import enum

from ... import _core

__all__ = [
    "SDPBackend", "WARN_FOR_UNFUSED_KERNELS", "activate_flash_attention_impl", "current_flash_attention_impl",
    "list_flash_attention_impls", "register_flash_attention_impl", "restore_flash_attention_impl", "sdpa_kernel",
]  # fmt: skip

WARN_FOR_UNFUSED_KERNELS = False  # PyTorch's switch; attention has one implementation here


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


_registered, _active = {}, []


def register_flash_attention_impl(impl, *, register_fn):
    """Makes an implementation of attention known: register_fn() puts it in force, and may return what takes it back.

    Args:
        impl (str): its name.
        register_fn (callable): called by activate_flash_attention_impl; what it returns has remove(), or is None.
    """
    _registered[impl] = register_fn


def list_flash_attention_impls():
    """The names of registered implementations."""
    return sorted(_registered)


def current_flash_attention_impl():
    """The name of the implementation that was activated, None while flambeau's own computes."""
    return _active[-1][0] if _active else None


def activate_flash_attention_impl(impl):
    """Puts a registered implementation in force.

    Raises:
        ValueError: none is registered under that name.
    """
    if impl not in _registered:
        raise ValueError(
            f"activate_flash_attention_impl: {impl!r} is not registered; known are "
            f"{list_flash_attention_impls()}. flambeau's own attention needs none."
        )
    restore_flash_attention_impl(_raise_warn=False)
    _active.append((impl, _registered[impl]()))


def restore_flash_attention_impl(_raise_warn=True):
    """Takes the activated implementation back, so that flambeau's own computes; a warning where none is."""
    if not _active:
        if _raise_warn:
            _core._warn("restore_flash_attention_impl: no implementation is activated.")
        return
    _, handle = _active.pop()
    if handle is not None:
        handle.remove()


def __getattr__(name):
    if name == "flex_attention":
        import importlib

        return importlib.import_module(".flex_attention", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
