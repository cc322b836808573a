"""What a trace is made of: nodes that call operators, on numbered values."""

import flambeau
from flambeau import _core

__all__ = ["Break", "Differs", "Node", "Ref", "Value", "each_ref", "replaced"]


class Break(Exception):
    """Why a function cannot be compiled: `reason`, and `source`, the line of the program."""

    def __init__(self, reason, source=""):
        super().__init__(reason)
        self.reason, self.source = reason, source


class Differs(Exception):
    """A bool that a program reads is not what it was when the program was made."""


class Ref:
    """Stands for value number `index` among a node's arguments."""

    __slots__ = ("index",)

    def __init__(self, index):
        self.index = index

    def __repr__(self):
        return f"v{self.index}"


class Value:
    """What was seen of one tensor: facts that a group of operators is chosen by."""

    __slots__ = (
        "contiguous",
        "device",
        "dtype",
        "plain",
        "requires_grad",
        "shape",
        "storage",
        "strides",
    )

    def __init__(self, tensor, plain=True):
        self.dtype = str(tensor.dtype).partition(".")[2]
        self.shape = tuple(tensor.shape)
        self.requires_grad = tensor.requires_grad
        self.device = tensor.device
        self.plain = plain and self.device.type in ("cpu", "cuda") and not tensor.is_sparse
        self.contiguous = self.plain and tensor.is_contiguous()
        self.strides = tuple(tensor.stride()) if self.plain else ()
        self.storage = _core._storage_id(tensor) if self.plain else None


class Node:
    """One call: function(*args, **kwargs), with Ref in place of tensors.

    Attributes:
        results: numbers of the values it gives, -1 for what is no tensor, in the order of its result; one
            number alone where that is a tensor.
        operator: of a pointwise operator, itself, else None; `operands` are its arguments then, one a slot.
        grad (bool): whether gradients were recorded.
        writes (bool): whether it changes an argument.
        expects: of a call that gives a bool, which Python has read, that bool, else None.
        reduces: of a sum and the like over the last dim, its name in the language of rows, else None.
        total: of the sum or mean of all elements "rsum" or "rmean", else None.
        in_pieces (bool): whether it is a sum or mean that fused eager mode takes while its operand is computed.
        single (bool): whether it sends each argument one gradient.
    """

    __slots__ = (
        "args", "expects", "function", "grad", "in_pieces", "kwargs", "operands", "operator", "reduces", "results", "single", "source", "total", "writes",
    )  # fmt: skip

    def __init__(self, function, args, kwargs, results, grad, source):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.results, self.grad, self.source = results, grad, source
        self.operator = self.operands = self.reduces = self.total = self.expects = None
        self.writes = self.single = self.in_pieces = False

    @property
    def is_grad(self):
        """Whether it is a call of autograd.grad."""
        return self.function is flambeau.autograd.grad

    @property
    def outputs(self):
        return (self.results,) if isinstance(self.results, int) else self.results

    def reads(self):
        """The numbers of the values it takes."""
        return [r.index for r in each_ref((self.args, self.kwargs))]


def each_ref(value):
    """The Refs in nested arguments."""
    if type(value) is Ref:
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from each_ref(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from each_ref(item)
    elif type(value) is slice:
        yield from each_ref((value.start, value.stop, value.step))


def replaced(value, kind, change):
    """Nested arguments with change(x) in place of each x of `kind`."""
    if isinstance(value, kind):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)([replaced(v, kind, change) for v in value])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[replaced(v, kind, change) for v in value])
    if isinstance(value, dict):
        return {k: replaced(v, kind, change) for k, v in value.items()}
    if type(value) is slice:
        return slice(*(replaced(v, kind, change) for v in (value.start, value.stop, value.step)))
    return value
