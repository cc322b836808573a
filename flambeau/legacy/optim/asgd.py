"""Averaged stochastic gradient descent."""

from .common import buffer, tables


def asgd(opfunc, x, config, state=None):
    """One step of gradient descent with decay, and the average of where the steps led.

    x = (1 - lambda * eta_t) * x - eta_t * df/dx; ax moves by mu_t towards x;
    eta_t = eta0 / (1 + lambda * eta0 * t)^alpha, mu_t = 1 / max(1, t - t0).

    Args:
        opfunc, x: as of sgd.
        config (dict): eta0 (1e-4), lambda (1e-4), alpha (0.75), t0 (1e6).
        state (dict, optional): keeps eta_t, mu_t, t, ax, tmp.

    Returns:
        (x, f(x), ax): f before the step, and the average.

    Example:
        >>> from flambeau.legacy import optim
        >>> x, config = torch.tensor([3.0]), {"eta0": 0.25, "t0": 1}
        >>> for _ in range(50):
        ...     _, _, average = optim.asgd(lambda x: ((x * x).sum().item(), 2 * x), x, config)
        >>> bool(average.abs() < 0.1)
        True

    Source: Polyak, Juditsky, SIAM J. Control Optim. 30 (1992) 838; Bottou's sgd-2.0.
    """
    config, state = tables("asgd", config, state)
    eta0, decay = config.setdefault("eta0", 1e-4), config.setdefault("lambda", 1e-4)
    alpha, t0 = config.setdefault("alpha", 0.75), config.setdefault("t0", 1e6)
    eta, share = state.setdefault("eta_t", eta0), state.setdefault("mu_t", 1)
    t = state.setdefault("t", 0) + 1

    fx, dfdx = opfunc(x)
    x.mul_(1 - decay * eta).add_(dfdx, alpha=-eta)
    average, difference = buffer(state, "ax", x), buffer(state, "tmp", x)
    if share == 1:
        average.copy_(x)
    else:
        average.add_(difference.copy_(x).sub_(average), alpha=share)
    state["t"] = t
    state["eta_t"] = eta0 / (1 + decay * eta0 * t) ** alpha
    state["mu_t"] = 1 / max(1, t - t0)
    return x, fx, average
