"""Arguments of a wrong type, named where an implementation stumbles over them."""

import re

from ... import _core

# How Python, and what takes anything that has elements, say that a type does not go.
_OTHERS_WORDS = re.compile(
    r"not supported between instances|unsupported operand|bad operand type|has no len\(\)|is not iterable"
    r"|is not subscriptable|is not callable|argument must be|cannot be interpreted as an integer|must be real number"
    r"|must be an iterable|can't multiply sequence|can only concatenate|unhashable type"
    r"|^(as_tensor|tensor|result_type|layout_of): (?!the lists)"  # which speak of their items
)


def name_wrong_type(operator, names, error, args, keywords):
    """Raises TypeError in place of an AttributeError, or of a TypeError in other words, of which an argument is the cause.

    Args:
        names: of the operator's parameters.
        args, keywords: what it was called with.
    """
    given = [
        (names[place] if place < len(names) else f"argument {place + 1}", argument)
        for place, argument in enumerate(args)
    ]
    given += keywords.items()
    operator = operator.removeprefix("_")
    if isinstance(error, AttributeError):
        culprit = getattr(error, "obj", None)
        if isinstance(culprit, _core.Tensor):
            return
        for name, argument in given:
            if argument is culprit:
                raise TypeError(
                    f"{operator}: {name} must be a Tensor, not {type(culprit).__name__}."
                ) from error
        return
    text = str(error)
    if text.startswith(f"{operator}: ") or not _OTHERS_WORDS.search(text):
        return
    words = set(re.findall(r"\w+", text))
    suspects = [
        (name, value)
        for name, value in given
        if type(value).__name__ in words and not isinstance(value, _core.Tensor)
    ]
    # Numbers go almost everywhere, so that beside another type they are not what is wrong.
    odd = [(n, v) for n, v in suspects if type(v) not in (int, float, bool)] or suspects
    if len(odd) == 1:
        ((name, value),) = odd
        shown = repr(value) if isinstance(value, (str, int, float, type(None))) else "one"
        raise TypeError(
            f"{operator}: {name} is of a type that it does not take, {type(value).__name__}"
            + (f": {shown:.60}." if shown != "one" else ".")
        ) from error
