"""Parameters as one vector."""

import flambeau

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """All elements of all parameters, one after another.

    Example:
        >>> nn.utils.parameters_to_vector(nn.Linear(2, 3).parameters()).shape
        torch.Size([9])
    """
    return flambeau.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec, parameters):
    """Let the parameters be the slices of `vec`; memory is shared with it.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> nn.utils.vector_to_parameters(torch.tensor([2.0, 5.0]), layer.parameters())
        >>> layer.bias.item()
        5.0
    """
    if not isinstance(vec, flambeau.Tensor):
        raise TypeError(f"vector_to_parameters: takes a Tensor, not {flambeau.typename(vec)}.")
    offset = 0
    for parameter in parameters:
        n = parameter.numel()
        parameter.data = vec[offset : offset + n].view_as(parameter).data
        offset += n
