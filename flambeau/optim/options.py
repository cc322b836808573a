"""Options that optimizers share, and their checks."""

import flambeau


def check_lr(lr, foreach=False, capturable=True):
    """ValueError unless the learning rate is one."""
    if isinstance(lr, flambeau.Tensor):
        if foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_not_negative(**options):
    """ValueError for the first option below 0; `epsilon` and so on is its name in the message."""
    for name, value in options.items():
        if not 0.0 <= value:
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
    pairs = []
    for parameter in group["params"]:
        grad = parameter.grad
        if grad is not None:
            if grad.layout != flambeau.strided:
                raise RuntimeError("optimizer does not support sparse gradients")
            pairs.append((parameter, grad))
    return pairs


def count_step(state):
    """Advance the counter `step` of a parameter's state and return it as a number."""
    step = state["step"]
    if isinstance(step, flambeau.Tensor):
        step += 1
        return step.item()
    state["step"] = flambeau.tensor(float(step) + 1)  # a state of early versions
    return float(step) + 1


def new_step():
    """The counter of a parameter that was never updated."""
    return flambeau.tensor(0.0)


def zeros_like(parameter):
    """Zeros in the layout of the parameter."""
    return flambeau.zeros_like(parameter, memory_format=flambeau.preserve_format)


class Batch:
    """The tensors of one step that share their numbers, in one list a rule's parameter."""

    def __init__(self):
        self._lists = {}

    def add(self, numbers, *tensors):
        """Put one parameter's tensors with those that have the same numbers (a hashable)."""
        lists = self._lists.get(numbers)
        if lists is None:
            lists = self._lists[numbers] = [[] for _ in tensors]
        for one, tensor in zip(lists, tensors, strict=True):
            one.append(tensor)

    def items(self):
        """(numbers, lists) pairs."""
        return self._lists.items()
