"""Elements moved or repeated, dimensions moved, split or copied."""

from ..types import contiguous_format
from .core import operators as fl
from .core.arguments import few, sequence, wrap_dim, wrap_dims
from .core.declare import composite
from .core.ways import native_way
from .scatter import row_major


@composite(out=False)
def movedim(input, source, destination):
    """A view with the dimensions `source` at the places `destination`, the others kept in order."""
    ndim = input.dim()
    if type(source) is int and type(destination) is int and ndim:
        order = list(range(ndim))
        moved = order.pop(wrap_dim(source, ndim, "movedim"))
        order.insert(wrap_dim(destination, ndim, "movedim"), moved)
        return input.permute(order)
    if isinstance(source, int) != isinstance(destination, int):
        raise TypeError(
            "movedim: source and destination must both be ints or both be sequences of ints."
        )
    sources, places = (
        (one,) if isinstance(one, int) else few(one) for one in (source, destination)
    )
    for dims in (sources, places):
        if not all(hasattr(dim, "__index__") for dim in dims):
            raise TypeError(f"movedim: takes ints and sequences of ints, not {dims}.")
    if len(sources) != len(places):
        raise RuntimeError(
            f"movedim: source {sources} and destination {places} differ in length. Give each dim "
            "one place."
        )
    if len({d % max(ndim, 1) for d in sources}) != len(sources) or len(
        {d % max(ndim, 1) for d in places}
    ) != len(places):
        raise RuntimeError(
            f"movedim: source {sources} or destination {places} names a dim more than once."
        )
    sources, places = wrap_dims(sources, ndim, "movedim"), wrap_dims(places, ndim, "movedim")
    if ndim == 0:
        return input.view(())
    rest = iter([d for d in range(ndim) if d not in sources])
    order = [sources[places.index(d)] if d in places else next(rest) for d in range(ndim)]
    return input.permute(order)


@composite(out=False)
def moveaxis(input, source, destination):
    """An alias of `movedim`."""
    return movedim(input, source, destination)


@composite(out=False, inplace=False)
def fliplr(input):
    """A copy with dim 1 reversed.

    Example:
        >>> torch.fliplr(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[2., 1.],
                [4., 3.]])
    """
    if input.dim() < 2:
        raise RuntimeError(f"fliplr: input {tuple(input.shape)} must have 2 dims or more.")
    return input.flip(1)


@composite(out=False)
def flipud(input):
    """A copy with dim 0 reversed.

    Example:
        >>> torch.flipud(torch.tensor([1, 2, 3]))
        tensor([3, 2, 1])
    """
    if input.dim() < 1:
        raise RuntimeError("flipud: input is 0-dim; it must have 1 dim or more.")
    return input.flip(0)


