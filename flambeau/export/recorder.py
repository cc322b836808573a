"""The recorder: a function mode under which a program's operators become nodes of a graph.

What depends on an input is recorded; the rest is computed, and is a constant where it is used. Tensors that
are written in place get a new node, and views of them are taken again when they are read.
"""

import functools
import operator
import os
import sys

import flambeau

from ..fx import Graph
from ..ops.core.arguments import tensors_in
from ..overrides import TorchFunctionMode, _without_innermost, resolve_name
from ..utils._pytree import tree_map_only
from .sizes import SymFloat, SymInt, node_of, sym_size, symbol

__all__ = ["Recorder", "name_of"]

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_SIZES = {
    "Tensor.shape.__get__",
    "Tensor.size",
    "Tensor.numel",
    "Tensor.nelement",
    "Tensor.__len__",
    "numel",
}
# Tell of a tensor what no graph needs, or give what is no tensor.
_READS = {"Tensor.item", "Tensor.tolist", "Tensor.__bool__", "Tensor.__float__", "Tensor.__int__",
          "Tensor.__index__", "Tensor.numpy", "Tensor.__array__"}  # fmt: skip
_VIEWS = set(
    "__getitem__ select narrow slice transpose t permute view reshape view_as unsqueeze squeeze expand expand_as "
    "diagonal flatten unflatten swapaxes swapdims movedim unfold chunk split unbind tensor_split detach "
    "T.__get__ mT.__get__ H.__get__ mH.__get__ data.__get__ contiguous ravel real.__get__".split()
)
_DRAWS = set(
    "rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson dropout "
    "alpha_dropout feature_dropout dropout1d dropout2d dropout3d feature_alpha_dropout rrelu uniform_ normal_ "
    "bernoulli_ exponential_ random_ cauchy_ geometric_ log_normal_".split()
)


@functools.cache
def name_of(function):
    """The public name of what a graph calls, without torch: "add", "nn.functional.pad", "Tensor.T.__get__"."""
    known = resolve_name(function)
    if known is None:
        return getattr(function, "__name__", repr(function))
    return known.removeprefix("torch.")


@functools.cache
def short_name(function):
    """name_of without the namespace: "pad", "T.__get__"."""
    name = name_of(function)
    for space in ("Tensor.", "nn.functional.", "special.", "linalg.", "fft."):
        name = name.removeprefix(space)
    return name


