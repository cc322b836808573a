"""Modules whose parameters are not initialized."""

import inspect

from ...overrides import TorchFunctionMode
from ..modules.module import Module

_FILLS = frozenset(
    "uniform_ normal_ trunc_normal_ zero_ fill_ exponential_ log_normal_ cauchy_ geometric_ "
    "bernoulli_ random_ clamp_ mul_ add_ erfinv_".split()
)


class _WithoutFilling(TorchFunctionMode):
    """What writes numbers into a tensor leaves it as it is."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in _FILLS and args:
            return args[0]
        return func(*args, **(kwargs or {}))


def skip_init(module_cls, *args, **kwargs):
    """module_cls(*args, **kwargs) whose parameters hold whatever the memory held, and no time is spent.

    Example:
        >>> nn.utils.skip_init(nn.Linear, 2, 3).weight.shape
        torch.Size([3, 2])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"skip_init: takes a subclass of nn.Module, not {module_cls}.")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(
            f"skip_init: {module_cls.__name__} has no argument 'device', which it needs."
        )
    with _WithoutFilling():
        return module_cls(*args, **kwargs)
