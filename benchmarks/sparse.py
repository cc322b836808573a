"""Sparse tensors: a step with a sparse embedding, products, coalesce, conversions, softmax."""

EFFORT = {"rounds": 5, "block_s": 0.02}


def matrix(T, rows, columns, nnz):
    T.manual_seed(0)
    index = T.stack([T.randint(0, rows, (nnz,)), T.randint(0, columns, (nnz,))])
    return T.sparse_coo_tensor(index, T.rand(nnz), (rows, columns))


def step(T, optimizer, rows, width, batch):
    T.manual_seed(0)
    table = T.nn.Embedding(rows, width, sparse=True)
    chosen = T.randint(0, rows, (batch,))
    rule = optimizer(table.parameters())

    def run():
        rule.zero_grad()
        table(chosen).pow(2).sum().backward()
        rule.step()

    return run


def cases(T):
    rules = {
        "SGD": lambda p: T.optim.SGD(p, 0.01),
        "Adagrad": lambda p: T.optim.Adagrad(p, 0.01),
        "SparseAdam": lambda p: T.optim.SparseAdam(list(p), 0.01),
    }
    for name, rule in rules.items():
        for rows, width, batch in ((10_000, 16, 32), (100_000, 64, 1024), (1_000_000, 64, 8192)):
            yield f"{name} step {rows}x{width}, {batch}", 1.0, step(T, rule, rows, width, batch)
    bag = T.nn.EmbeddingBag(100_000, 64, mode="sum", sparse=True)
    words, starts = T.randint(0, 100_000, (4096,)), T.arange(0, 4096, 16)
    yield (
        "EmbeddingBag forward, backward",
        1.0,
        lambda: bag(words, starts).sum().backward() or bag.zero_grad(),
    )
    for size, nnz in ((1000, 10_000), (10_000, 100_000), (100_000, 1_000_000)):
        a = matrix(T, size, size, nnz)
        ordered = a.coalesce()
        rows = ordered.to_sparse_csr()
        where = f"{size}, {nnz}"
        vector = T.rand(size)
        yield f"coalesce {where}", 1.0, lambda a=a: a.coalesce()
        yield f"COO to CSR {where}", 1.0, lambda a=ordered: a.to_sparse_csr()
        yield f"CSR to COO {where}", 1.0, lambda a=rows: a.to_sparse_coo()
        other = matrix(T, size, size, nnz).t().coalesce()
        yield f"COO + COO {where}", 1.0, lambda a=ordered, b=other: a + b
        yield f"COO * COO {where}", 1.0, lambda a=ordered, b=other: a * b
        yield f"COO * 2 {where}", 1.0, lambda a=ordered: a * 2
        yield f"softmax {where}", 1.0, lambda a=ordered: T.sparse.softmax(a, 1)
        yield f"sum over dim 0 {where}", 1.0, lambda a=ordered: T.sparse.sum(a, 0)
        yield f"CSR @ vector {where}", 1.0, lambda a=rows, v=vector: a @ v
        yield f"COO @ vector {where}", 1.0, lambda a=ordered, v=vector: a @ v
        for width in (16, 64):
            dense = T.rand(size, width)
            yield f"CSR @ dense {width} {where}", 1.0, lambda a=rows, d=dense: a @ d
            yield f"COO @ dense {width} {where}", 1.0, lambda a=ordered, d=dense: a @ d
        yield f"CSR @ CSR {where}", 1.0, lambda a=rows: a @ a
        yield f"COO @ COO {where}", 1.0, lambda a=ordered: T.sparse.mm(a, a)
    weights = matrix(T, 10_000, 10_000, 100_000).coalesce().requires_grad_()
    dense = T.rand(10_000, 32, requires_grad=True)

    def both_ways():
        weights.grad = dense.grad = None
        T.sparse.mm(weights, dense).sum().backward()

    yield "COO @ dense 32, backward", 1.0, both_ways
    x = T.rand(1000, 1000)
    x[x < 0.9] = 0
    yield "to_sparse 1000x1000", 1.0, lambda: x.to_sparse()
    yield "to_sparse_csr 1000x1000", 1.0, lambda: x.to_sparse_csr()
    half = x.to_sparse()
    yield "to_dense 1000x1000", 1.0, lambda: half.to_dense()
    yield "dense * COO 1000x1000", 1.0, lambda: half * x
