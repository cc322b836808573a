"""Checks of dimensions and dtypes that many families share; they raise what PyTorch raises."""

import itertools

from ... import _core, types


def check_room(nbytes, beside=None):
    """Raises OutOfMemoryError unless so many bytes could be had where the tensor `beside` lies, or on the CPU."""
    if beside is None or not beside.is_meta:
        _core._check_room(min(nbytes, 2**63 - 1))


def some(mask):
    """Whether any element of `mask` is true. On the meta device, where nobody knows, False: nothing is refused there.

    Under vmap the slices are looked at together.
    """
    return not mask.is_meta and bool(_core._unbatch(mask)[0].any())


def every(mask):
    """Whether all elements of `mask` are true; on the meta device True."""
    return mask.is_meta or bool(_core._unbatch(mask)[0].all())


def operand(value, beside=None):
    """A tensor as it is; a number as one on the device of `beside`, or on the CPU, where numbers are."""
    if isinstance(value, _core.Tensor):
        return value
    device = beside.device if isinstance(beside, _core.Tensor) else "cpu"
    return _core.as_tensor(value, device=device)


def is_plain(tensor):
    """Whether loops of the core can read it at once: with elements, of numbers, not under vmap."""
    return not tensor.is_meta and not tensor.is_quantized and not _core._in_vmap()


# wrap_dim(dim, ndim, operator): `dim` counted from the front; a 0-dim tensor has dims -1 and 0. wrap_dims takes
# None (all of them), an int or a sequence, and gives a list of distinct ones; for reduced_dims () is all, too.
wrap_dim, wrap_dims, reduced_dims = _core._wrap_dim, _core._wrap_dims, _core._reduced_dims


def few(values):
    """The values as a tuple; of an endless iterable as many as are surely more than there are dimensions."""
    return tuple(itertools.islice(values, 129))


def common_shape(operator, *shapes, what="shape"):
    """The shape that all broadcast to; the error of shapes that do not names `operator`."""
    if shapes and all(isinstance(s, types.Size) for s in shapes):
        longest = max(shapes, key=len)
        if all(s == longest[len(longest) - len(s) :] for s in shapes):
            return longest
    result = []
    for shape in shapes:
        shape = (shape,) if isinstance(shape, int) else few(shape)
        result[:0] = [1] * (len(shape) - len(result))
        for i, size in enumerate(shape, len(result) - len(shape)):
            if size < 0:
                raise RuntimeError(f"{operator}: sizes {shape} are not all 0 or more.")
            if size == 1 or size == result[i]:
                continue
            if result[i] != 1:
                raise RuntimeError(
                    f"{operator}: {what} {tuple(shape)} has size {size} where another has {result[i]}. "
                    "They must be equal, or one of them 1."
                )
            result[i] = size
    return types.Size(result)


def check_broadcast(operator, first, *others):
    """Raise for shapes that do not broadcast, before an operator of another name meets them."""
    if any(other.shape != first.shape for other in others):
        common_shape(operator, first.shape, *(other.shape for other in others))


def broadcast_together(operator, *tensors):
    """Views of the tensors, expanded to their common_shape."""
    shape = common_shape(operator, *(tensor.shape for tensor in tensors))
    return tuple(tensor.expand(shape) for tensor in tensors)


def is_left_out(dim):
    """Whether dim is None or holds nothing."""
    return dim is None or isinstance(dim, (tuple, list)) and not dim


def sequence(first, rest):
    """The items of f(*items) or f(items), where f is declared f(first, *rest)."""
    if not rest and isinstance(first, (tuple, list)):
        return tuple(first)
    return (first, *rest)


def tensors_in(value):
    """The tensors in tuples, lists, the values of dicts, and slices, as deep as they go."""
    if isinstance(value, _core.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif type(value) is slice:
        yield from tensors_in((value.start, value.stop, value.step))


def require_tensors(operator, **values):
    """Raise unless every value is a tensor; the keywords are the names of the arguments."""
    for name, value in values.items():
        if not isinstance(value, _core.Tensor):
            raise TypeError(f"{operator}: {name} must be a Tensor, not {type(value).__name__}.")


def require_floating(tensor, operator, complex_too=True):
    """Raise unless `tensor` is floating (or complex)."""
    dtype = tensor.dtype
    if not (dtype.is_floating_point or (complex_too and dtype.is_complex)):
        kinds = "floating or complex" if complex_too else "floating"
        raise RuntimeError(
            f"{operator}: input is {dtype}, but it must be {kinds}. Convert it with .float() first."
        )


def check_parameters(operator, input, **parameters):
    """Raise unless all that are given have the dtype of a floating input, or float32 beside a half one."""
    found = {name: t.dtype for name, t in parameters.items() if t is not None}
    kinds = set(found.values())
    if not kinds or kinds == {input.dtype}:
        return
    if kinds == {_core.float32} and input.dtype in (_core.float16, _core.bfloat16):
        return
    given = ", ".join(f"{name} {dtype}" for name, dtype in found.items())
    raise RuntimeError(
        f"{operator}: input is {input.dtype}, but it has {given}. Convert them to one dtype; only beside float16 "
        "and bfloat16 may all of them be float32."
    )


def refuse_uncomputed(name, computed, results, float8=False):
    """Raises where an operator would compute in a dtype that is only stored, or, unless float8, in float8."""
    from ...kernels.types import DTYPES, FLOAT8

    for dtype in (*computed, *results):
        if dtype not in DTYPES:
            raise NotImplementedError(
                f"{name}: {dtype} is only stored; nothing is computed in it here. view() it as uint8."
            )
    for dtype in () if float8 else computed:
        if dtype in FLOAT8 and dtype in results:
            raise NotImplementedError(
                f"{name}: nothing is computed in {dtype}. Convert it first, for example with .float()."
            )
