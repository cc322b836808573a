"""Discrete Fourier transforms: torch.fft.

Three linear primitives do the work: complex to complex, real to half-spectrum and half-spectrum to real.
Each one's derivative is made of the others, so every order of derivative exists.
"""

import math

from .. import _core
from .core import operators as fl
from .core.arguments import few, wrap_dim
from .core.declare import composite, primitive

_fourier = composite(namespaces=("fft",), method=False, autocast="float32")


def _complex_dtype(dtype):
    return fl.complex128 if dtype in (fl.float64, fl.complex128) else fl.complex64


@primitive(method=False, function=False)
def _complex_to_complex(ctx, input, dims, scale, forward):
    """scale * sum over k of input[k] * exp(-+ 2 pi i j k / n), over each of `dims`; - is forward."""
    ctx.dims, ctx.scale, ctx.forward = dims, scale, forward
    return _core._fourier(input, dims, scale, not forward)


@_complex_to_complex.derivative
def _(ctx, grad_output):
    return _complex_to_complex(grad_output, ctx.dims, ctx.scale, not ctx.forward), None, None, None


@primitive(method=False, function=False)
def _real_to_half(ctx, input, dim, scale, forward):
    """The first n // 2 + 1 coefficients of a real signal of n samples; the others are their conjugates."""
    ctx.dim, ctx.scale, ctx.forward, ctx.size = dim, scale, forward, input.size(dim)
    return _core._fourier_real(input, dim, scale, not forward)


@_real_to_half.derivative
def _(ctx, grad_output):
    grad = _resized(grad_output, ctx.dim, ctx.size)
    return _complex_to_complex(grad, (ctx.dim,), ctx.scale, not ctx.forward).real, None, None, None


@primitive(method=False, function=False)
def _half_to_real(ctx, input, dim, scale, forward, size):
    """The real signal of `size` samples with these first size // 2 + 1 coefficients."""
    ctx.dim, ctx.scale, ctx.forward, ctx.size = dim, scale, forward, size
    return _core._fourier_to_real(input, dim, size, scale, not forward)


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


_OF_REAL = frozenset((fl.float32, fl.float64))
_OF_COMPLEX = frozenset((fl.complex64, fl.complex128))


def _promoted(operator, input, to_complex):
    """`input` as float32, float64 or their complex relatives."""
    dtype = input.dtype
    if dtype in _OF_COMPLEX or not to_complex and dtype in _OF_REAL:
        return input
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = fl.get_default_dtype()
    if dtype.to_real().itemsize < 4:
        raise RuntimeError(
            f"fft.{operator}: input is {dtype}, which has no transform. Convert it with "
            f".{'cfloat' if dtype.is_complex else 'float'}() first."
        )
    if to_complex and not dtype.is_complex:
        dtype = _complex_dtype(dtype)
    return input if dtype is input.dtype else input.to(dtype)


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
    """[n], [dim], checked: a transform over one dimension."""
    if not hasattr(dim, "__index__"):
        raise TypeError(f"fft.{operator}: dim must be an int, not {type(dim).__name__}.")
    if n is not None and not hasattr(n, "__index__"):
        raise TypeError(f"fft.{operator}: n must be an int, not {type(n).__name__}.")
    if input.dim() == 0:
        raise IndexError(f"fft.{operator}: a 0-dim tensor has no dim {dim} to transform along.")
    if n is not None:
        _check_size(operator, n)
    return [n], [wrap_dim(dim, input.dim(), f"fft.{operator}")]


def _shape_and_dims(operator, input, s, dim):
    """(sizes, None for those to keep; dims) of a transform over several dimensions."""
    if s is None and dim == (-2, -1) and input.dim() >= 2:
        return [None, None], [input.dim() - 2, input.dim() - 1]
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


def _sized(operator, input, sizes, dims):
    """`input` with these sizes along these dims, None for its own; and their product."""
    count = 1
    for d, size in zip(dims, sizes, strict=True):
        if size is None:
            size = input.size(d)
            _check_size(operator, size)
        else:
            input = _resized(input, d, size)
        count *= size
    return input, count


def _complex(operator, input, sizes, dims, norm, forward):
    input, count = _sized(operator, _promoted(operator, input, True), sizes, dims)
    if not dims:
        return input.clone()
    return _complex_to_complex(input, tuple(dims), _factor(operator, norm, count, forward), forward)


def _check_some(operator, dims):
    if not dims:
        raise RuntimeError(f"fft.{operator}: no dim is named; it transforms along 1 or more.")


def _from_real(operator, input, sizes, dims, norm, forward):
    """Real to half-spectrum over the last of the dims, complex over the others."""
    input = _promoted(operator, input, False)
    if input.dtype.is_complex:
        raise RuntimeError(
            f"fft.{operator}: input is {input.dtype}, but it must be real. Use fft.{operator[1:]} "
            "for complex input."
        )
    _check_some(operator, dims)
    input, count = _sized(operator, input, sizes, dims)
    scale = _factor(operator, norm, count, forward)
    half = _real_to_half(input, dims[-1], scale, forward)
    return _complex_to_complex(half, tuple(dims[:-1]), 1.0, forward) if len(dims) > 1 else half


