"""Common divisors of integers, the parts of floating numbers, and rare functions of them."""

from .. import _core
from ..kernels import language as k
from .core import operators as fl
from .core.arguments import broadcast_together, is_left_out, operand, require_tensors, wrap_dims
from .core.declare import composite, pointwise, primitive, register
from .core.results import lazy_result_type
from .linalg.lapack import array, tensor

_FrexpResult = lazy_result_type("frexp", "mantissa exponent")


def _integers(operator, input, other):
    """Both broadcast, in the dtype of the result."""
    require_tensors(operator, input=input, other=other)
    dtype = input.dtype if input.dtype is other.dtype else fl.result_type(input, other)
    if dtype.is_floating_point or dtype.is_complex or dtype is fl.bool:
        raise RuntimeError(
            f"{operator}: input is {dtype}, but it takes integers. Convert it with .long() first."
        )
    if input.shape != other.shape:
        input, other = broadcast_together(operator, input, other)
    return input.to(dtype).contiguous(), other.to(dtype).contiguous()


@composite(inplace=True)
def gcd(input, other):
    """The greatest common divisor, element by element; gcd(0, 0) = 0."""
    return _core._gcd(*_integers("gcd", input, other))


@composite(inplace=True)
def lcm(input, other):
    """The least common multiple, element by element; lcm(0, x) = 0."""
    return _core._lcm(*_integers("lcm", input, other))


def _taken_apart(input):
    """frexp by the bits, for devices: what is 0 or not finite stays as it is, with exponent 0."""
    wide = input if input.dtype.itemsize > 2 else input.float()
    double = wide.dtype is fl.float64
    kept, most, word = (52, 2047, fl.int64) if double else (23, 255, fl.int32)
    half = most // 2 - 1  # the exponent's bits of 0.5
    tiny = wide.abs() < 2.0 ** -(half - 1)  # subnormal
    bits = fl.where(tiny, wide * 2.0**kept, wide).contiguous().view(word)
    exponent = ((bits >> kept) & most) - half - fl.where(tiny, kept, 0)
    mantissa = ((bits & ~(most << kept)) | (half << kept)).view(wide.dtype)
    as_is = (wide == 0) | ~fl.isfinite(wide)
    return fl.where(as_is, wide, mantissa).to(input.dtype), fl.where(as_is, 0, exponent).int()


@primitive(method=False, function=False)
def _frexp(ctx, input):
    import numpy

    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"frexp: input is {input.dtype}, but it must be floating. Convert it with .float() "
            "first."
        )
    if input.is_meta:
        exponent = fl.empty(input.shape, dtype=fl.int32, device="meta")
        ctx.save_for_backward(exponent)
        return fl.empty(input.shape, dtype=input.dtype, device="meta"), exponent
    if input.is_cuda:
        mantissa, exponent = _taken_apart(input)
        ctx.save_for_backward(exponent)
        return mantissa, exponent
    low = input.dtype is fl.bfloat16
    mantissa, exponent = numpy.frexp(array(input.float() if low else input))
    exponent = tensor(numpy.asarray(exponent, "int32"), input)
    mantissa = tensor(numpy.asarray(mantissa), input)
    ctx.save_for_backward(exponent)
    return mantissa.to(input.dtype), exponent


@_frexp.derivative
def _(ctx, grad_mantissa, grad_exponent):
    (exponent,) = ctx.saved
    return fl.ldexp(grad_mantissa, -exponent)


@composite
def frexp(input):
    """(mantissa, exponent) with input = mantissa * 2**exponent and 0.5 <= abs(mantissa) < 1.

    Example:
        >>> torch.frexp(torch.tensor([3.0, -8.0]))
        torch.return_types.frexp(
        mantissa=tensor([ 0.7500, -0.5000]),
        exponent=tensor([2, 4], dtype=torch.int32))
    """
    return _FrexpResult(*_frexp(operand(input)))


@pointwise(
    compute="floating",
    name="special_spherical_bessel_j0",
    method=False,
    function=False,
    inplace=False,
)
def spherical_bessel_j0(input):
    """sin(input) / input; 1 at 0.

    Example:
        >>> torch.special.spherical_bessel_j0(torch.tensor([-1.5, 0.0, 2.0]))
        tensor([0.6650, 1.0000, 0.4546])
    """
    x = k.where(input == 0, 1, input)
    return k.where(k.isinf(input), 0, k.where(input == 0, 1, k.sin(x) / x))


register("spherical_bessel_j0", spherical_bessel_j0, namespaces=("special",))


@composite(name="airy_ai", namespaces=("special",), method=False)
def airy_ai(input):
    """The Airy function Ai. It has no gradient.

    Example:
        >>> torch.special.airy_ai(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[0.1353, 0.0349],
                [0.0066, 0.0010]])
    """
    input = operand(input)
    dtype = input.dtype if input.dtype.is_floating_point else fl.get_default_dtype()
    if input.dtype.is_complex or dtype in (fl.float16, fl.bfloat16):
        raise RuntimeError(
            f"special.airy_ai: input is {input.dtype}, which it does not compute. Convert it with "
            ".float() first."
        )
    x = input.detach().to(dtype)
    if x.is_contiguous():
        return _core._airy_ai(x)
    return fl.empty_like(x).copy_(_core._airy_ai(x.contiguous()))


@composite(out="same")
def hash_tensor(input, dim=(), *, keepdim=False, mode=0):
    """The bits of the elements, as 64-bit numbers, joined by exclusive or: a uint64.

    Args:
        dim (int or tuple of int): over which to reduce; all of them if empty.
        mode (int): 0 is the only one.

    Example:
        >>> torch.hash_tensor(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(9216616637413720064, dtype=torch.uint64)
    """
    if mode != 0:
        raise RuntimeError(f"hash_tensor: mode is {mode}; 0 (exclusive or) is the only one.")
    if input.dtype.is_complex:
        raise NotImplementedError(f"hash_tensor: input is {input.dtype}, which it does not hash.")
    dims = wrap_dims(None if is_left_out(dim) else dim, input.dim(), "hash_tensor")
    if dim in ((), [], None) and input.numel() == 0:
        raise RuntimeError("hash_tensor: input has no elements; give the dim to reduce.")
    if 0 in (input.size(d) for d in dims if input.dim()):
        raise IndexError(f"hash_tensor: input {tuple(input.shape)} has size 0 along dim {dim}.")
    if input.is_meta:
        return input.to(fl.float64).sum(dims, keepdim=keepdim).to(fl.uint64)
    wide = input.to(fl.float64 if input.dtype.is_floating_point else fl.int64)
    bits = wide.contiguous().view(fl.int64)
    for d in sorted((d for d in dims if input.dim()), reverse=True):
        bits = _joined(bits, d)
        bits = bits if keepdim else bits.squeeze(d)
    return bits.clone().view(fl.uint64)


def _joined(bits, dim):
    """The exclusive or of int64 along a dim, halves with halves: (..., 1, ...)."""
    while (n := bits.size(dim)) > 1:
        half = n // 2
        left, right, rest = bits.split([half, half, n - 2 * half], dim)
        bits = fl.cat((left ^ right, rest), dim) if n % 2 else left ^ right
    return bits
