"""L-BFGS."""

from .common import number, tables


def lbfgs(opfunc, x, config, state=None):
    """Minimise by L-BFGS, with steps of a fixed length or by a line search of the caller's.

    Args:
        opfunc (callable): opfunc(x) gives (f(x), df/dx).
        x (Tensor): where to start; changed in place.
        config (dict): maxIter (20), maxEval (1.25 maxIter) calls of opfunc, tolFun (1e-5): the sum of |df/dx| at
            which to stop, tolX (1e-9): the smallest step and change of f, nCorrection (100): how many steps to
            remember, learningRate (1), verbose (False), lineSearch: a function (opfunc, x, t, d, f, g, gtd,
            lineSearchOptions) that gives (f, g, x, t, calls), lineSearchOptions.
        state (dict, optional): keeps funcEval, nIter, old_dirs, old_stps, Hdiag, g_old, f_old, t, d, and vectors to
            use again: tmp1, dir_bufs, stp_bufs, ro, al.

    Returns:
        (x, [f, ...], calls): the value before and after each iteration; the calls of opfunc.

    Example:
        >>> from flambeau.legacy import optim
        >>> x = torch.tensor([3.0, -1.0])
        >>> _, values, _ = optim.lbfgs(lambda x: ((x * x).sum(), 2 * x), x, {"maxIter": 10})
        >>> bool(values[-1] < 1e-6)
        True

    Source: Nocedal, Math. Comp. 35 (1980) 773.
    """
    config, state = tables("lbfgs", config, state)
    iterations = config.get("maxIter", 20)
    most = config.get("maxEval", iterations * 1.25)
    flat_enough, still_enough = config.get("tolFun", 1e-5), config.get("tolX", 1e-9)
    search, rate = config.get("lineSearch"), config.get("learningRate", 1)

    def over(reason):
        if config.get("verbose", False):
            print(f"legacy.optim.lbfgs: {reason}.")

    f, g = _evaluated(opfunc, x)
    values, calls = [f], 1
    state["funcEval"] = state.get("funcEval", 0) + 1
    state.setdefault("nIter", 0)
    tmp = state["tmp1"] = g.abs()
    if tmp.sum() <= flat_enough:
        over("the gradient is below tolFun from the start")
        return x, values, calls
    for iteration in range(1, iterations + 1):
        state["nIter"] += 1
        d = _direction(state, g, config.get("nCorrection", 100))
        state["g_old"], f_old = g, f
        slope = _dot(g, d)
        first = state["nIter"] == 1
        t = rate * (min(1.0, 1 / g.abs().sum().item()) if first else 1)
        made = 0
        if search is not None:
            f, g, moved, t, made = search(
                opfunc, x, t, d, f, g, slope, config.get("lineSearchOptions")
            )
            f, g = number(f), g.clone()
            if moved is not x:
                x.copy_(moved)
            values.append(f)
        else:
            x.add_(d, alpha=t)
            if iteration < iterations:  # after the last step nobody asks for the gradient
                f, g = _evaluated(opfunc, x)
                made = 1
                values.append(f)
        calls += made
        state["funcEval"] += made
        state.update(d=d, t=t, f_old=f_old)
        if iteration == iterations:
            over("maxIter iterations are done")
        elif calls >= most:
            over("maxEval calls are done")
        elif g.abs().sum() <= flat_enough:
            over("the gradient is below tolFun")
        elif slope > -still_enough:
            over("the direction does not lead down any more")
        elif (d * t).abs().sum() <= still_enough:
            over("the step is below tolX")
        elif abs(f - f_old) < still_enough:
            over("the value changes by less than tolX")
        else:
            continue
        break
    return x, values, calls


def _evaluated(opfunc, x):
    """(f, a gradient that no later call of opfunc writes to)."""
    value, gradient = opfunc(x)
    return number(value), gradient.clone()


def _dot(a, b):
    return (a * b).sum().item()


def _direction(state, g, remembered):
    """Where to go from a point with gradient g; what the last step taught is remembered first.

    old_dirs holds the steps, old_stps the changes of the gradient.
    """
    if state["nIter"] == 1:
        state.update(old_dirs=[], old_stps=[], dir_bufs=[], stp_bufs=[], Hdiag=1)
        return g.neg()
    steps, changes = state["old_dirs"], state["old_stps"]
    change = _used_again(state["stp_bufs"], g).copy_(g).sub_(state["g_old"])
    step = _used_again(state["dir_bufs"], g).copy_(state["d"]).mul_(state["t"])
    curvature = _dot(change, step)
    if curvature > 1e-10:
        if len(steps) == remembered:
            state["dir_bufs"].append(steps.pop(0))
            state["stp_bufs"].append(changes.pop(0))
        steps.append(step)
        changes.append(change)
        state["Hdiag"] = curvature / _dot(change, change)
    else:
        state["dir_bufs"].append(step)
        state["stp_bufs"].append(change)
    count = len(steps)
    ro = state["ro"] = [1 / _dot(change, step) for change, step in zip(changes, steps)]
    al = state["al"] = [0.0] * count
    q = g.neg()
    for i in range(count - 1, -1, -1):
        al[i] = _dot(steps[i], q) * ro[i]
        q.add_(changes[i], alpha=-al[i])
    r = q.mul_(state["Hdiag"])
    for i in range(count):
        r.add_(steps[i], alpha=al[i] - _dot(changes[i], r) * ro[i])
    return r


def _used_again(buffers, like):
    return buffers.pop() if buffers else like.new_empty(like.shape)
