"""Fourier transforms of float32 and complex64 signals: short, long, of primes, in two and three dimensions."""

CASES = (
    *(("fft", (64,)), ("rfft", (64,)), ("fft", (1024,)), ("fft", (4096,)), ("fft", (1 << 16,))),
    *(("fft", (1 << 20,)), ("rfft", (1 << 20,)), ("rfft", (200_000,)), ("fft", (10_007,))),
    *(("fft", (10_000, 16)), ("fft", (256, 256)), ("fft", (64, 1000)), ("fft", (64, 1024))),
    *(("fft", (64, 2048)), ("fft", (16, 8192)), ("rfft", (64, 1024)), ("irfft", (64, 513))),
    *(("rfft", (1000, 400)), ("fft", (100, 127)), ("fft", (100, 1009)), ("rfft", (100, 401))),
    *(("fft2", (256, 256)), ("fft2", (8, 3, 224, 224)), ("fft2", (1024, 1024))),
    *(("rfft2", (512, 512)), ("irfft2", (512, 257)), ("fftn", (64, 64, 64))),
)


def cases(T):
    T.manual_seed(0)
    for name, shape in CASES:
        x = T.randn(shape) if name.startswith("r") else T.complex(T.randn(shape), T.randn(shape))
        transform = getattr(T.fft, name)
        yield f"{name} {'x'.join(map(str, shape))}", 1, lambda x=x, f=transform: f(x)
