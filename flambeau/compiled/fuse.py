"""A group of operators as kernels: its forward, and the derivative that recomputes what it needs.

The derivative is that of each operator in turn, composed: what an operator's own backward would compute, in the
order in which the engine would have added gradients up.
"""

import contextlib
import functools

import flambeau
from flambeau import _core

from ..kernels import Map, Rows
from ..kernels.analysis import infer
from ..kernels.expression import (
    const,
    digest_text,
    inputs_of,
    node,
    substitute,
    topological,
    twin,
    untwinned,
)
from ..kernels.expression import input as symbol
from ..kernels.language import cast, exp
from ..kernels.schedules.row_functions import log_softmax_of, softmax_of
from ..kernels.schedules.row_language import length, own_rmean, own_rsum, plain_rsum, rmax, rmin
from ..kernels.types import DTYPES, compute_dtype
from . import held
from .graph import Ref
from .groups import MOST_OPERANDS, is_costly, operands_of
from .pointwise import Number, compute_of, is_one

__all__ = [
    "Kernel",
    "NoDerivative",
    "NoKernel",
    "backward_of",
    "forward_of",
    "keep_more",
    "spread_inputs",
]


class NoKernel(Exception):
    """A group that does not become one kernel: it would give other bits than its operators."""


class NoDerivative(NoKernel):
    """A group whose derivative does not."""


_REDUCTIONS = {"rsum": own_rsum, "rmean": own_rmean, "rmax": rmax, "rmin": rmin, "softmax": softmax_of,
               "log_softmax": log_softmax_of}  # fmt: skip


_EAGER = {
    "rsum": lambda t: t.sum(-1, keepdim=True),
    "rmean": lambda t: t.mean(-1, keepdim=True),
    "rmax": lambda t: t.amax(-1, keepdim=True),
    "rmin": lambda t: t.amin(-1, keepdim=True),
    "softmax": lambda t: t.softmax(-1),
    "log_softmax": lambda t: t.log_softmax(-1),
}


def _to(dtype):
    return lambda t: t.to(getattr(flambeau, dtype))


