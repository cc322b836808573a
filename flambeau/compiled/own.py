"""Functions that a program would spare nothing: their own lines run instead."""

import dis
import functools
import types

import flambeau

from .state import is_ours

__all__ = ["is_one_call", "own_lines"]

_JUMPS = {*dis.hasjrel, *dis.hasjabs}
_PYTHON = (types.FunctionType, types.MethodType, type, flambeau.nn.Module)


def own_lines(function, program, executed):
    """Whether nothing but lines of `function` stands between operators, none of which is joined; else "".

    "straight": and each call runs the same lines; "turning": which lines, may depend on what guards hold.
    """
    if type(function) is not types.FunctionType or program.kernels:
        return ""
    code = function.__code__
    if not executed <= {code} or _calls_python(function):
        return ""
    return "turning" if _jumps(code) else "straight"


def is_one_call(function, program, executed):
    """Whether a layer of ours calls at most one operator, so that a program would spare nothing, whatever it is given."""
    return (
        isinstance(function, flambeau.nn.Module)
        and not function._modules
        and not program.kernels
        and len(program.nodes) <= 1
        and type(function).__module__.startswith("flambeau.nn.modules.")
        and all(map(is_ours, executed))
    )


@functools.cache
def _jumps(code):
    return any(step.opcode in _JUMPS for step in dis.get_instructions(code))


def _calls_python(function):
    """Whether a name in the code may be that of a function of Python, whose frames a program spares."""
    code = function.__code__
    homes = (
        function.__globals__, *map(vars, (flambeau, flambeau.nn.functional, flambeau.compiler, flambeau.jit)),
    )  # fmt: skip
    found = [home[name] for name in code.co_names for home in homes if name in home]
    found += [getattr(flambeau.Tensor, name, None) for name in code.co_names]
    found += [cell.cell_contents for cell in function.__closure__ or ()]
    return any(isinstance(value, _PYTHON) for value in found)
