"""Parameters and buffers by their path in a module, for libraries that import these names."""

import flambeau

__all__ = ["set_tensor", "swap_tensor"]


def _tables(module, name):
    """The dictionary that holds, or would hold, a tensor of a module."""
    for table in (module._parameters, module._buffers):
        if name in table:
            return table
    return None


def swap_tensor(module, name, tensor, allow_missing=False):
    """Puts a tensor where a parameter or buffer is, and gives what was there.

    Args:
        name (str): of the module itself, without dots.
        tensor (Tensor or None): None removes it.
        allow_missing (bool): whether there may be none; then None is given back.

    Raises:
        KeyError: the name has a dot.
        AttributeError: the module has no such tensor.
        TypeError: tensor is something else.
    """
    if "." in name:
        raise KeyError(f"swap_tensor: {name!r} has a dot; give the module that holds the tensor.")
    if tensor is not None and not isinstance(tensor, flambeau.Tensor):
        raise TypeError(f"swap_tensor: takes a Tensor, not {type(tensor).__name__}.")
    table = _tables(module, name)
    old = None if table is None else table[name]
    if table is None:
        old = module.__dict__.get(name)
        if old is None and not allow_missing:
            raise AttributeError(f"swap_tensor: {type(module).__name__} has no tensor {name!r}.")
    if tensor is None:
        (module.__dict__ if table is None else table).pop(name, None)
    elif table is None:
        module.__dict__[name] = tensor
    else:
        table[name] = tensor
    return old


def set_tensor(module, name, tensor):
    """Puts a tensor where a parameter or buffer is.

    Raises as swap_tensor().
    """
    swap_tensor(module, name, tensor)
