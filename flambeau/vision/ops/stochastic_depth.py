"""Residual branches left out by chance.

Source: Huang, Sun, Liu, Sedra, Weinberger, "Deep Networks with Stochastic Depth", 2016, arXiv:1603.09382.
"""

from ... import empty, nn
from ...fx import wrap

__all__ = ["StochasticDepth", "stochastic_depth"]


@wrap
def stochastic_depth(input, p, mode, training=True):
    """input, set to 0 with probability p, what stays divided by 1 - p.

    input is (N, ...); mode "row" decides for each of the N, "batch" once for all. Outside training it is
    input itself. ValueError: p is not in [0, 1], or the mode is another word.

    Example:
        >>> stochastic_depth(torch.ones(2, 3), 0.5, "row", training=False).sum().item()
        6.0
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"stochastic_depth: p is {p}; it must lie in [0, 1].")
    if mode not in ("batch", "row"):
        raise ValueError(f"stochastic_depth: mode is {mode!r}; it must be 'batch' or 'row'.")
    if not training or p == 0.0:
        return input
    rows = input.shape[0] if mode == "row" else 1
    kept = empty((rows, *[1] * (input.ndim - 1)), dtype=input.dtype, device=input.device)
    kept.bernoulli_(1.0 - p)
    if p < 1.0:
        kept.div_(1.0 - p)
    return input * kept


class StochasticDepth(nn.Module):
    """stochastic_depth as a layer.

    Example:
        >>> ops.StochasticDepth(0.5, "row").eval()(torch.ones(2, 2)).sum()
        tensor(4.)
    """

    def __init__(self, p, mode):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self):
        return f"p={self.p}, mode={self.mode}"
