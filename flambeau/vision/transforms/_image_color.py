"""Images as tensors (..., C, H, W): values and colours."""

from ... import arange, as_tensor, cat, exp, float32, get_default_dtype, iinfo, stack, uint8, where
from ... import bool as bool_
from ...nn import functional as nnF
from ._image import as_before


def white(dtype):
    """The value of white in a dtype."""
    return 1 if dtype.is_floating_point else 1 if dtype == bool_ else iinfo(dtype).max


def bound(image):
    """The value of white, as a float."""
    return float(white(image.dtype))


def convert_dtype(image, dtype=None):
    """Another dtype; integers span 0 to their maximum where floating values span [0, 1]."""
    dtype = float32 if dtype is None else dtype
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if (image.dtype == float32 and str(dtype)[-5:] in ("int32", "int64")) or str(dtype)[
            -5:
        ] == "int64":
            raise RuntimeError(
                f"convert_image_dtype: {image.dtype} has not the digits of {dtype}; convert by way of another dtype."
            )
        # Just below the next integer, so that each value gets an equal share of [0, 1].
        return (image * (white(dtype) + 1 - 1e-3)).to(dtype)
    maximum = white(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / maximum
    factor = (white(dtype) + 1) / (maximum + 1)
    if factor >= 1:
        return image.to(dtype) * int(factor)
    return (image // int(1 / factor)).to(dtype)


def normalize(image, mean, std, inplace=False):
    """(image - mean) / std, channel by channel."""
    if not image.is_floating_point():
        raise TypeError(
            f"normalize: the image is {image.dtype}, but it must be floating. ToTensor makes it so."
        )
    if image.ndim < 3:
        raise ValueError(f"normalize: image {tuple(image.shape)} must be (..., C, H, W).")
    mean, std = (as_tensor(v, dtype=image.dtype, device=image.device) for v in (mean, std))
    mean, std = (v.view(-1, 1, 1) if v.ndim <= 1 else v for v in (mean, std))
    if (std == 0).any():
        raise ValueError("normalize: std is 0 in a channel; it divides by std.")
    if inplace:
        return image.sub_(mean).div_(std)
    return (image - mean) / std


# -- light


def _channels(name, image, allowed=(1, 3)):
    if image.ndim < 3 or image.shape[-3] not in allowed:
        raise TypeError(
            f"{name}: image {tuple(image.shape)} must be (..., C, H, W) with {' or '.join(map(str, allowed))} channels."
        )
    return image.shape[-3]


def grey(image):
    """The light of (..., 3, H, W) as floats (..., 1, H, W). Source: ITU-R BT.601, 2.5.1."""
    r, g, b = image.to(float32 if not image.is_floating_point() else image.dtype).unbind(-3)
    return (0.2989 * r + 0.587 * g + 0.114 * b).unsqueeze(-3)


def _whole(values, image):
    """What grey values are of integers: cut, not rounded."""
    return values if image.is_floating_point() else values.floor()


def rgb_to_grayscale(image, num_output_channels=1):
    """Grey images of 1 or 3 equal channels."""
    if num_output_channels not in (1, 3):
        raise ValueError(
            f"rgb_to_grayscale: num_output_channels is {num_output_channels}; it must be 1 or 3."
        )
    if _channels("rgb_to_grayscale", image) == 3:
        image = _whole(grey(image), image).to(image.dtype)
    if num_output_channels == 3:
        return cat([image] * 3, dim=-3)  # not a view: each channel may be written
    return image


def grayscale_to_rgb(image):
    """Three equal channels of one; three stay."""
    if image.shape[-3] == 3:
        return image
    _channels("grayscale_to_rgb", image, (1,))
    return rgb_to_grayscale(image, 3)


def blend(image, other, ratio):
    """ratio image + (1 - ratio) other, cut to what images hold."""
    values = image if image.is_floating_point() else image.to(float32)
    mixed = values * ratio + other * (1.0 - ratio)
    return mixed.clamp(0, bound(image)).to(image.dtype)


def _factor(name, factor):
    if factor < 0:
        raise ValueError(f"{name}: the factor is {factor}; it must not be negative.")
    return float(factor)


def adjust_brightness(image, brightness_factor):
    """The image mixed with black: 0 is black, 1 the image, 2 twice as bright."""
    factor = _factor("adjust_brightness", brightness_factor)
    _channels("adjust_brightness", image)
    values = image if image.is_floating_point() else image.to(float32)
    return (values * factor).clamp(0, bound(image)).to(image.dtype)


def adjust_contrast(image, contrast_factor):
    """The image mixed with its mean grey: 0 is grey, 1 the image."""
    factor = _factor("adjust_contrast", contrast_factor)
    values = grey(image) if _channels("adjust_contrast", image) == 3 else image.to(float32)
    mean = _whole(values, image).mean(dim=(-3, -2, -1), keepdim=True)
    return blend(image, mean, factor)


def adjust_saturation(image, saturation_factor):
    """The image mixed with its grey one: 0 is grey, 1 the image."""
    factor = _factor("adjust_saturation", saturation_factor)
    if _channels("adjust_saturation", image) == 1:
        return image
    return blend(image, _whole(grey(image), image), factor)


def adjust_hue(image, hue_factor):
    """Colours moved round their circle by hue_factor turns, in [-0.5, 0.5]."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor is {hue_factor}; it must lie in [-0.5, 0.5].")
    if _channels("adjust_hue", image) == 1 or image.numel() == 0:
        return image
    h, s, v = _to_hsv(convert_dtype(image, float32))
    return convert_dtype(_from_hsv((h + hue_factor) % 1.0, s, v), image.dtype)


def _to_hsv(image):
    """Source: Smith, "Color gamut transform pairs", SIGGRAPH 1978, algorithm of the hexcone."""
    r, g, b = image.unbind(-3)
    most, least = image.amax(-3), image.amin(-3)
    spread = most - least
    flat = spread == 0
    saturation = spread / where(flat, 1.0, most)
    divisor = where(flat, 1.0, spread)
    red, green, blue = ((most - c) / divisor for c in (r, g, b))
    is_red, is_green = most == r, most == g
    hue = where(is_red, blue - green, where(is_green, 2.0 + red - blue, 4.0 + green - red))
    return (hue / 6.0 + 1.0) % 1.0, saturation, most


def _from_hsv(h, s, v):
    sector = (h * 6.0).floor()
    part = h * 6.0 - sector
    sector = sector.to(int) % 6
    p, q, t = ((v * (1.0 - x)).clamp(0.0, 1.0) for x in (s, s * part, s * (1.0 - part)))
    choices = ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))
    chosen = [stack(six, dim=-1).gather(-1, sector[..., None])[..., 0] for six in choices]
    return stack(chosen, dim=-3)


def adjust_gamma(image, gamma, gain=1):
    """gain image**gamma, of values in [0, 1]."""
    if gamma < 0:
        raise ValueError(f"adjust_gamma: gamma is {gamma}; it must not be negative.")
    values = convert_dtype(image, float32) if not image.is_floating_point() else image
    return convert_dtype((gain * values**gamma).clamp(0, 1), image.dtype)


# -- levels


def invert(image):
    """White less the image."""
    if image.is_floating_point():
        return 1.0 - image
    return int(bound(image)) - image if image.dtype != uint8 else ~image


def posterize(image, bits):
    """The first `bits` of each value's 8, or of as many levels of floats."""
    if not isinstance(bits, int) or not 0 <= bits <= 8:
        raise TypeError(f"posterize: bits is {bits!r}; it must be an int of 0 to 8.")
    if image.is_floating_point():
        levels = 1 << bits
        return (image * levels).floor().clamp(0, levels - 1) * (1.0 / levels)
    size = image.itemsize * 8
    return image & -(1 << (size - bits))


def solarize(image, threshold):
    """Values from the threshold on are inverted."""
    if threshold > bound(image):
        raise TypeError(f"solarize: threshold {threshold} is above white, {bound(image):g}.")
    return where(image >= threshold, invert(image), image)


def autocontrast(image):
    """The darkest value of each channel becomes black, the brightest white."""
    _channels("autocontrast", image)
    values = image if image.is_floating_point() else image.to(float32)
    least, most = values.amin(dim=(-2, -1), keepdim=True), values.amax(dim=(-2, -1), keepdim=True)
    flat = least == most
    scale = bound(image) / where(flat, 1.0, most - least)
    stretched = where(flat, values, (values - least) * scale)
    return stretched.clamp(0, bound(image)).to(image.dtype)


def equalize(image):
    """Levels of each channel are spread so that each is about as frequent.

    As in Pillow: level i becomes (pixels below i + step / 2) / step, step the pixels, without those of the last
    level, / 255.
    """
    if image.is_floating_point():
        return convert_dtype(equalize(convert_dtype(image, uint8)), image.dtype)
    planes = image.reshape(-1, image.shape[-2] * image.shape[-1]).to(int)
    n = planes.shape[0]
    shifted = planes + 256 * arange(n, device=image.device)[:, None]
    counts = shifted.flatten().bincount(minlength=256 * n).view(n, 256)
    below = counts.cumsum(1) - counts
    last = (counts > 0).to(int) * arange(256, device=image.device)
    step = (planes.shape[1] - counts.gather(1, last.amax(1, keepdim=True))) // 255
    levels = ((below + step // 2) // where(step == 0, 1, step)).clamp(0, 255)
    levels = where(step == 0, arange(256, device=image.device), levels)
    return levels.gather(1, planes).view(image.shape).to(image.dtype)


# -- neighbours


def _by_channel(image, kernel):
    """Each plane convolved with a kernel (h, w), without a border."""
    planes = image.reshape(-1, 1, *image.shape[-2:])
    planes = planes if image.is_floating_point() else planes.to(float32)
    return nnF.conv2d(planes, kernel[None, None].to(planes.dtype))


def adjust_sharpness(image, sharpness_factor):
    """The image mixed with a smoothed one: 0 is smooth, 1 the image, 2 sharper."""
    factor = _factor("adjust_sharpness", sharpness_factor)
    _channels("adjust_sharpness", image)
    height, width = image.shape[-2:]
    if image.numel() == 0 or height <= 2 or width <= 2:
        return image
    kernel = as_tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13
    out = image.to(float32) if not image.is_floating_point() else image.clone()
    smooth = _by_channel(image, kernel).view(*image.shape[:-2], height - 2, width - 2)
    smooth = smooth if image.is_floating_point() else smooth.round()
    inner = out[..., 1:-1, 1:-1]  # the border stays as it is
    inner.add_(smooth - inner, alpha=1.0 - factor)
    return out.clamp(0, bound(image)).to(image.dtype)


def _gauss(size, sigma):
    places = arange(size) - (size - 1) / 2
    weights = exp(-0.5 * (places / sigma) ** 2)
    return weights / weights.sum()


def gaussian_blur(image, kernel_size, sigma=None):
    """Means weighted by a bell of deviation `sigma`, mirrored at the border.

    kernel_size, sigma: a number or (x, y), the latter also (both,); sizes are odd. sigma None: 0.15 size + 0.35.
    """
    for what, value in (("kernel_size", kernel_size), ("sigma", sigma)):
        if not isinstance(value, int | float | list | tuple | None):
            raise TypeError(f"gaussian_blur: {what} is {value!r}; it must be a number or two.")
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2 or any(size <= 0 or size % 2 == 0 for size in sizes):
        raise ValueError(
            f"gaussian_blur: kernel_size is {kernel_size}; it must be odd and above 0, a number or two."
        )
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    sigmas = [float(sigma)] * 2 if isinstance(sigma, int | float) else [float(s) for s in sigma]
    sigmas = sigmas * 2 if len(sigmas) == 1 else sigmas
    if len(sigmas) != 2 or any(s <= 0 for s in sigmas):
        raise ValueError(f"gaussian_blur: sigma is {sigma}; it must be above 0, one or two.")
    (wide, high), (sigma_x, sigma_y) = sizes, sigmas
    planes = image.reshape(-1, 1, *image.shape[-2:])
    planes = planes if image.is_floating_point() else planes.to(float32)
    planes = nnF.pad(planes, (wide // 2, wide // 2, high // 2, high // 2), mode="reflect")
    across, down = _gauss(wide, sigma_x).to(planes.dtype), _gauss(high, sigma_y).to(planes.dtype)
    planes = nnF.conv2d(nnF.conv2d(planes, across.view(1, 1, 1, -1)), down.view(1, 1, -1, 1))
    return as_before(planes, image).view(image.shape)


def to_float(image):
    """uint8 divided by 255 in the default dtype; other values as they are."""
    return image.to(get_default_dtype()) / 255 if image.dtype == uint8 else image


def permute_channels(image, permutation):
    """Channels in another order."""
    if sorted(permutation) != list(range(image.shape[-3])):
        raise ValueError(
            f"permute_channels: {list(permutation)} is no order of {image.shape[-3]} channels."
        )
    return image[..., permutation, :, :]
