"""Reductions: what one pass over some dimensions gives. sum and mean are native (dispatch/reduce.cpp)."""

import functools

from .. import _core
from .core.arguments import every, reduced_dims, refuse_uncomputed, require_tensors, some
from .core.declare import METHODS, NAMESPACES, _put_out, composite, primitive, register
from .core.results import by_name, result_type
from .core.ways import reduction_way

_FLOATING = frozenset(("float16", "bfloat16", "float32", "float64"))


class ReductionSpec:
    """What the core asks of a reduction: kernels by dtypes, layout and stage."""

    def __init__(self, name, as_dtype=None, kernel=None):
        self.name = name
        self.as_dtype = as_dtype
        self._make = kernel

    @functools.cached_property
    def kernel(self):
        """The reduction: what `kernel` made, or the one called `name` in kernels/reductions.py."""
        from ..kernels.schedules import reductions

        return self._make() if self._make else getattr(reductions, self.name)

    def _kernel_of(self, in_dtypes):
        """The reduction, or where they are floating numbers the one called `name`_of_floats, if there is one."""
        kernel = self.kernel
        if self._make is None and in_dtypes[0] in _FLOATING:
            from ..kernels.schedules import reductions

            return getattr(reductions, self.name + "_of_floats", kernel)
        return kernel

    def compile(self, in_dtypes, out_dtypes, mode, stage):
        refuse_uncomputed(self.name.rstrip("_"), in_dtypes, out_dtypes)
        return self._kernel_of(in_dtypes).compile(in_dtypes, self.as_dtype, out_dtypes, mode, stage)

    def state_dtypes(self, in_dtypes, out_dtypes):
        refuse_uncomputed(self.name.rstrip("_"), in_dtypes, out_dtypes)
        return self._kernel_of(in_dtypes).state_dtypes(in_dtypes, self.as_dtype)


def _reduction(name, ordered=False):
    return _core.Reduction(ReductionSpec(name), ordered)


_core._bind("sum_reduction", _reduction("sum_"))
_core._bind("mean_reduction", _reduction("mean"))
_prod, _amax, _amin = _reduction("prod"), _reduction("amax"), _reduction("amin")
_any, _all, _count = _reduction("any_"), _reduction("all_"), _reduction("count_nonzero")
_max, _min = _reduction("max_with_index", True), _reduction("min_with_index", True)
_argmax, _argmin = _reduction("argmax", True), _reduction("argmin", True)
moment_reduction = {name: _reduction(name) for name in ("var", "std", "var_mean", "std_mean")}


def kept(tensor, dims, ndim, keepdim):
    """A reduction's result with the reduced dimensions back as 1, whether or not keepdim was given."""
    if keepdim or ndim == 0:
        return tensor
    for d in sorted(dims):
        tensor = tensor.unsqueeze(d)
    return tensor


def _need_elements(input, dims, name):
    if 0 in [input.shape[d] for d in dims]:
        raise IndexError(
            f"{name}: input {tuple(input.shape)} is empty along dims {dims}, and of nothing there "
            "is no such element."
        )


def _need_dim(input, dim, name):
    if dim is None and input.numel() == 0:
        raise RuntimeError(
            f"{name}: input {tuple(input.shape)} is empty, and of nothing there is no such "
            "element. Name a dim that is not empty with dim=."
        )


def _need_ordered(input, name):
    if input.dtype.is_complex:
        raise NotImplementedError(
            f"{name}: input is {input.dtype}, and complex numbers have no order. Compare their "
            "abs()."
        )


def _is_floating(input):
    return input.dtype.is_floating_point or input.dtype.is_complex


# ------------------------------------------------------------------------------------------ truth, counts


def _truth(reduction, name):
    @composite(name=name, out=False)
    def truth(input, dim=None, keepdim=False, *, out=None):
        if out is not None:
            if out.dtype not in (_core.bool, _core.uint8):
                raise RuntimeError(f"{name}: out is {out.dtype}; it takes bool or uint8.")
            return _core._finish_out(truth(input, dim, keepdim), out, name)
        dims = reduced_dims(dim, input.dim(), name)
        dtype = _core.uint8 if input.dtype is _core.uint8 else _core.bool
        if input.dim() == 0 or (isinstance(dim, (tuple, list)) and not dim):
            return (input != 0).to(dtype)  # as in NumPy no dim is none, though sums take () for all
        return _core._reduce(reduction, (input,), dims, keepdim, (_core.bool,))[0].to(dtype)

    truth.__doc__ = f"Whether {name} element is nonzero, over dim or all."
    return truth


any = reduction_way(_truth(_any, "any"), _any, "b", "adu")
all = reduction_way(_truth(_all, "all"), _all, "b", "adu")


