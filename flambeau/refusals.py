"""Names that programs hold, ask about or annotate with, and that cannot do their work here: using one says why."""

__all__ = ["refusals", "refused"]


def refused(name, reason, error=NotImplementedError, module="flambeau", bases=()):
    """A function of that name, or a type where the name begins with a capital letter, whose call raises `error`.

    Args:
        name (str): with the space it is public in, as messages name it ("cuda.Graph").
        reason (str): whole sentences: what is missing, and what to do instead.
        bases (tuple of type): of a type.

    Example:
        >>> from flambeau.refusals import refused
        >>> refused("parse", "There is no parser.")("x")
        Traceback (most recent call last):
        NotImplementedError: parse: There is no parser.
    """
    short = name.rpartition(".")[2]

    def refuse(*args, **kwargs):
        raise error(f"{name}: {reason}")

    if short.lstrip("_")[:1].isupper():
        doc = f"A type of which nothing can be made: {reason}"
        members = {"__new__": refuse, "__doc__": doc, "__module__": module}
        return type(short, bases, members)
    refuse.__name__ = refuse.__qualname__ = short
    refuse.__module__ = module
    refuse.__doc__ = f"Raises {error.__name__}: {reason}"
    return refuse


def refusals(names, reason, space="", **options):
    """{name: refused(...)} of several names that are refused for one reason."""
    return {name: refused(space + name, reason, **options) for name in names.split()}
