"""What operators do with nested tensors. An operator that is not here is refused by name."""

import functools

import flambeau

from .. import types
from ..ops.core.declare import POINTWISE
from ..ops.core.tables import registering
from ..overrides import resolve_name
from .tensor import NestedTensor, like, plain, wrapped

__all__ = ["call", "narrow", "to_padded_tensor"]

_HANDLERS = {}
# Of the tensor that holds the elements in a row.
_AS_IT_LIES = set(
    "dtype.__get__ device.__get__ requires_grad.__get__ grad_fn.__get__ is_leaf.__get__ _version.__get__ output_nr.__get__ "
    "is_cuda.__get__ is_meta.__get__ is_sparse.__get__ itemsize.__get__ numel nelement element_size is_floating_point "
    "nbytes.__get__ is_pinned is_shared is_inference new_zeros new_ones new_full new_empty new_tensor is_complex retain_grad register_hook is_signed get_device requires_grad.__set__ requires_grad_ retains_grad.__get__".split()
)
# One result element for each element, of tensors with the same lengths, ordinary ones and numbers.
_ELEMENTWISE = set(
    "clone detach contiguous to float double half bfloat16 long int bool type type_as cpu zeros_like ones_like full_like "
    "empty_like rand_like randn_like dropout alpha_dropout masked_fill where relu gelu silu leaky_relu elu selu softplus "
    "hardtanh relu6 hardswish hardsigmoid logsigmoid mish celu __rsub__ __rtruediv__ __rpow__ __floordiv__ __invert__ "
    "div divide multiply subtract greater greater_equal less less_equal not_equal negative absolute floor_divide "
    "true_divide clamp_min clamp_max arctan2 square fix rsub __eq__ __and__ __or__ __xor__ softsign tanhshrink clamp clip nan_to_num lerp addcmul addcdiv "
    "__get__ real.__get__ data.__get__ isclose copy_ zero_ fill_ normal_ uniform_ random_ bernoulli_ exponential_ "
    "masked_fill_ clamp_ nan_to_num_ bernoulli isnan isinf isfinite cuda pin_memory share_memory_".split()
)


@functools.cache
def _name(func):
    known = (resolve_name(func) or getattr(func, "__name__", repr(func))).removeprefix("torch.")
    for space in ("Tensor.", "nn.functional.", "special.", "linalg."):
        known = known.removeprefix(space)
    if known == "__set__":
        known = f"{func.__self__.__name__}.__set__"
    return known


handles = registering(_HANDLERS)


def call(func, args, kwargs):
    """func(*args, **kwargs), of which at least one argument is nested."""
    name = _name(func)
    if name in _HANDLERS:
        return _HANDLERS[name](*args, **kwargs)
    if name in _AS_IT_LIES:
        with flambeau._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)
    if name in _ELEMENTWISE or name in POINTWISE:
        return _elementwise(func, name, args, kwargs)
    raise NotImplementedError(
        f"{name}: not offered for nested tensors. Take the sequences with unbind(), or to_padded_tensor(0.0)."
    )


def _same_lengths(one, two, name):
    if one._size is two._size:
        return
    if one._offsets.shape != two._offsets.shape or not flambeau.equal(one._offsets, two._offsets):
        raise RuntimeError(f"{name}: the nested tensors have sequences of other lengths.")


def _elementwise(func, name, args, kwargs):
    nested = [a for a in (*args, *kwargs.values()) if isinstance(a, NestedTensor)]
    first = nested[0]
    for other in nested[1:]:
        _same_lengths(first, other, name)
        if other.dim() != first.dim() or other._ragged != first._ragged:
            raise NotImplementedError(
                f"{name}: nested tensors with another number of dims, or another ragged dim."
            )

    def row(value):
        if isinstance(value, NestedTensor):
            return plain(value)
        if isinstance(value, flambeau.Tensor) and value.dim():
            return _spread(value, first, name)
        return value

    result = func(*map(row, args), **{key: row(value) for key, value in kwargs.items()})
    if name.endswith("_") and not name.endswith("__"):
        return first
    return like(result, first)


def _spread(value, nested, name):
    """An ordinary tensor against the elements in a row: of the trailing dims, or one row for each sequence."""
    rank, ragged = nested.dim(), nested._ragged
    if value.dim() <= rank - 1 - ragged or (
        value.dim() < rank and value.size(-(rank - ragged)) == 1
    ):
        return value
    if (
        value.dim() == rank
        and ragged == 1
        and value.size(1) == 1
        and value.size(0) in (1, len(nested._offsets) - 1)
    ):
        rows = value.squeeze(1)
        if value.size(0) == 1:
            return rows
        return rows.repeat_interleave(nested._offsets.diff(), 0)
    raise RuntimeError(
        f"{name}: {tuple(value.shape)} does not broadcast to the nested {tuple(nested.shape)}. Its ragged dim must be 1."
    )


