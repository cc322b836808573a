"""Adagrad."""

from .common import buffer, decayed, tables


def adagrad(opfunc, x, config, state=None):
    """One step of Adagrad: rates fall with the squares of all gradients so far.

    Args:
        opfunc, x: as of sgd, and so is the result.
        config (dict): learningRate (1e-3), learningRateDecay (0), weightDecay (0).
        state (dict, optional): keeps evalCounter, paramVariance, paramStd.

    Example:
        >>> from flambeau.legacy import optim
        >>> optim.adagrad(lambda x: ((x * x).item(), 2 * x), torch.tensor([3.0]), {"learningRate": 0.5})
        (tensor([2.5000]), 9.0)

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