@composite(out=False)
def count_nonzero(input, dim=None):
    """The number of nonzero elements, over dim or all (int64).

    Example:
        >>> torch.count_nonzero(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(4)
    """
    return _core._reduce(
        _count, (input,), reduced_dims(dim, input.dim(), "count_nonzero"), False, (_core.int64,)
    )[0]


count_nonzero = reduction_way(count_nonzero, _count, "i", "ad")


# ------------------------------------------------------------------------------------------------ sums


@composite(out="computed")
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum of the elements that are not NaN.

    Example:
        >>> torch.nansum(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(10.)
    """
    if input.dtype.is_complex:
        raise RuntimeError("nansum: input is complex. Take .real and .imag apart.")
    from .choice import masked_fill

    if input.dtype.is_floating_point:
        input = masked_fill(input, input.isnan(), 0)
    return _core.sum(input, dim, keepdim, dtype=dtype)


nansum = reduction_way(nansum, _reduction("nansum"), "s", "adf")


@primitive(name="prod", autocast="float32", out="computed")
def _product(ctx, input, dim: int = None, keepdim=False, dtype=None):
    """The product of all elements, or over dim."""
    dims = reduced_dims(dim, input.dim(), "prod")
    if dtype is not None:
        input = input.to(dtype)
    out = input.dtype if _is_floating(input) or dtype is not None else _core.int64
    (result,) = _core._reduce(_prod, (input,), dims, keepdim, (out,))
    ctx.dims, ctx.keepdim, ctx.ndim = dims, keepdim, input.dim()
    ctx.save_for_backward(input, result)
    return result


@_product.derivative
def _(ctx, grad_output):
    input, result = ctx.saved
    grad, result = (
        kept(grad_output, ctx.dims, ctx.ndim, ctx.keepdim),
        kept(result, ctx.dims, ctx.ndim, ctx.keepdim),
    )
    zero = input == 0
    if not some(zero):
        if not ctx_needs_second(grad):
            if input.dtype.is_complex:
                return grad * (result / input).conj(), None, None, None
            return grad * result / input, None, None, None
    elif (
        # Under create_graph the zeros have a derivative of their own, whether or not grad has.
        len(ctx.dims) == ctx.ndim
        and not _core.is_grad_enabled()
        and not zero.is_meta
        and every(zero.sum() > 1)
    ):
        return input.new_zeros(input.shape), None, None, None  # beside NaN and infinity too
    return _product_gradient(input, ctx.dims, grad), None, None, None


reduction_way(_product, _prod, "p", "l")


def ctx_needs_second(grad):
    """Whether the gradient will itself be differentiated."""
    return _core.is_grad_enabled() and grad.requires_grad


def _product_gradient(input, dims, grad):
    """Each element's gradient is the product of all others: of those before and those after it."""
    from .core import operators as fl

    if not dims:
        return grad * fl.ones_like(input)
    others = [d for d in range(input.dim()) if d not in dims]
    moved = input.permute(others + list(dims))
    flat = moved.flatten(len(others))
    ones = fl.ones_like(flat[..., :1])
    before = fl.cat([ones, flat[..., :-1]], -1).cumprod(-1)
    after = fl.cat([ones, flat.flip(-1)[..., :-1]], -1).cumprod(-1).flip(-1)
    product = (before * after).reshape(moved.shape)
    order = others + list(dims)
    product = product.permute(sorted(range(len(order)), key=order.__getitem__))
    return grad * (product.conj() if product.dtype.is_complex else product)


# -------------------------------------------------------------------------------------- extreme values


def reduced_and_kept(ctx, reduction, input, dims, keepdim):
    """The reduction's one result; its derivative finds input and result in ctx.saved, dims and keepdim in ctx."""
    (result,) = _core._reduce(reduction, (input,), dims, keepdim, (input.dtype,))
    ctx.dims, ctx.keepdim = dims, keepdim
    ctx.save_for_backward(input, result)
    return result


def _extreme(reduction, name, doc):
    @primitive(name=name, out="exact")
    def extreme(ctx, input, dim=None, keepdim=False):
        _need_ordered(input, name)
        _need_dim(input, dim, name)
        dims = reduced_dims(dim, input.dim(), name)
        _need_elements(input, dims, name)
        return reduced_and_kept(ctx, reduction, input, dims, keepdim)

    @extreme.derivative
    def _(ctx, grad_output):
        return _extreme_backward(grad_output, *ctx.saved, ctx.dims, ctx.keepdim), None, None

    extreme.__doc__ = doc
    return reduction_way(extreme, reduction, "s", "ad", backward=_extreme_backward)


def _extreme_backward(grad_output, input, result, dims, keepdim, nan_too=False):
    """Equal extremes share the gradient evenly; one that is NaN makes it NaN for all, as in PyTorch."""
    grad = kept(grad_output, dims, input.dim(), keepdim)
    result = kept(result, dims, input.dim(), keepdim)
    hit = input == result
    if nan_too:
        hit = hit | (input.isnan() & result.isnan())
        count = hit.to(grad.dtype).sum(dims, keepdim=True)
        return (
            (grad / count).expand(input.shape).masked_fill(~hit, 0)
        )  # the others have 0 of an infinite gradient, too
    hit = hit.to(grad.dtype)
    return grad * (hit / hit.sum(dims, keepdim=True))


def _whole_extreme_backward(grad_output, input, result, dims, keepdim):
    """That of max and min of a whole tensor, where a NaN shares as numbers do."""
    return _extreme_backward(grad_output, input, result, dims, keepdim, nan_too=True)


def _whole_extreme(reduction, name):
    """max or min of a whole tensor."""

    @primitive(name=name, function=False, method=False)
    def whole(ctx, input):
        _need_ordered(input, name)
        ctx.dims = tuple(range(input.dim()))
        _need_elements(input, ctx.dims, name)
        (result,) = _core._reduce(reduction, (input,), ctx.dims, False, (input.dtype,))
        ctx.save_for_backward(input, result)
        return result

    @whole.derivative
    def _(ctx, grad_output):
        return _whole_extreme_backward(grad_output, *ctx.saved, ctx.dims, False)

    return whole


amax = _extreme(_amax, "amax", "The largest element over dim or all; NaN if there is one.")
amin = _extreme(_amin, "amin", "The smallest element over dim or all; NaN if there is one.")

_aminmax = result_type("aminmax", ("min", "max"))


@composite(out="exact")
def aminmax(input, *, dim: int | None = None, keepdim=False):
    """(min, max) over dim or all.

    Example:
        >>> torch.aminmax(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        torch.return_types.aminmax(
        min=tensor(1.),
        max=tensor(4.))
    """
    _need_dim(input, dim, "aminmax")
    return _aminmax._make((amin(input, dim, keepdim), amax(input, dim, keepdim)))


reduction_way(aminmax, _reduction("aminmax"), "ss", "a", result_type=_aminmax)


def _one_dim(input, dim, name):
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"{name}: dim must be an int, not {type(dim).__name__}.")
    return reduced_dims(dim, input.dim(), name)


