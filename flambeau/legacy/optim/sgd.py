"""Stochastic gradient descent with momentum."""

from .common import buffer, decayed, tables


def sgd(opfunc, x, config, state=None):
    """One step of stochastic gradient descent.

    Args:
        opfunc (callable): opfunc(x) gives (f(x), df/dx).
        x (Tensor): where to start; changed in place.
        config (dict): learningRate (1e-3), learningRateDecay (0), weightDecay (0), weightDecays (a tensor like x),
            momentum (0), dampening (the momentum), nesterov (False), learningRates (a tensor like x).
        state (dict, optional): keeps evalCounter, dfdx, decayParameters, deltaParameters.

    Returns:
        (x, f(x)): f as it was before the step.

    Raises:
        ValueError: nesterov without momentum or with dampening; weightDecay beside weightDecays.

    Example:
        >>> from flambeau.legacy import optim
        >>> x, config = torch.tensor([3.0]), {"learningRate": 0.25}
        >>> for _ in range(3):
        ...     _, value = optim.sgd(lambda x: ((x * x).sum().item(), 2 * x), x, config)
        >>> x, value
        (tensor([0.3750]), 0.5625)
    """
    config, state = tables("sgd", config, state)
    rate = config.get("learningRate", 1e-3)
    decay, decays = config.get("weightDecay", 0), config.get("weightDecays")
    momentum = config.get("momentum", 0)
    dampening = config.get("dampening", momentum)
    nesterov = config.get("nesterov", False)
    if nesterov and (momentum <= 0 or dampening != 0):
        raise ValueError(
            f"legacy.optim.sgd: nesterov needs momentum above 0 and dampening 0, got {momentum} and {dampening}."
        )
    if decay and decays is not None:
        raise ValueError("legacy.optim.sgd: give weightDecay or weightDecays, not both.")
    calls = state.setdefault("evalCounter", 0)

    fx, dfdx = opfunc(x)
    dfdx = decayed(dfdx, x, decay)
    if decays is not None:
        dfdx = dfdx + buffer(state, "decayParameters", x).copy_(decays).mul_(x)
    if momentum:
        if "dfdx" not in state:
            state["dfdx"] = dfdx.clone()
        else:
            state["dfdx"].mul_(momentum).add_(dfdx, alpha=1 - dampening)
        dfdx = dfdx.add(state["dfdx"], alpha=momentum) if nesterov else state["dfdx"]
    step(x, dfdx, rate / (1 + calls * config.get("learningRateDecay", 0)), config, state)
    state["evalCounter"] += 1
    return x, fx


def step(x, direction, rate, config, state):
    """x - rate * direction, in place, with rates of each parameter's own if there are; returns the direction taken."""
    rates = config.get("learningRates")
    if rates is not None:
        direction = buffer(state, "deltaParameters", x).copy_(rates).mul_(direction)
    x.add_(direction, alpha=-rate)
    return direction
