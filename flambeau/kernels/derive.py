"""Derivatives: from the expression of a map, the map that backward runs, to any order.

The vector-Jacobian product is built in reverse: each node hands its gradient g to its arguments by
the rule of its operation (rules.py). For complex values it is PyTorch's convention,
grad * conj(df/dz). What the result reads decides what is saved for backward: where the forward
expression itself occurs (as in exp, tanh, sqrt), the saved result takes its place.

Zero stays zero: where(x > 0, sqrt(x), x) at 0 hands sqrt a gradient of 0, and 0 * inf must not make
NaN of it. Rules whose factor can be infinite or NaN where the function is defined therefore
wrap their product in guard(g, product), which is 0 where g is 0. Strict IEEE arithmetic (and
PyTorch's NaN) comes back with FLAMBEAU_STRICT_GRADIENTS=1, read when a derivative is first taken.
"""

import math
import os

from .expression import const, inputs_of, node, substitute, topological
from .expression import input as symbol


def strict():
    """True if gradients follow IEEE arithmetic even through the branch not taken."""
    return os.environ.get("FLAMBEAU_STRICT_GRADIENTS", "0") not in ("", "0")


def vjp(roots, grads, wrt):
    """The gradient of input `wrt` as an expression, given those of `roots`; None if it is zero."""
    from .rules import RULES

    order = topological(roots)
    reached = set()
    for n in order:
        if (n.op == "input" and n.attr == wrt) or any(id(a) in reached for a in n.args):
            reached.add(id(n))
    gradient = {}
    for root, g in zip(roots, grads):
        if g is not None:
            _accumulate(gradient, root, g)
    for n in reversed(order):
        g = gradient.get(id(n))
        if g is None or id(n) not in reached or not n.args:
            continue
        rules = RULES[n.attr if n.op == "call" else n.op]
        for rule, argument in zip(rules, n.args):
            if rule is not None and id(argument) in reached:
                part = rule(g, n, *n.args)
                if part is not None:
                    _accumulate(gradient, argument, part)
    for n in order:
        if n.op == "input" and n.attr == wrt:
            return gradient.get(id(n))
    return None


def _accumulate(gradient, n, g):
    gradient[id(n)] = gradient[id(n)] + g if id(n) in gradient else g


def derivative(map_, i):
    """Map.derivative: (Map of (grad_outputs ..., *used), used), or None."""
    roots, n_in, n_out = map_.expressions, map_.n_in, map_.n_out
    # While building: the inputs keep their places, then come the gradients, then the results.
    grads = [symbol(n_in + j) for j in range(n_out)]
    results = [symbol(n_in + n_out + j) for j in range(n_out)]
    override = map_.override_of(i)
    if override is not None:
        expression = override(*grads, *[symbol(j) for j in range(n_in)], *results)
        expression = None if expression is None else const(expression)
    else:
        expression = vjp(roots, grads, i)
        if expression is not None:
            expression = _cheaper(simplify(expression), roots, results, n_in)
    if expression is None:
        return None
    used = [j for j in inputs_of([expression]) if not n_in <= j < n_in + n_out]
    uses = tuple(j if j < n_in else -1 - (j - n_in - n_out) for j in used)
    places = {id(g): symbol(j) for j, g in enumerate(grads)}
    places.update({id(symbol(j)): symbol(n_out + k) for k, j in enumerate(used)})
    (moved,) = substitute([expression], places)
    return type(map_).of([moved], n_out + len(used), f"{map_.name}.backward{i}"), uses


def _cheaper(expression, roots, results, n_in):
    """`expression` with or without the saved results, whichever saves and computes less."""
    from .analysis import cost

    places = {id(r): result for r, result in zip(roots, results) if r.op not in ("input", "const")}
    (with_results,) = substitute([expression], places)

    def price(e):
        return len([j for j in inputs_of([e]) if not n_in <= j < n_in + len(roots)]), cost([e])

    return with_results if price(with_results) <= price(expression) else expression


# -- simplification -------------------------------------------------------------------------------
# Only what holds for floating-point values of any sign, infinities and NaN included.


def simplify(root):
    """An equal expression without the factors of one, double signs and the like."""
    new = {}
    for n in topological([root]):
        args = [new[id(a)] for a in n.args]
        rule = _SIMPLER.get(n.op)
        found = rule(*args) if rule else None
        if found is None:
            found = node(n.op, *args, attr=n.attr) if args else n
        new[id(n)] = found
    return new[id(root)]


def _number(n):
    """The value of a finite real constant, or None."""
    if n.op == "const" and type(n.attr) in (int, float) and math.isfinite(n.attr):
        return n.attr
    return None


def _simplified(op, *args):
    """The node `op` of simplified arguments, itself simplified."""
    # Never `rule(*args) or node(...)`: an expression has no truth value.
    rule = _SIMPLER.get(op)
    found = rule(*args) if rule else None
    return node(op, *args) if found is None else found


def _mul(a, b):
    if _number(a) == 1:
        return b
    if _number(b) == 1:
        return a
    if a.op == "neg":
        return _simplified("neg", _simplified("mul", a.args[0], b))
    if b.op == "neg":
        return _simplified("neg", _simplified("mul", a, b.args[0]))
    if _number(a) == -1:
        return -b
    if _number(b) == -1:
        return -a
    return None


def _neg(a):
    if a.op == "neg":
        return a.args[0]
    if _number(a) is not None:
        return const(-a.attr)
    return None


def _add(a, b):
    if b.op == "neg":
        return a - b.args[0]
    if a.op == "neg":
        return b - a.args[0]
    return None


def _sub(a, b):
    return a + b.args[0] if b.op == "neg" else None


def _div(a, b):
    if _number(b) == 1:
        return a
    if a.op == "neg":
        return -(a.args[0] / b)
    return None


def _conj(a):
    if a.op == "const":
        return const(a.attr.conjugate()) if type(a.attr) is complex else a
    if a.op == "conj":
        return a.args[0]
    if a.op in ("abs", "real", "imag"):
        return a
    # Downwards, where that costs nothing: equal terms of high orders then become equal nodes.
    if a.op == "neg":
        return _simplified("neg", _simplified("conj", a.args[0]))
    if a.op == "guard":
        return _simplified("guard", a.args[0], _simplified("conj", a.args[1]))
    if a.op in ("mul", "div", "add", "sub") and any(arg.op == "conj" for arg in a.args):
        return _simplified(a.op, *[_simplified("conj", arg) for arg in a.args])
    return None


def _real(a):
    if (a.op == "const" and type(a.attr) is not complex) or a.op in ("abs", "real", "imag"):
        return a
    return None


def _where(c, a, b):
    return a if a is b else None


def _guard(g, value):
    if strict() or value is g:
        return value
    if g.op in ("neg", "conj"):
        return _simplified("guard", g.args[0], value)
    if value.op == "neg":
        return -_simplified("guard", g, value.args[0])
    if value.op == "guard" and value.args[0] is g:
        return value
    if value.op in ("mul", "div") and value.args[0] is g and _number(value.args[1]):
        return value  # a finite factor, other than 0
    return None


_SIMPLER = {
    "mul": _mul,
    "neg": _neg,
    "add": _add,
    "sub": _sub,
    "div": _div,
    "conj": _conj,
    "real": _real,
    "where": _where,
    "guard": _guard,
}
