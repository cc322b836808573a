"""Reductions of losses as numbers: 0 none, 1 mean, 2 sum."""

from .functional.reduction import reduction_of

__all__ = ["get_enum", "legacy_get_enum", "legacy_get_string"]


def get_enum(reduction):
    """The number of "none", "mean" or "sum".

    Raises:
        ValueError: it is another word.
    """
    numbers = {"none": 0, "mean": 1, "sum": 2}
    if reduction not in numbers:
        raise ValueError(
            f"get_enum: {reduction!r} is no reduction; it must be 'none', 'mean' or 'sum'."
        )
    return numbers[reduction]


def legacy_get_string(size_average, reduce, emit_warning=True):
    """The reduction that the old arguments size_average and reduce mean; with a warning."""
    import warnings

    with warnings.catch_warnings():
        if not emit_warning:
            warnings.simplefilter("ignore")
        return reduction_of(True if size_average is None else size_average, reduce, "mean")


def legacy_get_enum(size_average, reduce, emit_warning=True):
    """legacy_get_string as a number."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
