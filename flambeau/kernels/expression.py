"""Expressions: what a kernel function computes for one element, as an immutable graph.

A kernel function is called once with symbols; operators on them build nodes. Nodes carry no dtype:
types are found when the expression is lowered for given input dtypes (types.py), so one graph
serves every dtype. Equal nodes are one object ("hash-consed"): `a is b` is structural equality,
and a shared subexpression is computed once.

Node kinds (`op`, `attr`, number of args):

    input      index of the operand           0     const     a Python bool, int, float, complex  0
    index      linear index of the element    0     call      name of a maths function          1-3
    add sub mul div floor_div remainder fmod trunc_div pow(call) neg guard clamp
    eq ne lt le gt ge · and or xor not shl shr · minimum maximum fmin fmax · where
    cast, bitcast (attr: dtype name) · fma floor ceil trunc round sqrt abs copysign sign sgn signbit
    real imag conj make_complex
    scalb                                     x * 2**n, rounded once (n floating, holding an integer)
    logb significand                          exponent and fraction, in expansions for AVX-512 only
    lookup     (dtype, values): table[i mod length], length a power of two
    seldom     (condition, slow, fast): `where`, but `slow` is only computed where a lane needs it

`div` is true division, `guard(g, v)` is v but 0 where g is 0 (derive.py says why).
"""

import os
import struct
import sys
import weakref

_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")  # with its rooms
_nodes = weakref.WeakValueDictionary()


class Expression:
    """One node; always obtained from `node()`, so that equal nodes are the same object."""

    __slots__ = ("op", "args", "attr", "__weakref__")

    # NumPy scalars on the left must leave the operator to us instead of building object arrays.
    __array_ufunc__ = None

    def __add__(self, other):
        return _binary("add", self, other)

    def __radd__(self, other):
        return _binary("add", other, self)

    def __sub__(self, other):
        return _binary("sub", self, other)

    def __rsub__(self, other):
        return _binary("sub", other, self)

    def __mul__(self, other):
        return _binary("mul", self, other)

    def __rmul__(self, other):
        return _binary("mul", other, self)

    def __truediv__(self, other):
        return _binary("div", self, other)

    def __rtruediv__(self, other):
        return _binary("div", other, self)

    def __floordiv__(self, other):
        return _binary("floor_div", self, other)

    def __rfloordiv__(self, other):
        return _binary("floor_div", other, self)

    def __mod__(self, other):
        return _binary("remainder", self, other)

    def __rmod__(self, other):
        return _binary("remainder", other, self)

    def __pow__(self, other):
        return power(self, other)

    def __rpow__(self, other):
        return power(other, self)

    def __and__(self, other):
        return _binary("and", self, other)

    def __rand__(self, other):
        return _binary("and", other, self)

    def __or__(self, other):
        return _binary("or", self, other)

    def __ror__(self, other):
        return _binary("or", other, self)

    def __xor__(self, other):
        return _binary("xor", self, other)

    def __rxor__(self, other):
        return _binary("xor", other, self)

    def __lshift__(self, other):
        return _binary("shl", self, other)

    def __rlshift__(self, other):
        return _binary("shl", other, self)

    def __rshift__(self, other):
        return _binary("shr", self, other)

    def __rrshift__(self, other):
        return _binary("shr", other, self)

    def __lt__(self, other):
        return _binary("lt", self, other)

    def __le__(self, other):
        return _binary("le", self, other)

    def __gt__(self, other):
        return _binary("gt", self, other)

    def __ge__(self, other):
        return _binary("ge", self, other)

    def __eq__(self, other):
        return _binary("eq", self, other)

    def __ne__(self, other):
        return _binary("ne", self, other)

    __hash__ = object.__hash__

    def __neg__(self):
        return node("neg", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return node("abs", self)

    def __invert__(self):
        return node("not", self)

    def __bool__(self):
        raise TypeError(_needs_one_value(self))

    def __float__(self):
        raise TypeError(_no_number("float", self))

    def __int__(self):
        raise TypeError(_no_number("int", self))

    __index__ = __int__

    def __iter__(self):
        raise TypeError("a kernel symbol is one element, it has no items: " + text(self))

    def __repr__(self):
        return text(self)

    def __reduce__(self):
        return _rebuild, (self.op, self.args, self.attr)


def _rebuild(op, args, attr):
    return node(op, *args, attr=attr)


def node(op, *args, attr=None):
    """The node `op` of `args`; Python numbers among them become constants."""
    args = tuple([a if type(a) is Expression else const(a) for a in args])
    key = (op, _attr_key(attr), *map(id, args))
    found = _nodes.get(key)
    if found is None:
        found = object.__new__(Expression)
        found.op = op
        found.args = args
        found.attr = attr
        found = _nodes.setdefault(key, found)
    return found


def untwinned(roots):
    """`roots` in which what is written alike is one expression again."""
    new = {}
    for n in topological(roots):
        new[id(n)] = node(n.op, *[new[id(a)] for a in n.args], attr=n.attr)
    return [new[id(root)] for root in roots]


def twin(expression):
    """An expression of its own that is written like another; see `untwinned`."""
    made = object.__new__(Expression)
    made.op, made.args, made.attr = expression.op, expression.args, expression.attr
    return made


def _attr_key(attr):
    """`attr` such that 0.0, -0.0, 0, False and the NaNs stay apart."""
    if type(attr) is float:
        return ("f", struct.pack("<d", attr))
    if type(attr) is complex:
        return ("c", struct.pack("<dd", attr.real, attr.imag))
    return (type(attr), attr)


def const(value):
    """A constant; its dtype follows what it is combined with, as a Python scalar's in PyTorch."""
    if type(value) in (bool, int, float, complex):
        return node("const", attr=value)
    if type(value) is Expression:
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # NumPy scalars
        return const(value.item())
    for kind in (int, float, complex):
        if isinstance(value, kind):
            return node("const", attr=kind(value))
    raise TypeError(
        f"a kernel can use symbols and Python numbers, not {type(value).__name__}: {value!r}"
    )


def input(i):
    """The element of operand `i`."""
    return node("input", attr=i)


def is_const(expression, value=None):
    """True for a constant (equal to `value`, if given)."""
    return expression.op == "const" and (value is None or expression.attr == value)


_FOLD = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}


