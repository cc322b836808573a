"""How a loss of many elements becomes one number."""

from ... import _core
from ...ops.core.arguments import check_broadcast


def reduction_of(size_average, reduce, reduction):
    """The reduction that the old arguments size_average and reduce mean, or `reduction` itself."""
    if size_average is None and reduce is None:
        return reduction
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if hasattr(value, "backward"):
            raise RuntimeError(
                f"loss: {name} is a Tensor of shape {tuple(value.shape)}; it must be a bool. A loss module is made "
                "first and called then: nn.MSELoss()(input, target)."
            )
    if reduce is False:
        meant = "none"
    elif size_average is None or size_average:
        meant = "mean"
    else:
        meant = "sum"
    _core._warn(f"size_average and reduce are old names. Write reduction={meant!r}.")
    return meant


def check(reduction, operator="loss"):
    """ValueError unless `reduction` is one there is."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"{operator}: reduction is {reduction!r}; it must be 'none', 'mean' or 'sum'."
        )


def reduced(loss, reduction, operator="loss"):
    """`loss` itself, its mean or its sum."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    check(reduction, operator)
    return loss


def weighted(operator, loss, weight, reduction):
    """As reduced(loss * weight), where the mean is the weighted one."""
    if weight.size() != loss.size():
        raise ValueError(
            f"{operator}: weight {tuple(weight.shape)} must have the shape of the losses, "
            f"{tuple(loss.shape)}."
        )
    loss = loss * weight
    if reduction == "mean":
        return loss.sum() / weight.sum()
    return reduced(loss, reduction, operator)


def warn_unless_same_size(operator, input, target):
    """Regression losses broadcast, which is rarely meant; shapes that do not broadcast are an error."""
    if target.size() != input.size():
        check_broadcast(operator, input, target)
        _core._warn(
            f"{operator}: target {tuple(target.shape)} and input {tuple(input.shape)} differ and "
            "are broadcast, which is rarely meant. unsqueeze or squeeze one of them."
        )