def _to_real(operator, input, sizes, dims, norm, forward):
    """The inverse way: complex over all dims but the last, which gives the real signal."""
    input = _promoted(operator, input, True)
    _check_some(operator, dims)
    last = dims[-1]
    size = 2 * (input.size(last) - 1) if sizes[-1] is None else sizes[-1]
    _check_size(operator, size)
    input, others = _sized(operator, input, sizes[:-1], dims[:-1])
    input = _resized(input, last, size // 2 + 1)
    if len(dims) > 1:
        input = _complex_to_complex(input, tuple(dims[:-1]), 1.0, forward)
    scale = _factor(operator, norm, size * others, forward)
    return _half_to_real(input, last, scale, forward, size)


@_fourier
def fft(input, n=None, dim=-1, norm=None):
    """The Fourier transform over `dim`: sum over k of input[k] * exp(-2 pi i j k / n).

    Args:
        input (Tensor): real or complex.
        n (int, optional): the input is cut to n samples, or filled up with zeros.
        norm (str, optional): "backward" (no factor), "forward" (1 / n), "ortho" (1 / sqrt(n)).

    Example:
        >>> torch.fft.fft(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 3.+0.j, -1.+0.j],
                [ 7.+0.j, -1.+0.j]])
    """
    return _complex("fft", input, *_one_dim("fft", input, n, dim), norm, True)


@_fourier
def ifft(input, n=None, dim=-1, norm=None):
    """The inverse of `fft`: 1 / n times the sum over k of input[k] * exp(2 pi i j k / n)."""
    return _complex("ifft", input, *_one_dim("ifft", input, n, dim), norm, False)


@_fourier
def fftn(input, s=None, dim=None, norm=None):
    """`fft` over several dims: all of them, or the last len(s), unless `dim` says which.

    Example:
        >>> torch.fft.fftn(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[10.+0.j, -2.+0.j],
                [-4.+0.j,  0.+0.j]])
    """
    return _complex("fftn", input, *_shape_and_dims("fftn", input, s, dim), norm, True)


@_fourier
def ifftn(input, s=None, dim=None, norm=None):
    """The inverse of `fftn`.

    Example:
        >>> torch.fft.ifftn(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 2.5000+0.j, -0.5000+0.j],
                [-1.0000+0.j,  0.0000+0.j]])
    """
    return _complex("ifftn", input, *_shape_and_dims("ifftn", input, s, dim), norm, False)


@_fourier
def fft2(input, s=None, dim=(-2, -1), norm=None):
    """`fft` over two dims.

    Example:
        >>> torch.fft.fft2(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[10.+0.j, -2.+0.j],
                [-4.+0.j,  0.+0.j]])
    """
    return _complex("fft2", input, *_shape_and_dims("fft2", input, s, dim), norm, True)


@_fourier
def ifft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `fft2`.

    Example:
        >>> torch.fft.ifft2(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 2.5000+0.j, -0.5000+0.j],
                [-1.0000+0.j,  0.0000+0.j]])
    """
    return _complex("ifft2", input, *_shape_and_dims("ifft2", input, s, dim), norm, False)


@_fourier
def rfft(input, n=None, dim=-1, norm=None):
    """The first n // 2 + 1 coefficients of `fft` of a real signal, which hold all of it.

    Example:
        >>> torch.fft.rfft(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 3.+0.j, -1.+0.j],
                [ 7.+0.j, -1.+0.j]])
    """
    return _from_real("rfft", input, *_one_dim("rfft", input, n, dim), norm, True)


@_fourier
def irfft(input, n=None, dim=-1, norm=None):
    """The inverse of `rfft`: a real signal of n samples, 2 * (m - 1) of m coefficients unless given.

    Example:
        >>> torch.fft.irfft(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 1.5000, -0.5000],
                [ 3.5000, -0.5000]])
    """
    return _to_real("irfft", input, *_one_dim("irfft", input, n, dim), norm, False)


@_fourier
def rfftn(input, s=None, dim=None, norm=None):
    """`rfft` over the last of several dims, `fft` over the others.

    Example:
        >>> torch.fft.rfftn(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[10.+0.j, -2.+0.j],
                [-4.+0.j,  0.+0.j]])
    """
    return _from_real("rfftn", input, *_shape_and_dims("rfftn", input, s, dim), norm, True)


@_fourier
def irfftn(input, s=None, dim=None, norm=None):
    """The inverse of `rfftn`.

    Example:
        >>> torch.fft.irfftn(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 2.5000, -0.5000],
                [-1.0000,  0.0000]])
    """
    return _to_real("irfftn", input, *_shape_and_dims("irfftn", input, s, dim), norm, False)


@_fourier
def rfft2(input, s=None, dim=(-2, -1), norm=None):
    """`rfftn` over two dims.

    Example:
        >>> torch.fft.rfft2(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[10.+0.j, -2.+0.j],
                [-4.+0.j,  0.+0.j]])
    """
    return _from_real("rfft2", input, *_shape_and_dims("rfft2", input, s, dim), norm, True)


@_fourier
def irfft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `rfft2`.

    Example:
        >>> torch.fft.irfft2(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 2.5000, -0.5000],
                [-1.0000,  0.0000]])
    """
    return _to_real("irfft2", input, *_shape_and_dims("irfft2", input, s, dim), norm, False)


