"""torch.save: PyTorch's zip format, written in one go or not at all."""

import collections
import contextlib
import hashlib
import io
import os
import pickle
import sys
import types

import flambeau

from .. import _core
from ..storage import TypedStorage, UntypedStorage
from . import names, older, settings
from .archive import ALIGNMENT, ArchiveWriter
from .rebuild import is_contiguous_span, is_lazy, resolved, span_of, sparse_arguments


def save(
    obj, f, pickle_module=pickle, pickle_protocol=2, _use_new_zipfile_serialization=True,
    _disable_byteorder_record=False,
):  # fmt: skip
    """Write an object to a file, the tensors in it as their bytes.

    A path is written atomically: the file appears complete or not at all, and an older one stays
    until then. Of a view only its own bytes are written; tensors that overlap in memory do so again
    after torch.load.

    Args:
        obj (object): tensors, state dicts, or whatever pickle takes.
        f (path or writable file object): where to.
        pickle_module, pickle_protocol: the protocol counts; another module is refused.

        _use_new_zipfile_serialization: False writes PyTorch's format from before 1.6.

    Raises:
        NotImplementedError: another pickle module.
        RuntimeError: overlapping tensors of different dtypes.
    """
    if pickle_module is not pickle:
        raise NotImplementedError(
            f"save: pickle_module={pickle_module!r} is not supported, only Python's pickle is."
        )
    is_path = isinstance(f, (str, bytes, os.PathLike))
    if not is_path and not hasattr(f, "write"):
        raise AttributeError(f"save: takes a path or a file object, not {type(f).__name__}.")
    is_older = not _use_new_zipfile_serialization
    data, records = _pickled(obj, pickle_protocol, rest=(None,) if is_older else ())

    def write(file, stem):
        if is_older:
            older.write(file, data, records, pickle_protocol)
        else:
            _write_archive(file, stem, data, records, not _disable_byteorder_record)

    if not is_path:
        write(f, "archive")
        if hasattr(f, "flush"):
            f.flush()
        return
    path = os.fspath(f)
    stem = os.path.splitext(os.path.basename(os.fsdecode(path)))[0] or "archive"
    with _replacing(path) as file:
        write(file, stem)


# The structure


class _Global:
    """A name to stand in the pickle as it is, whether or not Python could import it here."""

    def __init__(self, module, name):
        self.module = module
        self.name = name

    def __call__(self):
        raise TypeError("a name in a file can't be called")  # pickle wants a callable to reduce to


_REBUILD_SPARSE = _Global("torch._utils", "_rebuild_sparse_tensor")
_REBUILD_NESTED = _Global(*names.REBUILD_NESTED)
_GET_LAYOUT = _Global("torch.serialization", "_get_layout")
_REBUILD_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
_REBUILD_TENSOR_OF_BYTES = _Global("torch._utils", "_rebuild_tensor_v3")
_REBUILD_META = _Global("torch._utils", "_rebuild_meta_tensor_no_storage")
_REBUILD_PARAMETER = _Global("torch._utils", "_rebuild_parameter")
_REBUILD_PARAMETER_WITH_STATE = _Global("torch._utils", "_rebuild_parameter_with_state")
_REBUILD_SUBCLASS = _Global("torch._tensor", "_rebuild_from_type_v2")
_TENSOR = _Global("torch", "Tensor")
_DEVICE = _Global("torch", "device")
_SIZE = _Global("torch", "Size")
_UNTYPED_STORAGE = _Global(*names.UNTYPED)
_STORAGES = {dtype: _Global("torch", name) for dtype, name in names.STORAGE_NAMES.items()}
_DTYPES = {name: _Global("torch", name) for name in names.DTYPE_NAMES}


class _Reference:
    """What stands in the pickle for a storage: its record's key and how many elements it has."""

    def __init__(self, storage_type, key, device, numel, *rest):
        self.persistent_id = ("storage", storage_type, key, device, numel, *rest)


