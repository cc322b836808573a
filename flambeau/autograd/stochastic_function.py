"""Nodes that sample, which PyTorch dropped in 0.3."""

from .function import Function


class StochasticFunction(Function):
    """Raises: write loss = -distribution.log_prob(action) * reward, with flambeau.distributions."""

    def __init__(self):
        raise RuntimeError(
            "StochasticFunction: was removed. Write loss = -distribution.log_prob(action) * reward, with "
            "flambeau.distributions."
        )
