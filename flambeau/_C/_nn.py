"""torch._C._nn: what programs take from it."""

import flambeau

__all__ = ["_parse_to", "slow_conv3d"]


def _parse_to(*args, **kwargs):
    """(device, dtype, non_blocking, memory_format) of the arguments of Module.to."""
    return flambeau.nn.modules.conversion._parse_to(*args, **kwargs)


def slow_conv3d(input, weight, kernel_size, bias=None, stride=1, padding=0):
    """conv3d; kernel_size, which weight tells, is not looked at."""
    return flambeau.nn.functional.conv3d(input, weight, bias, stride, padding)
