"""Dims and sequences of nested tensors taken apart, put together and into another order."""

import flambeau

from .operators import _dim, _inner, _same_lengths, handles, unbind
from .tensor import NestedTensor, as_nested_tensor, like, plain, wrapped


def _sequences(parts, nested):
    """A nested tensor of some of the sequences of another."""
    if not parts:
        raise NotImplementedError("nested tensor: a part without any sequence is not offered.")
    ragged = nested._ragged
    lengths = flambeau.tensor([0, *(p.size(ragged - 1) for p in parts)], device=nested.device)
    values = flambeau.cat(parts, ragged - 1)
    return wrapped(values, lengths.cumsum(0), ragged, layout=nested._layout)


@handles("__getitem__")
def _(self, index):
    index = index if isinstance(index, tuple) else (index,)
    if ... in [i if i is ... else None for i in index]:
        at = [i is ... for i in index].index(True)
        index = (*index[:at], *[slice(None)] * (self.dim() - len(index) + 1), *index[at + 1 :])
    first, *rest = index
    if first is None or isinstance(first, tuple):
        raise NotImplementedError("__getitem__: the batch of a nested tensor stays dim 0.")
    if isinstance(first, int):
        return unbind(self)[first][tuple(rest)]
    if first != slice(None):
        order = flambeau.arange(len(self._offsets) - 1)[first].tolist()
        parts = unbind(self)
        self = _sequences([parts[i] for i in order], self)
    ragged = self._ragged
    if len(rest) < ragged:
        rest = [*rest, *[slice(None)] * (ragged - len(rest))]
    around = all(isinstance(i, (int, slice)) for i in rest[:ragged])
    if len(rest) > self.dim() - 1 or rest[ragged - 1] != slice(None) or not around:
        raise NotImplementedError(
            "__getitem__: of a nested tensor takes sequences, and numbers and slices of dims around the ragged one."
        )
    gone = sum(isinstance(i, int) for i in rest[: ragged - 1])
    return like(plain(self)[tuple(rest)], self, ragged - gone)


@handles("flip")
def _(self, *dims):
    dims = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    return like(plain(self).flip([_inner(self, d, "flip") for d in dims]), self)


@handles("select")
def _(self, dim, index):
    if _dim(self, dim) == 0:
        return unbind(self)[index]
    place = _inner(self, dim, "select")
    return like(plain(self).select(place, index), self, self._ragged - (place + 1 < self._ragged))


@handles("index_select")
def _(self, dim, index):
    if _dim(self, dim) == 0:
        parts = unbind(self)
        return _sequences([parts[i] for i in index.tolist()], self)
    return like(plain(self).index_select(_inner(self, dim, "index_select"), index), self)


@handles("narrow")
def _(self, dim, start, length):
    return like(plain(self).narrow(_inner(self, dim, "narrow"), start, length), self)


@handles("tolist")
def _(self):
    return [part.tolist() for part in unbind(self)]


@handles("equal")
def _(input, other):
    lengths = isinstance(input, NestedTensor) and isinstance(other, NestedTensor)
    lengths = lengths and input._ragged == other._ragged
    return lengths and all(
        flambeau.equal(a, b)
        for a, b in ((input._offsets, other._offsets), (plain(input), plain(other)))
    )


