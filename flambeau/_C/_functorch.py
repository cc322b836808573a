"""torch._C._functorch: what a tensor stands for inside vmap, and levels opened by hand."""

from .. import _core
from ..ops.batching import Level, active

__all__ = [
    "_add_batch_dim",
    "_remove_batch_dim",
    "_unwrap_batched",
    "_vmap_decrement_nesting",
    "_vmap_increment_nesting",
    "get_unwrapped",
    "is_batchedtensor",
    "is_dead_tensor_wrapper",
    "is_functionaltensor",
    "is_functorch_wrapped_tensor",
    "is_gradtrackingtensor",
    "is_legacy_batchedtensor",
    "maybe_current_level",
    "maybe_get_bdim",
    "maybe_get_level",
    "peek_interpreter_stack",
]


def _innermost(tensor):
    levels = _core._unbatch(tensor)[1]
    return levels[-1] if levels else -1


def is_batchedtensor(tensor):
    """Whether it stands for all slices of a vmap."""
    return _core._is_batched(tensor)


is_functorch_wrapped_tensor = is_batchedtensor


def _none_is(name, because):
    """A question that has one answer for all tensors."""

    def no(tensor):
        return False

    no.__name__ = no.__qualname__ = name
    no.__doc__ = f"False: {because}."
    return no


is_gradtrackingtensor = _none_is(
    "is_gradtrackingtensor", "derivatives need no tensors of another kind here"
)
is_functionaltensor = _none_is(
    "is_functionaltensor", "writes in place need no tensors of another kind here"
)
is_legacy_batchedtensor = _none_is("is_legacy_batchedtensor", "there is one kind of them")


def is_dead_tensor_wrapper(tensor):
    """Whether it has left the function that vmap called."""
    return is_batchedtensor(tensor) and _innermost(tensor) not in {l.number for l in active()}


def maybe_get_level(tensor):
    """The innermost level of vmap that it depends on, -1 for other tensors."""
    return _innermost(tensor)


def maybe_get_bdim(tensor):
    """The dimension of get_unwrapped(tensor) along which the innermost level's slices lie, -1 for other tensors."""
    return 0 if is_batchedtensor(tensor) else -1


def maybe_current_level():
    """The innermost level that is active, or None."""
    stack = active()
    return stack[-1].number if stack else None


def get_unwrapped(tensor):
    """The tensor with the innermost level's slices along its first dimension.

    Raises:
        RuntimeError: it is not inside vmap.
    """
    value, levels = _core._unbatch(tensor)
    if not levels:
        raise RuntimeError("get_unwrapped: takes a tensor inside vmap.")
    return _core._batch(value, levels[:-1])


def _unwrap_batched(tensor, level):
    """(the tensor without the level, where its slices lie or None)."""
    if _innermost(tensor) != level:
        return tensor, None
    return get_unwrapped(tensor), 0


def _vmap_increment_nesting(batch_size, randomness):
    """Opens a level of vmap and gives its number; _vmap_decrement_nesting ends it."""
    return Level(batch_size, randomness).__enter__().number


def _vmap_decrement_nesting():
    """Ends the innermost level; gives how many were active."""
    stack = active()
    if not stack:
        raise RuntimeError("_vmap_decrement_nesting: no vmap is active.")
    count = len(stack)
    stack[-1].__exit__()
    return count


def _level(number):
    return next(level for level in active() if level.number == number)


def _add_batch_dim(tensor, in_dim, level):
    """The tensor mapped over in_dim at the level, the innermost."""
    from ..func.mapping import batched_at

    return batched_at(_level(level), tensor, in_dim % tensor.dim())


def _remove_batch_dim(tensor, level, batch_size, out_dim):
    """The tensor with the slices of the level, the innermost, along out_dim."""
    from ..func.mapping import unbatched_at

    return unbatched_at(_level(level), tensor, out_dim)


def peek_interpreter_stack():
    """None: there is no stack of interpreters."""
    return None