def _source():
    """Where the program called: the innermost frame that is not of this package."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_OURS) and not code.co_filename.startswith("<frozen"):
            return f'File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}'
        frame = frame.f_back
    return "unknown place"


class _Opaque(Exception):
    """An operator that cannot be taken apart."""


class _Known:
    """What is known of a tensor: its node, at which version, and of what it is a view."""

    __slots__ = ("base", "node", "replay", "tensor", "version")

    def __init__(self, tensor, node, base=None, replay=None):
        self.tensor, self.node, self.version = tensor, node, _version(tensor)
        self.base, self.replay = base, replay


def _version(tensor):
    try:
        return tensor._version
    except RuntimeError:  # made in inference mode
        return 0


class Recorder(TorchFunctionMode):
    """Records into `graph`.

    Args:
        symbolic (bool): whether sizes are symbols.
        leaf (callable): function -> bool, whether it is one node; if not, what it calls is recorded.
        reads (callable): told (name, source) when a number is read from a tensor that depends on inputs.
        keep_parameters (bool): whether parameters and buffers count as inputs.
    """

    def __init__(
        self, symbolic=False, leaf=lambda function: True, reads=None, keep_parameters=False
    ):
        self.graph = Graph()
        self.symbolic, self.leaf, self.reads = symbolic, leaf, reads
        self.keep_parameters = keep_parameters
        self.known = {}  # id -> _Known, which keeps the tensor alive
        self.constants = {}  # attribute -> tensor
        self.names = {}  # id of a parameter or buffer -> its name; it is kept alive by the module
        self._sizes = {}  # (node, dim) -> SymInt
        self._plain = {}  # id -> tensor, of those computed from constants alone
        self._inside = None  # tensors that went into the operator that is being taken apart

    # -- tensors and nodes

    def bind(self, tensor, node, base=None, replay=None):
        """From here on `tensor` is what `node` gives."""
        node.meta["val"] = _like(tensor)
        self.known[id(tensor)] = _Known(tensor, node, base, replay)

    def knows(self, tensor):
        """Whether a tensor depends on an input."""
        if self.keep_parameters and id(tensor) in self.names:
            return True
        found = self.known.get(id(tensor))
        return found is not None and found.node.op != "get_attr"

    def node(self, tensor):
        """The node of a tensor's present value."""
        found = self.known.get(id(tensor))
        if found is None:
            return self._constant(tensor)
        if found.version != _version(tensor):
            found = self._again(found)
        return found.node

    def _constant(self, tensor):
        name = self.names.get(id(tensor))
        if name is None:
            if self._inside is not None and not (
                id(tensor) in self._plain or id(tensor) in self._inside
            ):
                raise _Opaque
            name = f"_constant{len(self.constants)}"
            self.constants[name] = tensor.detach().clone()
        node = self.graph.create_node("get_attr", name)
        node.meta["stack_trace"] = _source()
        self.bind(tensor, node)
        return node

    def _again(self, found):
        """The value of a tensor that was written through another: the view taken again of its base."""
        if found.replay is None:
            if found.node.op == "get_attr":
                del self.known[id(found.tensor)]
                self.node(found.tensor)
                return self.known[id(found.tensor)]
            raise RuntimeError(
                f"export: {found.node} shares memory with a tensor that was written in place at {_source()}; "
                "what became of it cannot be followed. Write out of place there, or clone() before."
            )
        function, args, kwargs, place = found.replay
        args, kwargs = self.arguments(args), self.arguments(kwargs)
        node = self._call(function, args, kwargs)
        if place is not None:
            node = self._call(operator.getitem, (node, place), {})
        base, replay = found.base, found.replay
        self.bind(found.tensor, node, base, replay)
        return self.known[id(found.tensor)]

    def arguments(self, value):
        """Arguments with nodes in place of tensors and symbols."""
        if isinstance(value, flambeau.Tensor):
            return self.node(value)
        if isinstance(value, (SymInt, SymFloat)):
            return node_of(value)
        if isinstance(value, slice):
            return slice(*(self.arguments(v) for v in (value.start, value.stop, value.step)))
        if isinstance(value, (tuple, list)):
            items = [self.arguments(v) for v in value]
            if hasattr(value, "_fields"):
                return type(value)(*items)
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, dict):
            return {key: self.arguments(v) for key, v in value.items()}
        return value

    def _depends(self, value):
        if isinstance(value, flambeau.Tensor):
            return self.knows(value)
        if isinstance(value, (SymInt, SymFloat)):
            return True
        if isinstance(value, slice):
            return any(map(self._depends, (value.start, value.stop, value.step)))
        if isinstance(value, (tuple, list)):
            return any(map(self._depends, value))
        if isinstance(value, dict):
            return any(map(self._depends, value.values()))
        return False

    def _call(self, function, args, kwargs):
        if short_name(function).endswith(".__get__"):
            function, args, kwargs = _out_of_place(function, short_name(function), args, kwargs)
        node = self.graph.call_function(function, args, kwargs)
        node.meta["stack_trace"] = _source()
        return node

    # -- the mode

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = short_name(func)
        if not (self._depends(args) or self._depends(kwargs)) and name not in _DRAWS:
            result = func(*args, **kwargs)
            for tensor in tensors_in(result):
                self._plain[id(tensor)] = tensor
            return result
        if name_of(func) in _SIZES:
            return self._size(func, name, args, kwargs)
        if name_of(func) in _READS or f"Tensor.{name}" in _READS:
            if self.reads is not None:
                self.reads(name, _source())
            return func(*args, **kwargs)
        if not name.endswith(".__get__") and not self.leaf(_out_of_place(func, name, args, {})[0]):
            inner = _composite(func)
            if inner is not None:
                try:
                    return self._take_apart(inner, args, kwargs)
                except _Opaque:
                    pass
        if name == "__setitem__":
            return self._set_item(func, args)
        return self._record(func, name, args, kwargs)

    def _take_apart(self, function, args, kwargs):
        """What an operator that is made of operators gives, those recorded.

        Raises _Opaque if it computes by ways that the recorder does not see.
        """
        outer = self._inside
        self._inside = {**(outer or {}), **{id(t): t for t in tensors_in((args, kwargs))}}
        try:
            with self:
                result = function(*args, **kwargs)
            for tensor in tensors_in(result):
                found = self.known.get(id(tensor))
                if found is None and id(tensor) not in self._plain:
                    raise _Opaque
                if found is not None and found.version != _version(tensor):
                    raise _Opaque
            return result
        finally:
            self._inside = outer

    def call(self, function, compute, args):
        """compute(*args) as one node that calls `function`; asked for while the mode is in force."""
        with _without_innermost():
            if not self._depends(args):
                return compute(*args)
            return self._record(function, function.__name__, args, {}, compute)

    def _size(self, func, name, args, kwargs):
        plain = func(*args, **kwargs)
        if not self.symbolic:
            return plain
        tensor = args[0]
        rank = tensor.dim()
        if name in ("numel", "nelement"):
            sizes = [self._symbol(tensor, d) for d in range(rank)]
            return functools.reduce(lambda a, b: a * b, sizes, 1)
        if name == "__len__":
            return plain  # len() itself takes ints only
        if isinstance(plain, int):
            dim = args[1] if len(args) > 1 else kwargs["dim"]
            return self._symbol(tensor, dim % rank)
        return tuple.__new__(flambeau.Size, [self._symbol(tensor, d) for d in range(rank)])

    def _symbol(self, tensor, dim):
        node = self.node(tensor)
        made = self._sizes.get((node, dim))
        if made is None:
            made = self._sizes[node, dim] = symbol(tensor.size(dim), self, sym_size, (node, dim))
            made._node.meta["stack_trace"] = _source()
        return made

    def _record(self, func, name, args, kwargs, compute=None):
        if kwargs.get("out") is not None or name.endswith("__set__"):
            raise NotImplementedError(
                f"export: {name} at {_source()} puts its result into a given tensor (out= or an assignment), which "
                "cannot be followed. Use the result."
            )
        node_args, node_kwargs = self.arguments(args), self.arguments(kwargs)
        target, node_args, node_kwargs = _out_of_place(func, name, node_args, node_kwargs)
        versions = {
            id(t): (_version(t), t) for t in tensors_in((args, kwargs)) if id(t) in self.known
        }
        result = (compute or func)(*args, **kwargs)
        if result is None or not any(True for _ in tensors_in(result)):
            if any(_version(t) != v for v, t in versions.values()):
                raise NotImplementedError(
                    f"export: {name} at {_source()} writes its argument and returns nothing; use the form that "
                    "returns the result."
                )
            return result
        node = self._call(target, node_args, node_kwargs)
        written = [t for v, t in versions.values() if _version(t) != v]
        view = (func, args, kwargs) if name in _VIEWS else None
        self._name_results(result, node, view, written)
        return result

    def _name_results(self, result, node, view, written):
        if isinstance(result, flambeau.Tensor):
            if any(result is t for t in written) or (written and self.knows(result)):
                self._write(result, node)
                return
            for tensor in written:  # batch norm's counts, an embedding that renormalizes
                del self.known[id(tensor)]
            self._bind_result(result, node, view, None)
        else:
            node.meta["val"] = tree_map_only(flambeau.Tensor, _like, result)
            for place, item in enumerate(result):
                if isinstance(item, flambeau.Tensor):
                    part = self._call(operator.getitem, (node, place), {})
                    self._bind_result(item, part, view, place)

    def _bind_result(self, result, node, view, place):
        if view is None or not isinstance(view[1][0] if view[1] else None, flambeau.Tensor):
            self.bind(result, node)
        else:
            func, args, kwargs = view
            self.bind(result, node, base=args[0], replay=(func, args, kwargs, place))

    def _write(self, tensor, node):
        """`tensor` was written in place and is now what `node` gives: so are the tensors it is a view of."""
        known = self.known.get(id(tensor))
        base, replay = (known.base, known.replay) if known else (None, None)
        self.bind(tensor, node, base, replay)
        while base is not None:
            func, args, kwargs, place = replay
            node = self._written_base(func, args, kwargs, place, node)
            known = self.known.get(id(base))
            self.bind(base, node, known and known.base, known and known.replay)
            base, replay = (known.base, known.replay) if known else (None, None)

    def _written_base(self, func, args, kwargs, place, value):
        """The base of a view with `value` where the view was."""
        name, base = short_name(func), args[0]
        old = self.known[id(base)].node if id(base) in self.known else self._constant(base)
        if place is None and name == "__getitem__":
            return self._call(put, (old, self.arguments(args[1]), value), {})
        if place is None and name in ("view", "reshape", "flatten", "unsqueeze", "squeeze", "ravel",
                                      "unflatten", "view_as", "contiguous"):  # fmt: skip
            shape = tuple(
                self._symbol(base, d) if self.symbolic else n for d, n in enumerate(base.shape)
            )
            return self._call(flambeau.reshape, (value, self.arguments(shape)), {})
        if place is None and name in ("detach", "data.__get__"):
            return value
        if place is None and name in (
            "transpose",
            "swapaxes",
            "swapdims",
            "t",
            "T.__get__",
            "mT.__get__",
        ):
            return self._call(func, (value, *self.arguments(args[1:])), self.arguments(kwargs))
        if place is None and name in ("select", "narrow") and not kwargs:
            dim, start = args[1], args[2]
            stop = None if name == "select" else start + args[3]
            index = self.arguments(start) if name == "select" else slice(start, stop)
            return self._call(put, (old, (*(slice(None),) * dim, index), value), {})
        if (
            name in ("unbind", "chunk", "split")
            and place is not None
            and _dim_of(args, kwargs, name) == 0
        ):
            if name == "unbind":
                return self._call(put, (old, place, value), {})
        raise NotImplementedError(
            f"export: a result of {name} is written in place at {_source()}, and with it the tensor that it is a "
            "view of. That cannot be followed here: write through an index, base[...] = value, or out of place."
        )

    def write_buffers(self, module):
        """Buffers that the program has written: the graph writes them at its end."""
        for buffer in module.buffers():
            found = self.known.get(id(buffer))
            if found is not None and found.node.op != "get_attr":
                place = self.graph.create_node("get_attr", self.names[id(buffer)])
                place.meta["val"] = _like(buffer)
                self._call(flambeau.Tensor.copy_, (place, found.node), {}).meta["val"] = _like(
                    buffer
                )

    def _set_item(self, func, args):
        tensor, index, value = args
        if not self.knows(tensor):
            node = self._constant(tensor)  # as it is before the write
        node = self.node(tensor)
        placed = self._call(put, (node, self.arguments(index), self.arguments(value)), {})
        func(*args)
        self._write(tensor, placed)


