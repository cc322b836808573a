"""Weights of convolutions in another order in memory."""

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module, kinds, memory_format):
    for part in module.modules():
        if isinstance(part, kinds):
            part.weight.data = part.weight.detach().clone().contiguous(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """The module, with the weights of all Conv2d and ConvTranspose2d in it in `memory_format`.

    Args:
        module (Module): a convolution, or what holds some.
        memory_format: torch.channels_last, say.

    Example:
        >>> import flambeau as torch
        >>> conv = torch.nn.utils.convert_conv2d_weight_memory_format(torch.nn.Conv2d(3, 4, 3), torch.channels_last)
        >>> conv.weight.is_contiguous(memory_format=torch.channels_last)
        True
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module, memory_format):
    """The same of Conv3d and ConvTranspose3d, for torch.channels_last_3d.

    Example:
        >>> layer = nn.utils.convert_conv3d_weight_memory_format(nn.Conv3d(2, 3, 2), torch.channels_last_3d)
        >>> layer.weight.is_contiguous(memory_format=torch.channels_last_3d)
        True
    """
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
