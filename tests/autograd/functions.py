"""Functions that tests of autograd change in one place."""

from flambeau.autograd import Function


class Same(Function):
    """x; what becomes of gradients a test says."""

    @staticmethod
    def forward(ctx, x):
        return x * 1


class Doubled(Function):
    """2 x, with its gradient."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


def doubled_with(backward):
    """2 x, with this gradient."""
    return type(backward.__name__, (Doubled,), {"backward": staticmethod(backward)})
