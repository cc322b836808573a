"""Update rules: what one step does to one element, and how it is applied to lists of tensors."""

import inspect
import operator

import flambeau

from ..kernels.expression import input as operand
from ..kernels.expression import topological


class Rule:
    """A scalar function of the kernel language that updates tensors in place.

    Its positional parameters are tensors, its keyword-only parameters are numbers. It returns the
    new values of the tensors named in `updates`, in that order. Plain SGD is

        sgd = Rule(lambda param, grad, *, lr: param - lr * grad, updates="param")
    """

    def __init__(self, function, updates):
        parameters = inspect.signature(function).parameters.values()
        self.tensors = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        self.numbers = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.updates = [self.tensors.index(name) for name in updates.split()]
        self.function = function
        self._results = None

    def results(self):
        """The expressions of the new values; inputs are the tensors, then the numbers."""
        if self._results is None:
            n = len(self.tensors)
            arguments = [operand(i) for i in range(n)]
            numbers = {name: operand(n + i) for i, name in enumerate(self.numbers)}
            results = self.function(*arguments, **numbers)
            self._results = results if isinstance(results, tuple) else (results,)
        return self._results

    def apply(self, tensors, differentiable=False, **numbers):
        """Update in place: tensors holds one list of tensors for each tensor parameter."""
        values = [numbers[name] for name in self.numbers]
        for group in zip(*tensors, strict=True):
            if group[0].is_complex():
                group = [flambeau.view_as_real(tensor) for tensor in group]
            new = _evaluate(self.results(), [*group, *values])
            for place, value in zip(self.updates, new, strict=True):
                group[place].copy_(value)


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
