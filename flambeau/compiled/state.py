"""Python values that a traced function may read, and whether they still are what they were.

Everything that can be reached from the function by the names in its code is walked: globals, closures, defaults,
attributes of objects and classes, items of containers. The walk reads code objects, so it sees more than a call
reads, never less; code that runs without having been found is a break (trace.py).
"""

import builtins
import contextlib
import dis
import functools
import itertools
import os
import threading
import types
from collections import deque

import flambeau
from flambeau import _core

from .graph import Break

__all__ = ["State", "is_ours"]

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
MOST = 50000  # entries of a state: checking more would cost more than is saved
_MISSING = object()
_LEAVES = (
    type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented), range, slice,
    types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodWrapperType, _core.dtype, _core.Operator,
    flambeau.device, types.GenericAlias, types.UnionType, types.ClassMethodDescriptorType, types.CodeType,
)  # fmt: skip
_STATELESS = ("flambeau", "torch", "math", "builtins", "numpy")
_COMPARED = (bool, int, float, complex, str, bytes)
_REGISTRIES = {"_parameters", "_buffers", "_modules"}  # a module's attributes say the same


def is_ours(code):
    """Whether a code object belongs to flambeau, which keeps no state beside what is guarded elsewhere."""
    return code.co_filename.startswith(_OURS)


