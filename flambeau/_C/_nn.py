"""torch._C._nn: what programs take from it."""

import flambeau

__all__ = [
    "_parse_to",
    "slow_conv3d",
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
]


def _parse_to(*args, **kwargs):
    """(device, dtype, non_blocking, memory_format) of the arguments of Module.to."""
    return flambeau.nn.modules.conversion._parse_to(*args, **kwargs)


def slow_conv3d(input, weight, kernel_size, bias=None, stride=1, padding=0):
    """conv3d; kernel_size, which weight tells, is not looked at."""
    return flambeau.nn.functional.conv3d(input, weight, bias, stride, padding)


def _upsample(name, n):
    def upsample(input, output_size, *scales, out=None):
        scales = [scale for scale in scales if scale is not None]
        if not scales:
            result = flambeau.nn.functional.interpolate(input, size=tuple(output_size))
        else:
            if len(scales) == 1 and isinstance(scales[0], (tuple, list)):
                (scales,) = scales
            result = flambeau.nn.functional.interpolate(input, scale_factor=tuple(scales))
            if output_size is not None and tuple(output_size) != tuple(result.shape[2:]):
                raise RuntimeError(
                    f"{name}: output_size {tuple(output_size)} is not what the scales give, "
                    f"{tuple(result.shape[2:])}. Leave one of them out."
                )
        return flambeau._core._finish_out(result, out, name) if out is not None else result

    upsample.__name__ = upsample.__qualname__ = name
    upsample.__doc__ = f"interpolate(mode='nearest') of {n} dim{'s' * (n > 1)}, by sizes or scales."
    return upsample


upsample_nearest1d = _upsample("upsample_nearest1d", 1)
upsample_nearest2d = _upsample("upsample_nearest2d", 2)
upsample_nearest3d = _upsample("upsample_nearest3d", 3)