def _dim(nested, dim):
    rank = nested.dim()
    if not -rank <= dim < rank:
        raise IndexError(f"nested tensor: dim {dim} is outside of its {rank} dims.")
    return dim % rank


def _inner(nested, dim, name, others=True):
    """A dim of the nested tensor as one of the elements in a row; refused for those of the batch and the sequences."""
    dim = _dim(nested, dim)
    if dim == 0 or (dim == nested._ragged and others):
        raise NotImplementedError(
            f"{name}: not offered over the batch or the ragged dim of a nested tensor."
        )
    return dim - 1


# ------------------------------------------------------------------------------------------ questions


@handles("shape.__get__")
def shape_of(self):
    """(B, ..., j, ...): the ragged size is equal to that of tensors with the same lengths."""
    sizes = list(plain(self).shape)
    sizes[self._ragged - 1] = self._size
    return tuple.__new__(types.Size, [len(self._offsets) - 1, *sizes])


@handles("size")
def _(self, dim=None):
    return shape_of(self) if dim is None else shape_of(self)[_dim(self, dim)]


@handles("dim", "ndim.__get__", "ndimension")
def _(self):
    return plain(self).dim() + 1


@handles("__len__")
def _(self):
    return len(self._offsets) - 1


@handles("is_nested.__get__")
def _(self):
    return True


@handles("is_contiguous")
def _(self, memory_format=None):
    return self._ragged == 1 and plain(self).is_contiguous()


@handles("grad.__get__")
def _(self):
    with flambeau._C.DisableTorchFunctionSubclass():
        found = self.grad
    return None if found is None else like(found, self)


@handles("grad.__set__")
def _(self, value):
    with flambeau._C.DisableTorchFunctionSubclass():
        self.grad = None if value is None else plain(value)


@handles("backward")
def _(self, *args, **kwargs):
    raise RuntimeError(
        "backward: starts from one number; reduce the nested tensor first, as in nested.values().sum()."
    )


# -------------------------------------------------------------------------------------- its sequences


@handles("unbind")
def unbind(self, dim=0):
    """The sequences, as views."""
    if _dim(self, dim):
        raise NotImplementedError("unbind: a nested tensor is taken apart along dim 0 only.")
    return plain(self).split(self._offsets.diff().tolist(), self._ragged - 1)


def to_padded_tensor(input, padding, output_size=None, out=None):
    """An ordinary tensor (B, length of the longest, *): shorter sequences are filled up with `padding`.

    Args:
        output_size (sequence of int): (B, n, *S) with another, larger n.
    """
    if out is not None:
        raise NotImplementedError("to_padded_tensor: out= is not offered.")
    values = plain(input).movedim(input._ragged - 1, 0)
    lengths = input._offsets.diff()
    if not len(lengths):
        return values.clone()
    longest = int(lengths.max())
    if output_size is not None:
        wanted = list(output_size)[input._ragged]
        if wanted < longest:
            raise RuntimeError(
                f"to_padded_tensor: output_size is {wanted} where a sequence has {longest} elements."
            )
        longest = wanted
    keep = flambeau.arange(longest, device=values.device) < lengths[:, None]  # (B, n)
    padded = values.new_full((len(lengths), longest, *values.shape[1:]), padding)
    rows, places = keep.nonzero().T
    return padded.index_put((rows, places), values).movedim(1, input._ragged)


def from_padded(padded, nested):
    """The nested tensor with the lengths of another, of elements (B, n, *) whose padding goes."""
    lengths = nested._offsets.diff()
    keep = flambeau.arange(padded.size(1), device=padded.device) < lengths[:, None]
    return wrapped(padded[keep], nested._offsets, 1, nested._size, nested._layout)


def narrow(tensor, dim, start, length, layout=types.strided):
    """A nested tensor of parts of the rows of a tensor (B, n, *): row i from start[i] on, length[i] elements."""
    if dim != 1 or layout != types.jagged:
        raise NotImplementedError("nested.narrow: dim=1 and layout=torch.jagged are offered.")
    starts, lengths = (
        value.tolist() if isinstance(value, flambeau.Tensor) else [value] * tensor.size(0)
        for value in (start, length)
    )
    parts = [row[s : s + n] for row, s, n in zip(tensor, starts, lengths, strict=True)]
    offsets = flambeau.tensor([0, *lengths], device=tensor.device).cumsum(0)
    return wrapped(flambeau.cat(parts), offsets)


