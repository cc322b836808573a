"""Reductions, scans, sorting and searching."""

from .calls import ALL, FLOATS, INTEGERS, NUMBERS, op

# reductions
for n in "sum mean prod amax amin any all std var nansum count_nonzero logsumexp nanmean".split():
    d = (
        ALL
        if n in ("any", "all", "sum", "count_nonzero", "amax", "amin")
        else NUMBERS
        if n in ("prod", "nansum")
        else FLOATS
    )
    for dim in (None, 0, 1):
        if dim is None and n == "logsumexp":
            continue
        op(
            f"{n} {dim}",
            d,
            lambda T, x, more, n=n, dim=dim: (
                getattr(T, n)(x) if dim is None else getattr(T, n)(x, dim)
            ),
        )
for n in "max min argmax argmin aminmax".split():
    for dim in (None, 0, 1):
        op(
            f"{n} {dim}",
            NUMBERS + (("bool",) if n in ("max", "min", "aminmax") else ()),
            lambda T, x, more, n=n, dim=dim: (
                getattr(T, n)(x) if dim is None else (getattr(T, n)(x, dim=dim))
            ),
        )
for n in "median nanmedian mode".split():
    for dim in (0, 1):
        op(
            f"{n} {dim}",
            NUMBERS if n != "nanmedian" else FLOATS,
            lambda T, x, more, n=n, dim=dim: getattr(T, n)(x, dim),
        )
op("median None", NUMBERS, lambda T, x, more: T.median(x))
op("quantile 1", FLOATS[:2], lambda T, x, more: T.quantile(x, 0.3, 1))
op("quantile 0", FLOATS[:2], lambda T, x, more: T.quantile(x, 0.3, 0))
op("kthvalue 1", NUMBERS, lambda T, x, more: x.kthvalue(5, 1))
op("kthvalue 0", NUMBERS, lambda T, x, more: x.kthvalue(5, 0))
for p in (1, 2, 3, float("inf"), 0):
    op(f"norm {p} None", FLOATS, lambda T, x, more, p=p: T.linalg.vector_norm(x, p))
    op(f"norm {p} 1", FLOATS, lambda T, x, more, p=p: T.linalg.vector_norm(x, p, 1))
    op(f"norm {p} 0", FLOATS, lambda T, x, more, p=p: T.linalg.vector_norm(x, p, 0))
op("dist", FLOATS, lambda T, x, more: T.dist(x, more.y))
op("std_mean 1", FLOATS, lambda T, x, more: T.std_mean(x, 1))
op("var_mean 0", FLOATS, lambda T, x, more: T.var_mean(x, 0))
op("sum float64", NUMBERS, lambda T, x, more: x.sum(1, dtype=T.float64))
op("sum keepdim", NUMBERS, lambda T, x, more: x.sum(1, keepdim=True))
op("mean dtype", NUMBERS, lambda T, x, more: x.mean(0, dtype=T.float32))
op("trace", NUMBERS, lambda T, x, more: x.trace())
op("corrcoef", FLOATS[:2], lambda T, x, more: T.corrcoef(x[:20]))
op("cov", FLOATS[:2], lambda T, x, more: T.cov(x[:20]))
for n in "cumsum cumprod cummax cummin logcumsumexp".split():
    for dim in (0, 1):
        op(
            f"{n} {dim}",
            (FLOATS if n == "logcumsumexp" else NUMBERS),
            lambda T, x, more, n=n, dim=dim: getattr(T, n)(x, dim),
        )
for dim in (0, 1):
    op(f"diff {dim}", ALL, lambda T, x, more, dim=dim: x.diff(dim=dim))
op("gradient", FLOATS, lambda T, x, more: T.gradient(x))
# order
for dim in (0, 1):
    op(f"sort {dim}", ALL, lambda T, x, more, dim=dim: x.sort(dim))
    op(f"sort desc {dim}", NUMBERS, lambda T, x, more, dim=dim: x.sort(dim, descending=True))
    op(f"argsort {dim}", NUMBERS, lambda T, x, more, dim=dim: x.argsort(dim))
    op(f"topk {dim}", NUMBERS, lambda T, x, more, dim=dim: x.topk(5, dim))
    op(f"sort stable {dim}", NUMBERS, lambda T, x, more, dim=dim: x.sort(dim=dim, stable=True))
    op(f"topk low {dim}", NUMBERS, lambda T, x, more, dim=dim: x.topk(5, dim, largest=False))
op("topk half", NUMBERS, lambda T, x, more: x.topk(x.shape[1] // 2, 1))
op("msort", NUMBERS, lambda T, x, more: T.msort(x))
op("sort flat", NUMBERS, lambda T, x, more: x.reshape(-1).sort())
op("topk flat", NUMBERS, lambda T, x, more: x.reshape(-1).topk(10))
op("unique", ALL, lambda T, x, more: x.unique())
op("unique inverse", NUMBERS, lambda T, x, more: x.unique(return_inverse=True, return_counts=True))
op("unique_consecutive", ALL, lambda T, x, more: x.unique_consecutive())
op("unique dim", INTEGERS, lambda T, x, more: x.unique(dim=0))
op("searchsorted", NUMBERS, lambda T, x, more: T.searchsorted(more.edges, x))
op("bucketize", NUMBERS, lambda T, x, more: T.bucketize(x, more.edges))
op("isin", NUMBERS, lambda T, x, more: T.isin(x, more.edges))
op("histc", FLOATS[:2], lambda T, x, more: T.histc(x, 50))
op("bincount", ("uint8", "int64"), lambda T, x, more: T.bincount(x.reshape(-1)))
op("histogram", FLOATS[:2], lambda T, x, more: T.histogram(x, 20)[0])
op("nonzero", ALL, lambda T, x, more: x.nonzero())
op("argwhere", ALL, lambda T, x, more: T.argwhere(x))
op("count unique", INTEGERS, lambda T, x, more: x.unique(return_counts=True))
