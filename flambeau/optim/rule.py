"""Update rules: what one step does to one element, and how it is applied to lists of tensors."""

import operator

import flambeau

from .._core import _map_lists, _pointwise
from ..kernels.expression import input as operand
from ..kernels.expression import topological
from ..ops.core.spec import PointwiseSpec

sharded = ()  # types of tensors of which a process holds a part, told by flambeau.distributed.tensor


def descent(param, grad, maximize, decay):
    """The gradient that a rule goes down by: turned to maximize, and with `decay` times param unless that is None."""
    grad = -grad if maximize else grad
    return grad if decay is None else grad + decay * param


def moved(param, grad, m, v, shrink, new1, beta2, new2):
    """Before a step of Adam's kind: param shrunk by that share unless it is None, and both moments of grad."""
    param = param if shrink is None else param * (1 - shrink)
    return param, m + new1 * (grad - m), beta2 * v + new2 * grad * grad


def begun(param, grad, m, v, *, maximize, decays, decoupled, lr, weight_decay, new1, beta2, new2):
    """(grad, param, m, v) after `descent` and `moved`, with a decay of the gradient or, decoupled, of the parameter."""
    grad = descent(param, grad, maximize, weight_decay if decays and not decoupled else None)
    shrink = lr * weight_decay if decays and decoupled else None
    return grad, *moved(param, grad, m, v, shrink, new1, beta2, new2)


class Rule:
    """A scalar function of the kernel language that updates tensors in place.

    Its positional parameters are tensors, its keyword-only parameters are numbers. It returns the
    new values of the tensors named in `updates`, in that order. Plain SGD is

        sgd = Rule(lambda param, grad, *, lr: param - lr * grad, updates="param")

    Numbers join half precision as float32, but for those named in `rounds`: what PyTorch's optimizers hand to add_().
    """

    def __init__(self, function, updates, rounds=""):
        # From the code object: importing inspect would cost 20 ms.
        code = function.__code__
        names, n = code.co_varnames, code.co_argcount
        self.tensors, self.numbers = list(names[:n]), list(names[n : n + code.co_kwonlyargcount])
        self.rounds = sum(1 << n + self.numbers.index(name) for name in rounds.split())
        self.updates = [self.tensors.index(name) for name in updates.split()]
        self.function = function
        self._results = None
        self._kernel = None

    def results(self):
        """The expressions of the new values; inputs are the tensors, then the numbers."""
        if self._results is None:
            n = len(self.tensors)
            arguments = [operand(i) for i in range(n)]
            numbers = {name: operand(n + i) for i, name in enumerate(self.numbers)}
            results = self.function(*arguments, **numbers)
            self._results = results if isinstance(results, tuple) else (results,)
        return self._results

    def kernel(self):
        """The rule as the core runs it: outputs are the updated tensors themselves."""
        if self._kernel is None:
            from ..kernels import Map

            names = (*self.tensors, *self.numbers)
            n = len(names)
            map = Map.of(self.results(), n, self.function.__name__)
            spec = PointwiseSpec(
                map.name, None, names, n, (...,) * n, n, map=map, rounds=self.rounds
            )
            self._kernel = _pointwise(spec)
        return self._kernel

    def apply(self, tensors, differentiable=False, **numbers):
        """`run` with the numbers by name."""
        self.run(tensors, numbers, differentiable)

    def run(self, tensors, numbers, differentiable=False):
        """Update in place: tensors holds one list of tensors for each tensor parameter, numbers are by name.

        One pass over memory for each tuple of tensors, without history; with `differentiable` one
        recorded operator after another.
        """
        values = [numbers[name] for name in self.numbers]
        if sharded and any([isinstance(tensor, sharded) for tensor in tensors[0]]):
            tensors = [[_part_here(t) for t in one] for one in tensors]
        for tensor in tensors[0]:
            if tensor.is_complex():
                tensors = [[_as_real(tensor) for tensor in one] for one in tensors]
                break
        if not differentiable:
            outputs = [tensors[place] for place in self.updates]
            _map_lists(self.kernel(), outputs, [*tensors, *values])
            return
        for group in zip(*tensors, strict=True):
            # What operators keep for backward must not be what is written below.
            kept = [t.clone() if at in self.updates else t for at, t in enumerate(group)]
            new = _evaluate(self.results(), [*kept, *values])
            for place, value in zip(self.updates, new, strict=True):
                group[place].copy_(value)


def _part_here(tensor):
    """What lies in this process of a tensor over several, along each dimension of their mesh."""
    while hasattr(tensor, "_local_tensor"):
        tensor = tensor._local_tensor
    return tensor


def _as_real(tensor):
    """A complex tensor as real and imaginary parts, which are updated like separate elements."""
    return flambeau.view_as_real(tensor) if tensor.is_complex() else tensor


_TENSOR_OPERATORS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "neg": operator.neg, "lt": operator.lt, "gt": operator.gt, "le": operator.le,
    "ge": operator.ge, "eq": operator.eq, "ne": operator.ne, "abs": abs,
    "sqrt": lambda x: x.sqrt(), "sign": lambda x: x.sign(),
    "where": lambda condition, a, b: flambeau.where(condition, a, b),
    "minimum": lambda a, b: _limited(a, b, flambeau.minimum, "max"),
    "maximum": lambda a, b: _limited(a, b, flambeau.maximum, "min"),
}  # fmt: skip


def _limited(a, b, of_tensors, limit):
    if isinstance(a, flambeau.Tensor) and isinstance(b, flambeau.Tensor):
        return of_tensors(a, b)
    tensor, number = (a, b) if isinstance(a, flambeau.Tensor) else (b, a)
    return tensor.clamp(**{limit: number})


def _evaluate(results, values):
    """`results` as tensors, one operator a node: differentiable, and slow."""
    known = {}
    for node in topological(results):
        if node.op == "input":
            known[id(node)] = values[node.attr]
        elif node.op == "const":
            known[id(node)] = node.attr
        else:
            arguments = [known[id(argument)] for argument in node.args]
            known[id(node)] = _TENSOR_OPERATORS[node.op](*arguments)
    return [known[id(result)] for result in results]
