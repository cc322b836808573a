"""Dimensions reordered, merged and split as a pattern says: torch.func.rearrange, in the notation of einops.

Source of the notation: Rogozhnikov, ICLR 2022, "Einops: clear and reliable tensor manipulations".
"""

import math
import re

import flambeau

__all__ = ["rearrange"]

_TOKEN = re.compile(r"\s*(\(|\)|\.\.\.|[A-Za-z_]\w*|1(?!\w))")


def _parsed(text, pattern):
    """A side of a pattern as a list of groups of names; ... stands for an ellipsis, 1 gives an empty one."""
    groups, inside, place = [], None, 0
    text = text.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"rearrange: {pattern!r} has {text[place:]!r}, which is no name.")
        token, place = found[1], found.end()
        if token == "(":
            if inside is not None:
                raise ValueError(f"rearrange: {pattern!r} has a parenthesis within another.")
            inside = []
        elif token == ")":
            if inside is None:
                raise ValueError(
                    f"rearrange: {pattern!r} closes a parenthesis that it did not open."
                )
            groups.append(inside)
            inside = None
        elif inside is not None:
            inside += [] if token == "1" else [token]
        elif token == "...":
            groups.append(...)
        else:
            groups.append([] if token == "1" else [token])
    if inside is not None:
        raise ValueError(f"rearrange: {pattern!r} does not close a parenthesis.")
    names = [name for group in groups if group is not ... for name in group]
    names += ["..."] * groups.count(...)
    if len(set(names)) != len(names):
        raise ValueError(f"rearrange: {pattern!r} has a name twice on one side.")
    return groups


def rearrange(tensor, pattern, **axes_lengths):
    """Dimensions reordered, merged and split as a pattern says, such as "b c h w -> b (h w) c".

    Args:
        tensor (Tensor, or sequence of tensors): of a sequence, they are stacked first.
        pattern (str): the dimensions, an arrow, the dimensions of the result: names, 1, "..." for any others;
            a parenthesis is several in one.
        axes_lengths (int): sizes of names that a parenthesis on the left leaves open.

    Raises:
        ValueError: the pattern is none, or does not fit the tensor.

    Example:
        >>> import flambeau as torch
        >>> torch.func.rearrange(torch.ones(2, 6, 3), "b (h w) c -> b c h w", h=2).shape
        torch.Size([2, 3, 2, 3])
    """
    if not isinstance(tensor, flambeau.Tensor):
        tensor = flambeau.stack(list(tensor))
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: {pattern!r} must have one arrow, '->'.")
    left, right = (_parsed(side, pattern) for side in sides)
    if any(group is not ... and "..." in group for group in left):
        raise ValueError(f"rearrange: {pattern!r} has '...' in a parenthesis on the left.")
    rest = [f"...{k}" for k in range(tensor.dim() - len(left) + left.count(...))]
    left, right = (_expanded(side, rest) for side in (left, right))
    if len(left) != tensor.dim():
        raise ValueError(
            f"rearrange: {pattern!r} has {len(left)} dimensions, the tensor {tuple(tensor.shape)}."
        )
    sizes = dict(axes_lengths)
    for group, size in zip(left, tensor.shape, strict=True):
        _settle(group, size, sizes, pattern)
    names = [name for group in left for name in group]
    wanted = [name for group in right for name in group]
    unknown = set(axes_lengths) - set(names)
    if sorted(names) != sorted(wanted) or unknown:
        odd = sorted({*(set(names) ^ set(wanted)), *unknown})
        raise ValueError(f"rearrange: {pattern!r} has {', '.join(odd)} not on both sides.")
    flat = tensor.reshape([sizes[name] for name in names])
    flat = flat.permute([names.index(name) for name in wanted])
    return flat.reshape([math.prod(sizes[name] for name in group) for group in right])


def _expanded(groups, rest):
    """A side with the names `rest` in the place of its ellipsis: a group each, or all within a parenthesis."""
    found = []
    for group in groups:
        if group is ...:
            found += [[name] for name in rest]
        else:
            found.append([n for name in group for n in (rest if name == "..." else [name])])
    return found


def _settle(group, size, sizes, pattern):
    """Finds the size of the one name of a group that has none, and checks the others."""
    open_names = [name for name in group if name not in sizes]
    known = math.prod(sizes[name] for name in group if name in sizes)
    if len(open_names) > 1:
        raise ValueError(
            f"rearrange: {pattern!r}: give the size of all but one of {', '.join(open_names)}."
        )
    if open_names and known and size % known == 0:
        sizes[open_names[0]] = size // known
    elif open_names or known != size:
        raise ValueError(
            f"rearrange: {pattern!r}: a dimension of {size} is not the product of {group}, of which {known} is known."
        )