def _binary(op, a, b):
    for operand in (a, b):
        if type(operand) is not Expression and not isinstance(operand, (bool, int, float, complex)):
            if not hasattr(operand, "item"):
                return NotImplemented
    a, b = const(a), const(b)
    if a.op == b.op == "const" and op in _FOLD:
        try:
            return const(_FOLD[op](a.attr, b.attr))
        except ArithmeticError:
            pass  # left to IEEE arithmetic in the kernel
    return node(op, a, b)


def power(base, exponent):
    """base ** exponent; small constant exponents become products, as in PyTorch."""
    base, exponent = const(base), const(exponent)
    if exponent.op == "const" and base.op != "const" and type(exponent.attr) in (int, float):
        e = exponent.attr
        if e == 1:
            return base * 1.0 if type(e) is float else base
        if e == 2:
            return base * base * 1.0 if type(e) is float else base * base
        if e == 3:
            return base * base * base * 1.0 if type(e) is float else base * base * base
        if e == 0.5:
            return node("sqrt", base)
        if e == -1.0 and type(e) is float:
            return 1.0 / base
        if e == -2.0 and type(e) is float:
            return 1.0 / (base * base)
    return node("call", base, exponent, attr="pow")


def topological(roots, arguments=None, known=()):
    """All nodes below `roots`, arguments before users; iterative, so depth is not limited.

    arguments: what a node's arguments are taken to be; known: ids of nodes that are left out.
    """
    order, seen = [], set(known)
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        current, ready = stack.pop()
        if id(current) in seen:
            continue
        if ready:
            seen.add(id(current))
            order.append(current)
        else:
            stack.append((current, True))
            below = current.args if arguments is None else arguments(current)
            stack.extend((a, False) for a in reversed(below) if id(a) not in seen)
    return order


def substitute(roots, replace):
    """`roots` with every node n in `replace` (a dict keyed by id(n)) exchanged for its value."""
    new = {}
    for n in topological(roots):
        if id(n) in replace:
            new[id(n)] = replace[id(n)]
        elif n.args:
            args = [new[id(a)] for a in n.args]
            unchanged = all(a is b for a, b in zip(args, n.args))
            new[id(n)] = n if unchanged else node(n.op, *args, attr=n.attr)
        else:
            new[id(n)] = n
    return [new[id(r)] for r in roots]


