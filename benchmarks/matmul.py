"""Matrix products, float32."""

import functools

SHAPES = (
    *((256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)),
    *((32, 400, 120), (4096, 256, 16), (16, 4096, 256)),
)


def cases(T):
    T.manual_seed(0)
    for m, k, n in SHAPES:
        a, b = T.rand(m, k), T.rand(k, n)
        goal = 1 if min(m, k, n) >= 256 else None
        yield f"({m}, {k}) @ ({k}, {n})", goal, functools.partial(T.matmul, a, b)
    x, w, bias = T.rand(512, 512), T.rand(512, 512), T.rand(512)
    yield "linear 512, bias", None, functools.partial(T.nn.functional.linear, x, w, bias)
    a, b = T.rand(32, 128, 64), T.rand(32, 64, 128)
    yield "bmm 32 of (128, 64) @ (64, 128)", None, functools.partial(T.bmm, a, b)
