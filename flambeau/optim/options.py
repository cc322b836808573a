"""Options that optimizers share, and their checks."""

import flambeau

from .._core import _any_sparse, _is_sparse


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
        raise kind(f"{name}: a parameter is complex, and its rule is for real ones.")


def check_lr(optimizer, lr, foreach=False, capturable=True):
    """ValueError unless the learning rate is one."""
    if isinstance(lr, flambeau.Tensor):
        if foreach and not capturable:
            raise ValueError(
                f"{type(optimizer).__name__}: lr is a Tensor, which foreach=True takes only with "
                "capturable=True."
            )
        if lr.numel() != 1:
            raise ValueError(
                f"{type(optimizer).__name__}: lr is a tensor of {lr.numel()} elements; it must "
                "have one."
            )
    elif isinstance(lr, str) or not hasattr(lr, "__float__"):
        raise TypeError(
            f"{type(optimizer).__name__}: lr must be a number or a Tensor, not {type(lr).__name__}."
        )
    if not lr >= 0.0:
        raise ValueError(f"{type(optimizer).__name__}: lr is {lr}; it must be 0 or more.")


def check_not_negative(optimizer, **options):
    """ValueError for the first option below 0; `epsilon` and so on is its name in the message."""
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(
                f"{type(optimizer).__name__}: {name} is {value}; it must be 0 or more."
            )


def check_betas(optimizer, betas, foreach=False, capturable=True):
    """ValueError unless both are of one kind and lie in [0, 1)."""
    kinds = [isinstance(beta, flambeau.Tensor) for beta in betas]
    if len(set(kinds)) > 1:
        raise ValueError(
            f"{type(optimizer).__name__}: one of betas is a Tensor and the other a float. Make "
            "both floats, or both Tensors."
        )
    if kinds[0] and foreach and not capturable:
        raise ValueError(
            f"{type(optimizer).__name__}: betas are Tensors, which foreach=True takes only with "
            "capturable=True."
        )
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(
                f"{type(optimizer).__name__}: betas[{i}] is {beta}; it must be 0 or more, and "
                "below 1."
            )


def check_adam(optimizer, lr, betas, eps, foreach=False, capturable=True, **options):
    """What the family of Adam asks of its options; `options` must be 0 or more."""
    check_lr(optimizer, lr, foreach, capturable)
    check_not_negative(optimizer, epsilon=eps)
    check_betas(optimizer, betas)
    check_not_negative(optimizer, **options)


def check_fused(optimizer, fused, foreach=False, differentiable=False):
    """RuntimeError for flags that exclude each other. A step is fused whatever they say."""
    if not fused:
        return
    if differentiable:
        raise RuntimeError(
            f"{type(optimizer).__name__}: fused=True does not go with differentiable=True."
        )
    if foreach:
        raise RuntimeError(
            f"{type(optimizer).__name__}: fused=True and foreach=True are two ways to do the same. "
            "Give one."
        )


def number(value):
    """An option that may be a tensor, as a Python number."""
    return value.item() if isinstance(value, flambeau.Tensor) else value


def with_gradients(group, sparse=False):
    """(parameter, gradient) of those parameters of the group that have a gradient.

    Raises RuntimeError for a sparse one unless the rule takes those (`sparse`).
    """
    pairs = [
        (parameter, grad) for parameter in group["params"] if (grad := parameter.grad) is not None
    ]
    if not sparse and _any_sparse():
        for _, grad in pairs:
            if _is_sparse(grad):
                raise RuntimeError(
                    f"step: a gradient is {grad.layout}, which this optimizer does not take. Use SGD, Adagrad or "
                    "SparseAdam for such parameters, or sparse=False in the embedding."
                )
    return pairs


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
