"""vmap: a function of one slice, called once for all of them."""

import functools

from .. import _core
from ..ops.batching import Level
from ..utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_map, tree_unflatten

__all__ = ["debug_unwrap", "vmap"]

_RANDOMNESS = ("error", "same", "different")


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """A function that applies func to every slice of its inputs at once.

    func is called once, with tensors of the shape of one slice that stand for all slices; operators know
    what to do with them. It may call grad, vjp, jacrev and vmap itself.

    Args:
        func (callable): takes and returns tensors, also in tuples, lists, dicts and other pytrees.
        in_dims (int, None or a pytree of them): the dimension that is mapped over; None hands an input over
            whole. Inputs by name are always mapped over dimension 0.
        out_dims (int, None or a pytree of them): where the new dimension of each output stands; None for
            outputs that are the same for all slices.
        randomness (str): "error" refuses random operators in func, "same" gives every slice the same
            numbers, "different" gives each its own.
        chunk_size (int, optional): how many slices are computed at once, at most; less memory.

    Returns:
        callable: takes the same arguments with one dimension more where they are mapped over.

    Raises:
        ValueError: in_dims or out_dims do not fit, no input is mapped over, sizes differ, or func returns
            what is no tensor.
        RuntimeError: func goes by the value of a mapped tensor (if, while, item()), writes a mapped tensor
            into one that is not, or draws random numbers under randomness="error".

    Example:
        >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.tensor([[1., 2., 3.], [4., 5., 6.]]))
        tensor([ 6., 15.])
    """
    if randomness not in _RANDOMNESS:
        raise RuntimeError(
            f"vmap: randomness is {randomness!r}; it must be 'error', 'same' or 'different'."
        )
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size is {chunk_size}; it must be 1 or more, or None.")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        size, dims, leaves, form = _inputs(func, in_dims, args)
        if kwargs:
            size, named = _named_inputs(size, kwargs)
        else:
            named = None
        if size is None:
            raise ValueError(
                f"vmap: {_name(func)}: no input has a dim to map over. in_dims must be an int for one "
                "tensor or more."
            )
        if chunk_size is None or chunk_size >= size:
            return _call(func, size, dims, leaves, form, named, out_dims, randomness)
        return _in_chunks(func, size, dims, leaves, form, named, out_dims, randomness, chunk_size)

    return wrapper


def _name(func):
    return getattr(func, "__name__", type(func).__name__)


def _inputs(func, in_dims, args):
    """(number of slices, dim of each leaf or None, leaves, their form)."""
    name = _name(func)
    if not isinstance(in_dims, int) and not isinstance(in_dims, tuple):
        raise ValueError(
            f"vmap: {name}: in_dims is of type {type(in_dims).__name__}; it must be an int or a tuple "
            "with an entry for each input."
        )
    if not args:
        return None, [], [], tree_flatten(())[1]
    leaves, form = tree_flatten(tuple(args), is_leaf=_maps_itself)
    dims = _broadcast_to_and_flatten(in_dims, form)
    if dims is None:
        raise ValueError(
            f"vmap: {name}: in_dims {in_dims} do not fit the structure of the {len(args)} inputs. Give "
            "one int for all, or a tuple with an entry for each, nested like the inputs."
        )
    size = None
    for place, (leaf, dim) in enumerate(zip(leaves, dims, strict=True)):
        if dim is None:
            continue
        if type(dim) is not int:
            raise ValueError(
                f"vmap: {name}: in_dims {in_dims} hold a {type(dim).__name__} for an input; each must be "
                "an int or None."
            )
        size = _joined(size, _size_of(name, leaf, dim))
        dims[place] = dim % leaf.dim()
    return size, dims, leaves, form


def _maps_itself(value):
    """Whether a value that is no Tensor knows how it is mapped: dictionaries of tensors, by the names that PyTorch's has."""
    return hasattr(type(value), "_maybe_remove_batch_dim")


def _size_of(name, leaf, dim):
    if not isinstance(leaf, _core.Tensor) and not _maps_itself(leaf):
        raise ValueError(
            f"vmap: {name}: in_dims map over dim {dim} of an input that is a {type(leaf).__name__}, not a "
            "Tensor. Give None for it."
        )
    if not -leaf.dim() <= dim < leaf.dim():
        raise ValueError(
            f"vmap: {name}: in_dims map over dim {dim} of an input of shape {tuple(leaf.shape)}, which "
            f"has {leaf.dim()} dims."
        )
    return leaf.shape[dim]


def _joined(size, more):
    if size is not None and size != more:
        raise ValueError(
            f"vmap: the dims mapped over have sizes {sorted((size, more))}; they must be equal."
        )
    return more


def _named_inputs(size, kwargs):
    """(the number of slices, (leaves, form) of the inputs by name, all mapped over dim 0)."""
    leaves, form = tree_flatten(kwargs)
    for leaf in leaves:
        size = _joined(size, _size_of("an input by name", leaf, 0))
    return size, (leaves, form)


