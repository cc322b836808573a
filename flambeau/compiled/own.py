"""Functions that a program would spare nothing: their own lines run instead."""

import dis
import functools
import types

import flambeau

from .state import is_ours

__all__ = ["is_one_call", "joins_nothing", "own_lines"]

_JUMPS = {*dis.hasjrel, *dis.hasjabs}
_PYTHON = (types.FunctionType, types.MethodType, type, flambeau.nn.Module)
# Products, of which no kernel is made with what stands around them.
_PRODUCTS = {"matmul", "mm", "bmm", "mv", "linear", "bilinear", "conv1d", "conv2d", "conv3d"}


def own_lines(function, program, executed):
    """Whether nothing but lines of `function` stands between operators, none of which is joined; else "".

    "straight": and each call runs the same lines; "turning": which lines, may depend on what guards hold.
    """
    held = ()
    if isinstance(function, flambeau.nn.Module):
        if function._modules:
            return ""  # whose calls a program spares
        executed = {code for code in executed if not is_ours(code)}  # what calls a module
        held, function = vars(function), type(function).forward
    if type(function) is not types.FunctionType or program.kernels:
        return ""
    code = function.__code__
    if is_ours(code) or not executed <= {code} or _calls_python(function, held):
        return ""
    return "turning" if _jumps(code) else "straight"


def joins_nothing(program):
    """Whether lines that always run call too few operators for a kernel, whatever they are given."""
    return sum(getattr(n.function, "__name__", "") not in _PRODUCTS for n in program.nodes) <= 1


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


def _calls_python(function, held):
    """Whether a name in the code may be that of a function of Python, whose frames a program spares.

    held: the attributes of the module that it belongs to.
    """
    code = function.__code__
    homes = (
        function.__globals__, *map(vars, (flambeau, flambeau.nn.functional, flambeau.compiler, flambeau.jit)),
    )  # fmt: skip
    homes = *homes, held
    found = [home[name] for name in code.co_names for home in homes if name in home]
    found += [getattr(flambeau.Tensor, name, None) for name in code.co_names]
    found += [cell.cell_contents for cell in function.__closure__ or ()]
    return any(isinstance(value, _PYTHON) for value in found)
