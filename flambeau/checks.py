"""torch._check and its kin: conditions that programs state about sizes and values."""

from . import _core


def _raise(kind, cond, message):
    if not isinstance(cond, bool):
        raise TypeError(f"_check: cond must be a bool, not {type(cond).__name__}.")
    if cond:
        return
    if message is not None and not callable(message):
        raise TypeError("_check: message must be a function without arguments that makes it.")
    raise kind("_check: the condition does not hold." if message is None else str(message()))


def _check_with(error_type, cond, message):
    """Raises error_type(message()) unless cond."""
    _raise(error_type, cond, message)


def _check(cond, message=None):
    """Raises RuntimeError unless cond; message() makes the text."""
    _raise(RuntimeError, cond, message)


def _check_index(cond, message=None):
    """Raises IndexError unless cond; message() makes the text."""
    _raise(IndexError, cond, message)


def _check_value(cond, message=None):
    """Raises ValueError unless cond; message() makes the text."""
    _raise(ValueError, cond, message)


def _check_type(cond, message=None):
    """Raises TypeError unless cond; message() makes the text."""
    _raise(TypeError, cond, message)


def _check_not_implemented(cond, message=None):
    """Raises NotImplementedError unless cond; message() makes the text."""
    _raise(NotImplementedError, cond, message)


def _check_is_size(i, message=None, *, max=None):
    """Raises RuntimeError unless i may be a size: 0 <= i, and <= max where that is given."""
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _check_tensor_all_with(error_type, cond, message=None):
    """Raises error_type(message()) unless every element of a bool tensor is True."""
    if not isinstance(cond, _core.Tensor):
        raise TypeError(f"_check_tensor_all: cond must be a tensor, not {type(cond).__name__}.")
    if cond.dtype is not _core.bool:
        raise TypeError(f"_check_tensor_all: cond must be of torch.bool, not {cond.dtype}.")
    _raise(error_type, bool(cond.all()), message)


def _check_tensor_all(cond, message=None):
    """Raises RuntimeError unless every element of a bool tensor is True."""
    _check_tensor_all_with(RuntimeError, cond, message)


def _assert_async(input, assert_msg=None):
    """Raises RuntimeError unless the one element of input is not zero."""
    if not bool(input):
        raise RuntimeError(assert_msg or "_assert_async: the tensor's one element is zero.")


def _assert(condition, message):
    """Raises AssertionError with message unless condition is true; traced, it becomes a step of the graph."""
    from .overrides import handle_torch_function, has_torch_function

    if has_torch_function((condition,)):
        return handle_torch_function(_assert, (condition,), condition, message)
    assert condition, message
    return None


def _debug_has_internal_overlap(input):
    """Whether elements of input share memory: 0 no, 1 yes, 2 where strides alone do not tell."""
    if _core._is_dense(input):
        return 0
    repeated = any(n > 1 and step == 0 for n, step in zip(input.shape, input.stride()))
    return 1 if repeated else 2
