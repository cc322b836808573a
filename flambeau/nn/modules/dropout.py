"""Dropout layers: active in training, the identity otherwise."""

from .. import functional as F
from .module import Module
from .shows import shows


class _DropoutNd(Module):
    """A probability p of dropping."""

    __constants__ = ["p", "inplace"]

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"{type(self).__name__}: p is {p}; a probability is from 0 to 1.")
        self.p = p
        self.inplace = inplace

    extra_repr = shows("p inplace")


class Dropout(_DropoutNd):
    """Each element is 0 with probability p, else divided by 1 - p.

    Args:
        p (float): the probability of a 0, in [0, 1].
        inplace (bool): write the result into the input.

    Example:
        >>> layer = nn.Dropout(0.5).eval()
        >>> layer(torch.ones(2, 2))
        tensor([[1., 1.],
                [1., 1.]])
    """

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Dropout of whole channels of (N, C, L). Arguments as Dropout.

    Example:
        >>> layer = nn.Dropout1d(0.5).eval()
        >>> layer(torch.ones(1, 2, 2)).sum()
        tensor(4.)
    """

    def forward(self, input):
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Dropout of whole channels of (N, C, H, W). Arguments as Dropout.

    Example:
        >>> layer = nn.Dropout2d(0.5).eval()
        >>> layer(torch.ones(1, 2, 2, 2)).sum()
        tensor(8.)
    """

    def forward(self, input):
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Dropout of whole channels of (N, C, D, H, W). Arguments as Dropout.

    Example:
        >>> layer = nn.Dropout3d(0.5).eval()
        >>> layer(torch.ones(1, 2, 2, 2, 2)).sum()
        tensor(16.)
    """

    def forward(self, input):
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance behind SELU. Arguments as Dropout.

    Example:
        >>> layer = nn.AlphaDropout(0.5).eval()
        >>> layer(torch.ones(2, 2))
        tensor([[1., 1.],
                [1., 1.]])
    """

    def forward(self, input):
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels. Arguments as Dropout.

    Example:
        >>> layer = nn.FeatureAlphaDropout(0.5).eval()
        >>> layer(torch.ones(2, 2))
        tensor([[1., 1.],
                [1., 1.]])
    """

    def forward(self, input):
        return F.feature_alpha_dropout(input, self.p, self.training)
