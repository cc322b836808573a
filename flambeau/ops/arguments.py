"""Checks of dimensions and dtypes that many families share; they raise what PyTorch raises."""

from .. import _core


def wrap_dim(dim, ndim, operator):
    """`dim` counted from the front: negative ones count from behind, a 0-dim tensor has dims -1 and 0."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"{operator}: dim must be an int, but got {type(dim).__name__}.")
    dim = dim.__index__()
    extent = max(ndim, 1)
    if not -extent <= dim < extent:
        raise IndexError(
            f"{operator}: Dimension out of range (expected to be in range of "
            f"[{-extent}, {extent - 1}], but got {dim})"
        )
    return dim % extent


def wrap_dims(dims, ndim, operator):
    """A list of distinct dims from None (all of them), an int, or a sequence of int."""
    if dims is None:
        return list(range(ndim))
    if hasattr(dims, "__index__"):
        dims = (dims,)
    wrapped = [wrap_dim(dim, ndim, operator) for dim in dims]
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(f"{operator}: a dim appears more than once in {tuple(dims)}.")
    return wrapped


def sequence(first, rest):
    """The items of f(*items) or f(items), where f is declared f(first, *rest)."""
    if not rest and isinstance(first, (tuple, list)):
        return tuple(first)
    return (first, *rest)


def require_tensors(operator, **values):
    """Raise unless every value is a tensor; the keywords are the names of the arguments."""
    for position, (name, value) in enumerate(values.items(), 1):
        if not isinstance(value, _core.Tensor):
            raise TypeError(
                f"{operator}(): argument '{name}' (position {position}) must be Tensor, "
                f"not {type(value).__name__}."
            )


def require_floating(tensor, operator, complex_too=True):
    """Raise unless `tensor` is floating (or complex)."""
    dtype = tensor.dtype
    if not (dtype.is_floating_point or (complex_too and dtype.is_complex)):
        kinds = "floating point or complex" if complex_too else "floating point"
        raise RuntimeError(f"{operator}: expected a {kinds} tensor, but input is {dtype}.")
