"""Fourier transforms and linear algebra."""

from .case import Row, backward, family, filled


@family("fft", 64, 1000, 16384)
def fft(T, n):
    rows = max(2, 65536 // n)
    x = filled(T, rows, n)
    z = T.complex(x, filled(T, rows, n, low=0))
    flops = int(5 * rows * n * (n.bit_length() - 1))
    for name in ("fft", "ifft"):
        yield Row(f"{name} of rows", getattr(T.fft, name), z, flops=flops)
    yield Row("rfft of rows", T.fft.rfft, x, flops=flops // 2)
    yield Row("irfft of rows", T.fft.irfft, T.fft.rfft(x), flops=flops // 2)
    yield Row("fft of columns", lambda z: T.fft.fft(z, dim=0), z)
    yield Row("fft of one", T.fft.fft, z[0])
    yield Row("rfft of one", T.fft.rfft, x[0])
    yield Row("fft float64", T.fft.fft, z[:2].to(T.complex128))
    yield Row("fft of primes", T.fft.fft, z[:4, : {64: 61, 1000: 997, 16384: 16381}[n]].contiguous())  # fmt: skip
    yield Row("fftshift", T.fft.fftshift, x)
    window = T.hann_window(64)
    yield Row("stft", lambda x: T.stft(x, 64, window=window, return_complex=True), x)
    yield backward(T, "rfft, abs", lambda x: T.fft.rfft(x).abs(), x)
    side = {64: 16, 1000: 128, 16384: 256}[n]
    image = filled(T, 2, side, side)
    yield Row(f"fft2 {side}x{side}", T.fft.fft2, T.complex(image, image))
    yield Row(f"rfft2 {side}x{side}", T.fft.rfft2, image)


@family("linear algebra", 8, 64, 256)
def linalg(T, n):
    L = T.linalg
    eye = T.eye(n)
    a = filled(T, n, n) / n**0.5 + 2 * eye
    s = a @ a.T + eye
    b = filled(T, n, 4)
    third = n**3
    yield Row("solve", L.solve, a, b, flops=2 * third // 3)
    yield Row("solve, many columns", L.solve, a, s, flops=8 * third // 3)
    yield Row("inv", L.inv, a, flops=2 * third)
    yield Row("det", L.det, a, flops=2 * third // 3)
    yield Row("slogdet", L.slogdet, a, flops=2 * third // 3)
    yield Row("cholesky", L.cholesky, s, flops=third // 3)
    yield Row("qr", L.qr, a, flops=8 * third // 3)
    yield Row("svd", L.svd, a, flops=20 * third)
    yield Row("svdvals", L.svdvals, a)
    yield Row("eigh", L.eigh, s, flops=9 * third)
    yield Row("eigvalsh", L.eigvalsh, s)
    yield Row("eig", L.eig, a)
    yield Row("lstsq", L.lstsq, a, b)
    yield Row("pinv", L.pinv, a)
    yield Row("matrix_exp", T.matrix_exp, a)
    yield Row("matrix_power 5", lambda a: L.matrix_power(a, 5), a, flops=6 * third)
    yield Row("solve_triangular", lambda a, b: L.solve_triangular(a, b, upper=True), a.triu(), b)
    yield Row("lu_factor", L.lu_factor, a, flops=2 * third // 3)
    yield Row("cholesky float64", L.cholesky, s.double(), flops=2 * third // 3)
    yield Row("norm 2", lambda a: L.norm(a, 2), a)
    yield Row("cross", L.cross, filled(T, n, n, 3), filled(T, n, n, 3, low=0))
    yield Row("multi_dot", lambda a, b: L.multi_dot((a, a, b)), a, b)
    batch = a.expand(16, n, n).contiguous()[:, :32, :32].contiguous()
    right = batch[:, :, :2].contiguous()
    yield Row("solve, batch", L.solve, batch, right)
    yield Row("cholesky, batch", L.cholesky, batch @ batch.mT)
    yield Row("inv, batch", L.inv, batch)
    yield backward(T, "solve", L.solve, a, b)
    yield backward(T, "inv", L.inv, a)
    yield backward(T, "cholesky", L.cholesky, s)
    yield backward(T, "slogdet", lambda a: L.slogdet(a)[1], a)
