"""The types of named results: `return_types.sort` is what `sort` returns, with values and indices."""


def __getattr__(name):
    from .ops.results import by_name

    try:
        return by_name[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