class _Pickler(pickle._Pickler):
    """Pickle with PyTorch's names for what is ours.

    The pure-Python pickler, since the C one has no way to write a global it can't import.
    """

    dispatch = pickle._Pickler.dispatch.copy()

    def __init__(self, file, protocol, reduce_tensor, refer_to):
        super().__init__(file, protocol)
        self.reduce_tensor = reduce_tensor
        self.refer_to = refer_to

    def persistent_id(self, obj):
        if isinstance(obj, (TypedStorage, UntypedStorage)):
            obj = self.refer_to(obj)
        return obj.persistent_id if type(obj) is _Reference else None

    def reducer_override(self, obj):
        if isinstance(obj, flambeau.Tensor):
            return self.reduce_tensor(obj)
        if isinstance(obj, flambeau.device):
            index = () if obj.index is None else (obj.index,)
            return _DEVICE, (obj.type, *index)
        if isinstance(obj, flambeau.Size):
            return _SIZE, (tuple(obj),)
        if isinstance(obj, flambeau.nn.Module):
            return _module_reduction(obj)
        return NotImplemented

    def save_known_name(self, obj):
        name = obj if type(obj) is _Global else _DTYPES[names.dtype_names()[obj]]
        if self.proto >= 4:
            self.save(name.module)
            self.save(name.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
        self.memoize(obj)

    dispatch[_Global] = save_known_name

    def save_global(self, obj, name=None):
        known = names.pytorch_name(obj, name or getattr(obj, "__qualname__", None))
        if known is None:
            return super().save_global(obj, name)
        self.save(_Global(*known))
        self.memoize(obj)

    dispatch[types.FunctionType] = save_global

    def save(self, obj, *args, **kwargs):
        if isinstance(obj, flambeau.dtype) and self.memo.get(id(obj)) is None:
            return self.save_known_name(obj)
        return super().save(obj, *args, **kwargs)


def _module_reduction(module):
    """How a module is pickled, with its hooks in the fields where PyTorch's modules have them."""
    made, args, *rest = module.__reduce_ex__(2)
    if rest and isinstance(rest[0], dict):
        rest[0] = flambeau.nn.modules.hooks.in_pytorchs_fields(rest[0])
        for name in ("_flat_weights", "_flat_weights_names"):  # of recurrent layers
            if hasattr(type(module), name):
                rest[0][name] = getattr(module, name)
    return made, args, *rest


def _reduction_of_no_storage(tensor):
    """How a tensor without bytes of its own is written; None of others."""
    if tensor.is_nested:
        return _nested_reduction(tensor)
    if _core._is_sparse(tensor):
        return _sparse_reduction(tensor)
    return _reduction(tensor) if tensor.is_meta else None


def _pickled(obj, protocol, rest=()):
    """The bytes of data.pkl, and the records {key: contiguous tensor of what to write}.

    Two passes: how much of a storage is needed is known only when all its tensors were seen.
    `rest` ends each reference to a storage.
    """
    spans = _Spans(rest)
    nothing = _Reference(_UNTYPED_STORAGE, "0", "cpu", 0, *rest)

    def look(tensor):
        reduction = _reduction_of_no_storage(tensor)
        if reduction is not None:
            return reduction
        spans.add(tensor)
        return _reduction(tensor, nothing, 0, tensor.stride())

    def look_at_storage(storage):
        spans.add(_elements(storage))
        return nothing

    if not _look_through(obj, spans.add):
        _Pickler(io.BytesIO(), protocol, look, look_at_storage).dump(obj)
    spans.close()

    def reduce(tensor):
        reduction = _reduction_of_no_storage(tensor)
        if reduction is not None:
            return reduction
        record, offset, strides = spans.place(tensor)
        return _reduction(tensor, record.reference(), offset, strides)

    def refer_to(storage):
        record, _, _ = spans.place(_elements(storage))
        return record.reference(plain=isinstance(storage, UntypedStorage))

    data = io.BytesIO()
    _Pickler(data, protocol, reduce, refer_to).dump(obj)
    return data.getvalue(), spans.written


def _nested_reduction(tensor):
    """As PyTorch writes a jagged tensor: its elements in a row and where its sequences begin."""
    arguments = {
        "values": tensor.values().detach(),
        "offsets": tensor.offsets(),
        "lengths": None,
        "_ragged_idx": tensor._ragged,
        "_metadata_cache": {},
        "requires_grad": tensor.requires_grad,
    }
    return _REBUILD_NESTED, (arguments,)


_PLAIN = frozenset((int, float, bool, str, bytes, type(None)))


def _look_through(obj, add, depth=0):
    """Calls add(tensor) for each tensor in a structure of plain data, such as a state dict.

    Whether that was all there is: False for what only pickle can look into.
    """
    kind = type(obj)
    if kind in _PLAIN:
        return True
    if depth > 50:
        return False
    if kind is flambeau.Tensor or kind is _parameter_class():
        if _core._is_sparse(obj):
            parts = sparse_arguments(obj)[1]
            return _look_through(
                parts[:2] if len(parts) == 4 and obj.is_sparse else parts[:3], add, depth + 1
            )
        if not obj.is_meta:
            add(obj)
        attributes = getattr(obj, "__dict__", None)
        return not attributes or _look_through(attributes, add, depth + 1)
    if kind is dict or kind is collections.OrderedDict:
        plain = all(type(key) in _PLAIN for key in obj)
        parts = obj.values()
        if kind is collections.OrderedDict and vars(obj):
            plain = plain and _look_through(vars(obj), add, depth + 1)
    elif kind is list or kind is tuple:
        plain, parts = True, obj
    else:
        return False
    return plain and all(_look_through(part, add, depth + 1) for part in parts)


def _elements(storage):
    """All of a storage as a tensor."""
    if isinstance(storage, UntypedStorage):
        return storage._bytes
    storage.pickle_storage_type()  # raises where a file has no name for it
    return storage._tensor()


def _reduction(tensor, reference=None, offset=0, strides=None):
    """How PyTorch rebuilds this tensor: a function's name and its arguments; one on meta has no bytes to refer to."""
    from collections import OrderedDict

    hooks = OrderedDict()  # PyTorch's place for backward hooks; it writes none
    dtype = names.dtype_names()[tensor.dtype]

    def arguments(requires_grad):
        if reference is None:
            return tensor.dtype, tuple(tensor.shape), tensor.stride(), requires_grad
        args = reference, offset, tuple(tensor.shape), tuple(strides), requires_grad, hooks
        return args if rebuild is _REBUILD_TENSOR else (*args, tensor.dtype)

    rebuild = (
        _REBUILD_META
        if reference is None
        else _REBUILD_TENSOR
        if dtype in names.STORAGE_NAMES
        else _REBUILD_TENSOR_OF_BYTES
    )
    args = arguments(tensor.requires_grad)
    cls = type(tensor)
    state = dict(getattr(tensor, "__dict__", {}))
    if cls is flambeau.Tensor:
        return (_REBUILD_SUBCLASS, (rebuild, _TENSOR, args, state)) if state else (rebuild, args)
    if cls is _parameter_class():
        plain = _Reduced(rebuild, arguments(False))
        if state:
            return _REBUILD_PARAMETER_WITH_STATE, (plain, tensor.requires_grad, hooks, state)
        return _REBUILD_PARAMETER, (plain, tensor.requires_grad, hooks)
    return _REBUILD_SUBCLASS, (rebuild, cls, args, state)


def _sparse_reduction(tensor):
    """The same of a sparse tensor, whose parts are tensors by themselves."""
    from collections import OrderedDict

    layout, parts = sparse_arguments(tensor)
    args = _Reduced(_GET_LAYOUT, (f"torch.{layout.name}",)), parts
    if type(tensor) is _parameter_class():
        plain = _Reduced(_REBUILD_SPARSE, args)
        return _REBUILD_PARAMETER, (plain, tensor.requires_grad, OrderedDict())
    if type(tensor) is flambeau.Tensor:
        return _REBUILD_SPARSE, args
    return _REBUILD_SUBCLASS, (_REBUILD_SPARSE, type(tensor), args, dict(tensor.__dict__))


class _Reduced:
    """A part of a reduction that is a reduction itself."""

    def __init__(self, function, args):
        self.function = function
        self.args = args

    def __reduce__(self):
        return self.function, self.args


def _parameter_class():
    """Parameter lives on a floor above: where that is not loaded, no tensor can be one."""
    module = sys.modules.get("flambeau.nn.parameter")
    return getattr(module, "Parameter", None)


# Which bytes of which storage


class _Record:
    """One span of a storage: what becomes one data/N.

    first (int): where it begins, in elements of the storage.
    source (Tensor): one dimension, contiguous, the whole span.
    """

    def __init__(self, spans, first, source):
        # Not spans itself: a circle would keep the bytes.
        self.rest, self.written = spans.rest, spans.written
        self.first = first
        self.source = source
        self.key = None

    def reference(self, plain=False):
        """What stands for it in the pickle; with `plain` for its bytes, without a dtype."""
        if self.key is None:
            self.key = str(len(self.written))
            self.written[self.key] = self.source
        dtype = names.dtype_names()[self.source.dtype]
        storage_type = _UNTYPED_STORAGE if plain else _STORAGES.get(dtype, _UNTYPED_STORAGE)
        numel = self.source.numel()
        if storage_type is _UNTYPED_STORAGE:
            numel *= self.source.element_size()
        device = str(self.source.device)
        if settings.has_packages():
            device = settings.location_tag(self.source.untyped_storage())
        return _Reference(storage_type, self.key, device, numel, *self.rest)


class _Spans:
    """The spans of all tensors of one file, storage by storage, overlapping ones merged."""

    def __init__(self, rest):
        self.rest = rest  # what ends each reference
        self.tensors = []
        self.records = {}  # storage -> [(first, end, record)], after close()
        self.written = {}  # key -> contiguous tensor, in the order of first use
        self.lone = {}  # id of a tensor that is copied by itself -> its record

    def add(self, tensor):
        self.tensors.append(tensor)  # kept alive, so that no address is used twice

    def close(self):
        """Merge the spans that overlap; a lone tensor with gaps is to be packed."""
        by_storage = {}
        for tensor in {id(t): t for t in self.tensors}.values():
            if is_lazy(tensor):
                self.lone[id(tensor)] = self._pack(tensor)
                continue
            by_storage.setdefault(_storage_key(tensor), []).append(tensor)
        for key, tensors in by_storage.items():
            tensors.sort(key=lambda t: span_of(t)[0] * t.element_size())
            group, group_end = [], None
            for tensor in tensors:
                first, end = (bound * tensor.element_size() for bound in span_of(tensor))
                if group and first < group_end:
                    group.append(tensor)
                    group_end = max(group_end, end)
                else:
                    self._close_group(key, group)
                    group, group_end = [tensor], end
            self._close_group(key, group)

    def _close_group(self, key, group):
        if not group:
            return
        dtypes = {t.dtype for t in group}
        if len(dtypes) > 1:
            found = ", ".join(sorted(str(d) for d in dtypes))
            raise RuntimeError(
                f"save: overlapping tensors of {found} share memory, and a file holds it as one "
                "dtype. clone() all but one."
            )
        if len(group) == 1 and not is_contiguous_span(group[0]):
            self.lone[id(group[0])] = self._pack(group[0])
            return
        first = min(span_of(t)[0] for t in group)
        end = max(span_of(t)[1] for t in group)
        whole = _plain(group[0]).as_strided((end - first,), (1,), first)
        record = _Record(self, first, whole)
        self.records.setdefault(key, []).append((first, end, group[0].dtype, record))

    def _pack(self, tensor):
        packed = resolved(_plain(tensor)).contiguous()
        return _Record(self, 0, packed.as_strided((packed.numel(),), (1,), packed.storage_offset()))

    def place(self, tensor):
        """The record of a tensor, and its offset and strides inside."""
        if id(tensor) not in self.lone:
            first, end = span_of(tensor)
            for known_first, known_end, dtype, record in self.records.get(_storage_key(tensor), ()):
                if known_first <= first and end <= known_end and dtype == tensor.dtype:
                    return record, tensor.storage_offset() - known_first, tensor.stride()
            # A tensor that some __reduce__ made anew between the two passes.
            self.tensors.append(tensor)
            self.lone[id(tensor)] = self._pack(tensor)
        return self.lone[id(tensor)], 0, _contiguous_strides(tensor.shape)


def _plain(tensor):
    tensor = tensor.detach()
    if type(tensor) is not flambeau.Tensor:
        tensor = tensor.as_subclass(flambeau.Tensor)
    return tensor


def _contiguous_strides(sizes):
    strides = [1]
    for size in reversed(sizes[1:]):
        strides.append(strides[-1] * max(size, 1))
    return tuple(reversed(strides))[: len(sizes)]


def _storage_key(tensor):
    return _core._storage_ptr(tensor), str(tensor.device)


# The archive


def _write_archive(file, stem, data, records, byteorder):
    digest = hashlib.sha1(data)
    archive = ArchiveWriter(file, stem)
    archive.write_record("data.pkl", data)
    archive.write_record(".format_version", b"1")
    archive.write_record(".storage_alignment", str(ALIGNMENT).encode())
    if byteorder:
        archive.write_record("byteorder", sys.byteorder.encode())
    for key, tensor in records.items():
        digest.update(tensor.nbytes.to_bytes(8, "little"))
        if settings.settings.skips_data:
            archive.reserve_record(f"data/{key}", tensor.nbytes)
        else:
            archive.write_record(f"data/{key}", tensor.cpu().view(flambeau.uint8).numpy())
    archive.write_record("version", b"3\n")
    archive.write_record(".data/serialization_id", digest.hexdigest().encode())
    archive.close()


@contextlib.contextmanager
def _replacing(path):
    """A file that takes the place of `path` when it is complete, and leaves nothing if it isn't."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
        with open(path, "wb") as file:
            yield file
        return
    folder, base = os.path.split(path)
    marks = (f".{base}.{os.getpid()}.{n}.tmp" for n in range(1_000_000))
    if isinstance(path, bytes):
        folder, base = os.fsdecode(folder), os.fsdecode(base)
    for mark in marks:
        temporary = os.path.join(folder, mark)
        try:
            file = open(temporary, "xb")
            break
        except FileExistsError:
            continue
        except FileNotFoundError:
            if os.path.isdir(folder or "."):
                raise RuntimeError(f"save: no file can be made in {folder}.") from None
            raise RuntimeError(
                f"save: the folder {folder} is not there. Create it first."
            ) from None
    try:
        with file:
            yield file
        if os.path.exists(path):
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
