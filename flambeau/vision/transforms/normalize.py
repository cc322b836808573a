"""Values on a common scale."""

from ...nn import Module
from . import functional as F
from .modes import shown


class Normalize(Module):
    """(image - mean) / std, channel by channel.

    Args:
        mean, std (sequence of float): one value for each channel, or one for all.
        inplace (bool): write into the image given.
    """

    takes_batches = True

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std = mean, std
        self.inplace = inplace

    def forward(self, image):
        return F.normalize(image, self.mean, self.std, self.inplace)

    __repr__ = shown("mean std")
