"""AdaMax."""

import flambeau as torch

from .common import buffer, decayed, tables


def adamax(opfunc, x, config, state=None):
    """One step of AdaMax, Adam with the largest gradient so far in place of the mean square.

    Args:
        opfunc, x: as of sgd, and so is the result.
        config (dict): learningRate (2e-3), beta1 (0.9), beta2 (0.999), epsilon (1e-38), weightDecay (0).
        state (dict, optional): keeps t, m, u, max.

    Example:
        >>> from flambeau.legacy import optim
        >>> optim.adamax(lambda x: ((x * x).item(), 2 * x), torch.tensor([3.0]), {"learningRate": 0.5})
        (tensor([2.5000]), 9.0)

    Source: Kingma, Ba, 2014, arXiv:1412.6980, section 7.
    """
    config, state = tables("adamax", config, state)
    beta1, beta2 = config.get("beta1", 0.9), config.get("beta2", 0.999)
    fx, dfdx = opfunc(x)
    dfdx = decayed(dfdx, x, config.get("weightDecay", 0))
    t = state["t"] = state.get("t", 0) + 1
    mean, largest = buffer(state, "m", x), buffer(state, "u", x)
    candidates = buffer(state, "max", x.unsqueeze(0).expand(2, *x.shape))
    mean.mul_(beta1).add_(dfdx, alpha=1 - beta1)
    candidates[0].copy_(largest).mul_(beta2)
    candidates[1].copy_(dfdx).abs_().add_(config.get("epsilon", 1e-38))
    torch.maximum(candidates[0], candidates[1], out=largest)
    rate = config.get("learningRate", 0.002) / (1 - beta1**t)
    x.addcdiv_(mean, largest, value=-rate)
    return x, fx