def _dim_of(args, kwargs, name):
    place = 1 if name == "unbind" else 2
    return kwargs.get("dim", args[place] if len(args) > place else 0)


def put(input, index, value):
    """A copy of `input` with input[index] = value."""
    result = input.clone()
    result[index] = value
    return result


def _out_of_place(func, name, args, kwargs):
    """A call in place as one that only gives the result: (function, args, kwargs)."""
    if name.endswith(".__get__"):
        return getattr, (args[0], name.removesuffix(".__get__")), {}
    if "inplace" in kwargs:
        kwargs = {key: value for key, value in kwargs.items() if key != "inplace"}
    names = (getattr(func, "parameters", None) or ((),))[0]
    if "inplace" in names and len(args) > names.index("inplace"):
        place = names.index("inplace")
        args, rest = args[:place], args[place + 1 :]
        kwargs = {**dict(zip(names[place + 1 :], rest)), **kwargs}
    if not name.endswith("_") or name.endswith("__"):
        return func, args, kwargs
    if name in ("copy_", "fill_", "zero_"):
        value = args[1] if len(args) > 1 else kwargs.get("value", 0)
        return put, (args[0], ..., value), {}
    pure = getattr(flambeau, name[:-1], None) or getattr(flambeau.Tensor, name[:-1], None)
    return (func if pure is None else pure), args, kwargs


def _composite(func):
    """The Python that an operator is made of where that consists of operators, or None."""
    if getattr(func, "is_native", True) or hasattr(func, "spec"):
        return None
    try:
        if func.backward is not None:
            return None
    except AttributeError:
        pass
    return func.__wrapped__


def _like(tensor):
    """The shape and dtype of a tensor, as a tensor without bytes."""
    return flambeau.empty(tensor.shape, dtype=tensor.dtype, device="meta")
