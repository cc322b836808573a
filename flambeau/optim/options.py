"""Options that optimizers share, and their checks."""

import flambeau


def options(arguments):
    """The defaults of an optimizer from locals() of its __init__: every argument but the parameters."""
    return {
        name: value
        for name, value in arguments.items()
        if name not in ("self", "params", "__class__")
    }


def refuse_complex(parameter, name, kind=RuntimeError):
    """Raise for a complex parameter, for which the rule is not defined."""
    if parameter.is_complex():
        raise kind(f"{name} does not support complex parameters")


def check_lr(lr, foreach=False, capturable=True):
    """ValueError unless the learning rate is one."""
    if isinstance(lr, flambeau.Tensor):
        if foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_not_negative(**options):
    """ValueError for the first option below 0; `epsilon` and so on is its name in the message."""
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas, foreach=False, capturable=True):
    """ValueError unless both are of one kind and lie in [0, 1)."""
    kinds = [isinstance(beta, flambeau.Tensor) for beta in betas]
    if len(set(kinds)) > 1:
        raise ValueError("betas must be either both floats or both Tensors")
    if kinds[0] and foreach and not capturable:
        raise ValueError(
            "betas[0] as a Tensor is not supported for capturable=False and foreach=True"
        )
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_fused(fused, foreach=False, differentiable=False):
    """RuntimeError for flags that exclude each other. A step is fused whatever they say."""
    if not fused:
        return
    if differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def number(value):
    """An option that may be a tensor, as a Python number."""
    return value.item() if isinstance(value, flambeau.Tensor) else value


def with_gradients(group):
    """(parameter, gradient) of those parameters of the group that have a gradient."""
    return [
        (parameter, grad) for parameter in group["params"] if (grad := parameter.grad) is not None
    ]


def count_step(state):
    """Advance the counter `step` of a parameter's state and return it as a number."""
    step = state["step"]
    if not isinstance(step, flambeau.Tensor):  # a state of early versions
        step = state["step"] = flambeau.tensor(float(step))
    return step.add_(1).item()


def new_step():
    """The counter of a parameter that was never updated."""
    return flambeau.tensor(0.0)


def zeros_like(parameter):
    """Zeros in the layout of the parameter."""
    return flambeau.zeros_like(parameter, memory_format=flambeau.preserve_format)


def begin(state, parameter, *names):
    """Fill the state of a parameter that was never updated: step 0, and zeros under each name."""
    state["step"] = new_step()
    for name in names:
        state[name] = zeros_like(parameter)


def alike(numbers, rows):
    """(number, lists of tensors) for each different one of `numbers`.

    Each parameter gave one number (anything hashable) and one row of tensors, as a rule takes them.
    As a rule all parameters have made the same number of steps, so there is one result.
    """
    if not rows:
        return []
    if numbers.count(numbers[0]) == len(numbers):
        return [(numbers[0], _columns(rows))]
    found = {}
    for number, row in zip(numbers, rows, strict=True):
        found.setdefault(number, []).append(row)
    return [(number, _columns(some)) for number, some in found.items()]


def _columns(rows):
    return [list(column) for column in zip(*rows, strict=True)]