@_fourier
def hfft(input, n=None, dim=-1, norm=None):
    """`fft` of a Hermitian signal, given by its first n // 2 + 1 samples: real.

    Example:
        >>> torch.fft.hfft(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[ 3., -1.],
                [ 7., -1.]])
    """
    return _to_real("hfft", input, *_one_dim("hfft", input, n, dim), norm, True)


@_fourier
def ihfft(input, n=None, dim=-1, norm=None):
    """The inverse of `hfft`: the first n // 2 + 1 samples of `ifft` of a real signal.

    Example:
        >>> torch.fft.ihfft(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[1.-0.j],
                [3.-0.j]])
    """
    return _from_real("ihfft", input, *_one_dim("ihfft", input, n, dim), norm, False)


@_fourier
def hfftn(input, s=None, dim=None, norm=None):
    """`hfft` over the last of several dims, `fft` over the others.

    Example:
        >>> torch.fft.hfftn(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[10., -2.],
                [-4.,  0.]])
    """
    return _to_real("hfftn", input, *_shape_and_dims("hfftn", input, s, dim), norm, True)


@_fourier
def ihfftn(input, s=None, dim=None, norm=None):
    """The inverse of `hfftn`.

    Example:
        >>> torch.fft.ihfftn(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[1.-0.j],
                [3.-0.j]])
    """
    return _from_real("ihfftn", input, *_shape_and_dims("ihfftn", input, s, dim), norm, False)


@_fourier
def hfft2(input, s=None, dim=(-2, -1), norm=None):
    """`hfftn` over two dims.

    Example:
        >>> torch.fft.hfft2(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[10., -2.],
                [-4.,  0.]])
    """
    return _to_real("hfft2", input, *_shape_and_dims("hfft2", input, s, dim), norm, True)


@_fourier
def ihfft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `hfft2`."""
    return _from_real("ihfft2", input, *_shape_and_dims("ihfft2", input, s, dim), norm, False)


@_fourier
def fftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the coefficients of `fft`: [0, 1, ..., -2, -1] / (n * d) for samples d apart.

    Example:
        >>> torch.fft.fftfreq(3)
        tensor([ 0.0000,  0.3333, -0.3333])
    """
    k = _counted("fftfreq", n, dtype, layout, device)
    k[(n + 1) // 2 :].sub_(n)
    return _frequencies(k, n, d, dtype, requires_grad)


@_fourier
def rfftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the coefficients of `rfft`: [0, 1, ..., n // 2] / (n * d).

    Example:
        >>> torch.fft.rfftfreq(3)
        tensor([0.0000, 0.3333])
    """
    k = _counted("rfftfreq", n // 2 + 1, dtype, layout, device)
    return _frequencies(k, n, d, dtype, requires_grad)


def _counted(operator, n, dtype, layout, device):
    """0 to n - 1 as integers, which are exact, for frequencies of `dtype`."""
    if dtype is not None and not dtype.is_floating_point:
        error = NotImplementedError if dtype.is_complex else RuntimeError
        raise error(f"fft.{operator}: dtype is {dtype}; frequencies are floating.")
    return fl.arange(n, layout=layout or fl.strided, device=device)


def _frequencies(k, n, d, dtype, requires_grad):
    k = k.to(dtype or fl.get_default_dtype()).mul_(1.0 / (n * d) if n * d else math.inf)
    return k.requires_grad_() if requires_grad else k


def _shift_dims(input, dim):
    if dim is None:
        return list(range(input.dim()))
    return [dim] if hasattr(dim, "__index__") else few(dim)


def _rolled(input, shifts):
    """input rolled by shifts of (dim, shift)."""
    if len(shifts) == 1:
        ((dim, shift),) = shifts
        return fl.roll(input, shift, dim)
    return fl.roll(input, [shift for _, shift in shifts], [dim for dim, _ in shifts])


@composite(namespaces=("fft",), method=False, out=False)
def fftshift(input, dim=None):
    """The coefficients rolled so that frequency 0 stands in the middle.

    Example:
        >>> torch.fft.fftshift(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[4., 3.],
                [2., 1.]])
    """
    return _rolled(input, [(d, input.size(d) // 2) for d in _shift_dims(input, dim)])


@composite(namespaces=("fft",), method=False, out=False)
def ifftshift(input, dim=None):
    """The inverse of `fftshift`.

    Example:
        >>> torch.fft.ifftshift(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[4., 3.],
                [2., 1.]])
    """
    return _rolled(input, [(d, (input.size(d) + 1) // 2) for d in _shift_dims(input, dim)])
