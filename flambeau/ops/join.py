"""Several tensors into one, or brought to one shape: stacking, broadcasting, grids, products of sets."""

import itertools
import math

from .. import _core
from .core import operators as fl
from .core.arguments import broadcast_together, check_room, common_shape, sequence
from .core.declare import composite


@composite(method=False, out=False)
def broadcast_shapes(*shapes):
    """The shape that shapes broadcast to, as a Size; nothing is allocated.

    Example:
        >>> torch.broadcast_shapes(3)
        torch.Size([3])
    """
    return common_shape("broadcast_shapes", *shapes)


@composite(method=False, out=False)
def broadcast_tensors(*tensors) -> tuple:
    """Views of the tensors, all expanded to the one shape that they broadcast to.

    Example:
        >>> torch.broadcast_tensors(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        (tensor([[1., 2.],
                [3., 4.]]),)
    """
    tensors = sequence(*tensors[:1], tensors[1:]) if tensors else ()
    return broadcast_together("broadcast_tensors", *tensors)


@composite(method=False, out=False)
def broadcast_to(input, size: tuple):
    """A view of `input` expanded to the shape `size`.

    Example:
        >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
        tensor([[1, 2],
                [1, 2]])
    """
    return input.expand(size)


@composite(name="broadcast_to", function=False, out=False)
def _broadcast_to_method(input, *args, size: tuple | None = None):
    """A view of the tensor expanded to a size: broadcast_to(2, 3), broadcast_to((2, 3))."""
    return input.expand(sequence(*args[:1], args[1:]) if size is None and args else size or ())


def _at_least(tensors, raised):
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return raised(tensors[0])
    return tuple(raised(tensor) for tensor in sequence(tensors[0], tensors[1:]))


def _one(tensor):
    return tensor.reshape(1) if tensor.dim() == 0 else tensor


def _two(tensor):
    return _one(tensor).unsqueeze(0) if tensor.dim() < 2 else tensor


def _three(tensor):
    return _two(tensor).unsqueeze(-1) if tensor.dim() < 3 else tensor


@composite(method=False, out=False)
def atleast_1d(*tensors):
    """Each tensor with 1 dimension or more: () becomes (1).

    Example:
        >>> torch.atleast_1d(torch.tensor(3.0))
        tensor([3.])
    """
    return _at_least(tensors, _one)


@composite(method=False, out=False)
def atleast_2d(*tensors):
    """Each tensor with 2 dimensions or more: (N) becomes (1, N).

    Example:
        >>> torch.atleast_2d(torch.tensor([1.0, 2.0]))
        tensor([[1., 2.]])
    """
    return _at_least(tensors, _two)


@composite(method=False, out=False)
def atleast_3d(*tensors):
    """Each tensor with 3 dimensions or more: (N) becomes (1, N, 1), (M, N) becomes (M, N, 1).

    Example:
        >>> torch.atleast_3d(torch.tensor([1.0, 2.0])).shape
        torch.Size([1, 2, 1])
    """
    return _at_least(tensors, _three)


def _some(operator, tensors):
    if isinstance(tensors, fl.Tensor):
        raise TypeError(f"{operator}: expected a tuple of tensors, not one tensor.")
    tensors = list(itertools.islice(tensors, len(tensors)))
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, fl.Tensor):
            raise TypeError(
                f"{operator}: item {i} of the tensors is a {type(tensor).__name__}, not a tensor."
            )
    if not tensors:
        raise RuntimeError(f"{operator}: needs at least one tensor; the list is empty.")
    return tensors


@composite(method=False)
def hstack(tensors):
    """Tensors side by side: joined along dim 1, vectors along dim 0.

    Example:
        >>> torch.hstack([torch.tensor([1.0]), torch.tensor([2.0])])
        tensor([1., 2.])
    """
    tensors = [_one(tensor) for tensor in _some("hstack", tensors)]
    return fl.cat(tensors, 0 if tensors[0].dim() == 1 else 1)


@composite(method=False)
def vstack(tensors):
    """Tensors below each other: joined along dim 0, vectors as rows.

    Example:
        >>> torch.vstack([torch.tensor([1.0]), torch.tensor([2.0])])
        tensor([[1.],
                [2.]])
    """
    return fl.cat([_two(tensor) for tensor in _some("vstack", tensors)], 0)


@composite(method=False)
def row_stack(tensors):
    """An alias of `vstack`.

    Example:
        >>> torch.row_stack([torch.tensor([1.0]), torch.tensor([2.0])])
        tensor([[1.],
                [2.]])
    """
    return vstack(tensors)


@composite(method=False)
def dstack(tensors):
    """Tensors behind each other: joined along dim 2.

    Example:
        >>> torch.dstack([torch.tensor([1.0]), torch.tensor([2.0])])
        tensor([[[1., 2.]]])
    """
    return fl.cat([_three(tensor) for tensor in _some("dstack", tensors)], 2)


@composite(method=False)
def column_stack(tensors):
    """Tensors side by side, vectors as columns.

    Example:
        >>> torch.column_stack([torch.tensor([1.0]), torch.tensor([2.0])])
        tensor([[1., 2.]])
    """
    columns = [
        tensor.reshape(-1, 1) if tensor.dim() < 2 else tensor
        for tensor in _some("column_stack", tensors)
    ]
    return fl.cat(columns, 1)


