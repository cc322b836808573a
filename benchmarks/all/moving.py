"""What only moves: copies, joins, borders, creation, random numbers, indexing, embeddings, the border to Python."""

import pickle
from functools import partial

import numpy as np

from .case import Row, backward, family, filled, forward_and_backward, indices, mask, permutation

SIZES = (1_000, 100_000, 4_000_000)


@family("moving", *SIZES)
def moving(T, n):
    x = filled(T, n)
    rows, target = x.view(-1, 100), T.zeros(n)
    yield Row("clone", T.clone, x)
    yield Row("copy_", lambda t, x: t.copy_(x), target, x)
    yield Row("copy_ from float64", lambda t, x: t.copy_(x), target, x.double())
    yield Row("clone uint8", T.clone, filled(T, n, dtype="uint8", low=0, high=9))
    yield Row("transposed copy", lambda x: x.T.contiguous(), rows)
    yield Row("transposed copy (n, 4)", lambda x: x.T.contiguous(), x.view(-1, 4))
    yield Row("transposed copy int64", lambda x: x.T.contiguous(), rows.long())
    yield Row("transposed copy bfloat16", lambda x: x.T.contiguous(), rows.bfloat16())
    yield Row("copy of [:, ::2]", lambda x: x[:, ::2].contiguous(), rows)
    yield Row("copy of [:, :50]", lambda x: x[:, :50].contiguous(), rows)
    yield Row("copy of an expanded row", lambda x: x.expand(n // 100, 100).contiguous(), rows[0])
    yield Row("cat of 2, dim 0", lambda a: T.cat((a, a)), rows)
    yield Row("cat of 2, dim 1", lambda a: T.cat((a, a), 1), rows)
    yield Row("cat of 10 parts", lambda *a: T.cat(a), *(filled(T, n // 10) for _ in range(10)))
    yield Row("stack of 4, dim 0", lambda a: T.stack((a, a, a, a)), x[: n // 4])
    yield Row("stack of 4, last", lambda a: T.stack((a, a, a, a), -1), x[: n // 4])
    yield Row("chunk of 4, cat back", lambda a: T.cat(a.chunk(4, 1)), rows)
    yield Row("repeat 3x", lambda a: a.repeat(3, 1), rows[: n // 300])
    yield Row("repeat_interleave 3", lambda a: a.repeat_interleave(3, 0), rows[: n // 300])
    yield Row("tile", lambda a: T.tile(a, (2, 2)), rows[: n // 400])
    yield Row("roll, dim 0", lambda a: T.roll(a, 3, 0), rows)
    yield Row("roll, dim 1", lambda a: T.roll(a, 3, 1), rows)
    yield Row("flip, dim 0", lambda a: T.flip(a, (0,)), rows)
    yield Row("flip, dim 1", lambda a: T.flip(a, (1,)), rows)
    yield Row("rot90", T.rot90, rows)
    yield Row("tril", T.tril, rows)
    yield Row("triu", T.triu, rows)
    yield Row("diag_embed", T.diag_embed, x[: n // 100].view(-1, 10))
    yield Row("permute 0213, copy", lambda x: x.transpose(1, 2).contiguous(), x.view(2, 5, -1, 10))
    yield Row("slice assigned", lambda t, x: t[:, 10:60].copy_(x), T.zeros(n // 100, 100), rows[:, :50])  # fmt: skip
    yield backward(T, "cat of 2, dim 1", lambda a, b: T.cat((a, b), 1), rows, rows + 1)  # fmt: skip
    yield backward(T, "flip", lambda a: T.flip(a, (1,)), rows)
    yield backward(T, "slice [:, 10:60]", lambda a: a[:, 10:60], rows)
    yield backward(T, "expand, mul", lambda a: a.expand(n // 100, 100) * 2, rows[0])


@family("planes", 2, 32, 256)
def planes(T, n):
    F = T.nn.functional
    x = filled(T, n, 16, 28, 28)
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield from forward_and_backward(T, f"pad {mode}", lambda x, m=mode: F.pad(x, (2, 2, 2, 2), m), x)  # fmt: skip
    yield from forward_and_backward(T, "pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), x)
    yield Row("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), x)
    yield Row("channel_shuffle", lambda x: F.channel_shuffle(x, 4), x)
    yield from forward_and_backward(T, "unfold 3x3", lambda x: F.unfold(x, 3, padding=1), x[:, :4])
    yield Row("fold 3x3", lambda x: F.fold(x, (28, 28), 3, padding=1), filled(T, n, 36, 784))
    yield Row("channels last", lambda x: x.contiguous(memory_format=T.channels_last), x)
    yield Row("back from channels last", lambda x: x.contiguous(), x.contiguous(memory_format=T.channels_last))  # fmt: skip
    yield Row("split heads", lambda x: x.view(n, 64, 8, 32).transpose(1, 2).contiguous(), filled(T, n, 64, 256))  # fmt: skip
    yield Row("join heads", lambda x: x.transpose(1, 2).reshape(n, 64, 256), filled(T, n, 8, 64, 32))  # fmt: skip
    yield Row("qkv unbound", lambda x: [p.contiguous() for p in x.view(n, 64, 3, 8, 32).permute(2, 0, 3, 1, 4)], filled(T, n, 64, 768))  # fmt: skip
    yield Row("patches", lambda x: x.view(n, 16, 4, 7, 4, 7).permute(0, 2, 4, 1, 3, 5).reshape(n, 16, -1), x)  # fmt: skip


@family("creation", *SIZES)
def creation(T, n):
    x = filled(T, n)
    for name in ("zeros", "ones", "empty", "arange", "randn", "rand", "randperm"):
        yield Row(name, partial(getattr(T, name), n))
    yield Row("full", lambda: T.full((n,), 2.5))
    yield Row("zeros int64", lambda: T.zeros(n, dtype=T.int64))
    yield Row("linspace", lambda: T.linspace(0, 1, n))
    yield Row("eye", lambda k=int(n**0.5): T.eye(k))
    yield Row("zeros_like", T.zeros_like, x)
    yield Row("randint", lambda: T.randint(0, 100, (n,)))
    yield Row("fill_", lambda x: x.fill_(1.5), x.clone())
    yield Row("zero_", lambda x: x.zero_(), x.clone())
    yield Row("normal_", lambda x: x.normal_(), x.clone())
    yield Row("uniform_", lambda x: x.uniform_(-1, 1), x.clone())
    yield Row("exponential_", lambda x: x.exponential_(), x.clone())
    yield Row("bernoulli", T.bernoulli, x.abs())
    yield Row("bernoulli_ 0.3", lambda x: x.bernoulli_(0.3), x.clone())
    yield Row("multinomial", lambda x: T.multinomial(x, 10, replacement=True), x.abs().view(-1, 100))  # fmt: skip
    yield Row("normal float64", lambda x: x.normal_(), x.double())
    yield Row("meshgrid, stack", lambda a: T.stack(T.meshgrid(a, a, indexing="ij"), -1), T.arange(int(n**0.5)))  # fmt: skip


@family("indexing", *SIZES)
def indexing(T, n):
    x = filled(T, n)
    rows = x.view(-1, 50)
    m = n // 50
    i, many = indices(T, m, m), indices(T, n, n)
    wide = indices(T, 50, m, 50)
    yield Row("x[i] of numbers", lambda x, i: x[i], x, many)
    yield Row("x[i] of rows", lambda x, i: x[i], rows, i)
    yield Row("x[:, i]", lambda x, i: x[:, i], rows, indices(T, 50, 25))
    yield Row("x[i, j]", lambda x, i, j: x[i, j], rows, indices(T, m, n), indices(T, 50, n, 1).view(-1))  # fmt: skip
    yield Row("x[arange, j]", lambda x, i, j: x[i, j], rows, T.arange(m), indices(T, 50, m))
    yield Row("x[mask]", lambda x, k: x[k], x, mask(T, n))
    yield Row("x[mask of rows]", lambda x, k: x[k], rows, mask(T, m))
    yield Row("index_select, dim 0", lambda x, i: x.index_select(0, i), rows, i)
    yield Row("index_select, dim 1", lambda x, i: x.index_select(1, i), rows, indices(T, 50, 50))
    yield Row("take", T.take, x, many)
    yield Row("gather, dim 1", lambda x, i: x.gather(1, i), rows, wide)
    yield Row("gather, dim 0", lambda x, i: x.gather(0, i), rows, indices(T, m, m, 50))
    yield Row("gather of (n, 4)", lambda x, i: x.gather(1, i), x.view(-1, 4), indices(T, 4, n // 4, 4))  # fmt: skip
    yield Row("take_along_dim", lambda x, i: T.take_along_dim(x, i, 1), rows, wide)
    yield Row("masked_select", T.masked_select, x, mask(T, n))
    yield Row("nonzero", T.nonzero, mask(T, n))
    yield Row("nonzero of a matrix", T.nonzero, mask(T, m, 50))
    yield Row("where(mask)", T.where, mask(T, n))
    yield Row("argwhere", T.argwhere, mask(T, m, 50))
    yield Row("x[i] = v", lambda x, i, v: x.__setitem__(i, v), x.clone(), many, x)
    yield Row("x[i] = v, rows", lambda x, i, v: x.__setitem__(i, v), rows.clone(), i, rows)
    yield Row("x[mask] = 0", lambda x, k: x.__setitem__(k, 0), x.clone(), mask(T, n))
    yield Row("x[mask] = v", lambda x, k, v: x.masked_scatter_(k, v), x.clone(), mask(T, n), x)
    yield Row("x[:, 3] = v", lambda x, v: x.__setitem__((slice(None), 3), v), rows.clone(), x[:m])
    yield Row("index_add of numbers", lambda x, i, v: x.index_add(0, i, v), x, many, x)
    yield Row("index_add_ of rows", lambda x, i, v: x.index_add_(0, i, v), T.zeros(m, 50), i, rows)
    yield Row("index_add_ to 100 rows", lambda x, i, v: x.index_add_(0, i, v), T.zeros(100, 50), indices(T, 100, m), rows)  # fmt: skip
    yield Row("index_put accumulate", lambda x, i, v: x.index_put((i,), v, accumulate=True), x, many, x)  # fmt: skip
    yield Row("index_put accumulate, rows", lambda x, i, v: x.index_put((i,), v, accumulate=True), rows, i, rows)  # fmt: skip
    yield Row("index_copy", lambda x, i, v: x.index_copy(0, i, v), rows, permutation(T, m), rows)
    yield Row("index_fill", lambda x, i: x.index_fill(0, i, 1.0), rows, i)
    yield Row("scatter, dim 1", lambda x, i, v: x.scatter(1, i, v), rows, wide, rows)
    yield Row("scatter_add, dim 1", lambda x, i, v: x.scatter_add(1, i, v), rows, wide, rows)
    yield Row("scatter_add, dim 0", lambda x, i, v: x.scatter_add(0, i, v), rows, indices(T, m, m, 50), rows)  # fmt: skip
    yield Row("scatter_add_ of numbers", lambda x, i, v: x.scatter_add_(0, i, v), T.zeros(n), many, x)  # fmt: skip
    yield Row("scatter_reduce amax", lambda x, i, v: x.scatter_reduce(0, i, v, "amax"), x, many, x)
    yield Row("one_hot", lambda i: T.nn.functional.one_hot(i, 20), indices(T, 20, n // 20))
    yield Row("bincount", T.bincount, indices(T, 100, n))
    yield Row("bincount, weights", T.bincount, indices(T, 1000, n), x)
    yield Row("histc", lambda x: T.histc(x, 100), x)
    yield backward(T, "x[i] of rows", lambda x, i: x[i], rows, i)
    yield backward(T, "x[i, j]", lambda x, i, j: x[i, j], rows, indices(T, m, n), indices(T, 50, n))
    yield backward(T, "gather", lambda x, i: x.gather(1, i), rows, wide)
    yield backward(T, "index_select, dim 1", lambda x, i: x.index_select(1, i), rows, indices(T, 50, 50))  # fmt: skip
    yield backward(T, "index_add", lambda x, i, v: x.index_add(0, i, v), rows, i, rows + 1)
    yield backward(T, "x[mask]", lambda x, k: x[k], x, mask(T, n))
    yield backward(T, "scatter_add", lambda x, i, v: x.scatter_add(1, i, v), rows, wide, rows + 1)


@family("embedding", 32, 512, 8192)
def embedding(T, n):
    F = T.nn.functional
    weight, wide = filled(T, 10_000, 64), filled(T, 1000, 768)
    i = indices(T, 10_000, n, 16)
    offsets = T.arange(0, n * 16, 16)
    yield from forward_and_backward(T, "embedding 64", lambda w, i: F.embedding(i, w), weight, i)
    yield from forward_and_backward(T, "embedding 768", lambda w, i: F.embedding(i, w), wide, i[:, 0] % 1000)  # fmt: skip
    yield backward(T, "embedding, few words", lambda w, i: F.embedding(i, w), weight, i % 10)
    for mode in ("sum", "mean", "max"):
        yield from forward_and_backward(T, f"embedding_bag {mode}", lambda w, i, m=mode: F.embedding_bag(i, w, mode=m), weight, i)  # fmt: skip
    yield Row("embedding_bag offsets", lambda w, i, o: F.embedding_bag(i, w, o, mode="sum"), weight, i.view(-1), offsets)  # fmt: skip


@family("python", *SIZES)
def python(T, n):
    n = min(n, 1_000_000)
    x = filled(T, n)
    array, values = np.ones(n, np.float32), [0.5] * min(n, 10_000)
    small = filled(T, 64)
    yield Row("numpy()", lambda: x.numpy())
    yield Row("from_numpy", lambda: T.from_numpy(array))
    yield Row("numpy() and back", lambda: T.from_numpy(x.numpy()))
    yield Row("np.asarray", lambda: np.asarray(x))
    yield Row("tensor(array)", lambda: T.tensor(array))
    yield Row("tensor(list)", lambda: T.tensor(values))
    yield Row("tensor(nested list)", lambda v=[values[:100]] * 10: T.tensor(v))
    yield Row("tensor(number)", lambda: T.tensor(1.5))
    yield Row("tolist", lambda: x.tolist())
    yield Row("item of x[i]", lambda: [small[k].item() for k in range(64)])
    yield Row("iteration", lambda: list(small))
    yield Row("float(x.sum())", lambda: float(x.sum()))
    yield Row("bool(all)", lambda: bool((x < 2).all()))
    yield Row("dlpack and back", lambda: T.from_dlpack(x))
    yield Row("pickled", lambda: pickle.loads(pickle.dumps(x)))
    yield Row("views", lambda: x.view(-1, 10)[1:, ::2].T.unsqueeze(0).flatten())
