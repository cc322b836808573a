"""How operators get what they do with sparse arguments: @rule("add") beside a function."""

import functools

from ... import _core
from ..core.declare import METHODS, NAMESPACES
from .frame import is_sparse, layout_name

Operator = _core.Operator
RULES = {}  # name -> what answers, for operators that are declared or loaded later


def operators_called(name):
    """The operators that are public under a name, each once."""
    found = [METHODS.get(name), getattr(_core, name, None), getattr(_core.Tensor, name, None)]
    found += [space.get(name) for space in NAMESPACES.values()]
    found = [each.fget if isinstance(each, property) else each for each in found]
    return {id(each): each for each in found if isinstance(each, Operator)}.values()


def rule(*names):
    """Decorates a function that answers the operators of these names where an argument is sparse; it need not
    know of out=."""

    def declare(function):
        for name in names:
            answer = RULES[name] = _with_out(function, name)
            for operator in operators_called(name):
                operator.sparse = answer
        return function

    return declare


def as_it_is(*names):
    """Operators that need nothing more: they ask for facts, or are written in terms of others."""
    for name in names:
        RULES[name] = True
        for operator in operators_called(name):
            operator.sparse = True


def late_rule(operator):
    """What an operator does with sparse arguments that had no answer when it was called; None: it refuses them."""
    homes = (None, "flambeau", "flambeau.nn.functional", "flambeau.special")
    if getattr(operator, "__module__", None) not in homes:
        return None
    operator.sparse = RULES.get(operator.__name__)
    return operator.sparse


def shortcut(name, *also):
    """Operators of these names have a native way, called `name`, for calls that record nothing."""
    for each in (name, *also):
        for operator in operators_called(each):
            _core._sparse_shortcut(operator, name)


def in_place(name, function):
    """Answers the operator `name`_ by what `function` gives."""

    def inplace(input, *args, **kwargs):
        if not is_sparse(input):
            raise NotImplementedError(
                f"{name}_: cannot write a sparse result into a strided tensor. Use {name}, or "
                "to_dense() on the sparse argument."
            )
        made = function(input, *args, **kwargs)
        if made.shape != input.shape:
            raise RuntimeError(
                f"{name}_: the result is {tuple(made.shape)}, but it is to be written into {tuple(input.shape)}."
            )
        if made.dtype != input.dtype:
            if not _core.can_cast(made.dtype, input.dtype):
                raise RuntimeError(
                    f"{name}_: the result, {made.dtype}, cannot be written into a tensor of {input.dtype}."
                )
            made = made.to(input.dtype)
        return replace(input, made, name + "_")

    rule(name + "_")(inplace)
    return inplace


def replace(input, made, name):
    """`input`, which holds what `made` holds from now on."""
    if layout_name(input) != layout_name(made):
        made = made.to_sparse(layout=_core._layout_of(input))
    return _core._sparse_take(input, made, name)


def _with_out(function, name):
    @functools.wraps(function)
    def answer(*args, out=None, **kwargs):
        try:
            made = function(*args, **kwargs)
        except AttributeError as error:
            # Only tensors have what operators ask for.
            given = (*args, *kwargs.values())
            if isinstance(error.obj, _core.Tensor) or not any(error.obj is one for one in given):
                raise
            raise TypeError(f"{name}: takes a Tensor, not {type(error.obj).__name__}.") from None
        if out is None:
            return made
        if not isinstance(out, _core.Tensor) or not isinstance(made, _core.Tensor):
            raise TypeError(f"{name}: out must be a Tensor, not {type(out).__name__}.")
        if is_sparse(out) != is_sparse(made):
            raise RuntimeError(
                f"{name}: the result is {layout_name(made)}, but out is {layout_name(out)}. They must be alike."
            )
        if not is_sparse(out):
            _core._check_out(out, made.dtype, (), name)
            return _core._finish_out(made, out, name)
        return replace(out, made if made.dtype == out.dtype else made.to(out.dtype), name)

    return answer


def refuse_layout(name, input, wanted):
    raise NotImplementedError(
        f"{name}: takes {wanted}, not {layout_name(input)}, {tuple(input.shape)}. Convert it with "
        ".to_sparse(layout=...) or .to_dense()."
    )
