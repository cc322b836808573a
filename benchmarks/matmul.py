"""Matrix products: squares, long and thin ones, vectors, stacks, transposed operands, sums; float32 and float64."""

import functools

SQUARES = (8, 32, 64, 128, 256, 512, 1024, 2048)
SHAPES = (
    *((32, 400, 120), (16, 1024, 1024), (16, 4096, 256), (8, 4096, 4096), (64, 1024, 4096)),
    *((4096, 256, 16), (10000, 16, 16), (4096, 64, 64), (64, 64, 10000), (1000, 1000, 8)),
    *((16, 100000, 16), (1, 1000, 1000), (1000, 1000, 1), (4096, 4096, 1)),
)
STACKS = ((32, 128, 64, 128), (64, 32, 32, 32), (128, 16, 16, 16), (1000, 4, 4, 4))


def cases(T):
    T.manual_seed(0)

    def product(m, k, n, layout="", dtype=T.float32):
        left, right = "a" in layout, "b" in layout
        a = T.rand(k, m, dtype=dtype).t() if left else T.rand(m, k, dtype=dtype)
        b = T.rand(n, k, dtype=dtype).t() if right else T.rand(k, n, dtype=dtype)
        name = f"({m}, {k}){'.T' * left} @ ({k}, {n}){'.T' * right}"
        kind = " f64" if dtype is T.float64 else ""
        return name + kind, 1, functools.partial(T.matmul, a, b)

    for n in SQUARES:
        yield product(n, n, n)
    for n in (64, 256, 1024):
        yield product(n, n, n, "b")
        yield product(n, n, n, "a")
        yield product(n, n, n, dtype=T.float64)
    for shape in SHAPES:
        yield product(*shape)
    for shape in ((32, 400, 120), (16, 1024, 1024), (64, 1024, 4096)):
        yield product(*shape, "b")

    for batch, m, k, n in STACKS:
        a, b = T.rand(batch, m, k), T.rand(batch, k, n)
        yield f"{batch} of ({m}, {k}) @ ({k}, {n})", 1, functools.partial(T.bmm, a, b)
    a, b = T.rand(4, 12, 64, 64), T.rand(12, 64, 64)
    yield "(4, 12, 64, 64) @ (12, 64, 64)", 1, functools.partial(T.matmul, a, b)

    for m, k, n in ((1, 784, 128), (32, 400, 120), (512, 512, 512)):
        x, w, bias = T.rand(m, k), T.rand(n, k), T.rand(n)
        run = functools.partial(T.nn.functional.linear, x, w, bias)
        yield f"linear ({m}, {k}) to {n}, bias", 1, run
    c, a, b = T.rand(256, 256), T.rand(256, 256), T.rand(256, 256)
    yield "addmm 256, beta, alpha", 1, functools.partial(T.addmm, c, a, b, beta=0.5, alpha=2)
    a, b = T.rand(1000), T.rand(1000)
    yield "dot 1000", 1, functools.partial(T.dot, a, b)