def batched_at(level, tensor, dim):
    """A tensor mapped over `dim` at a new innermost level."""
    if not isinstance(tensor, _core.Tensor):
        return tensor._add_batch_dim(in_dim=dim, vmap_level=level.number)
    value, outer = _core._unbatch(tensor)
    n = len(outer)
    if dim:
        value = value.movedim(n + dim, n)
    return _core._batch(value, (*outer, level.number))


def unbatched_at(level, tensor, dim):
    """The tensor without the innermost level, whose slices lie along `dim`."""
    value, levels = _core._unbatch(tensor)
    ndim = tensor.dim() + 1
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"vmap: out_dims: dim {dim} is out of range; an output of {ndim} dims takes {-ndim} to "
            f"{ndim - 1}."
        )
    dim %= ndim
    if level.number not in levels:
        whole = tensor.unsqueeze(dim)
        return whole.expand(*(level.size if d == dim else -1 for d in range(ndim)))
    n = len(levels) - 1
    if dim:
        value = value.movedim(n, n + dim)
    return _core._batch(value, levels[:-1])


def _call(func, size, dims, leaves, form, named, out_dims, randomness):
    with Level(size, randomness) as level:
        args = tree_unflatten(
            [
                leaf if dim is None else batched_at(level, leaf, dim)
                for leaf, dim in zip(leaves, dims, strict=True)
            ],
            form,
        )
        kwargs = {}
        if named is not None:
            kwargs = tree_unflatten([batched_at(level, leaf, 0) for leaf in named[0]], named[1])
        results = func(*args, **kwargs)
        found, results_form = tree_flatten(results, is_leaf=_maps_itself)
        places = _out_dims(func, out_dims, results, results_form)
        return tree_unflatten(
            [
                unmapped(_name(func), level, leaf, place)
                for leaf, place in zip(found, places, strict=True)
            ],
            results_form,
        )


def _out_dims(func, out_dims, results, form):
    if isinstance(results, _core.Tensor) or _maps_itself(results):
        # One tensor: out_dims is one entry, or a tuple of it.
        if isinstance(out_dims, int) or out_dims is None:
            return [out_dims]
        if isinstance(out_dims, tuple) and len(out_dims) == 1:
            return list(out_dims)
        places = None
    elif out_dims is None:
        places = [None] * form.num_leaves
    else:
        places = _broadcast_to_and_flatten(out_dims, form)
    if places is None or any(place is not None and type(place) is not int for place in places):
        raise ValueError(
            f"vmap: {_name(func)}: out_dims {out_dims} do not fit what the function returned, "
            f"{_shown(results)}. Give one int for all, or ints nested like the result."
        )
    return places


def _shown(results):
    """The structure of results in words."""
    return str(tree_map(lambda leaf: type(leaf).__name__, results))


def unmapped(name, level, leaf, place):
    if _maps_itself(leaf):
        return leaf._maybe_remove_batch_dim(
            name, vmap_level=level.number, batch_size=level.size, out_dim=place
        )
    if place is None:
        if isinstance(leaf, _core.Tensor) and level.number in _core._unbatch(leaf)[1]:
            raise ValueError(
                f"vmap: {name}: out_dims are None for an output that differs from slice to slice. "
                "Give the dim in which the slices shall lie."
            )
        return leaf
    if not isinstance(leaf, _core.Tensor):
        raise ValueError(
            f"vmap: {name}: the function returned {type(leaf).__name__}; only Tensors can be stacked."
        )
    return unbatched_at(level, leaf, place)


def _in_chunks(func, size, dims, leaves, form, named, out_dims, randomness, chunk_size):
    from .. import random

    generator = random.default_generator
    before = generator.get_state() if randomness == "same" else None
    made = []
    for start in range(0, size, chunk_size):
        if before is not None:
            generator.set_state(before)
        count = min(chunk_size, size - start)
        some = [
            leaf if dim is None else leaf.narrow(dim, start, count)
            for leaf, dim in zip(leaves, dims, strict=True)
        ]
        some_named = named and ([leaf.narrow(0, start, count) for leaf in named[0]], named[1])
        made.append(_call(func, count, dims, some, form, some_named, out_dims, randomness))
    columns = zip(*(tree_flatten(result, is_leaf=_maps_itself)[0] for result in made), strict=True)
    results_form = tree_flatten(made[0], is_leaf=_maps_itself)[1]
    places = _out_dims(func, out_dims, made[0], results_form)
    return tree_unflatten(
        [
            column[0] if place is None else _core.cat(list(column), place)
            for column, place in zip(columns, places, strict=True)
        ],
        results_form,
    )


def debug_unwrap(tensor, *, recurse=True):
    """The tensor that stands behind one inside vmap, with all slices; of any other tensor itself.

    Args:
        recurse (bool): also through outer vmaps; else the innermost one's slices alone are shown.

    For looking at values while a function is debugged: what is computed from it is not mapped.

    Example:
        >>> seen = []
        >>> _ = torch.vmap(lambda x: (seen.append(torch.func.debug_unwrap(x)), x * 2)[1])(torch.arange(3))
        >>> seen
        [tensor([0, 1, 2])]
    """
    value, levels = _core._unbatch(tensor)
    if recurse or len(levels) < 2:
        return value
    return _core._batch(value, levels[:-1])
