"""Pickles that can do no harm, and those that can.

A pickle is a program. SafeUnpickler runs the part of it that builds plain data, and calls only what
stands on its list: an opcode, a name or a call beyond that is an error.
"""

import collections
import contextlib
import functools
import operator
import pickle
import struct
import sys

import flambeau

from ..storage import TypedStorage, UntypedStorage
from . import names
from .rebuild import dress, from_storage, rebuild_sparse


class _UserList:
    """What the user allowed on top, (object, name in the file or None)."""

    def __init__(self):
        self.entries = []


_user = _UserList()


def add_safe_globals(safe_globals):
    """Let torch.load(weights_only=True) use these classes and functions.

    Args:
        safe_globals (list): classes and functions; or (object, "module.name") pairs, for one that
            the file knows by another name.
    """
    _user.entries = _user.entries + list(safe_globals)


def get_safe_globals():
    """What add_safe_globals added."""
    return list(_user.entries)


def clear_safe_globals():
    """Take back all that add_safe_globals added."""
    _user.entries = []


@contextlib.contextmanager
def safe_globals(safe_globals):
    """add_safe_globals for the time of a with block."""
    before = _user.entries
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _user.entries = before


def _user_globals():
    allowed = {}
    for entry in _user.entries:
        obj, name = entry if isinstance(entry, tuple) else (entry, None)
        if name is None:
            name = f"{obj.__module__}.{obj.__qualname__}"
            if known := names.pytorch_name(obj, obj.__qualname__):
                allowed[known] = obj
        allowed[tuple(name.rsplit(".", 1))] = obj
    return allowed


# What the names of PyTorch's files mean here


def _bytes_of(storage):
    if not isinstance(storage, (TypedStorage, UntypedStorage)):
        raise pickle.UnpicklingError(f"load: a tensor over {storage!r}, which is no storage.")
    return storage.untyped()._bytes


def _rebuild_tensor(storage, offset, size, stride):
    data = _bytes_of(storage)
    if not isinstance(storage, TypedStorage):
        raise pickle.UnpicklingError("load: a tensor over plain bytes, without a dtype.")
    return from_storage(data, storage.dtype, offset, size, stride)


def _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None):
    return _finish(_rebuild_tensor(storage, offset, size, stride), requires_grad, metadata)


def _rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    tensor = from_storage(_bytes_of(storage), dtype, offset, size, stride)
    return _finish(tensor, requires_grad, metadata)


def _finish(tensor, requires_grad, metadata):
    if metadata and metadata.get("conj"):
        tensor = tensor.conj()
    if metadata and metadata.get("neg"):
        tensor = -tensor
    if requires_grad:
        tensor.requires_grad_()
    return tensor


def _rebuild_meta(dtype, size, stride, requires_grad):
    return flambeau.empty_strided(
        size, stride, dtype=dtype, device="meta", requires_grad=requires_grad
    )


def _rebuild_sparse(layout, parts):
    if not isinstance(layout, flambeau.layout) or not isinstance(parts, tuple):
        raise pickle.UnpicklingError("load: a sparse tensor of no layout, or without parts.")
    return rebuild_sparse(layout, parts)


def _rebuild_parameter(data, requires_grad, hooks):
    return flambeau.nn.Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, hooks, state):
    parameter = _rebuild_parameter(data, requires_grad, hooks)
    return dress(parameter, type(parameter), False, _attributes(state))


def _rebuild_nested(arguments):
    """A jagged tensor; its offsets are checked, for a file may hold any."""
    values, offsets = arguments.get("values"), arguments.get("offsets")
    if not isinstance(values, flambeau.Tensor) or not isinstance(offsets, flambeau.Tensor):
        raise pickle.UnpicklingError("load: a nested tensor without values or offsets.")
    nested = flambeau.nested.nested_tensor_from_jagged(
        values, offsets, arguments.get("lengths"), jagged_dim=arguments.get("_ragged_idx")
    )
    return nested.detach().requires_grad_(bool(arguments.get("requires_grad")))


def _rebuild_strided_nested(buffer, sizes, strides, offsets):
    """A nested tensor of PyTorch's strided layout: its rows are views of a buffer."""
    layouts = zip(sizes.tolist(), strides.tolist(), offsets.tolist(), strict=True)
    rows = [buffer.as_strided(*layout) for layout in layouts]
    return flambeau.nested.tensor.of_rows(rows, flambeau.strided, "load", buffer.dtype)


