"""How tensors, parameters and storages are sent to another process: as places in shared memory.

init_reductions() teaches this to the pickler of Python's multiprocessing, so its own queues and pipes know it
too. What is sent moves into shared memory first; both sides see each other's writes from then on.
"""

from multiprocessing.reduction import ForkingPickler

import flambeau

from .. import _core
from ..serialization.rebuild import rebuild_sparse, sparse_arguments
from ..storage import TypedStorage, UntypedStorage
from . import parcel


def place_of(memory):
    """Where a tensor's storage lies in shared memory, as what a pickle can hold; None for no bytes.

    Moves it there if it is not there yet.
    """
    nbytes = _core._storage_nbytes(memory)
    if nbytes == 0:
        return None
    _core._storage_share(memory)
    place = _core._storage_place(memory)
    if place is None:
        raise RuntimeError(
            "multiprocessing: the memory of this tensor is a mapped file's, which is sent as its storage "
            "(storage.filename) only. Use clone()."
        )
    segment, descriptor, offset = place
    if descriptor < 0:
        raise RuntimeError(
            "multiprocessing: this tensor came from another process when no more file descriptors could be "
            "kept, so it can't be sent on. Use clone(), or raise the limit of open files (ulimit -n)."
        )
    return parcel.handle(segment, descriptor, memory), segment, offset, nbytes


def memory_at(place):
    """The bytes at such a place, as a uint8 tensor."""
    if place is None:
        return _core.empty(0, dtype=_core.uint8)
    handle, segment, offset, nbytes = place
    return _core._storage_at(handle.open(segment), offset, nbytes)


def reduce_tensor(tensor):
    """What stands for a tensor in a message to another process.

    Raises:
        RuntimeError: the tensor was computed from one that requires grad: its graph can't be sent.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "multiprocessing: a tensor that was computed from one with requires_grad=True can't be sent, "
            "because its graph stays in this process. Send tensor.detach()."
        )
    _warn_of_hooks(tensor)
    kind = type(tensor)
    if _core._is_sparse(tensor):
        layout, parts = sparse_arguments(tensor.detach())
        return rebuild_sparse_tensor, (kind, layout.name, parts, tensor.requires_grad)
    layout = tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
    device = tensor.device.type
    where = place_of(tensor.detach()) if device == "cpu" else device
    return rebuild_tensor, (kind, where, tensor.dtype, layout, tensor.requires_grad)


def rebuild_sparse_tensor(kind, layout, parts, requires_grad):
    """The sparse tensor that reduce_tensor took apart; its parts are shared."""
    tensor = rebuild_sparse(getattr(flambeau, layout), parts)
    if kind is not flambeau.Tensor:
        return kind(tensor, requires_grad)  # a Parameter
    return tensor.requires_grad_() if requires_grad else tensor


def rebuild_tensor(kind, where, dtype, layout, requires_grad):
    """The tensor that reduce_tensor took apart."""
    offset, size, stride = layout
    if isinstance(where, str):
        if where != "meta":
            raise NotImplementedError(f"multiprocessing: a tensor on {where} can't be received.")
        tensor = flambeau.empty_strided(size, stride, dtype=dtype, device=where)
    else:
        tensor = _core.empty(0, dtype=dtype)
        tensor = _core._set_layout(tensor, memory_at(where), offset, size, stride)
    if kind is not flambeau.Tensor:
        return kind(tensor, requires_grad)  # a Parameter
    return tensor.requires_grad_() if requires_grad else tensor


def _warn_of_hooks(tensor):
    hooks = tensor._backward_hooks
    if not hooks:
        return
    for hook in hooks.values():
        if not getattr(hook, "__torch_unserializable__", False):
            name = getattr(hook, "__name__", type(hook).__name__)
            _core._warn(
                f"multiprocessing: the backward hook {name} of a tensor is not sent with it. "
                "utils.hooks.unserializable_hook(hook) says that this is meant."
            )


def reduce_storage(storage):
    """What stands for an UntypedStorage in a message to another process."""
    if storage.filename is not None:
        return UntypedStorage.from_file, (storage.filename, True, storage.nbytes())
    return rebuild_storage, (place_of(storage._anchor),)


def rebuild_storage(place):
    """The UntypedStorage that reduce_storage took apart."""
    return UntypedStorage._of(memory_at(place))


def reduce_typed_storage(storage):
    """What stands for a TypedStorage in a message to another process."""
    return rebuild_typed_storage, (storage.untyped(), storage.dtype)


def rebuild_typed_storage(untyped, dtype):
    """The TypedStorage that reduce_typed_storage took apart."""
    return TypedStorage(wrap_storage=untyped, dtype=dtype)


def init_reductions():
    """Teaches them to Python's multiprocessing. Done when flambeau.multiprocessing is imported."""
    from ..nn.parameter import Parameter

    ForkingPickler.register(flambeau.Tensor, reduce_tensor)
    ForkingPickler.register(Parameter, reduce_tensor)
    ForkingPickler.register(UntypedStorage, reduce_storage)
    ForkingPickler.register(TypedStorage, reduce_typed_storage)
