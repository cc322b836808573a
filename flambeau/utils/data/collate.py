"""From a list of samples to one batch."""

import functools
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence

import flambeau

from ... import _core
from . import worker

_ADVICE = (
    "{what}: {found} does not become part of a batch; tensors, NumPy arrays, numbers, dicts and "
    "lists do. Pass collate_fn= to say how."
)


def default_convert(data):
    """NumPy arrays and numbers inside `data` as tensors; the structure and the rest as they are.

    Example:
        >>> from flambeau.utils.data import default_convert
        >>> import numpy
        >>> default_convert({"x": numpy.arange(3)})
        {'x': tensor([0, 1, 2])}
    """
    if isinstance(data, flambeau.Tensor):
        return data
    if _is_numpy(data):
        if _is_text(data):
            return data
        return flambeau.as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if _is_namedtuple(data):
        return type(data)(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _like(data, [default_convert(value) for value in data])
    return data


def default_collate(batch):
    """One batch out of a list of samples: a new first dimension of size len(batch).

    Tensors and NumPy arrays are stacked, numbers become a tensor (float64 for float), text stays a
    list; mappings, named tuples, tuples (as lists) and sequences are collated part by part.

    Raises:
        TypeError: a sample holds something else.
        RuntimeError: samples of different lengths.

    Example:
        >>> from flambeau.utils.data import default_collate
        >>> default_collate([(1, 0.5), (2, 1.5)])
        [tensor([1, 2]), tensor([0.5000, 1.5000], dtype=torch.float64)]
    """
    if default_collate_fn_map.changed:
        return collate(batch, collate_fn_map=default_collate_fn_map)
    first = batch[0]
    if isinstance(first, flambeau.Tensor):
        return _stacked(list(batch))
    if isinstance(first, str | bytes):  # NumPy's text scalars too
        return batch
    if _is_numpy(first):
        return _collate_numpy(batch)
    if isinstance(first, float):
        return flambeau.tensor(batch, dtype=flambeau.float64)
    if isinstance(first, int):
        return flambeau.tensor(batch)
    if isinstance(first, Mapping):
        return _like(first, {key: default_collate([s[key] for s in batch]) for key in first})
    if _is_namedtuple(first):
        return type(first)(*map(default_collate, zip(*batch)))
    if isinstance(first, Sequence):
        lengths = {len(sample) for sample in batch}
        if len(lengths) > 1:
            raise RuntimeError(
                f"default_collate: the sequences of a batch have {sorted(lengths)} elements; they "
                "must be equally long. Pad them, or pass collate_fn=."
            )
        columns = [default_collate(column) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else _like(first, columns)
    raise TypeError(_ADVICE.format(what="default_collate", found=type(first)))


def _collate_numpy(batch):
    if _is_text(batch[0]):
        raise TypeError(_ADVICE.format(what="default_collate", found=batch[0].dtype))
    if getattr(batch[0], "shape", None) == ():
        return flambeau.as_tensor(batch)
    return _stacked([flambeau.as_tensor(array) for array in batch])


def _stacked(tensors):
    """A batch of tensors; in a worker in shared memory at once, where it will be sent from."""
    first = tensors[0]
    if worker.get_worker_info() is None or any(
        type(t) is not flambeau.Tensor
        or t.requires_grad
        or (t.dtype, t.shape) != (first.dtype, first.shape)
        for t in tensors
    ):
        return flambeau.stack(tensors, 0)
    placed = worker.placed(tensors)
    if placed is not None:
        return placed
    memory = _core._allocate_shared(first.nbytes * len(tensors))
    out = memory.view(first.dtype).view(len(tensors), *first.shape)
    return flambeau.stack(tensors, 0, out=out)


def _is_numpy(value):
    numpy = sys.modules.get("numpy")  # what is not imported can't have made an array
    return numpy is not None and isinstance(value, numpy.ndarray | numpy.generic)


def _is_text(array):
    return re.search("[SaUO]", array.dtype.str) is not None


def _is_namedtuple(value):
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _like(original, converted):
    """`converted` in the type of `original`, or as it is where that type can't be made from it."""
    if type(original) in (dict, list):
        return converted
    try:
        if isinstance(original, MutableMapping):
            copy = original.copy()
            copy.update(converted)
            return copy
        return type(original)(converted)
    except TypeError:
        return converted


# ------------------------------------------------------------------- types of one's own in a batch


def collate(batch, *, collate_fn_map=None):
    """default_collate() by a table of types.

    Args:
        batch (list): of samples.
        collate_fn_map (dict): type, or tuple of types -> function(batch, collate_fn_map=table); an exact type comes
            before a base.

    Raises:
        TypeError: a sample holds what is neither in the table nor a mapping or a sequence.
    """
    first, table = batch[0], collate_fn_map or {}
    if type(first) in table:
        return table[type(first)](batch, collate_fn_map=table)
    for kinds, function in table.items():
        if isinstance(first, kinds):
            return function(batch, collate_fn_map=table)
    if _is_numpy(first):
        return _collate_numpy(batch)
    again = functools.partial(collate, collate_fn_map=table)
    if isinstance(first, Mapping):
        return _like(first, {key: again([s[key] for s in batch]) for key in first})
    if _is_namedtuple(first):
        return type(first)(*map(again, zip(*batch)))
    if isinstance(first, Sequence):
        if len({len(sample) for sample in batch}) > 1:
            raise RuntimeError("collate: the sequences of a batch must be equally long.")
        columns = [again(column) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else _like(first, columns)
    raise TypeError(_ADVICE.format(what="collate", found=type(first)))


def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Tensors, stacked."""
    return _stacked(list(batch))


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """NumPy arrays, stacked as a tensor."""
    return _collate_numpy(batch)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """NumPy's numbers as a tensor."""
    return flambeau.as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map=None):
    """Numbers as a tensor of float64."""
    return flambeau.tensor(batch, dtype=flambeau.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """Integers as a tensor."""
    return flambeau.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    """Text as it is."""
    return batch


np_str_obj_array_pattern = re.compile("[SaUO]")  # dtypes of NumPy that are no numbers


class _Table(dict):
    """The table of default_collate(), which programs add their types to; `changed` from then on."""

    changed = False

    def __setitem__(self, kind, function):
        self.changed = True
        super().__setitem__(kind, function)

    def update(self, *args, **kwargs):
        self.changed = True
        super().update(*args, **kwargs)


default_collate_fn_map = _Table(
    {
        flambeau.Tensor: collate_tensor_fn,
        float: collate_float_fn,
        int: collate_int_fn,
        str: collate_str_fn,
        bytes: collate_str_fn,
    }
)
