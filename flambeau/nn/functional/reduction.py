"""How a loss of many elements becomes one number."""

import warnings


def reduction_of(size_average, reduce, reduction):
    """The reduction that the old arguments size_average and reduce mean, or `reduction` itself."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        meant = "none"
    elif size_average is None or size_average:
        meant = "mean"
    else:
        meant = "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{meant}' instead.",
        stacklevel=4,
    )
    return meant


def check(reduction):
    """ValueError unless `reduction` is one there is."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")


def reduced(loss, reduction):
    """`loss` itself, its mean or its sum."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    check(reduction)
    return loss


def weighted(loss, weight, reduction):
    """As reduced(loss * weight), where the mean is the weighted one."""
    if weight.size() != loss.size():
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    if reduction == "mean":
        return loss.sum() / weight.sum()
    return reduced(loss, reduction)


def warn_unless_same_size(input, target):
    """Regression losses broadcast, which is rarely meant."""
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=4,
        )
