"""Sizes that stay symbols: numbers of Python that remember how a graph computes them.

A SymInt *is* its example value, an int, for everything that reads it; arithmetic with + - * // % / ** and
neg also writes a node into the graph that is being recorded. What loses the symbol (int(), a loop, a
branch) is found afterwards, when the program is recorded a second time with other sizes (capture.py).
"""

import operator

__all__ = ["SymFloat", "SymInt", "node_of", "sym_size"]


def sym_size(input, dim):
    """input.size(dim), as graphs write it."""
    return input.size(dim)


def node_of(value):
    """The node that computes a number, or None for a plain one."""
    return getattr(value, "_node", None)


def _arithmetic(function, reflected=False):
    def compute(self, other=None):
        if other is None:
            operands = (self,)
        elif isinstance(other, (int, float)) and not isinstance(other, bool):
            operands = (other, self) if reflected else (self, other)
        else:
            return NotImplemented
        plain = [float(v) if isinstance(v, float) else int(v) for v in operands]
        value = function(*plain)
        return symbol(value, self._recorder, function, operands)

    return compute


def symbol(value, recorder, function, operands):
    """`value` as a symbol that graph nodes compute; a plain number of what is neither int nor float."""
    kind = {int: SymInt, float: SymFloat}.get(type(value))
    if kind is None:
        return value
    args = tuple(v if node_of(v) is None else node_of(v) for v in operands)
    made = kind(value)
    made._recorder = recorder
    made._node = recorder.graph.call_function(function, args)
    made._node.meta["val"] = value
    return made


_BINARY = "add sub mul floordiv mod truediv pow".split()
_METHODS = {
    **{f"__{name}__": _arithmetic(getattr(operator, name)) for name in _BINARY},
    **{f"__r{name}__": _arithmetic(getattr(operator, name), reflected=True) for name in _BINARY},
    "__neg__": _arithmetic(operator.neg),
}


def _reduce(self):
    kind = int if isinstance(self, int) else float
    return kind, (kind.__add__(self, 0),)


def _symbolic(name, kind, doc):
    members = {"__doc__": doc, "__module__": __name__, **_METHODS}
    return type(name, (kind,), members | {"__reduce_ex__": lambda self, protocol: _reduce(self)})


SymInt = _symbolic("SymInt", int, "A size that a graph computes; an int, its value in the example.")
SymFloat = _symbolic(
    "SymFloat",
    float,
    "A number that a graph computes from sizes; a float, its value in the example.",
)
