"""score_mod and mask_mod as expressions of the kernel language: they are called once with symbols.

A symbol is a 0-dim Tensor of a class of its own, so that operators, methods and indexing of tensors hand
their calls to it. What has no form in the language raises Untraceable, and the functions are then called as
PyTorch calls them, on places in batches (tiles.py).
"""

import math

import flambeau

from ...kernels.analysis import inferred
from ...kernels.expression import Expression, const, node
from ...kernels.expression import input as symbol_input
from ...kernels.schedules.scores import BATCH, FIRST_LOAD, HEAD, KEY, QUERY, SCORE, Array, Load
from ...kernels.types import promote_all
from ...ops.core.declare import METHODS, NAMESPACES
from ...ops.core.declare import POINTWISE as _POINTWISE
from ...overrides import TorchFunctionMode

MOST_LOADS = 16  # of one function: kernels beyond would not fit in registers
MOST_NUMBERS = 8  # that are parameters of a kernel; those beyond are compiled into it


class Untraceable(Exception):
    """The function does what the kernel language has no word for."""


class Trace:
    """The loads that some functions make, and the tensors they are of."""

    def __init__(self, dtype):
        self.tensors, self.loads, self.dtypes = [], [], [dtype, *["int64"] * 4]
        self._found = {}
        self._inferred, self._kept = (
            {},
            [],
        )  # (dtype, weak) of expressions by their ids, which are kept
        self._numbers = {}  # dtype: (the place of their array, numbers)
        self.score = Symbol.of(self, symbol_input(SCORE))
        self.places = [Symbol.of(self, symbol_input(i)) for i in (BATCH, HEAD, QUERY, KEY)]

    @property
    def arrays(self):
        """What kernels must know of the tensors."""
        return [Array(_name(t.dtype), t.dim()) for t in self.tensors]

    def load(self, tensor, places):
        """The symbol for an element of a tensor."""
        if tensor.numel() == 0 or tensor.dtype.is_complex or not tensor.is_cpu or tensor.is_sparse:
            raise Untraceable(f"an element of {tensor.dtype} {tuple(tensor.shape)} {tensor.layout}")
        if type(tensor) not in (flambeau.Tensor, flambeau.nn.Parameter):
            raise Untraceable(f"an element of a {type(tensor).__name__}")
        key = id(tensor), *map(id, places)
        if key not in self._found:
            array = next((i for i, t in enumerate(self.tensors) if t is tensor), None)
            if array is None:
                array = len(self.tensors)
                self.tensors.append(tensor)
            if len(self.loads) - self._count() == MOST_LOADS:
                raise Untraceable("too many elements of tensors")
            self._found[key] = Symbol.of(self, self._loaded(array, places, tensor.dtype))
        return self._found[key]

    def _loaded(self, array, places, dtype):
        self.loads.append(Load(array, tuple(places)))
        self.dtypes.append(_name(dtype))
        return symbol_input(FIRST_LOAD + len(self.loads) - 1)

    def number(self, value, others):
        """The expression of a number that an operator takes beside other operands.

        It is a parameter, so that one kernel serves functions that differ in numbers alone; the few that
        simplify what they meet are compiled into it.
        """
        plain = const(value)
        if type(value) is bool or abs(value) in (0, 1, 2, math.inf) or value != value:
            return plain
        if self._count() == MOST_NUMBERS or abs(value) >= 1 << 63:
            return plain
        dtype, _ = promote_all([self.dtype_of(e) for e in (plain, *others)])
        wide = flambeau.float64 if type(value) is float else flambeau.int64
        if wide not in self._numbers:
            self._numbers[wide] = len(self.tensors), []
            self.tensors.append(None)  # see finish()
        array, numbers = self._numbers[wide]
        numbers.append(value)
        return node("cast", self._loaded(array, (const(len(numbers) - 1),), wide), attr=dtype)

    def _count(self):
        return sum(len(numbers) for _, numbers in self._numbers.values())

    def finish(self):
        """Puts the numbers into arrays, once all are known."""
        for dtype, (array, numbers) in self._numbers.items():
            self.tensors[array] = flambeau.tensor(numbers, dtype=dtype, device="cpu")

    def operands(self, values):
        """The expressions of what an operator is called with."""
        numbers = [type(v) in (int, float) for v in values]
        found = [None if n else self.expression(v) for v, n in zip(values, numbers)]
        others = [e for e in found if e is not None]
        return [self.number(v, others) if n else e for v, n, e in zip(values, numbers, found)]

    def expression(self, value):
        """The expression of what a function gave, or that one of its operands is."""
        if type(value) is Symbol:
            return value.expression
        if type(value) is Elements:
            raise Untraceable("whole dims of a tensor")
        if isinstance(value, flambeau.Tensor):
            if value.dim():
                raise Untraceable(f"a tensor of shape {tuple(value.shape)}")
            return self.load(value, ()).expression
        if type(value) in (bool, int, float):
            return const(value)
        raise Untraceable(f"a {type(value).__name__}")

    def dtype_of(self, expression):
        """(name of a dtype, whether it gives way to others)."""
        found = self._inferred.get(id(expression))
        if found is None:
            for argument in expression.args:
                self.dtype_of(argument)
            found = self._inferred[id(expression)] = inferred(
                expression, self.dtypes, self._inferred
            )
            self._kept.append(expression)
        return found