def _scattered(grad_output, sizes, indices, dim, keepdim):
    """The gradient of elements picked along dim, at their places among zeros."""
    if not keepdim:
        grad_output, indices = grad_output.unsqueeze(dim), indices.unsqueeze(dim)
    return grad_output.new_zeros(sizes).scatter(dim, indices, grad_output)


def _index_backward(grad_output, sizes, indices, dims, keepdim):
    return _scattered(grad_output, sizes, indices, dims[0], keepdim)


class _LeftOut:
    def __repr__(self):
        return "None"  # what it stands for, in signatures


_LEFT_OUT = _LeftOut()  # out= that nobody gave: NumPy's calls give None


def _with_index(reduction, whole, pair, name):
    """torch.max and torch.min: of all, with indices along dim, or of two tensors."""
    result = result_type(name, ("values", "indices"))

    @primitive(name=name, function=False, method=False)
    def along(ctx, input, dim, keepdim=False):
        _need_ordered(input, name)
        dims = _one_dim(input, dim, name)
        _need_elements(input, dims, name)
        values, indices = (
            _core._reduce(reduction, (input,), dims, keepdim, (input.dtype, _core.int64))
            if dims
            else (input.clone(), _core.zeros((), dtype=_core.int64, device=input.device))
        )
        ctx.mark_non_differentiable(indices)
        ctx.dim, ctx.keepdim, ctx.sizes = dims[0] if dims else None, keepdim, input.shape
        ctx.save_for_backward(indices)
        return result._make((values, indices))

    @along.derivative
    def _(ctx, grad_output, _):
        (indices,) = ctx.saved
        if ctx.dim is None:
            return grad_output, None, None
        return _scattered(grad_output, ctx.sizes, indices, ctx.dim, ctx.keepdim), None, None

    # dim may be a tensor, which its kind lets through.
    def select(
        input, dim: int = None, keepdim=False, *, other: float = None, out=_LEFT_OUT, **named
    ) -> object:
        require_tensors(name, input=input)
        by_numpy = (
            out is None and "axis" in named
        )  # np.max(tensor, axis), which expects the values alone
        out = None if out is _LEFT_OUT else out
        if named:
            dim = named.pop("axis", dim)
            keepdim = named.pop("keepdims", keepdim)
            if named:
                raise TypeError(f"{name}: has no argument {next(iter(named))!r}.")
        if isinstance(dim, _core.Tensor) or other is not None:
            return (
                pair(input, dim if other is None else other)
                if out is None
                else pair(input, dim if other is None else other, out=out)
            )
        if dim is None:
            _need_dim(input, dim, name)
            made = whole(input)
            return made if out is None else _core._finish_out(made, out, name)
        made = along(input, dim, keepdim)
        if by_numpy:
            return made[0]
        made = result._make(made) if type(made) is not result else made
        if out is None:
            return made
        return _put_out(made, out, name, (input,))

    select.__name__ = select.__qualname__ = name
    select.__doc__ = (
        f"{name}(input): the {name}imum of all. {name}(input, dim): (values, indices) along dim. "
        f"{name}(input, other): element by element."
    )
    return register(name, select, method=True)


