"""Nesterov's accelerated gradient."""

from .common import buffer, decayed, tables
from .sgd import step


def nag(opfunc, x, config, state=None):
    """One step of gradient descent whose gradient is taken where the momentum would lead.

    Args:
        opfunc, x: as of sgd.
        config (dict): learningRate (1e-3), learningRateDecay (0), weightDecay (0), momentum (0.9, above 0),
            learningRates (a tensor like x).
        state (dict, optional): keeps evalCounter, dfdx (the velocity), deltaParameters.

    Returns:
        (x, f): f where the gradient was taken.

    Raises:
        ValueError: momentum is not above 0.

    Example:
        >>> from flambeau.legacy import optim
        >>> x, config = torch.tensor([3.0]), {"learningRate": 0.1}
        >>> for _ in range(100):
        ...     _ = optim.nag(lambda x: ((x * x).sum().item(), 2 * x), x, config)
        >>> bool(x.abs() < 0.01)
        True

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
    """
    config, state = tables("nag", config, state)
    momentum = config.get("momentum", 0.9)
    if momentum <= 0:
        raise ValueError(f"legacy.optim.nag: momentum must be above 0, got {momentum}.")
    calls = state.setdefault("evalCounter", 0)
    velocity = buffer(state, "dfdx", x)

    x.add_(velocity, alpha=momentum)
    fx, dfdx = opfunc(x)
    dfdx = decayed(dfdx, x, config.get("weightDecay", 0))
    rate = config.get("learningRate", 1e-3) / (1 + calls * config.get("learningRateDecay", 0))
    taken = step(x, dfdx, rate, config, state)
    velocity.mul_(momentum).add_(taken, alpha=-rate)
    state["evalCounter"] += 1
    return x, fx