@handles("allclose")
def _(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    _same_lengths(input, other, "allclose")
    return flambeau.allclose(plain(input), plain(other), rtol, atol, equal_nan)


@handles("transpose", "swapaxes", "swapdims")
def transpose(self, dim0, dim1):
    dim0, dim1 = _dim(self, dim0), _dim(self, dim1)
    if 0 in (dim0, dim1):
        raise NotImplementedError("transpose: the batch of a nested tensor stays dim 0.")
    ragged = {dim0: dim1, dim1: dim0}.get(self._ragged, self._ragged)
    return like(plain(self).transpose(dim0 - 1, dim1 - 1), self, ragged)


@handles("permute")
def permute(self, *dims):
    dims = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    dims = [_dim(self, d) for d in dims]
    if sorted(dims) != list(range(self.dim())) or dims[0]:
        raise NotImplementedError(
            f"permute: dims are {tuple(dims)}; each must be there once, and the batch of a nested tensor stays dim 0."
        )
    return like(plain(self).permute([d - 1 for d in dims[1:]]), self, dims.index(self._ragged))


@handles("movedim", "moveaxis")
def _(self, source, destination):
    sources, targets = (
        [_dim(self, d) for d in (dims if isinstance(dims, (tuple, list)) else [dims])]
        for dims in (source, destination)
    )
    order = [d for d in range(self.dim()) if d not in sources]
    for target, moved in sorted(zip(targets, sources, strict=True)):
        order.insert(target, moved)
    return permute(self, order)


@handles("expand")
def _(self, *sizes):
    sizes = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    batch, ragged = len(self._offsets) - 1, self._ragged
    if len(sizes) != self.dim() or sizes[0] not in (-1, batch):
        raise NotImplementedError("expand: a nested tensor keeps its batch and its number of dims.")
    if sizes[ragged] is not self._size and sizes[ragged] != -1:
        raise NotImplementedError("expand: a nested tensor keeps its ragged dim.")
    inner = list(sizes[1:])
    inner[ragged - 1] = -1
    return like(plain(self).expand(inner), self)


@handles("unsqueeze")
def _(self, dim):
    dim = dim % (self.dim() + 1)
    if dim == 0:
        raise NotImplementedError("unsqueeze: the batch of a nested tensor stays dim 0.")
    return like(plain(self).unsqueeze(dim - 1), self, self._ragged + (dim <= self._ragged))


@handles("squeeze")
def _(self, dim):
    place = _inner(self, dim, "squeeze")
    return like(plain(self).squeeze(place), self, self._ragged - (place + 1 < self._ragged))


@handles("chunk")
def _(self, chunks, dim=0):
    if _dim(self, dim) == 0:
        batch = len(self._offsets) - 1
        return split(self, -(-batch // chunks))
    return tuple(like(part, self) for part in plain(self).chunk(chunks, _inner(self, dim, "chunk")))


@handles("split")
def split(self, split_size_or_sections, dim=0):
    if _dim(self, dim) == 0:
        order = flambeau.arange(len(self._offsets) - 1).split(split_size_or_sections)
        parts = unbind(self)
        return tuple(_sequences([parts[i] for i in some.tolist()], self) for some in order)
    parts = plain(self).split(split_size_or_sections, _inner(self, dim, "split"))
    return tuple(like(part, self) for part in parts)


@handles("cat", "concat")
def _(tensors, dim=0):
    nested = next(t for t in tensors if isinstance(t, NestedTensor))
    if _dim(nested, dim) == 0:
        tensors = [
            t if isinstance(t, NestedTensor) else as_nested_tensor(t, layout=nested._layout)
            for t in tensors
        ]
        return _sequences([part for t in tensors for part in unbind(t)], nested)
    if not all(isinstance(t, NestedTensor) for t in tensors):
        raise NotImplementedError("cat: nested and ordinary tensors together, but along dim 0.")
    for other in tensors:
        _same_lengths(nested, other, "cat")
    return like(flambeau.cat([plain(t) for t in tensors], _inner(nested, dim, "cat")), nested)


@handles("matmul", "__matmul__", "bmm")
def _(input, other):
    """Rows of the elements times a matrix, or sequence by sequence."""
    if isinstance(input, NestedTensor) and not isinstance(other, NestedTensor):
        if other.dim() == 2 and input._ragged < input.dim() - 1:
            return like(plain(input) @ other, input)
    if not isinstance(input, NestedTensor) or not isinstance(
        other, (NestedTensor, flambeau.Tensor)
    ):
        raise NotImplementedError("matmul: an ordinary tensor times a nested one.")
    ours, theirs = (
        unbind(input),
        unbind(other) if isinstance(other, NestedTensor) else other.unbind(0),
    )
    if len(ours) != len(theirs):
        raise RuntimeError(f"matmul: {len(ours)} sequences and {len(theirs)} matrices.")
    products = [a @ b for a, b in zip(ours, theirs, strict=True)]
    last, before = input._ragged == input.dim() - 1, input._ragged == input.dim() - 2
    by_last = isinstance(other, NestedTensor) and other._ragged == other.dim() - 1
    if before and by_last:
        raise NotImplementedError(
            "matmul: the product of these nested tensors has two ragged dims."
        )
    if last and not by_last:
        return flambeau.stack(products)
    at = input._ragged - 1 if not by_last else other._ragged - 1
    of = other if by_last else input
    return wrapped(flambeau.cat(products, at), of._offsets, at + 1, of._size, of._layout)
