"""MaskedTensor: values, of which a mask says which there are. Operators compute with those; the others stay out.

Element by element the mask stays (two masked operands must have the same one), reductions leave out what is masked,
and gradients of what is masked are masked. What is not listed here is refused.
"""

from .._core import Tensor
from ..ops.core import operators as fl
from ..ops.core.declare import NAMESPACES
from ..overrides import DisableTorchFunctionSubclass, resolve_name

__all__ = ["MaskedTensor", "as_masked_tensor", "is_masked_tensor", "masked_tensor"]

_UNARY = frozenset(
    """abs absolute acos arccos acosh arccosh angle asin arcsin asinh arcsinh atan arctan atanh arctanh bitwise_not ceil
    clamp clip conj_physical cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 fix floor frac i0 isnan lgamma log
    log10 log1p log2 logit nan_to_num neg negative positive rad2deg reciprocal relu round rsqrt sgn sigmoid sign
    signbit sin sinc sinh sqrt square tan tanh trunc __neg__ __pos__ __abs__ __invert__
    clone contiguous detach to float double half bfloat16 long int short bool cpu type_as ones_like zeros_like
    full_like rand_like randn_like empty_like isfinite isinf""".split()
)
_BINARY = frozenset(
    """add atan2 arctan2 bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift div divide eq
    floor_divide fmax fmin fmod ge greater greater_equal gt le less less_equal logaddexp logaddexp2 lt maximum minimum
    mul multiply ne nextafter not_equal pow remainder sub subtract true_divide
    __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ __rfloordiv__ __mod__
    __rmod__ __pow__ __rpow__ __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __lshift__ __rshift__ __eq__ __ne__
    __lt__ __le__ __gt__ __ge__ __iadd__ __isub__ __imul__ __itruediv__""".split()
)
_MOVING = frozenset(
    """select transpose split chunk t narrow expand view reshape flatten unflatten cat concat stack unsqueeze squeeze
    unfold permute movedim swapaxes unbind flip roll T mT __getitem__ view_as reshape_as expand_as""".split()
)
_REDUCTIONS = frozenset("sum mean amin amax argmin argmax prod norm var std".split())
_ROWS = frozenset("softmax log_softmax softmin normalize cumsum cumprod".split())
_FACTS = frozenset(
    """shape dtype device layout ndim is_leaf requires_grad requires_grad_ retain_grad grad_fn itemsize nbytes names
    is_meta is_cpu is_cuda is_sparse is_quantized is_nested _version output_nr retains_grad is_conj is_neg
    size stride dim ndimension numel nelement element_size is_contiguous is_floating_point is_complex storage_offset
    data_ptr is_signed is_inference backward register_hook register_post_accumulate_grad_hook __len__
    untyped_storage""".split()
)


def is_masked_tensor(obj, /):
    """Whether obj is a MaskedTensor."""
    return isinstance(obj, MaskedTensor)


def _plain(value):
    """The values of a MaskedTensor as an ordinary tensor, part of the graph; anything else itself."""
    return value.as_subclass(Tensor) if isinstance(value, MaskedTensor) else value


def _mapped(function, tree):
    if isinstance(tree, (tuple, list)):
        return type(tree)(_mapped(function, item) for item in tree)
    if isinstance(tree, dict):
        return {key: _mapped(function, item) for key, item in tree.items()}
    return function(tree)


def _wrapped(data, mask):
    made = data.as_subclass(MaskedTensor)
    made._masked_mask = mask
    return made