# --------------------------------------------------------------------------------------- rearrangement


@handles("view", "reshape")
def _(self, *sizes):
    sizes = (
        list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else list(sizes)
    )
    ragged = self._ragged
    batch = len(self._offsets) - 1
    keeps = (
        len(sizes) > ragged
        and sizes[0] in (batch, -1)
        and sizes[1:ragged] == list(shape_of(self))[1:ragged]
    )
    if not keeps or sizes[ragged] is not self._size and sizes[ragged] != -1:
        raise NotImplementedError(
            f"reshape: a nested {tuple(shape_of(self))} keeps its batch and ragged dim; got {sizes}."
        )
    values = plain(self)
    inner = [*values.shape[:ragged], *sizes[ragged + 1 :]]
    return like(values.reshape(inner), self)


@handles("unflatten")
def _(self, dim, sizes):
    return like(plain(self).unflatten(_inner(self, dim, "unflatten"), sizes), self)


@handles("flatten")
def _(self, start_dim=0, end_dim=-1):
    start, end = _inner(self, start_dim, "flatten"), _inner(self, end_dim, "flatten")
    if start < self._ragged:
        raise NotImplementedError(
            "flatten: of a nested tensor takes the dims after the ragged one."
        )
    return like(plain(self).flatten(start, end), self)


# ------------------------------------------------------------------------------------------- layers


@handles("linear")
def _(input, weight, bias=None):
    return like(flambeau.nn.functional.linear(plain(input), weight, bias), input)


@handles("layer_norm")
def _(input, normalized_shape, weight=None, bias=None, eps=1e-5, *rest):
    return like(
        flambeau.nn.functional.layer_norm(plain(input), normalized_shape, weight, bias, eps), input
    )


@handles("rms_norm")
def _(input, normalized_shape, weight=None, eps=None):
    return like(flambeau.nn.functional.rms_norm(plain(input), normalized_shape, weight, eps), input)


@handles("embedding")
def _(input, weight, *args, **kwargs):
    return like(flambeau.nn.functional.embedding(plain(input), weight, *args, **kwargs), input)


def _over_sequences(function):
    """A function of (B, n, *) over dim 1, of the padded sequences, where -inf is neutral."""

    def over(self):
        return from_padded(function(to_padded_tensor(self, float("-inf"))), self)

    return over


def _softmax(function):
    def softmax(input, dim=None, *rest, dtype=None, **named):
        place = _dim(input, dim)
        if place == input._ragged == 1:
            values = plain(input) if dtype is None else plain(input).to(dtype)
            return _over_sequences(lambda t: function(t, 1))(like(values, input))
        return like(function(plain(input), _inner(input, dim, "softmax"), dtype=dtype), input)

    return softmax


handles("softmax")(_softmax(flambeau.softmax))
handles("log_softmax")(_softmax(flambeau.log_softmax))


# ---------------------------------------------------------------------------------------- reductions


def _reduction(name):
    whole = getattr(flambeau, name)

    def reduce(input, dim=None, keepdim=False, *, dtype=None):
        values = plain(input)
        if dim is None:
            return whole(values, dtype=dtype)
        dims = sorted(_dim(input, d) for d in (dim if isinstance(dim, (tuple, list)) else [dim]))
        if 0 in dims:
            raise NotImplementedError(
                f"{name}: not offered over the batch of a nested tensor alone."
            )
        if input._ragged not in dims:
            result = whole(values, [d - 1 for d in dims], keepdim, dtype=dtype)
            ragged = input._ragged - (0 if keepdim else sum(d < input._ragged for d in dims))
            return like(result, input, ragged)
        padded = to_padded_tensor(input, 0)
        total = flambeau.sum(padded, dims, keepdim, dtype=dtype)
        if name == "sum":
            return total
        counts = input._offsets.diff()
        for d in dims:
            counts = counts if d == input._ragged else counts * padded.size(d)
        return total / counts.reshape(-1, *[1] * (total.dim() - 1))

    return reduce


handles("sum")(_reduction("sum"))
handles("mean")(_reduction("mean"))


from . import along, arrange, attention  # noqa: E402, F401 (declare their own)
