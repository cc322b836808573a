"""What the optimizers share: where they remember, and the decay of weights."""


def tables(name, config, state):
    """(config, state), of which one may be missing."""
    if config is None and state is None:
        raise ValueError(
            f"legacy.optim.{name}: needs a dict, config or state, to remember from call to call."
        )
    config = {} if config is None else config
    return config, config if state is None else state


def decayed(dfdx, x, decay):
    """The gradient with that of decay / 2 * |x|^2; the tensor opfunc gave stays as it is."""
    return dfdx.add(x, alpha=decay) if decay else dfdx


def buffer(state, name, like):
    """A tensor of zeros like another that the state keeps under a name."""
    if name not in state:
        state[name] = like.new_zeros(like.shape)
    return state[name]


def number(value):
    """A value of opfunc as a Python number."""
    return value.item() if hasattr(value, "item") else value