@composite(out=False)
def rot90(input, k=1, dims=(0, 1)):
    """Turned by k * 90 degrees in the plane of two dims, from the first towards the second.

    Example:
        >>> torch.rot90(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[2., 4.],
                [1., 3.]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"rot90: dims {tuple(dims)} must name two dims.")
    if input.dim() < 2:
        raise RuntimeError(f"rot90: input {tuple(input.shape)} must have 2 dims or more.")
    first, second = (wrap_dim(dim, input.dim(), "rot90") for dim in dims)
    if first == second:
        raise RuntimeError(f"rot90: dims {tuple(dims)} name the same dim; they must differ.")
    turn = k % 4
    if turn == 0:
        return row_major(input)
    if turn == 2:
        return input.flip((first, second))
    return input.flip(second if turn == 1 else first).transpose(first, second)


def _repeat(operator, input, repeats):
    for count in repeats:
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            raise TypeError(
                f"{operator}: it takes ints, or one sequence of them, but got {count!r} "
                f"({type(count).__name__})."
            )
    repeats = [count.__index__() for count in repeats]
    if len(repeats) < input.dim():
        raise RuntimeError(
            f"{operator}: {tuple(repeats)} has fewer numbers than tensor {tuple(input.shape)} has "
            "dims. Give one for each dim at least."
        )
    if any(count < 0 for count in repeats):
        raise RuntimeError(f"{operator}: {tuple(repeats)} are not all 0 or more.")
    shape = (1,) * (len(repeats) - input.dim()) + tuple(input.shape)
    if all(count == 1 for count in repeats):
        return row_major(input.reshape(shape))
    spread = [part for size in shape for part in (1, size)]
    wanted = [part for count, size in zip(repeats, shape) for part in (count, size)]
    # expand makes the copies as strides of 0; clone writes them out.
    copies = input.reshape(spread).expand(wanted).clone(memory_format=fl.contiguous_format)
    return copies.view([count * size for count, size in zip(repeats, shape)])


@composite(function=False, out=False)
def repeat(input, *repeats):
    """A copy with repeats[d] copies of `input` after each other along each dim d."""
    return _repeat("repeat", input, sequence(*repeats[:1], repeats[1:]) if repeats else ())


def _tile(input, dims):
    return _repeat("tile", input, (1,) * (input.dim() - len(dims)) + tuple(dims))


@composite(method=False, out=False)
def tile(input, dims: tuple):
    """`repeat`; dims that are left out in front count as 1."""
    return _tile(input, dims)


@composite(name="tile", function=False, out=False)
def _tile_method(input, *args, dims: tuple | None = None):
    """`repeat`; dims that are left out in front count as 1: tile(2, 3), tile((2, 3)) or tile(dims=(2, 3))."""
    if dims is None:
        dims = sequence(*args[:1], args[1:]) if args else ()
    return _tile(input, dims)


@composite(out=False)
def unflatten(input, dim, sizes):
    """A view with dimension `dim` split into `sizes`, one of which may be -1."""
    dim = wrap_dim(dim, input.dim(), "unflatten")
    try:
        sizes = [size.__index__() for size in few(sizes)]
    except AttributeError:
        raise TypeError(f"unflatten: sizes are {sizes}; they must be ints.") from None
    if not sizes:
        raise RuntimeError("unflatten: sizes are empty; give one or more.")
    size, known = input.size(dim), 1
    for part in sizes:
        known *= 1 if part == -1 else part
    if sizes.count(-1) > 1 or any(part < -1 for part in sizes):
        raise RuntimeError(
            f"unflatten: sizes {sizes} hold -1 more than once; only one size can be worked out "
            "from the others."
        )
    if -1 in sizes:
        if known and size % known == 0:
            sizes[sizes.index(-1)] = size // known
            known = size
    if known != size or -1 in sizes:
        raise RuntimeError(
            f"unflatten: sizes {sizes} do not multiply to {size}, the size of dim {dim}."
        )
    return input.view(*input.shape[:dim], *sizes, *input.shape[dim + 1 :])


native_way(unflatten, "unflatten")


@composite(out=False)
def ravel(input):
    """The elements as a vector, one beside the other; a view where they lie so already.

    Example:
        >>> torch.ravel(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 2., 3., 4.])
    """
    return input.reshape(-1).contiguous()


def _like_slice(operator, src, slot):
    if tuple(src.shape) != tuple(slot.shape):
        raise RuntimeError(
            f"{operator}: src {tuple(src.shape)} must have the shape of the part it replaces, "
            f"{tuple(slot.shape)}."
        )
    slot.copy_(src)


@composite
def select_scatter(input, src, dim, index):
    """A copy of `input` with `src` at `index` of `dim`."""
    result = input.clone()
    _like_slice("select_scatter", src, result.select(dim, index))
    return result


@composite(out="same")
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of `input` with `src` in the slice start:end:step of `dim`.

    Example:
        >>> torch.slice_scatter(torch.zeros(4), torch.ones(2), 0, 1, 3)
        tensor([0., 1., 1., 0.])
    """
    dim = wrap_dim(dim, input.dim(), "slice_scatter")
    if step < 1:
        raise RuntimeError(f"slice_scatter: step is {step}; it must be 1 or more.")
    result = input.clone()
    _like_slice("slice_scatter", src, result[(slice(None),) * dim + (slice(start, end, step),)])
    return result


@composite
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of `input` with `src` on a diagonal.

    Example:
        >>> torch.diagonal_scatter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0]))
        tensor([[1., 2.],
                [3., 2.]])
    """
    result = input.clone()
    _like_slice("diagonal_scatter", src, result.diagonal(offset, dim1, dim2))
    return result


@composite
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of `input` with `src` in the elements that as_strided(size, stride, storage_offset) shows."""
    result = input.clone()
    _like_slice("as_strided_scatter", src, result.as_strided(size, stride, storage_offset or 0))
    return result


@composite(method=False, out=False)
def unravel_index(indices, shape) -> tuple:
    """The coordinates, one tensor a dimension, of positions in a flattened tensor of `shape`."""
    if indices.dtype.is_floating_point or indices.dtype.is_complex or indices.dtype == fl.bool:
        raise ValueError(
            f"unravel_index: indices are {indices.dtype}, but they must be integers. Convert them "
            "with .long()."
        )
    if hasattr(shape, "tolist"):
        shape = shape.tolist()
    sizes = [shape] if isinstance(shape, int) else list(shape)
    if not all(isinstance(size, int) for size in sizes):
        raise TypeError(
            f"unravel_index: shape is {shape!r}; it must be an int or a sequence of ints."
        )
    if any(size < 0 for size in sizes):
        raise ValueError(f"unravel_index: shape {tuple(sizes)} is not all 0 or more.")
    coordinates = []
    indices = indices.long()
    for size in reversed(sizes):
        coordinates.append(indices % size)
        indices = fl.div(indices, size, rounding_mode="floor")
    return tuple(reversed(coordinates))


@composite(out="same")
def narrow_copy(input, dim, start, length):
    """A copy of `length` elements of `dim` from `start` on."""
    if dim >= input.dim():
        raise RuntimeError(f"narrow_copy: dim {dim} is out of range; input has {input.dim()} dims.")
    return input.narrow(dim, start, length).clone(memory_format=contiguous_format)


@composite(method=False)
def slice_copy(input, dim=0, start=None, end=None, step=1):
    """A copy of the slice start:end:step of `dim`.

    Example:
        >>> torch.slice_copy(torch.tensor([5, 6, 7, 8]), 0, 1, 3)
        tensor([6, 7])
    """
    return input[
        (slice(None),) * wrap_dim(dim, input.dim(), "slice_copy") + (slice(start, end, step),)
    ].clone(memory_format=contiguous_format)
