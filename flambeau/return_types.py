"""The types of named results: `return_types.sort` is what `sort` returns, with values and indices."""


def __getattr__(name):
    from .ops.core import results

    if name in results.by_name:
        return results.by_name[name]
    if name in results.later:
        return results.result_type(name, results.later[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    from .ops.core import results

    return sorted({*results.by_name, *results.later})
