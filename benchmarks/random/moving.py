"""What moves and picks elements, and makes them."""

from .calls import ALL, FLOATS, NUMBERS, op

# moving
op("clone", ALL, lambda T, x, more: x.clone())
op("contiguous", ALL, lambda T, x, more: x.contiguous())
op("T contiguous", ALL, lambda T, x, more: x.T.contiguous())
op("reshape", ALL, lambda T, x, more: x.reshape(-1))
op("flatten T", ALL, lambda T, x, more: x.T.flatten())
op("cat 0", ALL, lambda T, x, more: T.cat([x, more.y], 0))
op("cat 1", ALL, lambda T, x, more: T.cat([x, more.y], 1))
op("stack 0", ALL, lambda T, x, more: T.stack([x, more.y], 0))
op("stack 1", ALL, lambda T, x, more: T.stack([x, more.y], 1))
op("stack -1", ALL, lambda T, x, more: T.stack([x, more.y], -1))
op("hstack", ALL, lambda T, x, more: T.hstack([x, more.y, x]))
op("dstack", ALL, lambda T, x, more: T.dstack([x, more.y]))
op("cat mixed", NUMBERS, lambda T, x, more: T.cat([x, more.f32], 0))
op("cat cols", ALL, lambda T, x, more: T.cat([x, more.col], 1))
op("flip 0", ALL, lambda T, x, more: x.flip(0))
op("flip 1", ALL, lambda T, x, more: x.flip(1))
op("flip 01", ALL, lambda T, x, more: x.flip(0, 1))
op("roll 0", ALL, lambda T, x, more: x.roll(3, 0))
op("roll 1", ALL, lambda T, x, more: x.roll(3, 1))
op("roll", ALL, lambda T, x, more: x.roll(7))
op("rot90", ALL, lambda T, x, more: x.rot90())
op("repeat", ALL, lambda T, x, more: x.repeat(2, 2))
op("repeat 1,3", ALL, lambda T, x, more: x.repeat(1, 3))
op("repeat_interleave 0", ALL, lambda T, x, more: x.repeat_interleave(2, 0))
op("repeat_interleave 1", ALL, lambda T, x, more: x.repeat_interleave(3, 1))
op("tril", ALL, lambda T, x, more: x.tril())
op("triu", ALL, lambda T, x, more: x.triu(1))
op("diag", ALL, lambda T, x, more: x.diagonal().clone())
op("diag_embed", ALL, lambda T, x, more: x[:10, :50].diag_embed())
op("chunk cat", ALL, lambda T, x, more: T.cat(x[:, : x.shape[1] // 4 * 4].chunk(4, 1), 0))
op("unfold clone", ALL, lambda T, x, more: x.unfold(1, 8, 4).clone())
op("slice clone", ALL, lambda T, x, more: x[:, 1:-1].clone())
op("step clone", ALL, lambda T, x, more: x[::2, ::2].clone())
op("kron", NUMBERS, lambda T, x, more: T.kron(x[:50, :50], more.y[:7, :7]))
op("outer", NUMBERS, lambda T, x, more: T.outer(x[0], x[:, 0]))
op("cartesian", NUMBERS, lambda T, x, more: T.cartesian_prod(x[0], x[:, 0]))
op("meshgrid stack", NUMBERS, lambda T, x, more: T.stack(T.meshgrid(x[0], x[:, 0], indexing="ij")))
op("vander", FLOATS, lambda T, x, more: T.vander(x[:, 0], 8))
op("combinations", NUMBERS, lambda T, x, more: T.combinations(x[0, :40]))
op("block_diag", NUMBERS, lambda T, x, more: T.block_diag(x[:40, :40], x[:30, :20]))
op("movedim", ALL, lambda T, x, more: x.reshape(x.shape[0], 2, -1).movedim(0, 1).contiguous())
op("permute 3", ALL, lambda T, x, more: x.reshape(x.shape[0], 5, -1).permute(2, 0, 1).contiguous())
op("expand clone", ALL, lambda T, x, more: x[:1].expand(*x.shape).clone())
for m in ("constant", "reflect", "replicate", "circular"):
    op(
        f"pad {m}",
        ALL if m == "constant" else FLOATS,
        lambda T, x, more, m=m: T.nn.functional.pad(x[None], (2, 3), mode=m),
    )
op("pad 2d", ALL, lambda T, x, more: T.nn.functional.pad(x, (1, 2, 3, 1)))
for d in ALL:
    op("to " + d, ALL, lambda T, x, more, d=d: x.to(getattr(T, d)))
op("to float16", ALL, lambda T, x, more: x.to(T.float16))
op("to int32", ALL, lambda T, x, more: x.to(T.int32))
op("to complex64", NUMBERS, lambda T, x, more: x.to(T.complex64))
op("to int8", ALL, lambda T, x, more: x.to(T.int8))
op("one_hot", ("int64",), lambda T, x, more: T.nn.functional.one_hot(x[:, :20], 40))
# indexing
op("x[i]", ALL, lambda T, x, more: x[more.i0])
op("x[:, i]", ALL, lambda T, x, more: x[:, more.i1])
op("x[i, j]", ALL, lambda T, x, more: x[more.i0, more.j0])
op("x[i][:, j] grid", ALL, lambda T, x, more: x[more.i0[:, None], more.i1])
op("index_select 0", ALL, lambda T, x, more: x.index_select(0, more.i0))
op("index_select 1", ALL, lambda T, x, more: x.index_select(1, more.i1))
op("index_select few", ALL, lambda T, x, more: x.index_select(1, more.i1[:7]))
op("index_select few 0", ALL, lambda T, x, more: x.index_select(0, more.i0[:7]))
op("gather 0", ALL, lambda T, x, more: x.gather(0, more.g0))
op("gather 1", ALL, lambda T, x, more: x.gather(1, more.g1))
op("gather 1 col", ALL, lambda T, x, more: x.gather(1, more.g1[:, :1]))
op("take", ALL, lambda T, x, more: x.take(more.t))
op("take_along", ALL, lambda T, x, more: T.take_along_dim(x, more.g1, 1))
op("masked_select", ALL, lambda T, x, more: x.masked_select(more.m))
op("x[mask]", ALL, lambda T, x, more: x[more.m])
op("x[mask rows]", ALL, lambda T, x, more: x[more.mr])
op("x[:, mask cols]", ALL, lambda T, x, more: x[:, more.mc])
op("scatter 1", ALL, lambda T, x, more: x.scatter(1, more.g1, more.y))
op("scatter 0", ALL, lambda T, x, more: x.scatter(0, more.g0, more.y))
op("scatter number", ALL, lambda T, x, more: x.scatter(1, more.g1, 1))
op("scatter_add 1", NUMBERS, lambda T, x, more: x.scatter_add(1, more.g1, more.y))
op("scatter_add 0", NUMBERS, lambda T, x, more: x.scatter_add(0, more.g0, more.y))
op("scatter_reduce amax", NUMBERS, lambda T, x, more: x.scatter_reduce(1, more.g1, more.y, "amax"))
op("scatter_reduce mean", FLOATS, lambda T, x, more: x.scatter_reduce(0, more.g0, more.y, "mean"))
op("index_add 0", NUMBERS, lambda T, x, more: x.index_add(0, more.i0, more.y))
op("index_add 1", NUMBERS, lambda T, x, more: x.index_add(1, more.i1, more.y))
op("index_copy 0", ALL, lambda T, x, more: x.index_copy(0, more.p0, more.y))
op("index_fill 0", ALL, lambda T, x, more: x.index_fill(0, more.i0, 1))
op("index_fill 1", ALL, lambda T, x, more: x.index_fill(1, more.i1[:9], 1))
op("index_put", ALL, lambda T, x, more: x.index_put((more.i0,), more.y))
op("index_put acc", NUMBERS, lambda T, x, more: x.index_put((more.i0,), more.y, accumulate=True))
op("index_put ij", ALL, lambda T, x, more: x.index_put((more.i0, more.j0), more.y[:, 0]))
op("index_reduce", NUMBERS, lambda T, x, more: x.index_reduce(0, more.i0, more.y, "amax"))
op("masked_scatter", ALL, lambda T, x, more: x.masked_scatter(more.m, more.y))
op("put", ALL, lambda T, x, more: x.put(more.t, more.y))
op("select_scatter", ALL, lambda T, x, more: x.select_scatter(more.y[:, 0], 1, 3))
op("slice_scatter", ALL, lambda T, x, more: x.slice_scatter(more.y[:, :5], 1, 2, 7))
op("diagonal_scatter", ALL, lambda T, x, more: x.diagonal_scatter(more.y.diagonal()))


def setitem(k):
    def f(T, x, more):
        more.out[k(more)] = x[k(more)]
        return more.out

    return f


op("x[:, 3] = v", ALL, setitem(lambda more: (slice(None), 3)))
op("x[1:-1, 2:-2] = v", ALL, setitem(lambda more: (slice(1, -1), slice(2, -2))))
op("x[::2] = v", ALL, setitem(lambda more: (slice(None, None, 2),)))


def setmask(T, x, more):
    more.out[more.m] = 0
    return more.out


op("x[mask] = 0", ALL, setmask)
# creation
for n in ("zeros_like", "ones_like", "empty_like"):
    op(n, ALL, lambda T, x, more, n=n: getattr(T, n)(x))
op("full_like", ALL, lambda T, x, more: T.full_like(x, 1))
op("new_full", ALL, lambda T, x, more: x.new_full(x.shape, 1))
op(
    "arange",
    NUMBERS,
    lambda T, x, more: T.arange(100 if x.dtype == T.uint8 else x.numel(), dtype=x.dtype),
)
op("linspace", FLOATS, lambda T, x, more: T.linspace(0, 1, x.numel(), dtype=x.dtype))
op("logspace", FLOATS, lambda T, x, more: T.logspace(0, 1, x.numel(), dtype=x.dtype))
op("eye", ALL, lambda T, x, more: T.eye(*x.shape, dtype=x.dtype))
op("tril_indices", ("int64",), lambda T, x, more: T.tril_indices(*x.shape))
op("hann", FLOATS[:2], lambda T, x, more: T.hann_window(x.numel(), dtype=x.dtype))
op("randperm", ("int64",), lambda T, x, more: T.randperm(x.numel()))
op("rand", FLOATS, lambda T, x, more: T.rand(x.shape, dtype=x.dtype))
op("randn", FLOATS, lambda T, x, more: T.randn(x.shape, dtype=x.dtype))
op("randint", NUMBERS, lambda T, x, more: T.randint(0, 100, x.shape, dtype=x.dtype))
