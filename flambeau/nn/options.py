"""How modules hand options of their tensors on to the modules inside."""

__all__ = ["factory_kwargs"]


def factory_kwargs(kwargs):
    """The options device, dtype and memory_format of a module's arguments, those in kwargs["factory_kwargs"] too.

    Raises:
        TypeError: another argument, or one that is given both ways.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.factory_kwargs({"dtype": torch.float64})
        {'dtype': torch.float64}
    """
    if kwargs is None:
        return {}
    names = ("device", "dtype", "memory_format")
    unknown = sorted(kwargs.keys() - {*names, "factory_kwargs"})
    if unknown:
        raise TypeError(f"factory_kwargs: has no argument {unknown[0]!r}.")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in names:
        if name in kwargs:
            if name in found:
                raise TypeError(f"factory_kwargs: {name} is given twice.")
            found[name] = kwargs[name]
    return found
