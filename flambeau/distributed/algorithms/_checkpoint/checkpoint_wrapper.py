"""Modules whose intermediate values are computed again in backward, by utils.checkpoint."""

import enum
import functools

from ...wrapping import Wrapper

__all__ = [
    "CheckpointImpl", "CheckpointWrapper", "apply_activation_checkpointing", "checkpoint_wrapper",
    "offload_wrapper",
]  # fmt: skip

_WRAPPED = "_checkpoint_wrapped_module."


class CheckpointImpl(enum.Enum):
    """use_reentrant of utils.checkpoint.checkpoint."""

    REENTRANT = enum.auto()
    NO_REENTRANT = enum.auto()


class CheckpointWrapper(Wrapper):
    """Runs a module by utils.checkpoint.checkpoint; its state has the names that it has without the wrapper."""

    _inner = "_checkpoint_wrapped_module"

    def __init__(self, mod, checkpoint_impl=CheckpointImpl.NO_REENTRANT, checkpoint_fn=None,
                 **checkpoint_fn_kwargs):  # fmt: skip
        super().__init__()
        self._checkpoint_wrapped_module, self.checkpoint_impl = mod, checkpoint_impl
        if checkpoint_fn is None:
            checkpoint_fn, options = _checkpoint, {"use_reentrant": checkpoint_impl is CheckpointImpl.REENTRANT}  # fmt: skip
            checkpoint_fn_kwargs = {**options, **checkpoint_fn_kwargs}
        self._run = functools.partial(checkpoint_fn, **checkpoint_fn_kwargs)
        self._register_state_dict_hook(self._clean)
        self._register_load_state_dict_pre_hook(self._wrap)

    def forward(self, *args, **kwargs):
        """The module's forward."""
        return self._run(self._checkpoint_wrapped_module, *args, **kwargs)

    def named_parameters(self, *args, **kwargs):
        """The parameters by their names without the wrapper."""
        for name, p in super().named_parameters(*args, **kwargs):
            yield name.replace(_WRAPPED, ""), p

    @staticmethod
    def _clean(module, state_dict, prefix, metadata):
        for name in list(state_dict):
            if name.startswith(prefix + _WRAPPED):
                state_dict[prefix + name[len(prefix) + len(_WRAPPED) :]] = state_dict.pop(name)
        return state_dict

    def _wrap(self, state_dict, prefix, *rest):
        for name in list(state_dict):
            if name.startswith(prefix) and not name.startswith(prefix + _WRAPPED):
                state_dict[prefix + _WRAPPED + name[len(prefix) :]] = state_dict.pop(name)


def _checkpoint(*args, **kwargs):
    # By name, so that this floor imports nothing from the one above.
    import importlib

    return importlib.import_module("flambeau.utils.checkpoint").checkpoint(*args, **kwargs)


def checkpoint_wrapper(module, checkpoint_impl=CheckpointImpl.NO_REENTRANT, checkpoint_fn=None,
                       **checkpoint_fn_kwargs):  # fmt: skip
    """A CheckpointWrapper of the module."""
    return CheckpointWrapper(module, checkpoint_impl, checkpoint_fn, **checkpoint_fn_kwargs)


def offload_wrapper(module):
    """The module: what backward keeps is on the CPU in any case."""
    return module


def apply_activation_checkpointing(model, checkpoint_wrapper_fn=checkpoint_wrapper, check_fn=lambda _: True,
                                   auto_wrap_policy=None):  # fmt: skip
    """Wraps the submodules for which check_fn, or a policy of fsdp.wrap, is True."""
    from ...fsdp.wrap import lambda_auto_wrap_policy, wrap_submodules

    policy = auto_wrap_policy or functools.partial(lambda_auto_wrap_policy, lambda_fn=check_fn)
    wrap_submodules(model, policy, checkpoint_wrapper_fn)
