"""Products of matrices, vectors and batches, einsum, linear layers."""

from .case import Row, backward, family, filled, forward_and_backward

SHAPES = (
    *((m, k, n) for m, k, n in ((64, 784, 256), (64, 4096, 64), (32, 64, 10), (128, 128, 512), (512, 64, 512))),
    *((m, k, n) for m, k, n in ((1, 1024, 1024), (1024, 1024, 1), (4096, 3, 64), (8192, 64, 8), (17, 19, 23))),
)  # fmt: skip


@family("products", 32, 256, 1024)
def products(T, n):
    for dtype in ("float32", "float64", "bfloat16", "float16", "int64", "int32", "complex64"):
        if dtype.startswith(("int", "complex")) and n > 256:
            continue
        a, b = (filled(T, n, n, dtype="float32" if dtype == "complex64" else dtype, low=low, high=5).to(getattr(T, dtype)) for low in (-5, -4))  # fmt: skip
        yield Row(f"mm {dtype}", T.mm, a, b, flops=2 * n**3)
    a, b, v = filled(T, n, n), filled(T, n, n, low=0), filled(T, n)
    yield Row("mm, left transposed", T.mm, a.T, b, flops=2 * n**3)
    yield Row("mm, right transposed", T.mm, a, b.T, flops=2 * n**3)
    yield Row("matrix @ vector", T.mv, a, v, flops=2 * n**2)
    yield Row("vector @ matrix", T.matmul, v, a, flops=2 * n**2)
    yield Row("transposed @ vector", T.mv, a.T, v, flops=2 * n**2)
    yield Row("dot", T.dot, a.view(-1), b.view(-1), flops=2 * n**2)
    yield Row("outer", T.outer, v, v, flops=n**2)
    yield Row("addmm", T.addmm, v, a, b, flops=2 * n**3)
    yield Row("addmm_ in place", lambda c, a, b: c.addmm_(a, b), T.zeros(n, n), a * 0, b, flops=2 * n**3)  # fmt: skip
    yield Row("einsum bij,bjk", lambda a, b: T.einsum("bij,bjk->bik", a, b), *(filled(T, 8, n // 8 * 2, n // 4, low=s) for s in (0, -1)), flops=n**3) if False else Row("einsum ij,kj->ik", lambda a, b: T.einsum("ij,kj->ik", a, b), a, b, flops=2 * n**3)  # fmt: skip
    yield Row("kron 4x4", T.kron, a[: n // 4, : n // 4].contiguous(), b[:4, :4].contiguous())
    yield Row("cdist", T.cdist, a, b, flops=2 * n**3)
    batch = max(2, 4096 // n)
    p, q = filled(T, batch, n // 4, n // 2), filled(T, batch, n // 2, n // 4)
    yield Row("bmm, right transposed", T.bmm, p, q.mT.contiguous().mT, flops=batch * n**3 // 16)
    yield Row("baddbmm", T.baddbmm, p[:, :, : n // 4], p, q, flops=batch * n**3 // 16)
    yield Row("batch @ matrix", T.matmul, p, q[0], flops=batch * n**3 // 16)
    yield Row("einsum of heads", lambda a, b: T.einsum("bqhd,bkhd->bhqk", a, b), filled(T, 2, n // 4, 8, 32), filled(T, 2, n // 4, 8, 32, low=0), flops=n**2 * 32 * 2)  # fmt: skip
    yield from forward_and_backward(T, "bmm", T.bmm, p, q, flops=batch * n**3 // 16)
    yield backward(T, "mm", T.mm, a, b, flops=2 * n**3)


@family("linear", *SHAPES)
def linear(T, shape):
    m, k, n = shape
    flops = 2 * m * k * n
    x, w, b = filled(T, m, k), filled(T, n, k), filled(T, n)
    yield from forward_and_backward(T, "linear", T.nn.functional.linear, x, w, b, flops=flops)
    yield Row("mm", T.mm, x, w.T.contiguous(), flops=flops)
    yield Row("linear bfloat16", T.nn.functional.linear, x.bfloat16(), w.bfloat16(), flops=flops)