def inputs_of(roots):
    """The sorted indices of the inputs that `roots` read."""
    return sorted({n.attr for n in topological(roots) if n.op == "input"})


def trace(fn, n_in):
    """The tuple of expressions that `fn` returns for n_in symbolic inputs."""
    result = fn(*[input(i) for i in range(n_in)])
    results = result if isinstance(result, (tuple, list)) else (result,)
    return tuple(const(r) for r in results)


def digest_text(roots):
    """A canonical text of the graph: equal texts, equal graphs. The disk cache hashes it."""
    names, lines = {}, []
    for n in topological(roots):
        names[id(n)] = len(names)
        attr = "" if n.attr is None else repr(_attr_key(n.attr)[1] if n.op == "const" else n.attr)
        kind = type(n.attr).__name__ if n.op == "const" else ""
        lines.append(f"{n.op} {kind}{attr} {' '.join(str(names[id(a)]) for a in n.args)}")
    lines.append("-> " + " ".join(str(names[id(r)]) for r in roots))
    return "\n".join(lines)


COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_INFIX = {
    **COMPARISONS,
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "floor_div": "//",
    "remainder": "%",
    "and": "&",
    "or": "|",
    "xor": "^",
    "shl": "<<",
    "shr": ">>",
}
_LETTERS = "xyzabcdefghijklmnopqrstuvw"


def text(root, names=None, limit=2000):
    """The expression as one would write it in Python; a shared subexpression is repeated."""
    done = {}
    for n in topological([root]):
        args = [done[id(a)] for a in n.args]
        if n.op == "input":
            s = names[n.attr] if names else _LETTERS[n.attr % 26]
        elif n.op == "const":
            s = repr(n.attr)
        elif n.op in _INFIX:
            s = f"({args[0]} {_INFIX[n.op]} {args[1]})"
        elif n.op == "neg":
            s = f"-{args[0]}"
        elif n.op == "not":
            s = f"~{args[0]}"
        elif n.op == "call":
            s = f"{n.attr}({', '.join(args)})"
        elif n.op in ("cast", "bitcast"):
            s = f"{n.op}({args[0]}, {n.attr!r})"
        else:
            s = f"{n.op}({', '.join(args)})"
        done[id(n)] = s if len(s) <= limit else s[:limit] + "..."
    s = done[id(root)]
    return s[1:-1] if root.op in _INFIX and s.startswith("(") and s.endswith(")") else s


def _user_frame():
    frame = sys._getframe(1)
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_HERE):
        frame = frame.f_back
    return frame


def _where_in_user_code(symbol):
    """(kernel and line, source text, a name of the symbol) of the user's line now running."""
    import linecache

    frame = _user_frame()
    if frame is None:
        return "kernel", "", "the condition"
    name, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(name, line).strip()
    words = "".join(c if c.isalnum() or c == "_" else " " for c in source).split()
    named = [w for w in words if isinstance(frame.f_locals.get(w), Expression)]
    place = f"kernel {frame.f_code.co_name}, {os.path.basename(name)} line {line}"
    return place, source, named[0] if named else text(symbol)


def _needs_one_value(symbol):
    place, source, name = _where_in_user_code(symbol)
    statement, condition = source.rstrip(":"), text(symbol)
    for keyword in ("if ", "elif ", "while ", "assert "):
        if source.startswith(keyword):
            statement = source.split(":")[0] if source.count(":") == 1 else source.rstrip(":")
            condition = statement[len(keyword) :]
    return (
        f"{place}: `{statement or condition}` needs one True or False, but {name} is symbolic, "
        f"with a value per element. Write where({condition}, a, b)."
    )


def _no_number(kind, symbol):
    place, source, name = _where_in_user_code(symbol)
    advice = 'cast(x, "int64")' if kind == "int" else 'cast(x, "float32")'
    return (
        f"{place}: `{source}` needs one {kind}, but {name} is symbolic, with a value per element. "
        f"Use the functions of flambeau.kernels, such as {advice}, instead of those of math."
    )