class _DimRange:
    """What PyTorch's compiler notes of sizes on tensors within a jagged one. It says nothing here."""

    def __setstate__(self, state):
        pass


def _rebuild_from_type_v2(function, cls, args, state):
    if not (isinstance(cls, type) and issubclass(cls, flambeau.Tensor)):
        raise pickle.UnpicklingError(f"load: {cls!r} is no subclass of Tensor.")
    if not any(function is known for known in _callables()):
        raise pickle.UnpicklingError(_refusal(f"a call of {function!r}"))
    made = function(*args)
    return made if made.is_nested else dress(made, cls, False, _attributes(state))


def _attributes(state):
    if isinstance(state, tuple):  # (__dict__, slots)
        return {**(state[0] or {}), **(state[1] or {})}
    return state


def _get_layout(name):
    return getattr(flambeau, name.removeprefix("torch."))


@functools.cache
def _known():
    """(module, name) -> what it stands for; the floor of what every file may use."""
    known = dict(names.storage_types())
    known.update({("torch", name): dtype for name, dtype in names.dtypes().items()})
    known.update(
        {
            ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
            ("torch._utils", "_rebuild_tensor_v3"): _rebuild_tensor_v3,
            ("torch._utils", "_rebuild_meta_tensor_no_storage"): _rebuild_meta,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
            ("torch._utils", "_rebuild_sparse_tensor"): _rebuild_sparse,
            ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter_with_state,
            ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type_v2,
            names.REBUILD_NESTED: _rebuild_nested,
            ("torch._utils", "_rebuild_nested_tensor"): _rebuild_strided_nested,
            ("torch._dynamo.decorators", "_DimRange"): _DimRange,
            (names.REBUILD_NESTED[0], "NestedTensor"): flambeau.nested.NestedTensor,
            ("torch.serialization", "_get_layout"): _get_layout,
            ("torch", "Size"): flambeau.Size,
            ("torch", "device"): flambeau.device,
            ("torch", "Tensor"): flambeau.Tensor,
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("collections", "Counter"): collections.Counter,
            ("builtins", "set"): set,
            ("builtins", "bytearray"): bytearray,
            ("builtins", "complex"): complex,
            ("__builtin__", "set"): set,  # as protocol 2 writes it
            ("__builtin__", "bytearray"): bytearray,
            ("__builtin__", "complex"): complex,
            ("_codecs", "encode"): _encode,
        }
    )
    return known


def _known_parameter_class(module, name):
    if (module, name) == ("torch.nn.parameter", "Parameter"):
        return flambeau.nn.Parameter
    return None


def _encode(text, encoding):
    # How protocol 2 writes bytes; any other codec is no business of a checkpoint.
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"load: _codecs.encode with {encoding!r} is not allowed.")
    return text.encode("latin1")


def _find_known(module, name):
    module = _pytorch_module(module)
    found = _known().get((module, name))
    return found if found is not None else _known_parameter_class(module, name)


def _pytorch_module(module):
    if module == "flambeau" or module.startswith("flambeau."):
        return "torch" + module[len("flambeau") :]
    return module


# The two unpicklers


# The modules of PyTorch's core, and where their functions are public.
_PYTORCHS_CORE = {f"torch._C._{name}": name for name in ("linalg", "fft", "special")} | {
    "torch._C._nn": "nn.functional"
}


class _Full:
    """Everything pickle can do, which is everything Python can do. For files one trusts.

    PyTorch's own names are looked up in flambeau.
    """

    def __init__(self, file, load_storage, **options):
        super().__init__(file, **options)
        self.load_storage = load_storage

    def persistent_load(self, saved):
        return self.load_storage(saved)

    def find_class(self, module, name):
        found = _find_known(module, name)
        if found is not None:
            return found
        if module == "torch._C" and name == "_VariableFunctionsClass":
            return flambeau  # of which the function that is meant is an attribute
        if module in _PYTORCHS_CORE:
            space = _PYTORCHS_CORE[module]
            prefix = module.rpartition("._")[2] + "_"
            return operator.attrgetter(f"{space}.{name.removeprefix(prefix)}")(flambeau)
        if module == "torch" or module.startswith("torch."):
            module = "flambeau" + module[len("torch") :]
        return super().find_class(module, name)


def full_unpickler(pickle_module):
    """The class that reads all that a module's Unpickler does.

    Raises:
        TypeError: the module has no Unpickler.
    """
    kind = getattr(pickle_module, "Unpickler", None)
    if not isinstance(kind, type):
        raise TypeError(
            f"load: pickle_module={pickle_module.__name__} has no class Unpickler, as Python's pickle has."
        )
    return type("FullUnpickler", (_Full, kind), {"__doc__": _Full.__doc__})


