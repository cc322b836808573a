"""Marks for Intel's VTune, which this build does not make."""


def is_available():
    """False: there is no ITT library here."""
    return False


def _refused(*args, **kwargs):
    raise NotImplementedError(
        "profiler.itt: there is no ITT library. Use profiler.record_function."
    )


range_push = range_pop = mark = range = _refused
