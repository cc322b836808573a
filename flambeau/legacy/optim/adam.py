"""Adam."""

import math

from .common import buffer, decayed, tables


def adam(opfunc, x, config, state=None):
    """One step of Adam. epsilon is added before the correction for the first steps, as in Lua.

    Args:
        opfunc, x: as of sgd, and so is the result.
        config (dict): learningRate (1e-3), beta1 (0.9), beta2 (0.999), epsilon (1e-8), weightDecay (0).
        state (dict, optional): keeps t, m, v, denom.

    Example:
        >>> from flambeau.legacy import optim
        >>> optim.adam(lambda x: ((x * x).item(), 2 * x), torch.tensor([3.0]), {"learningRate": 0.5})
        (tensor([2.5000]), 9.0)

    Source: Kingma, Ba, 2014, arXiv:1412.6980.
    """
    config, state = tables("adam", config, state)
    beta1, beta2 = config.get("beta1", 0.9), config.get("beta2", 0.999)
    fx, dfdx = opfunc(x)
    dfdx = decayed(dfdx, x, config.get("weightDecay", 0))
    t = state["t"] = state.get("t", 0) + 1
    mean, square = buffer(state, "m", x), buffer(state, "v", x)
    mean.mul_(beta1).add_(dfdx, alpha=1 - beta1)
    square.mul_(beta2).addcmul_(dfdx, dfdx, value=1 - beta2)
    divisor = buffer(state, "denom", x).copy_(square).sqrt_().add_(config.get("epsilon", 1e-8))
    rate = config.get("learningRate", 1e-3) * math.sqrt(1 - beta2**t) / (1 - beta1**t)
    x.addcdiv_(mean, divisor, value=-rate)
    return x, fx
