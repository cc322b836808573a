"""Which submodules are wrapped on their own: the policies of FullyShardedDataParallel."""

import contextlib

from ...nn.modules.module import Module

__all__ = [
    "CustomPolicy", "ModuleWrapPolicy", "always_wrap_policy", "enable_wrap", "lambda_auto_wrap_policy",
    "size_based_auto_wrap_policy", "transformer_auto_wrap_policy", "wrap", "wrap_submodules",
]  # fmt: skip


def always_wrap_policy(*args, **kwargs):
    """Every submodule: True."""
    return True


def lambda_auto_wrap_policy(module, recurse, nonwrapped_numel, lambda_fn):
    """Where lambda_fn(module) says so."""
    return True if recurse else lambda_fn(module)


def transformer_auto_wrap_policy(module, recurse, nonwrapped_numel, transformer_layer_cls):
    """Modules of the given classes."""
    return True if recurse else isinstance(module, tuple(transformer_layer_cls))


def size_based_auto_wrap_policy(module, recurse, nonwrapped_numel, min_num_params=int(1e8),
                                force_leaf_modules=None, exclude_wrap_modules=None):  # fmt: skip
    """Modules with min_num_params numbers that are in no wrapped submodule; not those of the excluded classes."""
    force_leaf = size_based_auto_wrap_policy.FORCE_LEAF_MODULES if force_leaf_modules is None else force_leaf_modules  # fmt: skip
    excluded = size_based_auto_wrap_policy.EXCLUDE_WRAP_MODULES if exclude_wrap_modules is None else exclude_wrap_modules  # fmt: skip
    large = nonwrapped_numel >= min_num_params
    if recurse:
        return large and not isinstance(module, tuple(force_leaf))
    return large and not isinstance(module, tuple(excluded))


def _or_policy(module, recurse, nonwrapped_numel, policies):
    """What any of several policies says."""
    return any(
        policy(module=module, recurse=recurse, nonwrapped_numel=nonwrapped_numel)
        for policy in policies
    )


def _set_defaults():
    from ... import nn

    size_based_auto_wrap_policy.EXCLUDE_WRAP_MODULES = {nn.ModuleList, nn.ModuleDict}
    size_based_auto_wrap_policy.FORCE_LEAF_MODULES = {nn.MultiheadAttention}


_set_defaults()


class ModuleWrapPolicy:
    """Modules of the given classes."""

    def __init__(self, module_classes):
        self._module_classes = frozenset(module_classes)

    def __call__(self, module, recurse, *args, **kwargs):
        return True if recurse else isinstance(module, tuple(self._module_classes))

    def __repr__(self):
        return f"ModuleWrapPolicy({set(self._module_classes)})"


class CustomPolicy:
    """Where lambda_fn(module) is True, or a dict of options for FullyShardedDataParallel."""

    def __init__(self, lambda_fn):
        self._lambda_fn = lambda_fn

    def __call__(self, module, recurse, *args, **kwargs):
        return True if recurse else self._lambda_fn(module)


def wrap_submodules(module, policy, wrapper, ignored=frozenset()):
    """Replaces submodules that the policy names by wrapper(submodule, **options), the lowest first.

    Returns:
        int: the numbers of their parameters.
    """
    wrapped = 0
    for name, child in list(module._modules.items()):
        if child is None or child in ignored:
            continue
        own = sum(p.numel() for p in child.parameters())
        inside = 0
        if policy(module=child, recurse=True, nonwrapped_numel=own):
            inside = wrap_submodules(child, policy, wrapper, ignored)
        wanted = policy(module=child, recurse=False, nonwrapped_numel=own - inside)
        if wanted:
            options = wanted if isinstance(wanted, dict) else {}
            module._modules[name] = wrapper(child, **options)
            inside = own
        wrapped += inside
    return wrapped


_enabled = []


@contextlib.contextmanager
def enable_wrap(*, wrapper_cls, **wrapper_kwargs):
    """A context in which wrap(module) is wrapper_cls(module, **wrapper_kwargs)."""
    _enabled.append((wrapper_cls, wrapper_kwargs))
    try:
        yield
    finally:
        _enabled.pop()


def wrap(module, **wrap_overrides):
    """The module, wrapped inside of enable_wrap."""
    if not isinstance(module, Module):
        raise TypeError(f"wrap: takes a Module, not {type(module).__name__}.")
    if not _enabled:
        return module
    kind, options = _enabled[-1]
    return kind(module, **{**options, **wrap_overrides})
