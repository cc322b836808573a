"""One operator over lists of tensors: torch._foreach_add and its family, in place with an underscore behind.

A list costs one call, and each tensor its compiled kernel: shapes, dtypes and layouts may differ from tensor to
tensor, and gradients are those of the operator. Loaded when the first of these names is asked for.
"""

from .. import _core
from .core import operators as fl
from .core.arguments import some
from .core.declare import METHODS, register

UNARY = """
    abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round
    rsqrt sigmoid sign sin sinh sqrt tan tanh trunc
""".split()
_UNSAID = object()
_KINDS = {"list": "a list of Tensors", "tensor": "a Tensor of 0 dims"}
_NUMBERS = (bool, int, float, complex)


# ---------------------------------------------------------------------------------------------- checks


def _check(name, tensors, argument="self"):
    """Raises unless `tensors` is a list or tuple of one tensor or more."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}: {argument} must be a list or tuple of Tensors, not {type(tensors).__name__}."
        )
    if not tensors:
        raise RuntimeError(f"{name}: {argument} is empty; it needs one tensor or more.")
    for place, tensor in enumerate(tensors):
        if not isinstance(tensor, _core.Tensor):
            raise TypeError(
                f"{name}: item {place} of {argument} must be a Tensor, not {type(tensor).__name__}."
            )


def _check_as_many(name, self, others, argument):
    if len(others) != len(self):
        raise RuntimeError(
            f"{name}: self has {len(self)} tensors, and {argument} has {len(others)} items. Give as many."
        )


def _is_number(value):
    return isinstance(value, _NUMBERS) or _core._is_array_scalar(value)


def _column(name, self, other, argument, *, scalar_tensor=False):
    """(what stands beside each tensor of self, its kind: "list", "scalars", "scalar" or "tensor")."""
    if isinstance(other, _core.Tensor) and scalar_tensor:
        if other.dim() != 0:
            raise RuntimeError(
                f"{name}: {argument} must have 0 dims to stand beside every tensor, not {tuple(other.shape)}."
            )
        return [other] * len(self), "tensor"
    if isinstance(other, (list, tuple)):
        _check_as_many(name, self, other, argument)
        if all(isinstance(one, _core.Tensor) for one in other):
            return other, "list"
        if all(map(_is_number, other)):
            return other, "scalars"
    elif _is_number(other):
        return [other] * len(self), "scalar"
    elif isinstance(other, _core.Tensor) and other.dim() == 0 and not other.requires_grad:
        return [other.item()] * len(self), "scalar"
    raise TypeError(
        f"{name}: {argument} must be a number, a list of numbers or a list of Tensors, not {_described(other)}."
    )


def _described(value):
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {', '.join(sorted({type(v).__name__ for v in value}))}"
    return type(value).__name__


def _one_of(name, **given):
    """The one argument that is given, of several names for it."""
    found = [(word, value) for word, value in given.items() if value is not _UNSAID]
    if len(found) != 1:
        raise TypeError(f"{name}: give one of {', '.join(given)}, not {len(found)}.")
    return found[0]


# ------------------------------------------------------------------------------------------ declaration


def _declare(name, make):
    """torch._foreach_<name> and torch._foreach_<name>_; make(name, in place) gives the function of one."""
    for public, inplace in ((f"_foreach_{name}", False), (f"_foreach_{name}_", True)):
        function = make(public, inplace)
        function.__name__ = function.__qualname__ = public
        register(public, function)


def _operator(name, inplace):
    return METHODS[name + "_"] if inplace else getattr(fl, name)


def _unary(operator):
    def make(name, inplace):
        run = _operator(operator, inplace)

        def each(self):
            _check(name, self)
            made = [run(tensor) for tensor in self]
            return self if inplace else tuple(made)

        where = ", in place" if inplace else ""
        each.__doc__ = f"{operator}() of each tensor of a list{where}."
        return each

    return make


def _binary(operator, *, of_numbers=None, alpha=(), scalar_tensor=False):
    """of_numbers: the operator of a tensor and a number, if another. alpha: the kinds that take it."""

    def make(name, inplace):
        of_tensors, of_scalars = (_operator(o, inplace) for o in (operator, of_numbers or operator))

        def run(self, other, factor):
            _check(name, self)
            word, value = other
            column, kind = _column(name, self, value, word, scalar_tensor=scalar_tensor)
            if factor is not None and kind not in alpha:
                raise TypeError(
                    f"{name}: alpha does not go with {word} of this kind, only with {' and '.join(_KINDS[k] for k in alpha)}."
                )
            call = of_tensors if kind in ("list", "tensor") else of_scalars
            if factor in (None, 1):
                made = [call(tensor, one) for tensor, one in zip(self, column)]
            else:
                made = [call(tensor, one, alpha=factor) for tensor, one in zip(self, column)]
            return self if inplace else tuple(made)

        if alpha:

            def each(self, other=_UNSAID, *, alpha=None, scalar=_UNSAID, scalars=_UNSAID):
                return run(self, _one_of(name, other=other, scalar=scalar, scalars=scalars), alpha)

        else:

            def each(self, other=_UNSAID, *, scalar=_UNSAID, scalars=_UNSAID):
                return run(self, _one_of(name, other=other, scalar=scalar, scalars=scalars), None)

        where = ", in place" if inplace else ""
        each.__doc__ = f"{operator}() of each tensor of a list and a number, an item of a list of numbers or of tensors{where}."
        return each

    return make


def _pow(name, inplace):
    run = _operator("pow", inplace)

    def each(self, exponent):
        if not inplace and _is_number(self):
            _check(name, exponent, "exponent")
            return tuple([run(self, one) for one in exponent])
        _check(name, self)
        column, _ = _column(name, self, exponent, "exponent")
        made = [run(tensor, one) for tensor, one in zip(self, column)]
        return self if inplace else tuple(made)

    each.__doc__ = "pow() of each tensor of a list" + (
        ", in place." if inplace else "; the base may be a number and the exponents the list."
    )
    return each


def _lerp(name, inplace):
    run = _operator("lerp", inplace)

    def each(self, tensors1, weight=_UNSAID, *, weights=_UNSAID):
        _check(name, self)
        _check(name, tensors1, "tensors1")
        _check_as_many(name, self, tensors1, "tensors1")
        word, value = _one_of(name, weight=weight, weights=weights)
        column, _ = _column(name, self, value, word)
        made = [run(*row) for row in zip(self, tensors1, column)]
        return self if inplace else tuple(made)

    each.__doc__ = "lerp() of each tensor of a list towards those of another" + (
        ", in place." if inplace else "."
    )
    return each


def _of_three(operator):
    def make(name, inplace):
        run = _operator(operator, inplace)

        def each(self, tensor1, tensor2, value=_UNSAID, *, scalars=_UNSAID):
            _check(name, self)
            for word, others in (("tensor1", tensor1), ("tensor2", tensor2)):
                _check(name, others, word)
                _check_as_many(name, self, others, word)
            word = "value"
            if value is _UNSAID and scalars is _UNSAID:
                value = 1
            else:
                word, value = _one_of(name, value=value, scalars=scalars)
            if isinstance(value, _core.Tensor):
                if value.dim() != 1:
                    raise RuntimeError(
                        f"{name}: {word} as a Tensor must have 1 dim, a number for each tensor, not "
                        f"{tuple(value.shape)}."
                    )
                value = value.tolist()
            column, kind = _column(name, self, value, word)
            if kind == "list":
                raise TypeError(f"{name}: {word} must be numbers, not a list of Tensors.")
            made = [
                run(one, first, second, value=factor)
                for one, first, second, factor in zip(self, tensor1, tensor2, column)
            ]
            return self if inplace else tuple(made)

        where = ", in place" if inplace else ""
        each.__doc__ = f"{operator}() of each tensor of a list and those of two others{where}."
        return each

    return make


for _name in UNARY:
    _declare(_name, _unary(_name))
_declare("add", _binary("add", alpha=("list", "tensor"), scalar_tensor=True))
_declare("sub", _binary("sub", alpha=("list",), scalar_tensor=True))
_declare("mul", _binary("mul", scalar_tensor=True))
_declare("div", _binary("div", scalar_tensor=True))
for _name, _limit in (("clamp_max", "minimum"), ("clamp_min", "maximum")):
    _declare(_name, _binary(_name))
    _declare(_limit, _binary(_name))
_declare("pow", _pow)
_declare("lerp", _lerp)
_declare("addcmul", _of_three("addcmul"))
_declare("addcdiv", _of_three("addcdiv"))


def _foreach_copy_(self, src, non_blocking=False):
    """Copies each tensor of src into its partner of self; non_blocking changes nothing on the CPU."""
    _check("_foreach_copy_", self)
    _check("_foreach_copy_", src, "src")
    _check_as_many("_foreach_copy_", self, src, "src")
    for tensor, source in zip(self, src):
        tensor.copy_(source)
    return self


def _foreach_zero_(self):
    """Fills each tensor of a list with zeros."""
    _check("_foreach_zero_", self)
    for tensor in self:
        tensor.zero_()
    return self


def _foreach_clone(self, *, memory_format=None):
    """A copy of each tensor of a list."""
    _check("_foreach_clone", self)
    options = {} if memory_format is None else {"memory_format": memory_format}
    return tuple([_core.clone(tensor, **options) for tensor in self])


def _foreach_mm(self, mat2):
    """The product of each matrix of a list with its partner of another."""
    _check("_foreach_mm", self)
    _check("_foreach_mm", mat2, "mat2")
    _check_as_many("_foreach_mm", self, mat2, "mat2")
    return tuple([fl.mm(one, other) for one, other in zip(self, mat2)])


def _foreach_norm(self, ord=2, dtype=None):
    """The norm of each tensor of a list, taken as a vector.

    Args:
        self (list of Tensor): floating or complex.
        ord (float): the order.
        dtype (dtype, optional): to compute in.
    """
    _check("_foreach_norm", self)
    norm = fl.linalg.vector_norm
    if dtype is None:  # the short way into the kernel
        return tuple([norm(tensor, ord) for tensor in self])
    return tuple([norm(tensor, ord, dtype=dtype) for tensor in self])


def _foreach_powsum(self, ord=2, dtype=None):
    """The sum of abs(x)**ord over each tensor of a list."""
    _check("_foreach_powsum", self)
    return tuple([fl.sum(fl.abs(tensor).pow(ord), dtype=dtype) for tensor in self])


def _foreach_max(self):
    """The largest element of each tensor of a list.

    Raises:
        RuntimeError: a tensor has no elements.
    """
    _check("_foreach_max", self)
    for place, tensor in enumerate(self):
        if tensor.numel() == 0:
            raise RuntimeError(f"_foreach_max: tensor {place} has no elements, so no largest one.")
    return tuple([fl.max(tensor) for tensor in self])


def _amp_foreach_non_finite_check_and_unscale_(self, found_inf, inv_scale):
    """Multiplies each tensor of a list by inv_scale, in place; found_inf becomes 1 where one holds inf or NaN."""
    _check("_amp_foreach_non_finite_check_and_unscale_", self)
    for tensor in self:
        tensor.mul_(inv_scale.to(tensor.dtype))
        if some(~fl.isfinite(tensor)):
            found_inf.fill_(1.0)


def _amp_update_scale_(
    self, growth_tracker, found_inf, scale_growth_factor, scale_backoff_factor, growth_interval
):
    """What a scaler does to its scale, in place: shrink where found_inf is not 0, else grow after growth_interval steps."""
    if bool(found_inf):
        self.mul_(scale_backoff_factor)
        growth_tracker.zero_()
        return self
    growth_tracker.add_(1)
    if int(growth_tracker) == growth_interval:
        self.mul_(scale_growth_factor)
        growth_tracker.zero_()
    return self


for _function in (
    _foreach_copy_, _foreach_zero_, _foreach_clone, _foreach_mm, _foreach_norm, _foreach_powsum, _foreach_max,
    _amp_foreach_non_finite_check_and_unscale_, _amp_update_scale_,
):  # fmt: skip
    register(_function.__name__, _function)