def _name(dtype):
    return str(dtype).rpartition(".")[2]


class _Stand(flambeau.Tensor):
    """What is handed to functions in place of a tensor, and answers for its operators."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        own = next((a for a in _flat(args) if isinstance(a, _Stand)), None)
        if own is None:
            own = next((a for a in _flat(kwargs.values()) if isinstance(a, _Stand)), None)
        if own is None:
            raise Untraceable("an operator")
        name = getattr(function, "__name__", "")
        if name == "__get__":
            return _property(own, function)
        return _call(own.trace, name, function, args, kwargs)


def _flat(values):
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _flat(value)
        else:
            yield value


class Indexing(TorchFunctionMode):
    """Where it holds, tensors are indexed by symbols too: a tensor alone does not ask its index."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") == "__getitem__":
            own = next((a for a in _flat(args) if isinstance(a, _Stand)), None)
            if own is not None:
                return _indexed(own.trace, *args)
        return function(*args, **(kwargs or {}))


class Symbol(_Stand):
    """One number that a function computes with."""

    @staticmethod
    def of(trace, expression):
        """The symbol for an expression."""
        made = flambeau.Tensor._make_subclass(Symbol, _STAND)
        made.__dict__.update(trace=trace, expression=expression)
        return made


class Elements(_Stand):
    """A tensor of which some dims are indexed by symbols, and some are whole."""

    @staticmethod
    def of(trace, tensor, places):
        """places: for each dim an expression, or None."""
        if None not in places:
            return trace.load(tensor, places)
        made = flambeau.Tensor._make_subclass(Elements, _STAND)
        made.__dict__.update(trace=trace, tensor=tensor, places=places)
        return made


_STAND = flambeau.empty(())


def _property(own, function):
    name = getattr(getattr(function, "__self__", None), "__name__", "")
    if type(own) is Symbol:
        if name == "dtype":
            return getattr(flambeau, own.trace.dtype_of(own.expression)[0])
        if name == "shape":
            return flambeau.Size(())
        if name == "ndim":
            return 0
    if name == "device":
        return flambeau.device("cpu")
    if name in ("T", "mT", "data"):
        raise Untraceable(name)
    if name in ("is_cuda", "is_meta", "is_sparse", "is_nested", "is_quantized", "is_mkldnn"):
        return False
    raise Untraceable(name)


