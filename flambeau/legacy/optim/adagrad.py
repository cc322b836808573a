"""Adagrad."""

from .common import buffer, decayed, tables


def adagrad(opfunc, x, config, state=None):
    """One step of Adagrad: rates fall with the squares of all gradients so far.

    Args:
        opfunc, x: as of sgd.
        config (dict): learningRate (1e-3), learningRateDecay (0), weightDecay (0).
        state (dict, optional): keeps evalCounter, paramVariance, paramStd.

    Returns:
        (x, f(x)): f before the step.

    Example:
        >>> from flambeau.legacy import optim
        >>> x, config = torch.tensor([3.0]), {"learningRate": 0.5}
        >>> _ = optim.adagrad(lambda x: ((x * x).sum().item(), 2 * x), x, config)
        >>> x
        tensor([2.5000])

    Source: Duchi, Hazan, Singer, JMLR 12 (2011) 2121.
    """
    config, state = tables("adagrad", config, state)
    calls = state.setdefault("evalCounter", 0)
    fx, dfdx = opfunc(x)
    dfdx = decayed(dfdx, x, config.get("weightDecay", 0))
    variance, deviation = buffer(state, "paramVariance", x), buffer(state, "paramStd", x)
    variance.addcmul_(dfdx, dfdx)
    rate = config.get("learningRate", 1e-3) / (1 + calls * config.get("learningRateDecay", 0))
    x.addcdiv_(dfdx, deviation.copy_(variance).sqrt_().add_(1e-10), value=-rate)
    state["evalCounter"] += 1
    return x, fx
