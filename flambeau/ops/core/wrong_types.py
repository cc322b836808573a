"""Arguments that are no tensors, named where an implementation stumbles over them."""

from ... import _core


def name_wrong_type(operator, names, error, args, keywords):
    """Raises TypeError in place of an AttributeError, if the object that lacks the attribute is an argument.

    Args:
        names: of the operator's parameters.
        args, keywords: what it was called with.
    """
    culprit = getattr(error, "obj", None)
    if isinstance(culprit, _core.Tensor):
        return
    for place, argument in enumerate(args):
        if argument is culprit:
            name = names[place] if place < len(names) else f"argument {place + 1}"
            break
    else:
        name = next((name for name, argument in keywords.items() if argument is culprit), None)
    if name is not None:
        raise TypeError(
            f"{operator.removeprefix('_')}: {name} must be a Tensor, not {type(culprit).__name__}."
        ) from error