class MaskedTensor(Tensor):
    """A tensor of which a mask, of the same shape, says which elements there are.

    Args:
        data (Tensor): any shape; it is copied, and the MaskedTensor is a leaf of the graph.
        mask (Tensor): bool, of the shape of data: True where an element is.
        requires_grad (bool).

    Raises:
        TypeError: data or mask is no Tensor, or mask is not bool. ValueError: the shapes differ.

    Example:
        >>> import flambeau as torch
        >>> x = torch.masked.MaskedTensor(torch.tensor([1., 2., 3.]), torch.tensor([True, False, True]))
        >>> x * 2
        MaskedTensor(
          [  2.0000,       --,   6.0000]
        )
        >>> x.sum().item()
        4.0
    """

    @staticmethod
    def __new__(cls, data, mask, requires_grad=False):
        _check(data, mask)
        made = Tensor._make_subclass(cls, data.detach().clone(), requires_grad)
        made._masked_mask = mask.detach().clone()
        return made

    def get_data(self):
        """The values, those that are masked too, as an ordinary tensor."""
        return _plain(self)

    def get_mask(self):
        """The mask."""
        return self._masked_mask

    def to_tensor(self, value):
        """An ordinary tensor, with `value` where there is no element."""
        return _plain(self).masked_fill(~self._masked_mask, value)

    def to_dense(self):
        """The tensor itself: it is dense."""
        return self

    @property
    def grad(self):
        """The gradient, masked as the tensor is; None where there is none."""
        with DisableTorchFunctionSubclass():
            found = Tensor.grad.__get__(self)
        return None if found is None else _wrapped(_plain(found).detach(), self._masked_mask)

    @grad.setter
    def grad(self, value):
        with DisableTorchFunctionSubclass():
            Tensor.grad.__set__(self, _plain(value))

    def item(self):
        """The value of a tensor of one element.

        Raises:
            ValueError: it is masked.
        """
        if self.numel() == 1 and not bool(self._masked_mask):
            raise ValueError("item: the element is masked. Give it a value with to_tensor(value).")
        return _plain(self).item()

    def __bool__(self):
        return bool(_plain(self))

    def __repr__(self):
        body = _text(_plain(self).detach(), self._masked_mask, 2)
        if self.dim() == 0:
            return f"MaskedTensor({body}, {bool(self._masked_mask)})"
        return f"MaskedTensor(\n{body}\n)"

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        full = resolve_name(func) or getattr(func, "__name__", str(func))
        parts = full.removesuffix(".__get__").removesuffix(".__set__").split(".")
        name, inplace = parts[-1], False
        if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
            name, inplace = name[:-1], True
        if name in _FACTS:
            return func(*_mapped(_plain, args), **_mapped(_plain, kwargs))
        run = _WAYS.get(name)
        if run is None or (inplace and name not in _UNARY | _BINARY | {"copy"}):
            raise TypeError(
                f"MaskedTensor: {full.removeprefix('torch.')} is not offered. Compute with get_data() and get_mask(), "
                "or fill what is masked with to_tensor(value)."
            )
        if name in ("__iadd__", "__isub__", "__imul__", "__itruediv__"):
            inplace = True
        made = run(func, name, args, kwargs)
        return args[0] if inplace else made


# ------------------------------------------------------------------------------------- ways of operators


def _same_mask(args, kwargs):
    """The mask of all masked arguments.

    Raises:
        ValueError: two differ.
    """
    masks = [a._masked_mask for a in (*args, *kwargs.values()) if isinstance(a, MaskedTensor)]
    if not masks:
        raise TypeError(
            "MaskedTensor: the masked one is in a list or is out=, which is not offered."
        )
    for mask in masks[1:]:
        if mask is not masks[0] and not fl.equal(mask, masks[0]):
            raise ValueError(
                "MaskedTensor: the masks of the operands differ. Bring them to one mask, as by masked_tensor(x.get_data(), "
                "x.get_mask() & y.get_mask())."
            )
    return masks[0]


def _element_by_element(func, name, args, kwargs):
    mask = _same_mask(args, kwargs)
    made = func(*_mapped(_plain, args), **_mapped(_plain, kwargs))
    return _wrapped(made, mask if made.shape == mask.shape else mask.expand(made.shape))


def _moved(func, name, args, kwargs):
    """The same for values and mask. Of several tensors one without a mask has all its elements."""

    def mask_of(value):
        if isinstance(value, MaskedTensor):
            return value._masked_mask
        return value

    def masks(values):  # of a list of tensors
        return type(values)(
            mask_of(v) if isinstance(v, MaskedTensor) else fl.ones_like(v, dtype=fl.bool)
            for v in values
        )

    made = func(*_mapped(_plain, args), **_mapped(_plain, kwargs))
    first = masks(args[0]) if isinstance(args[0], (tuple, list)) else mask_of(args[0])
    others = _mapped(_plain, args[1:])
    chosen = func(first, *others, **_mapped(_plain, kwargs))
    if isinstance(made, (tuple, list)):
        return type(made)(_wrapped(m, c) for m, c in zip(made, chosen))
    return _wrapped(made, chosen)


