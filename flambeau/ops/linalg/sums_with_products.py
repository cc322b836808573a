"""Sums with products by factors: addmm, addmv, addr, addbmm and baddbmm."""

import math

from ... import _core
from ..activation import gelu
from ..core import operators as fl
from ..core.arguments import common_shape
from ..core.attach import attached
from ..core.declare import METHODS, composite
from ..core.ways import native_way
from .matmul import check_ndim


def _scaled_sum(operator, input, product, beta, alpha):
    """beta * input + alpha * product; what beta = 0 multiplies is ignored, NaN or not."""
    if product.dtype != input.dtype:
        raise RuntimeError(
            f"{operator}: input is {input.dtype}, but the product is {product.dtype}. Convert one "
            "of them with .to()."
        )
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, complex) and not product.dtype.is_complex:
            raise RuntimeError(
                f"{operator}: {name}={factor} is complex, but input is {input.dtype}."
            )
    if not (product.dtype.is_floating_point or product.dtype.is_complex):
        beta, alpha = int(beta), int(alpha)
    shape = common_shape(operator, input.shape, product.shape)
    if tuple(shape) != tuple(product.shape):
        raise RuntimeError(
            f"{operator}: input {tuple(input.shape)} does not broadcast to the product {tuple(product.shape)}."
        )
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return attached(product, input, anyway=True)
    return product + (input if beta == 1 else input * beta)


_HALF = (_core.float16, _core.bfloat16)
_PLAIN = (_core.float32, _core.float64)
_COMPLEX = (_core.complex64, _core.complex128)
_WHOLE = (_core.int64, _core.int32, _core.int16, _core.int8, _core.uint8)
_ONE_PASS = _PLAIN + _COMPLEX + _WHOLE
_SHORT = _ONE_PASS + _HALF  # whose addr needs no check of its factors when they are 1
_FEW_PRODUCTS = 1 << 16  # that may be written out where a sum of them is not finite


def _is_plain(dtype, beta, alpha):
    """Whether the core adds products of this dtype to something in one go."""
    if isinstance(beta, complex) or isinstance(alpha, complex):
        return False
    if dtype in _WHOLE:  # factors that each of them holds
        return (
            isinstance(beta, int)
            and isinstance(alpha, int)
            and 0 <= beta < 128
            and 0 <= alpha < 128
        )
    return dtype in _PLAIN or dtype in _COMPLEX


def _is_rounded_once(input, left, right, beta, alpha):
    """Whether the core sums in float32 what is asked for in half precision, with factors that it holds exactly."""
    return (
        left.dtype in _HALF
        and input.dtype == left.dtype == right.dtype
        and left.device.type == "cpu"
        and _is_held(beta)
        and _is_held(alpha)
        and abs(alpha) >= 1  # less may bring back what is beyond the range
    )


def _is_held(factor):
    """Whether half precision holds a factor exactly."""
    if isinstance(factor, complex) or not abs(factor) < 4096:
        return False
    digits, power = math.frexp(factor)
    return (digits * 256).is_integer() and power > -12


def _widened(*tensors):
    """The tensors in float32, if all are of one shorter dtype: beta * input + alpha * product is rounded once.

    A product beyond float16's range may come back into it by alpha.
    """
    dtype = tensors[0].dtype
    if dtype in _HALF and all(t.dtype == dtype for t in tensors):
        return [t.float() for t in tensors]
    return None


def _without_values(*tensors):
    """The tensors as zeros, with gradients of zeros: what a factor of 0 leaves, NaN and infinity too."""
    return [t.masked_fill(fl.ones((), dtype=fl.bool, device=t.device), 0) for t in tensors]


def _sum_with_product(operator, input, left, right, beta, alpha):
    """beta * input + alpha * (left @ right) for matrices or stacks of them."""
    if alpha != 1 and left.dim() == 2 and left.dtype.is_floating_point:
        if alpha == 0:
            left, right = _without_values(left, right)
        elif _is_plain(left.dtype, beta, alpha):
            # The operand, as a BLAS does: the product may be beyond what alpha brings back.
            left, alpha = left * alpha, 1
    if _is_plain(left.dtype, beta, alpha) or _is_rounded_once(input, left, right, beta, alpha):
        return _core._addmm(input, left, right, beta, alpha, operator)
    if wide := _widened(input, left, right):
        return _sum_with_product(operator, *wide, beta, alpha).to(left.dtype)
    multiply = fl.mm if left.dim() == 2 else fl.bmm
    return _scaled_sum(operator, input, multiply(left, right), beta, alpha)


def _in_order(name, args):
    """((input, a, b), beta and alpha) of a call where these numbers stand before the tensors that they scale."""
    tensors = [a for a in args if isinstance(a, fl.Tensor)]
    numbers = [a for a in args if not isinstance(a, fl.Tensor)]
    if len(tensors) != 3 or not 1 <= len(numbers) <= 2:
        raise TypeError(f"{name}: takes 3 Tensors, then beta= and alpha=; {len(args)} were given.")
    # The first words are what programs filter warnings by (docs/differences.md).
    _core._warn_once(
        f"{name}: older order",
        f"This overload of {name} is deprecated: a number before the tensors is beta or alpha. Write "
        "beta= and alpha= behind them.",
    )
    return tensors, dict(zip(("beta", "alpha"), numbers))


