"""Node, one step of a Graph."""

import builtins
import operator
from operator import attrgetter

import flambeau

from .immutable_collections import immutable_dict, immutable_list

__all__ = ["Node", "has_side_effect", "map_aggregate", "map_arg"]

Target = Argument = object
base_types = (
    str, int, float, bool, complex, flambeau.dtype, flambeau.Tensor, flambeau.device,
    flambeau.memory_format, flambeau.layout,
)  # fmt: skip
_OPS = ("placeholder", "get_attr", "call_function", "call_method", "call_module", "output")
_side_effectful_functions = {flambeau._assert, print}


def has_side_effect(fn):
    """Marks a function as one whose calls are kept though nobody uses their results; gives it back."""
    _side_effectful_functions.add(fn)
    return fn


def map_aggregate(a, fn):
    """`a` with fn applied to what is neither tuple, list, dict nor slice."""
    if isinstance(a, tuple):
        items = [map_aggregate(x, fn) for x in a]
        return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
    if isinstance(a, list):
        return immutable_list(map_aggregate(x, fn) for x in a)
    if isinstance(a, dict):
        return immutable_dict((k, map_aggregate(v, fn)) for k, v in a.items())
    if isinstance(a, slice):
        return slice(*(map_aggregate(x, fn) for x in (a.start, a.stop, a.step)))
    return fn(a)


def map_arg(a, fn):
    """`a` with fn applied to each Node in it."""
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


def qualified_name(function):
    """How a function is reached from its root module, as "torch.relu" or "operator.add"."""
    if getattr(builtins, getattr(function, "__name__", ""), None) is function:
        return f"builtins.{function.__name__}"
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None) or "unknown"
    if module == "flambeau" or module.startswith("flambeau."):
        module = "torch" + module.removeprefix("flambeau")
    return f"{module.replace('_operator', 'operator')}.{name}"


_get_qualified_name = qualified_name  # the name that libraries import


class Node:
    """One step of a graph.

    Attributes:
        op (str): "placeholder", an input; "get_attr", a parameter; "call_function", "call_method",
            "call_module"; "output".
        target: the function, or the name of the method, module, attribute or input.
        args, kwargs: of the call; other nodes stand where their results go.
        users (dict of Node): the nodes that use the result.
        meta (dict): what passes note about the node.
    """

    def __init__(self, graph, name, op, target, args, kwargs, return_type=None):
        if op not in _OPS:
            raise AssertionError(f"Node: op is {op!r}; it must be one of {', '.join(_OPS)}.")
        if op == "call_function":
            if not callable(target):
                raise ValueError(
                    f"Node: the target of call_function {name} is {target!r}; it must be callable."
                )
        elif not isinstance(target, str):
            raise ValueError(f"Node: the target of {op} {name} is {target!r}; it must be a str.")
        self.graph, self.name, self.op, self.target, self.type = (
            graph,
            name,
            op,
            target,
            return_type,
        )
        self.users, self.meta = {}, {}
        self._input_nodes, self._args, self._kwargs = {}, (), immutable_dict()
        self._prev = self._next = self
        self._erased = False
        self._repr_fn = None
        self._set(args, kwargs)

    def _set(self, args, kwargs):
        for node in self._input_nodes:
            node.users.pop(self, None)
        self._input_nodes = {}

        def use(node):
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args = map_arg(tuple(args), use)
        self._kwargs = map_arg(dict(kwargs), use)

    @property
    def args(self):
        """The positional arguments; setting them updates the users of what stood and stands there."""
        return self._args

    @args.setter
    def args(self, value):
        self._set(value, self._kwargs)

    @property
    def kwargs(self):
        """The keyword arguments; setting them updates users."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, value):
        self._set(self._args, value)

    @property
    def all_input_nodes(self):
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    next = property(attrgetter("_next"), doc="The following node.")
    prev = property(attrgetter("_prev"), doc="The node before.")

    @property
    def stack_trace(self):
        """Where the program called this, if the tracer recorded it."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace):
        self.meta["stack_trace"] = trace

    def _remove_from_list(self):
        self._prev._next, self._next._prev = self._next, self._prev

    def prepend(self, x):
        """Moves node `x` to stand before this one."""
        if x.graph is not self.graph:
            raise AssertionError("Node.prepend: the two nodes are of different graphs.")
        if x is self:
            return
        x._remove_from_list()
        x._prev, x._next = self._prev, self
        self._prev._next = self._prev = x

    def append(self, x):
        """Moves node `x` to stand after this one."""
        if x is not self._next:
            self._next.prepend(x)

    def update_arg(self, idx, arg):
        """Sets one positional argument."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx, arg):
        """Puts an argument before the one at `idx`."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError(f"Node.insert_arg: idx is {idx} among {len(self.args)} arguments.")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key, arg):
        """Sets one keyword argument."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_all_uses_with(
        self, replace_with, delete_user_cb=lambda user: True, *, propagate_meta=False
    ):
        """Puts `replace_with` wherever this node is used; gives the users that were changed.

        Args:
            delete_user_cb: user -> bool, whether that user is changed.
            propagate_meta (bool): whether meta, too, goes to the new node, which must have none.
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(f"replace_all_uses_with: {replace_with} has meta of its own.")
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input, new_input):
        """Puts one node in the place of another among the arguments."""
        swap = lambda n: new_input if n is old_input else n
        self._set(map_arg(self._args, swap), map_arg(self._kwargs, swap))

    def is_impure(self, impure_random=True):
        """Whether the node does more than give a result."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            name = getattr(self.target, "__name__", "")
            inplace = name.endswith("_") and not name.endswith("__")
            return inplace or self.target in _side_effectful_functions
        if self.op == "call_method":
            return self.target.endswith("_") and not self.target.endswith("__")
        if self.op == "call_module":
            module = self.graph.owning_module and self.graph.owning_module.get_submodule(
                self.target
            )
            return bool(getattr(module, "_is_impure", False))
        return False

    def normalized_arguments(
        self, root, arg_types=None, kwarg_types=None, normalize_to_only_use_kwargs=False
    ):
        """(args, kwargs) as the called function's signature names them, or None where it has none."""
        import inspect

        if arg_types is not None or kwarg_types is not None:
            raise NotImplementedError(
                "normalized_arguments: arg_types and kwarg_types are not offered."
            )
        called = self.target
        if self.op == "call_module":
            called = root.get_submodule(self.target).forward
        elif self.op != "call_function":
            return None
        try:
            bound = inspect.signature(called).bind(*self.args, **self.kwargs)
        except (TypeError, ValueError):
            return None
        bound.apply_defaults()
        if normalize_to_only_use_kwargs:
            return (), dict(bound.arguments)
        return bound.args, bound.kwargs

    def _pretty_print_target(self, target):
        if not callable(target):
            return str(target)
        return qualified_name(target)

    def format_node(self, placeholder_names=None, maybe_return_typename=None, **_):
        """One line that describes the node; None for what is listed elsewhere."""
        uses = f"[num_users={len(self.users)}]"
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(self.target)
            default = f"(default={self.args[0]})" if self.args else ""
            return f"%{self.name} : {uses} = placeholder[target={self.target}]{default}"
        if self.op == "get_attr":
            return f"%{self.name} : {uses} = get_attr[target={self.target}]"
        if self.op == "output":
            return f"return {self.args[0]}"
        target = self._pretty_print_target(self.target)
        return (
            f"%{self.name} : {uses} = {self.op}[target={target}](args = {_shown(self.args)}, "
            f"kwargs = {_shown(self.kwargs)})"
        )

    def __repr__(self):
        return self._repr_fn(self) if self._repr_fn else self.name


