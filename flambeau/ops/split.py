"""One tensor into several views of it along a dimension."""

from ..types import listed
from .core.arguments import check_room, wrap_dim
from .core.declare import composite


def _pieces(input, sizes, dim):
    start, pieces = 0, []
    for size in sizes:
        pieces.append(input.narrow(dim, start, size))
        start += size
    return tuple(pieces)


def _splittable(operator, input, dim):
    if input.dim() == 0:
        raise RuntimeError(f"{operator}: a 0-dim tensor cannot be split; it needs 1 dim or more.")
    return wrap_dim(dim, input.dim(), operator)


def _check_bounds(operator, bounds):
    """A tensor of places to split at: int64, a number or a vector."""
    if str(bounds.dtype).rpartition(".")[2] != "int64" or len(bounds.shape) > 1:
        raise RuntimeError(
            f"{operator}: places to split at are int64 in at most one dimension, not "
            f"{bounds.dtype} {tuple(bounds.shape)}."
        )


def _tensor_split(operator, input, indices_or_sections, dim):
    dim = _splittable(operator, input, dim)
    size = input.size(dim)
    if hasattr(indices_or_sections, "tolist"):
        _check_bounds(operator, indices_or_sections)
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections <= 0:
            raise RuntimeError(f"{operator}: {sections} parts are asked for; it must be 1 or more.")
        check_room(256 * sections)  # what so many views take
        small, larger = divmod(size, sections)
        return _pieces(input, [small + (i < larger) for i in range(sections)], dim)
    pieces, start = [], 0
    bounds = [slice(None, index).indices(size)[1] for index in listed(indices_or_sections)] + [size]
    for end in bounds:
        pieces.append(input.narrow(dim, start, max(end - start, 0)))
        start = end
    return tuple(pieces)


@composite(out=False)
def tensor_split(input, indices_or_sections=None, dim=0, *, indices=None, sections=None) -> tuple:
    """As many views as an int says, their sizes differing by at most 1; or views between given indices.

    Example:
        >>> torch.tensor_split(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        (tensor([[1., 2.],
                [3., 4.]]),)
    """
    given = [arg for arg in (indices_or_sections, indices, sections) if arg is not None]
    if len(given) != 1:
        raise TypeError("tensor_split: give either sections or indices.")
    if isinstance(given[0], bool):
        raise TypeError(f"tensor_split: sections takes an int, but got {given[0]} (bool).")
    return _tensor_split("tensor_split", input, given[0], dim)


def _even_split(operator, input, indices_or_sections, dim):
    """numpy's hsplit and its family: a number of sections has to divide the size."""
    if isinstance(indices_or_sections, bool):
        raise TypeError(f"{operator}: takes a number of sections or indices, not bool.")
    if (
        isinstance(indices_or_sections, int)
        and indices_or_sections > 0
        and input.size(dim) % indices_or_sections
    ):
        raise RuntimeError(
            f"{operator}: size {input.size(dim)} of dim {dim} does not divide into "
            f"{indices_or_sections} equal parts. tensor_split makes unequal ones."
        )
    return _tensor_split(operator, input, indices_or_sections, dim)


@composite(out=False)
def hsplit(input, *indices_or_sections, indices=None, sections=None) -> tuple:
    """Views along dim 1, or dim 0 of a vector.

    Example:
        >>> torch.hsplit(torch.tensor([1, 2, 3, 4]), 2)
        (tensor([1, 2]), tensor([3, 4]))
    """
    if input.dim() < 1:
        raise RuntimeError("hsplit: input is 0-dim; it must have 1 dim or more.")
    return _even_split(
        "hsplit",
        input,
        _given(indices_or_sections, indices, sections),
        0 if input.dim() == 1 else 1,
    )


@composite(out=False)
def vsplit(input, *indices_or_sections, indices=None, sections=None) -> tuple:
    """Views along dim 0 of a tensor of 2 or more dimensions.

    Example:
        >>> torch.vsplit(torch.tensor([[1, 2], [3, 4]]), 2)
        (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    if input.dim() < 2:
        raise RuntimeError(f"vsplit: input {tuple(input.shape)} must have 2 dims or more.")
    return _even_split("vsplit", input, _given(indices_or_sections, indices, sections), 0)


@composite(out=False)
def dsplit(input, *indices_or_sections, indices=None, sections=None) -> tuple:
    """Views along dim 2 of a tensor of 3 or more dimensions.

    Example:
        >>> torch.dsplit(torch.arange(4.0).reshape(1, 1, 4), 2)
        (tensor([[[0., 1.]]]), tensor([[[2., 3.]]]))
    """
    if input.dim() < 3:
        raise RuntimeError(f"dsplit: input {tuple(input.shape)} must have 3 dims or more.")
    return _even_split("dsplit", input, _given(indices_or_sections, indices, sections), 2)


def _given(positional, indices, sections):
    if indices is not None:
        return indices
    if sections is not None:
        return sections
    return positional[0] if len(positional) == 1 else positional