def _call(trace, name, function, args, kwargs):
    """A call of an operator or method with symbols among its arguments."""
    if name == "__getitem__":
        return _indexed(trace, *args)
    if name in _SPECIAL:
        return _SPECIAL[name](trace, *args, **kwargs)
    name = _DUNDERS.get(name, name)
    if name.startswith("__r") and name.endswith("__") and name[3:-2] in _REFLECTED:
        name, args = _REFLECTED[name[3:-2]], args[::-1]
    spec = getattr(function, "spec", None) or _spec(name)
    if spec is None or spec.uses_index or spec.keep:
        raise Untraceable(name)
    values = list(args)
    for given, default in zip(spec.args[len(args) :], spec.defaults[len(args) :]):
        if given in kwargs:
            values.append(kwargs.pop(given))
        elif default is ...:
            raise Untraceable(name)
        else:
            values.append(default)
    if kwargs or len(values) != len(spec.args):
        raise Untraceable(name)
    inputs, rest = values[: spec.n_inputs], values[spec.n_inputs :]
    operands = map(trace.expression, inputs) if name in _OF_FIXED else trace.operands(inputs)
    result = spec.fn(*operands, *rest)
    if spec.compute != "promoted" and not isinstance(result, Expression):
        raise Untraceable(name)
    return Symbol.of(trace, _checked(trace, const(result)))


def _checked(trace, expression):
    try:
        dtype, _ = trace.dtype_of(expression)
    except (TypeError, KeyError, ValueError) as error:
        raise Untraceable(str(error)) from None
    if dtype.startswith("complex"):
        raise Untraceable("complex numbers")
    return expression


def _spec(name):
    operator = _POINTWISE.get(name) or METHODS.get(name) or NAMESPACES["torch"].get(name)
    return getattr(operator, "spec", None)


_DUNDERS = {
    "__add__": "add", "__sub__": "sub", "__mul__": "mul", "__truediv__": "true_divide",
    "__floordiv__": "floor_divide", "__mod__": "remainder", "__and__": "bitwise_and",
    "__or__": "bitwise_or", "__xor__": "bitwise_xor", "__invert__": "bitwise_not", "__neg__": "neg",
    "__abs__": "abs", "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt",
    "__ge__": "ge", "__lshift__": "bitwise_left_shift", "__rshift__": "bitwise_right_shift",
    "div": "true_divide", "divide": "true_divide",
}  # fmt: skip
# Of numbers known beforehand these are some shifts and multiplications.
_OF_FIXED = {
    "floor_divide", "remainder", "fmod", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift",
    "bitwise_right_shift",
}  # fmt: skip
_REFLECTED = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip


def _indexed(trace, subject, index):
    """subject[index]: symbols take single elements of dims, all else is a view."""
    if type(subject) is Symbol:
        raise Untraceable("an index of a number")
    if type(subject) is Elements:
        tensor, places = subject.tensor, list(subject.places)
    else:
        tensor, places = subject, [None] * subject.dim()
    index = index if isinstance(index, tuple) else (index,)
    free = [d for d, place in enumerate(places) if place is None]
    taken = [i for i in index if i is not ... and i is not None]
    if any(i is None for i in index) or len(taken) > len(free):
        raise Untraceable("an index that adds dims")
    whole = [i is ... for i in index]
    if True in whole:
        at = whole.index(True)
        index = (*index[:at], *[slice(None)] * (len(free) - len(taken)), *index[at + 1 :])
    for d, item in zip(free, index):
        if isinstance(item, slice):
            if item != slice(None):
                raise Untraceable("a part of a tensor")
            continue
        expression = trace.expression(item)
        dtype, _ = trace.dtype_of(expression)
        if dtype.startswith("float") or dtype == "bool":
            raise Untraceable(f"an index of {dtype}")
        places[d] = expression
    return Elements.of(trace, tensor, places)


# ------------------------------------------------------------------- what is not a pointwise operator


def _where(trace, condition, input=None, other=None):
    if input is None or other is None:
        raise Untraceable("where() of a condition alone")
    condition = trace.expression(condition)
    return Symbol.of(
        trace, _checked(trace, node("where", condition, *trace.operands((input, other))))
    )