def _shown(arg):
    """An argument with nodes as %name and dicts without quotes, for format_node."""
    if isinstance(arg, list):
        return f"[{', '.join(map(_shown, arg))}]"
    if isinstance(arg, tuple) and not hasattr(arg, "_fields"):
        return f"({', '.join(map(_shown, arg))}{',' * (len(arg) == 1)})"
    if isinstance(arg, dict):
        return f"{{{', '.join(f'{k}: {_shown(v)}' for k, v in arg.items())}}}"
    return f"%{arg}" if isinstance(arg, Node) else str(arg)


# How calls of Python's operators are written, by the name in `operator`.
magic_methods = {
    "eq": "{} == {}", "ne": "{} != {}", "lt": "{} < {}", "gt": "{} > {}", "le": "{} <= {}", "ge": "{} >= {}",
    "pos": "+{}", "neg": "-{}", "invert": "~{}", "add": "{} + {}", "mul": "{} * {}", "sub": "{} - {}",
    "mod": "{} % {}", "floordiv": "{} // {}", "truediv": "{} / {}", "rshift": "{} >> {}",
    "lshift": "{} << {}", "and_": "{} & {}", "or_": "{} | {}", "xor": "{} ^ {}", "getitem": "{}[{}]",
    "matmul": "{} @ {}", "pow": "{} ** {}",
}  # fmt: skip
inplace_methods = {
    "iadd": "{} += {}", "iand": "{} &= {}", "ifloordiv": "{} //= {}", "ilshift": "{} <<= {}",
    "imod": "{} %= {}", "imul": "{} *= {}", "imatmul": "{} @= {}", "ior": "{} |= {}", "ipow": "{} **= {}",
    "irshift": "{} >>= {}", "isub": "{} -= {}", "itruediv": "{} /= {}", "ixor": "{} ^= {}",
    "setitem": "{}[{}] = {}",
}  # fmt: skip
reflectable = "add mul sub floordiv truediv mod pow lshift rshift and_ or_ xor matmul".split()
OPERATORS = {getattr(operator, name): text for name, text in magic_methods.items()}
INPLACE = {getattr(operator, name): text for name, text in inplace_methods.items()}