@functools.cache
def _codes_in(code):
    """A code object and those nested in it."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += _codes_in(constant)
    return found


@functools.cache
def _names_in(code):
    return frozenset(name for c in _codes_in(code) for name in c.co_names)


@functools.cache
def writes_outside(code):
    """What a code object changes beside its locals, for a message, or ""."""
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            return f"assigns the global {step.argval}"
        if step.opname in ("STORE_ATTR", "DELETE_ATTR"):
            return f"assigns the attribute {step.argval}"
        if step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in code.co_freevars:
            return f"assigns the nonlocal {step.argval}"
    return ""


class State:
    """What was reached from `roots`.

    Attributes:
        codes (set): code objects that may run.
        tensors (dict): id -> tensor.
        opaque (dict): name -> type, of what cannot be looked into.
    """

    def __init__(self, roots):
        self.codes, self.tensors, self.opaque = set(), {}, {}
        self._items = []  # (dict, key, value)
        self._lengths = []  # (container, length)
        self._sequences = []  # (list or deque, its items)
        self._sets = []  # (set, an equal one)
        self._orders = []  # (dict, its keys)
        self._cells = []
        self._slots = []  # (object, name, value)
        self._functions = []  # (function, code, defaults, kwdefaults)
        self._classes = []  # (class, its __mro__, numbers of attributes along it)
        self._kinds = []  # (object, class, dict of attributes or None)
        self._tags = []  # (class of ours, what _class_tag says of it), once the call is over
        self._ours = {flambeau.Tensor, flambeau.nn.Parameter}
        self._seen, self._kept = set(), []
        self._names, self._modules = set(), {}
        self._globals = {}  # id of a dict of globals -> (it, names that are read)
        self._work = [(root, "") for root in roots]
        self._run()

    def _run(self):
        done = 0
        while True:
            while self._work:
                self._visit(*self._work.pop())
                if len(self._items) + len(self._kept) > MOST:
                    raise Break(f"more than {MOST} Python values can be reached from the function")
            if done == len(self._names):
                return
            done = len(self._names)
            for module in list(self._modules.values()):
                self._module(module)

    # -- the walk

    def _visit(self, value, name):
        kind = type(value)
        if kind in _LEAVES or id(value) in self._seen:
            return
        self._seen.add(id(value))
        self._kept.append(value)
        if isinstance(value, flambeau.Tensor):
            self.tensors[id(value)] = value
            if value.__dict__:
                self._entries(value.__dict__, None, name)
        elif kind is types.FunctionType:
            self._function(value)
        elif kind.__name__ == "CompiledFunction" and kind.__module__ == "flambeau._core":
            # While another function is traced it runs as it is.
            self._visit(getattr(value, "__wrapped__", None), name)
        elif kind is types.MethodType:
            self._work += [(value.__func__, name), (value.__self__, name)]
        elif isinstance(value, type):
            self._class(value)
        elif kind is types.ModuleType or isinstance(value, types.ModuleType):
            origin = getattr(value, "__name__", "").partition(".")[0]
            self._modules[id(value)] = value
            if origin == "numpy" and ".random" in value.__name__:
                self.opaque[name] = "generator of NumPy"
        elif isinstance(value, (list, tuple, deque)):
            if kind is not tuple:
                self._sequences.append((value, list(value)))
            self._work += [(item, name) for item in value]
            self._object(value, name)
        elif isinstance(value, dict):
            self._orders.append((value, tuple(value)))
            self._entries(value, None, name)
            self._object(value, name)
        elif isinstance(value, (set, frozenset)):
            self._sets.append((value, frozenset(value)))
            self._work += [(item, name) for item in value]
        elif kind is functools.partial:
            self._work += [(value.func, name), (value.args, name), (value.keywords, name)]
        elif kind in (property, classmethod, staticmethod):
            inner = (value.fget,) if kind is property else (value.__func__,)
            self._work += [(f, name) for f in inner if f is not None]
        elif kind is types.CellType:
            self._cell(value, name)
        elif kind.__module__.partition(".")[0] == "flambeau" and not isinstance(
            value, flambeau.nn.Module
        ):
            if not hasattr(value, "__dict__") or isinstance(value, flambeau.Generator):
                return
            self._object(value, name)
        elif not self._object(value, name) or kind.__name__ == "cython_function_or_method":
            self.opaque[name] = kind.__name__

    def _function(self, function):
        inner = getattr(function, "__wrapped__", None)
        if inner is not None:
            self._visit(inner, function.__name__)
        if is_ours(function.__code__):
            for cell in (
                function.__closure__ or ()
            ):  # a decorator of ours around the program's function
                if not _empty(cell) and callable(cell.cell_contents):
                    self._visit(cell.cell_contents, function.__name__)
            return
        code = function.__code__
        self.codes.update(_codes_in(code))
        self._functions.append((function, code, function.__defaults__, function.__kwdefaults__))
        for cell, name in zip(function.__closure__ or (), code.co_freevars):
            self._cell(cell, name)
        given = code.co_varnames[: code.co_argcount]
        defaults = function.__defaults__ or ()
        self._work += zip(defaults, given[len(given) - len(defaults) :])
        if function.__kwdefaults__:
            self._entries(function.__kwdefaults__, None, function.__name__)
        if vars(function):
            self._entries(vars(function), None, function.__name__)
        names = _names_in(code)
        self._names |= names
        self._entries(function.__globals__, names, function.__name__)

    def _cell(self, cell, name):
        if _empty(cell):
            return
        self._cells.append((cell, cell.cell_contents))
        self._work.append((cell.cell_contents, name))

    def _class(self, cls):
        # Of ours the attributes are not walked, only watched; the first in line is told of its bases' changes.
        ours = (base for base in cls.__mro__ if base.__module__.partition(".")[0] == "flambeau")
        self._ours.update(itertools.islice(ours, 1))
        for base in cls.__mro__:
            if base is object or base.__module__.partition(".")[0] in (
                "flambeau",
                "builtins",
                "typing",
                "abc",
            ):
                continue
            if id(base) not in self._seen or base is cls:
                self._seen.add(id(base))
                self._classes.append((base, base.__mro__, len(vars(base))))
                for key, value in vars(base).items():
                    if key not in (
                        "__dict__",
                        "__weakref__",
                        "__doc__",
                        "__module__",
                        "__annotations__",
                    ):
                        self._slots.append((base, key, value))
                        self._work.append((value, key))

    def _module(self, module):
        """The attributes that are read: of libraries that keep no state only which they are, not what they hold."""
        origin, attributes = module.__name__.partition(".")[0], vars(module)
        if origin not in _STATELESS:
            self._entries(attributes, self._names, module.__name__)
            return
        for key in self._names:
            if key in attributes and (id(attributes), key) not in self._seen:
                self._seen.add((id(attributes), key))
                self._items.append((attributes, key, attributes[key]))
                if isinstance(attributes[key], types.ModuleType):
                    self._work.append((attributes[key], key))

    def _entries(self, mapping, names, name):
        if names is None:
            self._lengths.append((mapping, len(mapping)))
            keys = list(mapping)
        else:
            keys = [key for key in names if key in mapping]
            for key in names:
                if key not in mapping and key in vars(builtins):  # which a global may come to hide
                    self._items.append((mapping, key, ...))
                    self._items.append((vars(builtins), key, vars(builtins)[key]))
        for key in keys:
            if (id(mapping), key) in self._seen:
                continue
            self._seen.add((id(mapping), key))
            if mapping[key] is not ...:  # which stands for no value
                self._items.append((mapping, key, mapping[key]))
            self._work.append((mapping[key], key if isinstance(key, str) else name))

    def _object(self, value, name):
        """Whether a value's attributes can be looked into."""
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict) and (
            not type(value).__dictoffset__ or isinstance(value, threading.local)
        ):
            return False  # attributes that are made up when they are asked for, or are each thread's own
        if not isinstance(attributes, dict):
            attributes = None
        self._kinds.append((value, type(value), attributes))
        slots = [s for c in type(value).__mro__ for s in _slots_of(c)]
        if isinstance(value, flambeau.nn.Module):
            self._lengths.append((attributes, len(attributes)))
            for key, item in list(attributes.items()):
                if item is not ...:
                    self._items.append((attributes, key, item))
                if key not in _REGISTRIES:
                    self._work.append((item, key))
        elif attributes is not None:
            self._entries(attributes, None, name)
        for slot in slots:
            item = getattr(value, slot, _MISSING)
            if item is not _MISSING:
                self._slots.append((value, slot, item))
                self._work.append((item, slot))
        self._visit(type(value), name)
        return attributes is not None or bool(slots)

    # -- afterwards

    def seal(self):
        """From now on classes of ours are guarded too: the first call may have loaded methods that others define.

        And names of modules, which it may have loaded.
        """
        self._run()
        self._tags = [(cls, _core._class_tag(cls)) for cls in self._ours]

    def lists(self):
        """What `_core._unchanged` compares."""
        return (
            self._tags, self._lengths, self._items, self._cells, self._kinds, self._sequences, self._slots,
            self._functions, self._classes, self._orders, self._sets,
        )  # fmt: skip

    def changed(self):
        """What is no longer as it was, for a message, or None."""
        return None if _core._unchanged(self.lists()) else self._which()

    def _which(self):
        for cls, tag in self._tags:
            if _core._class_tag(cls) != tag:
                return f"the class {cls.__name__}"
        for mapping, length in self._lengths:
            if len(mapping) != length:
                return "a dict or an object's attributes"
        for mapping, key, value in self._items:
            now = mapping.get(key, ...)
            if not _same(now, value):
                return repr(key)
        for value, cls, attributes in self._kinds:
            if type(value) is not cls or attributes not in (None, getattr(value, "__dict__", None)):
                return f"the class or the attributes of a {cls.__name__}"
        for sequence, items in self._sequences:
            if len(sequence) != len(items) or not all(map(_same, sequence, items)):
                return "a list"
        for owner, name, value in self._slots:
            held = vars(owner) if isinstance(owner, type) else None
            now = getattr(owner, name, ...) if held is None else held.get(name, ...)
            if not _same(now, value):
                return f"the attribute {name}"
        for function, code, *_ in self._functions:
            if function.__code__ is not code:
                return f"the code of {function.__name__}"
        for cls, bases, count in self._classes:
            if cls.__mro__ is not bases or len(vars(cls)) != count:
                return f"the class {cls.__name__}"
        for mapping, keys in self._orders:
            if tuple(mapping) != keys:
                return "the order of a dict"
        return "a set, a default, or a variable of an enclosing function"


def _same(a, b):
    return a is b or (
        type(a) is type(b) and type(a) in _COMPARED and a == b and not (a == 0 and str(a) != str(b))
    )


def _empty(cell):
    with contextlib.suppress(ValueError):
        return cell.cell_contents is _MISSING
    return True


@functools.cache
def _slots_of(cls):
    slots = vars(cls).get("__slots__", ())
    slots = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(s for s in slots if s not in ("__dict__", "__weakref__"))