def _reduced(func, name, args, kwargs):
    data, mask = _plain(args[0]), args[0]._masked_mask
    made = NAMESPACES["masked"][name](data, *args[1:], **kwargs, mask=mask)
    dim = kwargs.get("dim", args[1] if len(args) > 1 and name != "norm" else None)
    if name == "norm" and len(args) > 2:
        dim = args[2]
    if dim is None:
        return _wrapped(made, mask.any().reshape(made.shape))
    keepdim = made.dim() == data.dim()
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    left = mask
    for one in sorted((d % data.dim() for d in dims), reverse=True):
        left = left.any(one, keepdim=keepdim)
    return _wrapped(made, left)


def _all_or_any(func, name, args, kwargs):
    fill = name == "all"
    data = (_plain(args[0]) != 0).masked_fill(~args[0]._masked_mask, fill)
    made = getattr(data, name)(*args[1:], **kwargs)
    return _wrapped(made, args[0]._masked_mask.any(*args[1:], **kwargs))


def _rows(func, name, args, kwargs):
    made = NAMESPACES["masked"][name](
        _plain(args[0]), *args[1:], **kwargs, mask=args[0]._masked_mask
    )
    return _wrapped(made, args[0]._masked_mask)


def _where(func, name, args, kwargs):
    condition, one, other = args
    if isinstance(condition, MaskedTensor) or not all(map(is_masked_tensor, (one, other))):
        raise ValueError("MaskedTensor: where takes an ordinary condition and two masked tensors.")
    return _wrapped(
        func(condition, _plain(one), _plain(other)),
        func(condition, one._masked_mask, other._masked_mask),
    )


def _copied(func, name, args, kwargs):
    if is_masked_tensor(args[1]):
        _same_mask(args[:2], {})
    func(*_mapped(_plain, args), **kwargs)
    return args[0]


_WAYS = {
    **dict.fromkeys(_UNARY | _BINARY, _element_by_element),
    **dict.fromkeys(_MOVING, _moved),
    **dict.fromkeys(_REDUCTIONS, _reduced),
    **dict.fromkeys(_ROWS, _rows),
    "all": _all_or_any,
    "any": _all_or_any,
    "copy": _copied,
    "where": _where,
}


# ------------------------------------------------------------------------------------------------ making


def _check(data, mask):
    if not isinstance(data, Tensor) or isinstance(data, MaskedTensor):
        raise TypeError(
            f"MaskedTensor: data must be an ordinary Tensor, not {type(data).__name__}."
        )
    if not isinstance(mask, Tensor) or isinstance(mask, MaskedTensor):
        raise TypeError(
            f"MaskedTensor: mask must be an ordinary Tensor, not {type(mask).__name__}."
        )
    if mask.dtype is not fl.bool:
        raise TypeError(f"MaskedTensor: mask must be bool, not {mask.dtype}.")
    if data.shape != mask.shape:
        raise ValueError(
            f"MaskedTensor: mask {tuple(mask.shape)} must have the shape of data, {tuple(data.shape)}."
        )


def masked_tensor(data, mask, requires_grad=False):
    """A MaskedTensor of a copy of data; see there."""
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data, mask):
    """A MaskedTensor over the memory of data, and part of its graph.

    Raises:
        TypeError, ValueError: as MaskedTensor.
    """
    _check(data, mask)
    return _wrapped(data, mask)


# --------------------------------------------------------------------------------------------- as text


def _one(value, there):
    if not there:
        return "      --"
    return f"{value:8.4f}" if isinstance(value, float) else str(value)


def _text(data, mask, indent):
    """Nested brackets, a row to a line, with -- where there is no element."""
    space = " " * indent
    if data.dim() == 0:
        return _one(data.item(), bool(mask)) if bool(mask) else "--"
    if data.dim() == 1:
        return f"{space}[{', '.join(map(_one, data.tolist(), mask.tolist()))}]"
    rows = ",\n".join(_text(d, m, indent + 2) for d, m in zip(data, mask))
    return f"{space}[\n{rows}\n{space}]"
