"""Rprop."""

import flambeau as torch

from .common import buffer, tables


def rprop(opfunc, x, config, state=None):
    """`niter` steps of Rprop, whose length for each element follows from the signs of its gradients alone.

    Args:
        opfunc, x: as of sgd.
        config (dict): stepsize (0.1), etaplus (1.2), etaminus (0.5), stepsizemax (50), stepsizemin (1e-6),
            niter (1).
        state (dict, optional): keeps delta (the last gradient), stepsize, sign, bytesign and the masks psign, nsign,
            zsign, dminmax.

    Returns:
        (x, [f, ...]): f before each step.

    Example:
        >>> from flambeau.legacy import optim
        >>> x, config = torch.tensor([3.0]), {"niter": 2}
        >>> optim.rprop(lambda x: ((x * x).sum().item(), 2 * x), x, config)
        (tensor([2.7800]), [9.0, 8.4...])

    Source: Riedmiller, Braun, "A direct adaptive method for faster backpropagation learning", ICNN 1993.
    """
    config, state = tables("rprop", config, state)
    smallest, largest = config.get("stepsizemin", 1e-06), config.get("stepsizemax", 50.0)
    values = []
    for _ in range(config.get("niter", 1)):
        fx, dfdx = opfunc(x)
        values.append(fx)
        if "delta" not in state:
            state["stepsize"] = torch.full_like(x, config.get("stepsize", 0.1))
        last, sizes, sign = buffer(state, "delta", x), state["stepsize"], buffer(state, "sign", x)
        torch.mul(dfdx, last, out=sign).sign_()
        state["psign"], state["nsign"], state["zsign"] = sign > 0, sign < 0, sign == 0
        state["bytesign"] = sign.to(torch.int8)
        sizes[state["psign"]] *= config.get("etaplus", 1.2)
        sizes[state["nsign"]] *= config.get("etaminus", 0.5)
        state["dminmax"] = (sizes < smallest) | (sizes > largest)
        sizes.clamp_(smallest, largest)
        last.copy_(dfdx)[state["nsign"]] = 0  # after a change of sign, no step
        x.addcmul_(torch.sign(last, out=sign), sizes, value=-1)
    return x, values
