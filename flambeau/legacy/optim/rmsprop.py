"""RMSprop."""

from .common import buffer, decayed, tables


def rmsprop(opfunc, x, config, state=None):
    """One step of RMSprop: the gradient divided by the root of its mean square.

    Args:
        opfunc, x: as of sgd, and so is the result.
        config (dict): learningRate (1e-2), alpha (0.99), epsilon (1e-8), weightDecay (0).
        state (dict, optional): keeps m, tmp.

    Example:
        >>> from flambeau.legacy import optim
        >>> optim.rmsprop(lambda x: ((x * x).item(), 2 * x), torch.tensor([3.0]), {"learningRate": 0.1})
        (tensor([2.0000]), 9.0)

    Source: Tieleman, Hinton, Coursera "Neural Networks for Machine Learning", lecture 6.5, 2012.
    """
    config, state = tables("rmsprop", config, state)
    alpha = config.get("alpha", 0.99)
    fx, dfdx = opfunc(x)
    dfdx = decayed(dfdx, x, config.get("weightDecay", 0))
    square = buffer(state, "m", x).mul_(alpha).addcmul_(dfdx, dfdx, value=1 - alpha)
    divisor = buffer(state, "tmp", x).copy_(square).sqrt_().add_(config.get("epsilon", 1e-8))
    x.addcdiv_(dfdx, divisor, value=-config.get("learningRate", 1e-2))
    return x, fx