def _masked_fill(trace, input, mask, value):
    mask = trace.expression(mask)
    input, value = trace.operands((input, value))
    dtype, _ = trace.dtype_of(input)
    return Symbol.of(trace, node("where", mask, node("cast", value, attr=dtype), input))


def _clamp(trace, input, min=None, max=None):
    result = trace.expression(input)
    if min is not None:
        result = node("maximum", *trace.operands((Symbol.of(trace, result), min)))
    if max is not None:
        result = node("minimum", *trace.operands((Symbol.of(trace, result), max)))
    return Symbol.of(trace, _checked(trace, result))


def _to(trace, input, *args, dtype=None, **options):
    for arg in args:
        if isinstance(arg, flambeau.dtype):
            dtype = arg
        elif isinstance(arg, flambeau.Tensor):
            dtype = arg.dtype
        elif isinstance(arg, (str, flambeau.device)) and str(arg).startswith("cpu"):
            pass
        elif type(arg) is not bool:
            raise Untraceable("to()")
    if any(
        value not in (None, False, True) and name != "device" for name, value in options.items()
    ):
        raise Untraceable("to()")
    return input if dtype is None else _cast(trace, input, _name(dtype))


def _cast(trace, input, dtype):
    if dtype.startswith("complex") or type(input) is not Symbol:
        raise Untraceable(f"a cast to {dtype}")
    return Symbol.of(trace, node("cast", trace.expression(input), attr=dtype))


def _caster(dtype):
    return lambda trace, input: _cast(trace, input, dtype)


def _filled(value):
    def filled(trace, input, *args, dtype=None, device=None, **options):
        numbers = list(args)
        if options or (numbers and numbers[0] not in ((), [], flambeau.Size(()))):
            raise Untraceable("a tensor made beside")
        return _number(trace, input, value, dtype)

    return filled


def _number(trace, input, value, dtype):
    dtype = _name(input.dtype if dtype is None else dtype)
    return Symbol.of(trace, node("cast", trace.expression(value), attr=dtype))


def _new_full(trace, input, size, fill_value, dtype=None, device=None):
    if tuple(size):
        raise Untraceable("new_full()")
    return _number(trace, input, fill_value, dtype)


def _full_like(trace, input, fill_value, dtype=None, device=None):
    return _number(trace, input, fill_value, dtype)


def _like(value):
    return lambda trace, input, dtype=None, device=None: _number(trace, input, value, dtype)


def _new_tensor(trace, input, data, dtype=None, device=None):
    return _number(trace, input, data, dtype)


def _div(trace, input, other, rounding_mode=None):
    name = {None: "true_divide", "floor": "floor_divide"}.get(rounding_mode)
    if name is None:
        raise Untraceable("div(rounding_mode='trunc')")
    return _call(trace, name, None, (input, other), {})


def _same(trace, input):
    return Symbol.of(trace, trace.expression(input))


def _pow(trace, input, exponent):
    from ...kernels.expression import power

    return Symbol.of(
        trace, _checked(trace, power(trace.expression(input), trace.expression(exponent)))
    )


_SPECIAL = {
    "where": _where, "masked_fill": _masked_fill, "clamp": _clamp, "clip": _clamp, "to": _to, "div": _div,
    "type_as": lambda trace, input, other: _to(trace, input, other),
    "float": _caster("float32"), "double": _caster("float64"), "int": _caster("int32"),
    "long": _caster("int64"), "bool": _caster("bool"), "half": _caster("float16"),
    "bfloat16": _caster("bfloat16"), "new_ones": _filled(1), "new_zeros": _filled(0),
    "new_full": _new_full, "full_like": _full_like, "ones_like": _like(1), "zeros_like": _like(0),
    "new_tensor": _new_tensor, "dim": lambda trace, input: 0, "clone": _same, "contiguous": _same,
    "pow": _pow, "__pow__": _pow, "__rpow__": lambda trace, a, b: _pow(trace, b, a),
    "__format__": lambda trace, input, spec: "symbol",
}  # fmt: skip