def unsafe_globals(data):
    """The names in a pickle that SafeUnpickler refuses, "module.name" each. The pickle is read, not run."""
    import pickletools

    allowed, found, texts = _user_globals(), {}, []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "GLOBAL":
            module, name = argument.split(" ", 1)
        elif opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
            module, name = texts[-2:]
        else:
            if isinstance(argument, str):
                texts.append(argument)
            continue
        if (module, name) not in allowed and _find_known(module, name) is None:
            found[f"{module}.{name}"] = None
    return list(found)


_PLAIN = (
    "PROTO STOP FRAME MARK POP POP_MARK DUP "
    "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING SHORT_BINSTRING "
    "BINBYTES SHORT_BINBYTES BINBYTES8 "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS "
    "EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET ADDITEMS FROZENSET "
    "PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET PERSID BINPERSID"
)
_CHECKED = "GLOBAL STACK_GLOBAL BYTEARRAY8 REDUCE NEWOBJ NEWOBJ_EX BUILD"


def _opcodes(line):
    return [getattr(pickle, name)[0] for name in line.split()]


class SafeUnpickler(pickle._Unpickler):
    """Plain data, tensors, and calls to what is on the list; all else is an UnpicklingError.

    The pure-Python unpickler, since each opcode has to be checked: with the C one a BUILD could
    write into any function or class on the list.
    """

    dispatch = {code: pickle._Unpickler.dispatch[code] for code in _opcodes(_PLAIN)}

    def __init__(self, file, load_storage, **options):
        super().__init__(file, **options)
        self.load_storage = load_storage
        self.user = _user_globals()
        self.user_objects = list(self.user.values())

    def load(self):
        try:
            return super().load()
        except KeyError as error:
            code = error.args[0]
            if isinstance(code, int) and code not in self.dispatch:
                raise pickle.UnpicklingError(_refusal(f"opcode {bytes([code])!r}")) from None
            raise

    def persistent_load(self, saved):
        return self.load_storage(saved)

    def find_class(self, module, name):
        allowed = self.user.get((module, name))
        if allowed is None:
            allowed = _find_known(module, name)
        if allowed is None:
            raise pickle.UnpicklingError(_refusal(f"the global {module}.{name}"))
        return allowed

    def _is_allowed(self, function):
        return any(function is known for known in self.user_objects) or any(
            function is known for known in _callables()
        )

    def _check(self, function):
        if not self._is_allowed(function):
            raise pickle.UnpicklingError(_refusal(f"a call of {function!r}"))

    def load_bytearray8(self):
        """A bytearray of what is there, which need not be as long as it claims."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(min(length, sys.maxsize))))

    def load_reduce(self):
        self._check(self.stack[-2])
        pickle._Unpickler.load_reduce(self)

    def load_newobj(self):
        self._check(self.stack[-2])
        pickle._Unpickler.load_newobj(self)

    def load_newobj_ex(self):
        self._check(self.stack[-3])
        pickle._Unpickler.load_newobj_ex(self)

    def load_build(self):
        """Attributes of an object: those of an OrderedDict, a tensor, or a class of the user's."""
        obj, state = self.stack[-2], self.stack[-1]
        if type(obj) is collections.OrderedDict and isinstance(state, dict):
            obj.__dict__.update(state)
            self.stack.pop()
        elif type(obj) is _DimRange or any(type(obj) is known for known in self.user_objects):
            pickle._Unpickler.load_build(self)
        else:
            raise pickle.UnpicklingError(_refusal(f"a state for {type(obj).__name__}"))

    for _code, _method in zip(
        _opcodes(_CHECKED),
        (
            pickle._Unpickler.load_global,
            pickle._Unpickler.load_stack_global,
            load_bytearray8,
            load_reduce,
            load_newobj,
            load_newobj_ex,
            load_build,
        ),
    ):
        dispatch[_code] = _method
    del _code, _method


@functools.cache
def _callables():
    known = [obj for obj in _known().values() if callable(obj)]
    return [obj for obj in known if obj is not flambeau.Tensor]


def _refusal(what):
    return (
        f"Weights only load failed: the file asks for {what}, which is not on the list of what a "
        "checkpoint may use. If you trust the file, allow a class with "
        "torch.serialization.add_safe_globals([...]), or load with weights_only=False, which can "
        "run any code that the file holds."
    )