def _widths(expressions, dtypes, kinds):
    """The bytes of the dtypes that maths functions compute in, and rows are added up in.

    Where there are several, vectors are as long as the widest wants, and the others give other last bits: in forms for
    vectors of another length, or in another order. A kernel of rows has vectors as long as the widest operand along a
    row wants.
    """
    nodes = topological(expressions)
    calls = [n for n in nodes if n.op == "call"]
    if kinds:
        return _widths_along_rows(nodes, calls, dtypes[len(expressions) :], dtypes, kinds)
    if len(calls) < 2:
        return set()
    found = infer(expressions, dtypes[len(expressions) :])
    return {DTYPES[found[id(n)][0]].bits // 8 for n in calls if not found[id(n)][1]}


def _widths_along_rows(nodes, calls, in_dtypes, dtypes, kinds):
    nbytes = lambda dtype: DTYPES[compute_dtype(dtype)].bits // 8
    n_out = len(dtypes) - len(in_dtypes)
    vectors = [d for d, kind in zip(in_dtypes, kinds[n_out:]) if kind == "v"]
    found = {max(4, *map(nbytes, vectors or dtypes[:n_out]))}
    for n in nodes:
        if n.op == "row" and n.attr[0].endswith(("sum_", "_sum", "mean")):
            (x,) = n.args
            while x.op != "cast" and x.args:  # down to what softmax is of
                x = x.args[0]
            if x.op in ("cast", "input"):
                found.add(nbytes(x.attr if x.op == "cast" else in_dtypes[x.attr]))
        elif n.op == "cast" and n.attr == "float64" and calls and n.args[0].op != "length":
            found.add(8)
    return found


class Kernel:
    """A joined kernel, compiled when it first runs; what Fused asks for machine code.

    `calls` is how many maths functions it computes.
    `forward`: of operators' results, not of gradients. They are contiguous, as each operator's was, however the operands
    lie; outputs made of operands of other shapes at another call are an error.
    """

    def __init__(self, expressions, in_dtypes, out_dtypes, kinds, name, forward=True):
        self.dtypes = (*out_dtypes, *in_dtypes)
        self.n_out, self.kinds, self.name = len(out_dtypes), kinds, name
        self.row_major = forward
        n_in = len(in_dtypes)
        self.calls = sum(n.op == "call" for n in topological(expressions))
        if len(_widths(expressions, self.dtypes, kinds)) > 1:
            raise NoKernel(f"{name} computes functions in dtypes of several widths")
        self.reads = (-1 % (1 << 32),) * self.n_out
        if forward:
            self.reads = tuple(sum(1 << i for i in inputs_of([e])) for e in expressions)
        if kinds:
            self.schedule = Rows(None, name, n_in)
            self.schedule._expressions = tuple(expressions)
        else:
            self.schedule = Map.of(expressions, n_in, name)

    def compile(self, modes, apart=False):
        """Its address; `apart`: of a copy that the caller unloads."""
        out_dtypes, in_dtypes = self.dtypes[: self.n_out], self.dtypes[self.n_out :]
        if self.kinds:
            return self.schedule.compile(in_dtypes, self.kinds, out_dtypes, apart=apart)
        return self.schedule.compile(in_dtypes, in_dtypes, out_dtypes, modes, apart)

    def hold(self, modes):
        """Its address until `let_go`, where it is shared with all kernels that compute the same."""
        key = digest_text(self.schedule.expressions), self.dtypes, self.kinds or modes
        return held.hold(key, lambda: self.compile(modes, apart=True))

    def let_go(self, address):
        """Who held it no longer runs it."""
        held.let_go(address)

    def fused(self):
        """The callable that runs it."""
        dtypes = tuple(getattr(flambeau, d) for d in self.dtypes)
        return _core.Fused(self, self.n_out, dtypes, self.kinds, self.reads, self.row_major)


class _Built:
    """The expressions of a group's values over its inputs, then its numbers.

    `stored`: of which outputs the symbol from OUTPUT on stands for the value wherever it is read.
    """

    OUTPUT = 600

    def __init__(self, group, values, stored=()):
        self.group, self.values = group, values
        self.of = {index: symbol(group.inputs.index(index)) for index in group.inputs}
        self.n_inputs = len(group.inputs)
        self.eager = {}  # id of an expression -> (function, operands): the operator that gives its value
        self.computed = {}  # as `of`, but for what is stored
        self.twinned = False  # whether operators are written alike
        for n in group.nodes:
            if n.operator is None:
                (read,) = [r.index for r in operands_of(n)]
                x = self.of[read]
                made = cast(_REDUCTIONS[n.reduces](x), self.dtype(n.results))
                made = self.note(made, _EAGER[n.reduces], x)
            else:
                spec, compute = n.operator.spec, group.computes[n.results]
                operands = [self.operand(o, spec, i, compute) for i, o in enumerate(n.operands)]
                made = group.apply(spec, operands, compute, self.dtype(n.results))
                dtype = self.dtype(n.results)
                made = self.note(
                    made,
                    _to(dtype) if spec.name == "copy" else n.operator,
                    *[e for e, _ in operands],
                )
            self.computed[n.results] = made
            if n.results in stored:
                made = symbol(self.OUTPUT + group.outputs.index(n.results))
            self.of[n.results] = made

    def note(self, expression, function, *operands):
        """Tells which operator an expression stands for; gives the expression, of which each operator has one of its own."""
        if any(expression is operand for operand in operands):
            return expression
        if id(expression) in self.eager and expression.args:
            expression, self.twinned = twin(expression), True
        self.eager[id(expression)] = expression, function, operands
        return expression

    def alias(self, expression, function, *operands):
        """What an operator of it gives that changes nothing: nobody runs it, but for a gradient of the gradient."""
        made, self.twinned = twin(expression), True
        self.eager[id(made)] = made, function, (expression, *operands)
        return made

    def once(self, expressions):
        """Expressions for a kernel, which computes what is written alike once."""
        return untwinned(expressions) if self.twinned else expressions

    def cast(self, expression, dtype):
        return self.note(cast(expression, dtype), _to(dtype), expression)

    def dtype(self, index):
        return self.values[index].dtype

    def operand(self, operand, spec, i, compute):
        """(expression, dtype) of what is argument i of an operator that computes in `compute`."""
        if type(operand) is Ref:
            return self.of[operand.index], self.dtype(operand.index)
        number = Number(operand, spec, i, compute)
        if self.group.literal or number.is_unit or number not in self.group.numbers:
            return const(operand), None
        return symbol(self.n_inputs + self.group.numbers.index(number)), number.dtype

    def kind(self, index):
        """The kind of an operand of a rows kernel: v along the row, x one value a row."""
        shape = self.values[index].shape
        return "v" if shape and shape[-1] == self.group.key[0][-1] else "x"

    def repeats(self, index, user):
        """Whether an input is read more than once where `user` is computed; a row's one value is not meant."""
        if index in self.group.spread:
            return True
        if not self.group.rows:
            return self.values[index].shape != self.values[user].shape
        full = self.group.key[0]
        return self.values[index].shape not in (full, (*full[:-1], 1))


def forward_of(group, values):
    """The Kernel of a group; its operands are group.inputs, then group.numbers."""
    built = _Built(group, values)
    in_dtypes = [built.dtype(i) for i in group.inputs] + [n.dtype for n in group.numbers]
    out_dtypes = [built.dtype(i) for i in group.outputs]
    kinds = ""
    if group.rows:
        kinds = "".join(map(built.kind, (*group.outputs, *group.inputs))) + "x" * len(group.numbers)
    name = "_".join(dict.fromkeys(_name(n) for n in group.nodes))[:60]
    expressions = built.once([built.of[i] for i in group.outputs])
    return Kernel(expressions, in_dtypes, out_dtypes, kinds, name)


def _name(n):
    return n.operator.spec.name if n.operator is not None else n.reduces


_COSTLY = ("call", "row", "div")


def _reads_of(n, values):
    """The values that the derivatives of an operator read, which eager mode keeps for them."""
    if n.operator is None:
        return {n.results} if n.reduces in ("softmax", "log_softmax", "rmax", "rmin") else set()
    found = set()
    for i, operand in enumerate(n.operands):
        if type(operand) is not Ref or not values[operand.index].requires_grad:
            continue
        answer = n.operator.spec.derivative(i) if n.operator.spec.name != "copy" else None
        for j in answer[1] if isinstance(answer, tuple) else ():
            read = n.operands[j] if j >= 0 else Ref(n.results)
            if type(read) is Ref:
                found.add(read.index)
    return found


def _stored(group, values):
    """The outputs that backward reads: what eager mode keeps of them, if it costs something to compute."""
    kept = set().union(*(_reads_of(n, values) for n in group.nodes))
    of = _Built(group, values).of
    return {
        i
        for k, i in enumerate(group.outputs)
        if (i in kept or k >= group.n_shown)
        and not (k == 0 and group.total is not None)
        and any(m.op in _COSTLY for m in topological([of[i]]))
    }


def keep_more(group, values):
    """Adds outputs that only backward reads: reductions and functions of mathematics that it would compute again."""
    shown = list(group.outputs)
    costly = [
        n.results
        for n in group.nodes
        if n.results not in shown and values[n.results].requires_grad and is_costly(n)
    ]
    room = MOST_OPERANDS - len(group.inputs) - len(group.numbers) - len(shown)
    if not costly or room <= 0:
        return
    group.outputs = shown + costly
    made = _derived(group, values, range(group.n_shown))
    group.outputs = shown + [group.outputs[k] for k in made.saved_outputs if k >= len(shown)][:room]
    if not _derived(group, values, range(group.n_shown)).works:
        group.outputs = shown


class Derivative:
    """What a group's backward runs.

    Attributes:
        kernel (Kernel): of the gradients of `computed`, None where they do not become one; its operands are those of grads, saved inputs, saved
            outputs and numbers, each list by position.
        order (list of int): of each operand of the kernel the number of the symbol it stands for: an input, a number
            (from `first_number` on), the gradient of an output (from GRAD on) or an output (from OUTPUT on).
        grads, saved_inputs, saved_outputs, numbers (list of int): the same as positions among outputs, inputs, outputs,
            and the group's numbers.
        operands (list of int): the numbers of the values that the kernel reads, or whose gradients.
        wanted, computed (list of int): positions among inputs; those among them whose gradients the kernel gives.
        passed (list of int): position among inputs, among outputs: the gradient of the one is that of the other.
        results (list of Expression): what the outputs are computed as.
        SIZES (int): the number of the symbol for a tensor that has the sizes of a row's operands.
        eager (dict): id of an expression -> (it, function, operands) of the operator that gives its value, in the order
            of eager mode; the first `n_forward` are those of the group.
    """

    @property
    def works(self):
        """Whether no gradient needs operators."""
        return self.kernel is not None or not self.computed


def backward_of(group, values, given=None):
    """The Derivative of a group whose operators record, where gradients of the outputs `given` (all shown) arrive."""
    made = _derived(group, values, range(group.n_shown) if given is None else given)
    if not made.works and given is None:
        raise NoDerivative
    return made


def _derived(group, values, given):
    built = _Built(group, values, _stored(group, values))
    gradients = _Gradients(built, given)
    wanted, roots, dtypes, out_kinds = [], [], [], ""
    for index in dict.fromkeys(group.inputs):
        if not values[index].requires_grad:
            continue
        places = [k for k, i in enumerate(group.inputs) if i == index]
        found = gradients.parts_of(index, len(places))  # none of what only comparisons read
        for k, (root, dtype, kind) in zip(places, found):
            wanted.append(k)
            roots.append(root)
            dtypes.append(dtype)
            out_kinds += kind
    return _derivative(built, gradients, roots, dtypes, out_kinds, wanted)


def _derivative(built, gradients, roots, dtypes, out_kinds, wanted):
    group = built.group
    made = Derivative()
    made.wanted, made.roots, made.eager = wanted, roots, built.eager
    passed = [_passes(built, gradients, *each) for each in zip(roots, dtypes, out_kinds)]
    made.computed = [w for w, k in zip(wanted, passed) if k is None]
    made.passed = [i for w, k in zip(wanted, passed) if k is not None for i in (w, k)]
    roots, dtypes = ([x for x, k in zip(xs, passed) if k is None] for xs in (roots, dtypes))
    out_kinds = "".join(kind for kind, k in zip(out_kinds, passed) if k is None)
    used = inputs_of(roots)
    made.first_number, made.GRAD, made.OUTPUT = built.n_inputs, gradients.GRAD, gradients.OUTPUT
    made.SIZES, made.n_forward = _Gradients.SIZES, gradients.n_forward
    made.order = order = []
    base, n_numbers = built.n_inputs, len(group.numbers)
    made.grads = [k for k in range(len(group.outputs)) if gradients.GRAD + k in used]
    made.saved_inputs = [k for k in used if k < base]
    made.saved_outputs = [k for k in range(len(group.outputs)) if gradients.OUTPUT + k in used]
    made.numbers = numbers = [k for k in range(n_numbers) if base + k in used]
    order += [gradients.GRAD + k for k in made.grads] + made.saved_inputs
    order += [gradients.OUTPUT + k for k in made.saved_outputs] + [base + k for k in numbers]
    outs = group.outputs
    in_values = [outs[k] for k in made.grads] + [group.inputs[k] for k in made.saved_inputs]
    in_values += [outs[k] for k in made.saved_outputs]
    in_dtypes = [built.dtype(i) for i in in_values] + [group.numbers[k].dtype for k in numbers]
    made.kernel, made.operands = None, in_values
    made.results = [built.computed[i] for i in outs]
    if not made.grads or len(order) + len(roots) > MOST_OPERANDS:
        return made
    moved = substitute(built.once(roots), {id(symbol(i)): symbol(k) for k, i in enumerate(order)})
    kinds = ""
    if group.rows:
        kinds = out_kinds + "".join(map(built.kind, in_values)) + "x" * len(numbers)
        if all(built.values[i].shape != group.key[0] for i in in_values):
            return made  # no operand would tell how long a row is
    name = "backward_" + _name(group.nodes[-1])
    with contextlib.suppress(NoKernel):
        made.kernel = Kernel(moved, in_dtypes, dtypes, kinds, name, forward=False)
    return made


def _passes(built, gradients, root, dtype, kind):
    """The output whose gradient is `root` as it is, or None."""
    k = root.attr - gradients.GRAD if root.op == "input" else -1
    if not 0 <= k < len(built.group.outputs):
        return None
    index = built.group.outputs[k]
    alike = not built.group.rows or built.kind(index) == kind
    return k if alike and built.dtype(index) == dtype else None


def spread_inputs(group, values):
    """Names an input again for each further gradient that it gets: the engine adds these up once they have its shape."""
    gradients = _Gradients(_Built(group, values), range(len(group.outputs)))
    more = [i for i in group.inputs for _ in gradients.parts.get(i, ())[1:]]
    if (
        more
        and len(group.inputs) + len(group.numbers) + len(group.outputs) + len(more) > MOST_OPERANDS
    ):
        raise NoKernel("too many gradients of inputs that are read more than once")
    group.inputs = group.inputs + more


class _Gradients:
    """The gradients of a group's values, (expression, dtype) by number, from those of its outputs.

    `parts`: of inputs that are read more than once for an operator's result, those of each operator, (expression,
    dtype, kind), in the engine's order.
    """

    # The inputs that stand for gradients, results and sizes.
    GRAD, OUTPUT, SIZES = 500, _Built.OUTPUT, 700

    def __init__(self, built, given):
        self.built, self.of, self.parts = built, {}, {}
        self.n_forward = len(built.eager)
        group, values = built.group, built.values
        for k, index in enumerate(group.outputs):
            if values[index].requires_grad and k in given:
                self.of[index] = symbol(self.GRAD + k), values[index].dtype
        for n in reversed(group.nodes):
            found = self.of.get(n.results)
            if found is None:
                continue
            if n.operator is None:
                self._reduction(n, found)
            else:
                self._pointwise(n, found)

    def add(self, user, index, expression, dtype):
        """A contribution to the gradient of value `index` from an operator that read it.

        As by the engine it gets the shape of what it belongs to first and then the dtype.
        """
        built = self.built
        kind = built.kind(user) if built.group.rows else "v"
        apart = index in built.group.inputs and built.repeats(index, user)
        full = built.group.key[0]
        if kind == "v" and built.group.rows and built.values[index].shape == (*full[:-1], 1):
            if DTYPES[dtype].bits < 32:
                raise NoDerivative
            expression = built.note(cast(own_rsum(expression), dtype), _EAGER["rsum"], expression)
            kind = "x"
        if apart:
            self.parts.setdefault(index, []).append((expression, dtype, kind))
            return
        wanted = built.dtype(index)
        if dtype != wanted:
            expression = built.cast(expression, wanted)
        self.of[index] = self._sum(self.of.get(index), expression), wanted

    def _sum(self, before, expression):
        if before is None:
            return expression
        total = cast(before[0] + expression, before[1])
        return self.built.note(total, flambeau.add, before[0], expression)

    def parts_of(self, index, count):
        """The gradients of an input, (expression, dtype, kind), at most `count`."""
        if index in self.of:
            narrow = self.built.group.rows and self.built.kind(index) == "x"
            return [(*self.of[index], "x" if narrow else "v")]
        parts = list(self.parts.get(index, ()))
        while len(parts) > count:  # with gradients of what only backward reads
            expression, dtype, kind = parts.pop()
            before, wide, other = parts.pop()
            if wide != dtype:
                raise NoDerivative
            total = self._sum((before, dtype), expression)
            parts.append((total, dtype, max(kind, other, key="xv".index)))
        return parts

    def _wants(self, operand):
        return type(operand) is Ref and self.built.values[operand.index].requires_grad

    def _pointwise(self, n, found):
        """As an operator's node: all its gradients first, which are added up then."""
        parts = [
            (o.index, *self._part(n, i, *found)) for i, o in enumerate(n.operands) if self._wants(o)
        ]
        for index, part, dtype in parts:
            self.add(n.results, index, part, dtype)

    def _part(self, n, i, gradient, g_dtype):
        """The gradient that operand i gets of an operator, (expression, dtype)."""
        built, spec = self.built, n.operator.spec
        if spec.name == "copy":
            return gradient, g_dtype
        answer = spec.derivative(i)
        if answer == "grad" or answer is None:
            return gradient if answer else self._zero(n, g_dtype), g_dtype
        operator, used = answer
        if not hasattr(operator, "spec"):
            raise NoDerivative
        if operator.spec.scales and is_one(n.operands[used[0]]):
            return built.alias(gradient, operator, const(n.operands[used[0]])), g_dtype
        ndim = len(built.values[n.results].shape)
        facts = [(g_dtype, ndim)]
        for j in used:
            facts.append((built.dtype(n.results), ndim) if j < 0 else self._facts(n.operands[j]))
        compute = compute_of(operator.spec, facts)
        if compute is None:
            raise NoDerivative
        operands = [(gradient, g_dtype)]
        for k, j in enumerate(used, 1):
            if j < 0:
                operands.append((built.of[n.results], built.dtype(n.results)))
            else:
                operands.append(built.operand(n.operands[j], operator.spec, k, compute))
        part = built.group.apply(operator.spec, operands, compute, compute)
        return built.note(part, operator, *[e for e, _ in operands]), compute

    def _zero(self, n, dtype):
        """A gradient of zeros like that of n, whose own need not be known."""
        narrow = self.built.group.rows and self.built.kind(n.results) == "x"
        zeros = functools.partial(_zeros, narrow, getattr(flambeau, dtype))
        return self.built.note(cast(const(0.0), "float32"), zeros, symbol(self.SIZES))

    def _facts(self, operand):
        if type(operand) is Ref:
            return self.built.dtype(operand.index), len(self.built.values[operand.index].shape)
        return operand

    def _reduction(self, n, found):
        (read,) = [r.index for r in operands_of(n)]
        if not self.built.values[read].requires_grad:
            return
        gradient, dtype = found
        x = self.built.of[read]
        result = self.built.of[n.results]
        note = self.built.note
        if n.reduces == "rsum":
            part = note(
                cast(cast(gradient, dtype), dtype), _like_rows, gradient, symbol(self.SIZES)
            )
        elif n.reduces == "rmean":
            share = cast(1.0 / cast(length(), "float64"), dtype)
            part = note(cast(gradient * share, dtype), _mean_rows, gradient, symbol(self.SIZES))
        elif n.reduces == "softmax":
            part = note(
                cast((gradient - plain_rsum(gradient * result)) * result, dtype),
                _softmax_rows,
                gradient,
                result,
            )
        elif n.reduces == "log_softmax":
            part = note(
                cast(gradient - exp(result) * plain_rsum(gradient), dtype),
                _log_softmax_rows,
                gradient,
                result,
            )
        else:
            ties = cast(node("eq", x, self.built.of[n.results]), dtype)
            part = note(
                cast(gradient * cast(ties / cast(plain_rsum(ties), dtype), dtype), dtype),
                _ties_rows,
                gradient,
                x,
                self.built.of[n.results],
            )
        self.add(read, read, part, dtype)  # along the row, though the result has one value


def _zeros(narrow, dtype, x):
    return x.new_zeros((*x.shape[:-1], 1) if narrow else x.shape, dtype=dtype)


def _like_rows(g, x):
    return g.expand_as(x)


def _mean_rows(g, x):
    return (g * (1 / x.shape[-1])).expand_as(x)


def _softmax_rows(g, y):
    return flambeau.ops.rows._softmax_backward(g, y, y.dim() - 1)


def _log_softmax_rows(g, y):
    return flambeau.ops.rows._log_softmax_backward(g, y, y.dim() - 1)


def _ties_rows(g, x, y):
    ties = (x == y).to(g.dtype)
    return g * (ties / ties.sum(-1, keepdim=True))