@composite(method=False, out=False)
def block_diag(*tensors):
    """A matrix with the tensors (0, 1 or 2 dimensions) along its diagonal and 0 elsewhere.

    Example:
        >>> torch.block_diag(torch.tensor([[1.0, 2.0]]), torch.tensor(3.0))
        tensor([[1., 2., 0.],
                [0., 0., 3.]])
    """
    tensors = sequence(*tensors[:1], tensors[1:]) if tensors else ()
    if not tensors:
        return fl.empty(1, 0, device=None)
    for tensor in tensors:
        if tensor.dim() > 2:
            raise RuntimeError(
                f"block_diag: tensor {tuple(tensor.shape)} must have 2 dims or fewer."
            )
    blocks = [_two(tensor) for tensor in tensors]
    dtype = blocks[0].dtype
    for block in blocks[1:]:
        dtype = fl.promote_types(dtype, block.dtype)
    width = sum(block.size(1) for block in blocks)
    rows, before = [], 0
    for block in blocks:
        block = block.to(dtype)
        left = block.new_zeros(block.size(0), before)
        before += block.size(1)
        rows.append(fl.cat([left, block, block.new_zeros(block.size(0), width - before)], 1))
    return fl.cat(rows, 0)


@composite(method=False, out=False)
def meshgrid(*tensors, indexing=None) -> tuple:
    """A grid for each vector, in which only the coordinate of that vector changes.

    Vectors (N1), (N2), ... give as many views of shape (N1, N2, ...). indexing="xy" swaps the first two
    dimensions, as in plots.

    Example:
        >>> torch.meshgrid(torch.tensor([3.0, 1.0, 2.0]), indexing="ij")
        (tensor([3., 1., 2.]),)
    """
    tensors = sequence(*tensors[:1], tensors[1:]) if tensors else ()
    if not tensors:
        raise RuntimeError("meshgrid: needs at least one tensor.")
    if indexing is None:
        _core._warn_once(
            "meshgrid",
            "meshgrid: pass indexing; it is 'ij' unless given, and will have to be given in PyTorch.",
        )
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"meshgrid: indexing is {indexing!r}; it must be 'ij' or 'xy'.")
    for tensor in tensors:
        if tensor.dim() > 1:
            raise RuntimeError(
                f"meshgrid: tensor {tuple(tensor.shape)} must be a vector or a number."
            )
        if tensor.dtype != tensors[0].dtype:
            raise RuntimeError(
                "meshgrid: the tensors are of different dtypes. Convert them to one with .to()."
            )
        if tensor.device != tensors[0].device:
            raise RuntimeError(
                f"meshgrid: the tensors lie on {tensors[0].device} and {tensor.device}. Move them to "
                "one device with .to()."
            )
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = [tensor.numel() for tensor in tensors]
    grids = []
    for i, tensor in enumerate(tensors):
        own = [1] * len(shape)
        own[i] = shape[i]
        grids.append(tensor.reshape(own).expand(shape))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@composite(method=False, out=False)
def cartesian_prod(*tensors):
    """Every choice of one element from each vector, one choice a row; for a single vector, itself.

    Example:
        >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([7, 8]))
        tensor([[1, 7],
                [1, 8],
                [2, 7],
                [2, 8]])
    """
    tensors = sequence(*tensors[:1], tensors[1:]) if tensors else ()
    for tensor in tensors:
        if tensor.dim() != 1:
            raise RuntimeError(
                f"cartesian_prod: tensor {tuple(tensor.shape)} must be a vector (1 dim)."
            )
    if len(tensors) == 1:
        return tensors[0]
    return fl.stack([grid.reshape(-1) for grid in meshgrid(*tensors, indexing="ij")], 1)


@composite(out=False)
def combinations(input, r=2, with_replacement=False):
    """Every choice of r elements of a vector, in the order of itertools, one choice a row.

    Example:
        >>> torch.combinations(torch.tensor([3.0, 1.0, 2.0]))
        tensor([[3., 1.],
                [3., 2.],
                [1., 2.]])
    """
    if input.dim() != 1:
        raise RuntimeError(f"combinations: input {tuple(input.shape)} must be a vector (1 dim).")
    if r < 0:
        raise RuntimeError(f"combinations: r is {r}; it must be 0 or more.")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    if r == 0:
        return input.new_empty(0)
    n = input.numel()
    count = _choices(n + r - 1 if with_replacement and n else n, r)
    check_room(3 * 8 * r * count, input)
    if count == 0:
        return input[fl.empty(0, r, dtype=fl.int64, device=input.device)]
    if input.is_meta:
        return input[fl.empty(count, r, dtype=fl.int64, device="meta")]
    if r == 2:  # as the places above the diagonal of a matrix lie
        first, second = fl.triu_indices(n, n, 0 if with_replacement else 1, device=input.device)
        return fl.stack((input[first], input[second]), 1)
    import numpy

    places = numpy.fromiter(itertools.chain.from_iterable(choose(range(n), r)), numpy.int64)
    return input[fl.from_numpy(places).reshape(count, r).to(input.device)]


def _choices(n, r):
    """How many choices of r out of n there are; more than memory has places for as 2**64."""
    few = min(r, n - r)
    return 0 if few < 0 else 2**64 if few > 33 and n > 66 else math.comb(n, few)
