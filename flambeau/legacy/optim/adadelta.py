"""Adadelta."""

from .common import buffer, decayed, tables


def adadelta(opfunc, x, config, state=None):
    """One step of Adadelta, which needs no learning rate.

    Args:
        opfunc, x: as of sgd.
        config (dict): rho (0.9), eps (1e-6), weightDecay (0).
        state (dict, optional): keeps evalCounter, paramVariance, paramStd, delta, accDelta.

    Returns:
        (x, f(x)): f before the step.

    Example:
        >>> from flambeau.legacy import optim
        >>> x, config = torch.tensor([3.0]), {"rho": 0.95}
        >>> _, before = optim.adadelta(lambda x: ((x * x).sum().item(), 2 * x), x, config)
        >>> before, bool(x < 3)
        (9.0, True)

    Source: Zeiler, 2012, arXiv:1212.5701.
    """
    config, state = tables("adadelta", config, state)
    rho, eps = config.get("rho", 0.9), config.get("eps", 1e-6)
    fx, dfdx = opfunc(x)
    dfdx = decayed(dfdx, x, config.get("weightDecay", 0))
    variance, deviation = buffer(state, "paramVariance", x), buffer(state, "paramStd", x)
    delta, steps = buffer(state, "delta", x), buffer(state, "accDelta", x)
    variance.mul_(rho).addcmul_(dfdx, dfdx, value=1 - rho)
    deviation.copy_(variance).add_(eps).sqrt_()
    delta.copy_(steps).add_(eps).sqrt_().div_(deviation).mul_(dfdx)
    x.sub_(delta)
    steps.mul_(rho).addcmul_(delta, delta, value=1 - rho)
    state["evalCounter"] = state.get("evalCounter", 0) + 1
    return x, fx
