"""Discrete Fourier transforms: torch.fft.

Three linear primitives do the work: complex to complex, real to half-spectrum and half-spectrum to real.
Each one's derivative is made of the others, so every order of derivative exists.
"""

import math

from .core import operators as fl
from .core.arguments import few, wrap_dim
from .core.declare import composite, primitive
from .linalg.lapack import array, tensor

_fourier = composite(namespaces=("fft",), method=False, autocast="float32")


def _complex_dtype(dtype):
    return fl.complex128 if dtype in (fl.float64, fl.complex128) else fl.complex64


def _real_dtype(dtype):
    return fl.float64 if dtype in (fl.float64, fl.complex128) else fl.float32


def _scaled(values, scale):
    """values * scale, parts of complex numbers each for itself: a complex product makes inf + 0i NaN.

    Before a transform, which of great values is finite then where the result is.
    """
    import numpy

    if scale == 1:
        return values
    real = values.real.dtype
    return (numpy.ascontiguousarray(values).view(real) * real.type(scale)).view(values.dtype)


def _run(transform, *args, **options):
    """NumPy's transform of that name; what overflows is infinite, without a warning."""
    import numpy

    with numpy.errstate(all="ignore"):
        return getattr(numpy.fft, transform)(*args, **options)


def _nowhere(input, dim, size, dtype):
    """A tensor on meta of input's sizes but for one."""
    sizes = [size if d == dim % input.dim() else n for d, n in enumerate(input.shape)]
    return fl.empty(sizes, dtype=dtype, device="meta")


@primitive(method=False, function=False)
def _complex_to_complex(ctx, input, dims, scale, forward):
    """scale * sum over k of input[k] * exp(-+ 2 pi i j k / n), over each of `dims`; - is forward."""
    ctx.dims, ctx.scale, ctx.forward = dims, scale, forward
    if input.is_meta:
        return fl.empty(input.shape, dtype=_complex_dtype(input.dtype), device="meta")
    values = _scaled(array(input), scale)
    # NumPy's own factor is 1 forward with "backward", and 1 back with "forward".
    result = (
        _run("fftn", values, axes=dims)
        if forward
        else _run("ifftn", values, axes=dims, norm="forward")
    )
    return tensor(result, input)


@_complex_to_complex.derivative
def _(ctx, grad_output):
    return _complex_to_complex(grad_output, ctx.dims, ctx.scale, not ctx.forward), None, None, None


