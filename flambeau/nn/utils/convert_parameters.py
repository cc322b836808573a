"""Parameters as one vector."""

import flambeau

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """All elements of all parameters, one after another."""
    return flambeau.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec, parameters):
    """Let the parameters be the slices of `vec`; memory is shared with it."""
    if not isinstance(vec, flambeau.Tensor):
        raise TypeError(f"vector_to_parameters: takes a Tensor, not {flambeau.typename(vec)}.")
    offset = 0
    for parameter in parameters:
        n = parameter.numel()
        parameter.data = vec[offset : offset + n].view_as(parameter).data
        offset += n