from .extremes import maximum, minimum  # noqa: E402

max = _with_index(_max, _whole_extreme(_amax, "max"), maximum, "max")
min = _with_index(_min, _whole_extreme(_amin, "min"), minimum, "min")
for _name, _along, _all_of in (("max", _max, _amax), ("min", _min, _amin)):
    reduction_way(
        NAMESPACES["torch"][_name],
        _along,
        "si",
        "l",
        whole=_all_of,
        result_type=by_name[_name],
        backward=_index_backward,
        whole_backward=_whole_extreme_backward,
    )


def _arg(reduction, name):
    @composite(name=name, out="same")
    def arg(input, dim=None, keepdim=False):
        _need_ordered(input, name)
        if input.dtype is _core.bool:
            raise NotImplementedError(f"{name}: input is bool. Convert it with .int() first.")
        dims = _one_dim(input, dim, name)
        _need_elements(input, dims, name)
        if input.numel() == 0 and dim is None:
            raise IndexError(
                f"{name}: input is empty, and of nothing there is no such element. Name a dim that "
                "is not empty with dim=."
            )
        if not dims:
            return _core.zeros((), dtype=_core.int64, device=input.device)
        source = input.contiguous() if dim is None else input
        if dim is None:
            result = _core._reduce(reduction, (source.reshape(-1),), 0, False, (_core.int64,))[0]
            return result.reshape([1] * input.dim()) if keepdim else result
        return _core._reduce(reduction, (source,), dims, keepdim, (_core.int64,))[0]

    arg.__doc__ = (
        f"The index of the {name[3:]}imum along dim; of all, in the flattened input (int64)."
    )
    return arg


argmax = reduction_way(_arg(_argmax, "argmax"), _argmax, "i", "an")
argmin = reduction_way(_arg(_argmin, "argmin"), _argmin, "i", "an")


# --------------------------------------------------------------------------------------------- moments


def _mean_as_it_runs(input, mean, dims, keepdim):
    """The mean as it is brought up to date with each element: NaN after an infinity, but for one that comes last."""
    if not input.numel():
        return mean
    lone = (~input.isfinite()).sum(dims, keepdim=keepdim) == 1
    last = input
    for d in sorted(dims if dims else range(input.dim()), key=lambda d: -(d % input.dim())):
        last = last.narrow(d, -1, 1) if keepdim else last.select(d, -1)
    return mean + (mean - mean).masked_fill(lone & (last == mean), 0)


def moments(name, input, dims, correction, keepdim):
    """The raw results of var, std, var_mean or std_mean."""
    outs = (input.dtype.to_real(),) + ((input.dtype,) if name.endswith("mean") else ())
    results = _core._reduce(moment_reduction[name], (input,), dims, keepdim, outs, (correction,))
    wide = _core.complex128 if input.dtype.is_complex else _core.float64
    if _core._all_finite(results[0]):
        return results
    # Squares overflow long before what they are of.
    wider = input.to(wide)
    spread = (
        moments(name, wider, dims, correction, keepdim)[0] if wider is not input else results[0]
    )
    means = [_core.mean(wider, dims, keepdim)] if len(results) == 2 else []
    if input.numel() != spread.numel():
        # Among other elements an infinity has no distance to the mean that stays: NaN, the mean too.
        means = [_mean_as_it_runs(wider, m, dims, keepdim) for m in means]
    return tuple(m.to(out) for m, out in zip((spread, *means), outs, strict=True))


# ------------------------------------------------------------------------------------- native sum and mean

for _name in ("sum", "mean"):
    register(_name, getattr(_core, _name))
    METHODS[_name] = getattr(_core, _name)