@primitive(method=False, function=False)
def _real_to_half(ctx, input, dim, scale, forward):
    """The first n // 2 + 1 coefficients of a real signal of n samples; the others are their conjugates."""
    ctx.dim, ctx.scale, ctx.forward, ctx.size = dim, scale, forward, input.size(dim)
    if input.is_meta:
        return _nowhere(input, dim, input.size(dim) // 2 + 1, _complex_dtype(input.dtype))
    result = _run("rfft", _scaled(array(input), scale), axis=dim)
    if not forward:
        result = result.conj()
    return tensor(result, input)


@_real_to_half.derivative
def _(ctx, grad_output):
    grad = _resized(grad_output, ctx.dim, ctx.size)
    return _complex_to_complex(grad, (ctx.dim,), ctx.scale, not ctx.forward).real, None, None, None


@primitive(method=False, function=False)
def _half_to_real(ctx, input, dim, scale, forward, size):
    """The real signal of `size` samples with these first size // 2 + 1 coefficients."""
    ctx.dim, ctx.scale, ctx.forward, ctx.size = dim, scale, forward, size
    if input.is_meta:
        return _nowhere(input, dim, size, _real_dtype(input.dtype))
    values = _scaled(array(input), scale)
    if forward:
        values = values.conj()
    result = _run("irfft", values, size, axis=dim, norm="forward")
    return tensor(result, input)


@_half_to_real.derivative
def _(ctx, grad_output):
    grad = _real_to_half(grad_output, ctx.dim, ctx.scale, not ctx.forward)
    # All but the first, and the last of an even size, stand for their conjugates as well.
    weight = fl.full((grad.size(ctx.dim),), 2.0, dtype=grad_output.dtype, device=grad.device)
    weight[0] = 1
    if ctx.size % 2 == 0:
        weight[-1] = 1
    return (
        grad * weight.reshape((-1,) + (1,) * (grad.dim() - 1 - ctx.dim)),
        None,
        None,
        None,
        None,
    )


def _resized(input, dim, size):
    """`input` cut to `size` along `dim`, or filled up with zeros."""
    have = input.size(dim)
    if have >= size:
        return input if have == size else input.narrow(dim, 0, size)
    shape = list(input.shape)
    shape[dim] = size - have
    return fl.cat([input, fl.zeros(shape, dtype=input.dtype, device=input.device)], dim)


def _promoted(operator, input, to_complex):
    """`input` as float32, float64 or their complex relatives."""
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        input = input.to(fl.get_default_dtype())
    if input.dtype.to_real().itemsize < 4:
        raise RuntimeError(
            f"fft.{operator}: input is {input.dtype}, which has no transform. Convert it with "
            f".{'cfloat' if input.dtype.is_complex else 'float'}() first."
        )
    if to_complex and not input.dtype.is_complex:
        input = input.to(_complex_dtype(input.dtype))
    return input


def _factor(operator, norm, count, forward):
    """What a transform of `count` samples is multiplied by. norm "backward" (None) scales only the inverse."""
    if norm == "ortho":
        return 1 / math.sqrt(count)
    if norm not in (None, "backward", "forward"):
        raise RuntimeError(
            f"fft.{operator}: norm is {norm!r}; it must be 'forward', 'backward' or 'ortho'."
        )
    return 1.0 if forward == (norm != "forward") else 1 / count


def _check_size(operator, size):
    if size < 1:
        raise RuntimeError(
            f"fft.{operator}: {size} points cannot be transformed; it takes 1 or more."
        )


def _one_dim(operator, input, n, dim):
    if not hasattr(dim, "__index__"):
        raise TypeError(f"fft.{operator}: dim must be an int, not {type(dim).__name__}.")
    if n is not None and not hasattr(n, "__index__"):
        raise TypeError(f"fft.{operator}: n must be an int, not {type(n).__name__}.")
    if input.dim() == 0:
        raise IndexError(f"fft.{operator}: a 0-dim tensor has no dim {dim} to transform along.")
    return wrap_dim(dim, input.dim(), f"fft.{operator}")


def _shape_and_dims(operator, input, s, dim):
    """(sizes, None for those to keep; dims) of a transform over several dimensions."""
    if dim is not None:
        dim = [dim] if hasattr(dim, "__index__") else few(dim)
        dims = [wrap_dim(d, input.dim(), f"fft.{operator}") for d in dim]
        if len(set(dims)) != len(dims):
            raise RuntimeError(
                f"fft.{operator}: dims {tuple(dim)} name a dim more than once. Name each dim once."
            )
    if s is None:
        dims = list(range(input.dim())) if dim is None else dims
        return [None] * len(dims), dims
    s = [s] if hasattr(s, "__index__") else list(few(s))
    if dim is None:
        if len(s) > input.dim():
            raise RuntimeError(
                f"fft.{operator}: s has {len(s)} sizes but input has {input.dim()} dims."
            )
        dims = list(range(input.dim() - len(s), input.dim()))
    elif len(dims) != len(s):
        raise RuntimeError(
            f"fft.{operator}: s has {len(s)} sizes but dim names {len(dim)} dims. Give one size "
            "for each."
        )
    for size in s:
        if size != -1:
            _check_size(operator, size)
    return [None if size == -1 else size for size in s], dims


def _fft(operator, input, n, dim, norm, forward):
    input = _promoted(operator, input, True)
    dim = _one_dim(operator, input, n, dim)
    size = input.size(dim) if n is None else n
    _check_size(operator, size)
    return _complex_to_complex(
        _resized(input, dim, size), (dim,), _factor(operator, norm, size, forward), forward
    )


def _fftn(operator, input, s, dim, norm, forward):
    input = _promoted(operator, input, True)
    sizes, dims = _shape_and_dims(operator, input, s, dim)
    for d, size in zip(dims, sizes, strict=True):
        size = input.size(d) if size is None else size
        _check_size(operator, size)
        input = _resized(input, d, size)
    if not dims:
        return input.clone()
    count = math.prod(input.size(d) for d in dims)
    return _complex_to_complex(input, tuple(dims), _factor(operator, norm, count, forward), forward)


def _rfftn(operator, input, s, dim, norm, forward):
    """Real to half-spectrum over the last of the dims, complex over the others."""
    input = _promoted(operator, input, False)
    if input.dtype.is_complex:
        raise RuntimeError(
            f"fft.{operator}: input is {input.dtype}, but it must be real. Use fft.{operator[1:]} "
            "for complex input."
        )
    sizes, dims = _shape_and_dims(operator, input, s, dim)
    if not dims:
        raise RuntimeError(f"fft.{operator}: no dim is named; it transforms along 1 or more.")
    for d, size in zip(dims, sizes, strict=True):
        size = input.size(d) if size is None else size
        _check_size(operator, size)
        input = _resized(input, d, size)
    scale = _factor(operator, norm, math.prod(input.size(d) for d in dims), forward)
    half = _real_to_half(input, dims[-1], scale, forward)
    return _complex_to_complex(half, tuple(dims[:-1]), 1.0, forward) if len(dims) > 1 else half


def _irfftn(operator, input, s, dim, norm, forward):
    """The inverse way: complex over all dims but the last, which gives the real signal."""
    input = _promoted(operator, input, True)
    sizes, dims = _shape_and_dims(operator, input, s, dim)
    if not dims:
        raise RuntimeError(f"fft.{operator}: no dim is named; it transforms along 1 or more.")
    last = dims[-1]
    size = 2 * (input.size(last) - 1) if sizes[-1] is None else sizes[-1]
    _check_size(operator, size)
    for d, want in zip(dims[:-1], sizes[:-1], strict=True):
        want = input.size(d) if want is None else want
        _check_size(operator, want)
        input = _resized(input, d, want)
    input = _resized(input, last, size // 2 + 1)
    count = size * math.prod(input.size(d) for d in dims[:-1])
    if len(dims) > 1:
        input = _complex_to_complex(input, tuple(dims[:-1]), 1.0, forward)
    return _half_to_real(input, last, _factor(operator, norm, count, forward), forward, size)


@_fourier
def fft(input, n=None, dim=-1, norm=None):
    """The Fourier transform over `dim`: sum over k of input[k] * exp(-2 pi i j k / n).

    Args:
        input (Tensor): real or complex.
        n (int, optional): the input is cut to n samples, or filled up with zeros.
        norm (str, optional): "backward" (no factor), "forward" (1 / n), "ortho" (1 / sqrt(n)).
    """
    return _fft("fft", input, n, dim, norm, True)


@_fourier
def ifft(input, n=None, dim=-1, norm=None):
    """The inverse of `fft`: 1 / n times the sum over k of input[k] * exp(2 pi i j k / n)."""
    return _fft("ifft", input, n, dim, norm, False)


@_fourier
def fftn(input, s=None, dim=None, norm=None):
    """`fft` over several dims: all of them, or the last len(s), unless `dim` says which."""
    return _fftn("fftn", input, s, dim, norm, True)


@_fourier
def ifftn(input, s=None, dim=None, norm=None):
    """The inverse of `fftn`."""
    return _fftn("ifftn", input, s, dim, norm, False)


@_fourier
def fft2(input, s=None, dim=(-2, -1), norm=None):
    """`fft` over two dims."""
    return _fftn("fft2", input, s, dim, norm, True)


@_fourier
def ifft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `fft2`."""
    return _fftn("ifft2", input, s, dim, norm, False)


@_fourier
def rfft(input, n=None, dim=-1, norm=None):
    """The first n // 2 + 1 coefficients of `fft` of a real signal, which hold all of it."""
    _one_dim("rfft", input, n, dim)
    return _rfftn("rfft", input, None if n is None else [n], [dim], norm, True)


@_fourier
def irfft(input, n=None, dim=-1, norm=None):
    """The inverse of `rfft`: a real signal of n samples, 2 * (m - 1) of m coefficients unless given."""
    _one_dim("irfft", input, n, dim)
    return _irfftn("irfft", input, None if n is None else [n], [dim], norm, False)


@_fourier
def rfftn(input, s=None, dim=None, norm=None):
    """`rfft` over the last of several dims, `fft` over the others."""
    return _rfftn("rfftn", input, s, dim, norm, True)


@_fourier
def irfftn(input, s=None, dim=None, norm=None):
    """The inverse of `rfftn`."""
    return _irfftn("irfftn", input, s, dim, norm, False)


@_fourier
def rfft2(input, s=None, dim=(-2, -1), norm=None):
    """`rfftn` over two dims."""
    return _rfftn("rfft2", input, s, dim, norm, True)


@_fourier
def irfft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `rfft2`."""
    return _irfftn("irfft2", input, s, dim, norm, False)


@_fourier
def hfft(input, n=None, dim=-1, norm=None):
    """`fft` of a Hermitian signal, given by its first n // 2 + 1 samples: real."""
    _one_dim("hfft", input, n, dim)
    return _irfftn("hfft", input, None if n is None else [n], [dim], norm, True)


@_fourier
def ihfft(input, n=None, dim=-1, norm=None):
    """The inverse of `hfft`: the first n // 2 + 1 samples of `ifft` of a real signal."""
    _one_dim("ihfft", input, n, dim)
    return _rfftn("ihfft", input, None if n is None else [n], [dim], norm, False)


@_fourier
def hfftn(input, s=None, dim=None, norm=None):
    """`hfft` over the last of several dims, `fft` over the others."""
    return _irfftn("hfftn", input, s, dim, norm, True)


@_fourier
def ihfftn(input, s=None, dim=None, norm=None):
    """The inverse of `hfftn`."""
    return _rfftn("ihfftn", input, s, dim, norm, False)


@_fourier
def hfft2(input, s=None, dim=(-2, -1), norm=None):
    """`hfftn` over two dims."""
    return _irfftn("hfft2", input, s, dim, norm, True)


@_fourier
def ihfft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `hfft2`."""
    return _rfftn("ihfft2", input, s, dim, norm, False)


@_fourier
def fftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the coefficients of `fft`: [0, 1, ..., -2, -1] / (n * d) for samples d apart."""
    k = fl.arange(n, dtype=dtype, layout=layout, device=device)
    k[(n + 1) // 2 :] = fl.arange(-(n // 2), 0, dtype=k.dtype, device=device)
    return _frequencies("fftfreq", k, n, d, dtype, requires_grad)


@_fourier
def rfftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the coefficients of `rfft`: [0, 1, ..., n // 2] / (n * d)."""
    k = fl.arange(n // 2 + 1, dtype=dtype, layout=layout, device=device)
    return _frequencies("rfftfreq", k, n, d, dtype, requires_grad)


def _frequencies(operator, k, n, d, dtype, requires_grad):
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(
            f"fft.{operator}: dtype is {dtype}; frequencies are floating or complex."
        )
    k = k.to(dtype or fl.get_default_dtype()) * (1.0 / (n * d))
    return k.requires_grad_() if requires_grad else k


def _shift_dims(input, dim):
    if dim is None:
        return list(range(input.dim()))
    return [dim] if hasattr(dim, "__index__") else few(dim)


@composite(namespaces=("fft",), method=False, out=False)
def fftshift(input, dim=None):
    """The coefficients rolled so that frequency 0 stands in the middle."""
    dims = _shift_dims(input, dim)
    return fl.roll(input, [input.size(d) // 2 for d in dims], dims)


@composite(namespaces=("fft",), method=False, out=False)
def ifftshift(input, dim=None):
    """The inverse of `fftshift`."""
    dims = _shift_dims(input, dim)
    return fl.roll(input, [(input.size(d) + 1) // 2 for d in dims], dims)