@composite(inplace=True, out="same", autocast="lower")
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2)."""
    if mat1.ndim != 2 or mat2.ndim != 2:
        check_ndim("addmm", mat1=(mat1, 2), mat2=(mat2, 2))
    return _sum_with_product("addmm", input, mat1, mat2, beta, alpha)


@composite(method=False)
def _addmm_activation(input, mat1, mat2, *, beta=1, alpha=1, use_gelu=False):
    """relu, or with use_gelu gelu by tanh, of addmm."""
    result = addmm(input, mat1, mat2, beta=beta, alpha=alpha)
    return gelu(result, approximate="tanh") if use_gelu else result.relu()


@composite(inplace=True, out="same")
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """beta * input + alpha * (mat @ vec)."""
    if alpha == 0 and mat.dtype.is_floating_point:
        mat, vec = _without_values(mat, vec)
    fits = mat.dim() == 2 and mat.size(1) == vec.numel() and input.numel() in (1, mat.size(0))
    if mat.numel() == 0 and beta != 0 and fits and input.dim() < 2:
        # As in PyTorch not expanded to the product's shape.
        return attached(input * beta, mat, vec, anyway=True)
    if _is_plain(mat.dtype, beta, alpha):
        result = _core._addmv(input, mat, vec, beta, alpha)
        if _core._in_vmap() or _core._all_finite(result) or mat.numel() > _FEW_PRODUCTS:
            return result
        # As in PyTorch a product beyond the range is infinite, whatever is added to it.
        return _scaled_sum("addmv", input, (mat * vec).sum(1), beta, alpha)
    if _is_rounded_once(input, mat, vec, beta, alpha):
        return _core._addmv(input, mat, vec, beta, alpha)
    if wide := _widened(input, mat, vec):
        return addmv(*wide, beta=beta, alpha=alpha).to(mat.dtype)
    return _scaled_sum("addmv", input, fl.mv(mat, vec), beta, alpha)


@composite(inplace=True)
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2)."""
    if type(beta) is type(alpha) is int and beta == alpha == 1 and input.dtype in _SHORT:
        one_dtype = input.dtype == vec1.dtype == vec2.dtype
        shape = vec1.numel(), vec2.numel()
        fits = input.shape == shape or input.shape == shape[1:]
        if one_dtype and vec1.dim() == vec2.dim() == 1 and fits:
            if input.dtype in _ONE_PASS:
                return fl.addcmul(input, vec1.unsqueeze(1), vec2)
            return input + vec1.unsqueeze(1) * vec2  # halves: the product is rounded first
    dtype = fl.promote_types(fl.promote_types(vec1.dtype, vec2.dtype), input.dtype)
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, bool) and dtype is not fl.bool:
            raise RuntimeError(
                f"addr: {name}={factor} is for bool tensors only; {input.dtype} takes a number."
            )
        if isinstance(factor, float) and not (dtype.is_floating_point or dtype.is_complex):
            raise RuntimeError(f"addr: {name}={factor} would be cut to a whole number in {dtype}.")
    if dtype is fl.bool:
        product = fl.outer(vec1, vec2) & bool(alpha)
        return product | input if beta else product
    vec1, vec2, input = vec1.to(dtype), vec2.to(dtype), input.to(dtype)
    scales = alpha != 1 and dtype in _PLAIN + _WHOLE and not isinstance(alpha, complex)
    if (
        scales and vec1.dim() == 1
    ):  # the vector, as vec1 * vec2 may be beyond what alpha brings back
        vec1, alpha = vec1 * alpha, 1
    fits = vec1.dim() == vec2.dim() == 1 and input.shape == (len(vec1), len(vec2))
    if (
        fits
        and alpha == 1
        and beta != 0
        and dtype in _PLAIN + _WHOLE
        and not isinstance(beta, complex)
    ):
        return fl.addcmul(input if beta == 1 else input * beta, vec1.unsqueeze(1), vec2)
    return _scaled_sum("addr", input, fl.outer(vec1, vec2), beta, alpha)


@composite(inplace=True, out="same", autocast="lower")
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * the sum over b of batch1[b] @ batch2[b]."""
    check_ndim("addbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    if batch1.size(0) != batch2.size(0) or batch1.size(2) != batch2.size(1):
        raise RuntimeError(
            f"addbmm: batch1 {tuple(batch1.shape)} and batch2 {tuple(batch2.shape)} do not fit: it "
            "takes (B, M, K) and (B, K, N)."
        )
    summed = batch1.size(0) * batch1.size(2)  # B * K
    left = batch1.transpose(0, 1).reshape(batch1.size(1), summed)
    right = batch2.reshape(summed, batch2.size(2))
    result = _sum_with_product("addbmm", input, left, right, beta, alpha)
    if _core._in_vmap() or _core._all_finite(result) or batch1.size(0) < 2:
        return result
    # Which sums are infinite and which NaN depends on their order: batch by batch, as in PyTorch.
    for one, other in zip(batch1, batch2, strict=True):
        input, beta = _sum_with_product("addbmm", input, one, other, beta, alpha), 1
    return input


@composite(inplace=True, out="same", autocast="lower")
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * bmm(batch1, batch2)."""
    check_ndim("baddbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    return _sum_with_product("baddbmm", input, batch1, batch2, beta, alpha)


for _operator in (addmm, addmv, addr, addbmm, baddbmm):
    _operator.in_order = _in_order
for _name in ("addmm_", "baddbmm_"):
    native_way(METHODS[_name], _name)
