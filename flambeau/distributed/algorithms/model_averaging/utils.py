"""The mean of all processes' parameters."""

import flambeau

from ...collectives import all_reduce
from ...groups import chosen

__all__ = ["average_parameters", "average_parameters_or_parameter_groups"]


def average_parameters(params, process_group):
    """Parameters become the mean of all processes' in the group."""
    group = chosen(process_group, "average_parameters")
    if group is None:
        return
    params = list(params)
    with flambeau.no_grad():
        flat = flambeau.cat([p.detach().reshape(-1) for p in params])
        all_reduce(flat.div_(group.size()), group=group)
        for p, part in zip(params, flat.split([p.numel() for p in params]), strict=True):
            p.copy_(part.view_as(p))


def average_parameters_or_parameter_groups(params, process_group):
    """average_parameters of parameters, or of an optimizer's groups of them."""
    params = list(params)
    if params and isinstance(params[0], dict):
        params = [p for group in params for p in group["params"] if p.grad is not None]
    average_parameters(params, process_group)
