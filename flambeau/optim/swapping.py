"""Other parameters and state for an optimizer, for a while."""

import contextlib
from collections import defaultdict

__all__ = ["swap_in_optimizer_params_and_state"]


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """A block in which the optimizer works on these parameters with this state; afterwards it has its own again.

    Args:
        optimizer (Optimizer).
        swapin_parameters (dict of str to Tensor): in the order in which the optimizer was given its own.
        swapin_optim_state (dict): as optimizer.state_dict() gives it. Its tensors are used themselves, so what a
            step writes into them in place is seen there; what it adds is not.

    Raises:
        ValueError: groups or parameters are not as many as the optimizer has.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.optim import SGD, swap_in_optimizer_params_and_state
        >>> live, other = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
        >>> optimizer = SGD([live], lr=0.5)
        >>> other.grad = torch.ones(1)
        >>> with swap_in_optimizer_params_and_state(optimizer, {"w": other}, optimizer.state_dict()):
        ...     optimizer.step()
        >>> live.item(), other.item()
        (1.0, 0.5)
    """
    groups, saved = optimizer.param_groups, swapin_optim_state["param_groups"]
    tensors = list(swapin_parameters.values())
    count = sum(len(group["params"]) for group in groups)
    if len(groups) != len(saved) or len(tensors) != count:
        raise ValueError(
            f"swap_in_optimizer_params_and_state: the optimizer has {count} parameters in {len(groups)} groups; given "
            f"are {len(tensors)} in {len(saved)}."
        )
    state, kept = optimizer.state, [dict(group) for group in groups]
    swapped, place = defaultdict(dict), 0
    try:
        for group, other in zip(groups, saved, strict=True):
            own = tensors[place : place + len(group["params"])]
            place += len(own)
            if len(other["params"]) != len(own):
                raise ValueError(
                    f"swap_in_optimizer_params_and_state: a group has {len(own)} parameters, its state "
                    f"{len(other['params'])}."
                )
            group.update(
                {key: value for key, value in other.items() if key != "params"}, params=own
            )
            for tensor, number in zip(own, other["params"], strict=True):
                swapped[tensor] = dict(swapin_optim_state["state"].get(number, {}))
        optimizer.state = swapped
        yield
    finally:
        for group, before in zip(groups, kept, strict=True):
            group.clear()
            group.update(before)
        optimizer.state = state
