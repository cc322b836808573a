"""Products with sparse tensors."""

import pytest

import flambeau as torch


def test_linear_without_features():
    weight = torch.zeros(3, 0).to_sparse()
    got = torch.nn.functional.linear(torch.zeros(2, 4, 0), weight, torch.ones(3))
    assert torch.equal(got, torch.ones(2, 4, 3))


def matrix(rows, columns, per_row, dtype=torch.float32):
    """Of compressed rows, some of them empty and one full."""
    torch.manual_seed(0)
    dense = torch.randn(rows, columns, dtype=dtype)
    dense[torch.rand(rows, columns) > per_row / columns] = 0
    if rows > 2:
        dense[1], dense[2] = 0, torch.randn(columns, dtype=dtype)
    return dense, dense.to_sparse_csr()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "size", [(1, 1, 1), (5, 3, 2), (40, 700, 20), (300, 33, 1), (3, 2000, 900)]
)
def test_rows_times_vectors_and_matrices(size, dtype):
    dense, rows = matrix(*size, dtype)
    for other in (torch.randn(size[1], dtype=dtype), torch.randn(size[1], 5, dtype=dtype)):
        close = lambda got: torch.allclose(got, dense @ other, atol=1e-4)
        assert close(rows @ other) and close(torch.matmul(rows, other))
        assert close(torch.mv(rows, other) if other.ndim == 1 else torch.mm(rows, other))
        recorded = other.clone().requires_grad_()  # by the rule in Python
        assert torch.equal(rows @ recorded, rows @ other)
    square, other = matrix(size[1], size[1], 3, dtype)
    product = rows @ other
    assert product.layout == torch.sparse_csr
    assert torch.allclose(product.to_dense(), dense @ square, atol=1e-4)
    recorded = torch.mm(rows.clone().requires_grad_(), other)
    assert torch.equal(recorded.col_indices(), product.col_indices())
    assert torch.allclose(recorded.values(), product.values(), atol=1e-5)


def test_conversions_between_rows_and_places():
    dense, rows = matrix(30, 20, 4)
    places = rows.to_sparse_coo()
    assert places.is_coalesced() and torch.equal(places.to_dense(), dense)
    again = places.to_sparse_csr()
    for part in ("crow_indices", "col_indices", "values"):
        assert torch.equal(getattr(again, part)(), getattr(rows, part)())
    twice = torch.sparse_coo_tensor([[1, 0, 1], [0, 1, 0]], [1.0, 2.0, 3.0], (2, 2))
    assert twice.to_sparse_csr().to_dense().tolist() == [[0, 2], [4, 0]]
    places.requires_grad_()
    places.to_sparse_csr().to_dense().square().sum().backward()
    assert torch.allclose(places.grad.to_dense(), 2 * dense)


@pytest.mark.parametrize("extent", [1, 40, 70_000])
def test_conversions_in_chunks(extent):
    torch.manual_seed(0)
    rows = torch.randint(0, extent, (100_000,)).sort().values
    if extent > 1:
        rows[rows >= extent - 20] = extent // 2  # empty ones at the end
        rows = rows.sort().values
    columns = torch.arange(100_000)
    places = torch.sparse_coo_tensor(
        torch.stack([rows, columns]), torch.ones(100_000), (extent, 100_000), is_coalesced=True
    )
    made = places.to_sparse_csr()
    counts = torch.bincount(rows, minlength=extent)
    assert torch.equal(made.crow_indices()[1:], counts.cumsum(0)) and made.crow_indices()[0] == 0
    assert torch.equal(made.to_sparse_coo().indices(), places.indices())


def test_products_of_rows_refuse_what_does_not_fit():
    dense, rows = matrix(4, 6, 2)
    for call, text in (
        (lambda: rows @ torch.ones(4), "inner dimensions differ"),
        (lambda: torch.mv(rows, torch.ones(6, 1)), "takes a matrix and a vector"),
        (lambda: torch.mm(rows, torch.ones(6)), "must be a matrix"),
        (lambda: rows @ torch.ones(6, dtype=torch.float64), "float32 and torch.float64"),
    ):
        with pytest.raises(RuntimeError, match=text):
            call()
    assert (rows @ torch.ones(6, 0)).shape == (4, 0)
    outside = torch.sparse_csr_tensor(
        torch.tensor([0, 20]), torch.arange(20), torch.ones(20), (1, 20), check_invariants=False
    )
    outside.col_indices()[3] = 20
    with pytest.raises(IndexError, match="outside of the 20 columns"):
        outside @ torch.ones(20)
    outside.col_indices()[3] = -1
    with pytest.raises(IndexError, match="outside of the 20 columns"):
        outside @ torch.ones(20, 3)


def test_the_same_bits_for_any_number_of_threads():
    before, results = torch.get_num_threads(), []
    torch.manual_seed(0)
    index = torch.stack([torch.randint(0, 9000, (90_000,)), torch.randint(0, 9000, (90_000,))])
    rows = (
        torch.sparse_coo_tensor(index, torch.rand(90_000), (9000, 9000)).coalesce().to_sparse_csr()
    )
    vector = torch.rand(9000)
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append((rows @ vector, (rows @ rows).values()))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_gradients_go_through_compressed_rows_without_entries():
    for size in ((0, 3), (3, 0), (2, 3)):
        x = torch.zeros(size, requires_grad=True)
        (grad,) = torch.autograd.grad(x.to_sparse_csr().to_dense(), x, torch.ones(size))
        assert grad.to_dense().shape == size


def test_a_kept_order_is_found_out_when_indices_are_written():
    """Products by the transposed matrix keep its order; it must not outlive the indices, however those were written."""
    torch.manual_seed(0)
    x = torch.randn(4, 3)

    def check(sparse):
        expected = sparse.to_dense().t() @ torch.ones(4, 3)
        for _ in range(2):
            dense = x.clone().requires_grad_()
            torch.sparse.mm(sparse, dense).sum().backward()
            assert torch.allclose(dense.grad, expected)
            assert torch.allclose(x.t() @ sparse, x.t() @ sparse.to_dense())

    places = torch.tensor([[0, 0, 1, 2, 3], [2, 0, 1, 3, 0]])
    coalesced = torch.sparse_coo_tensor(places, torch.randn(5), (4, 4)).coalesce()
    unordered = torch.sparse_coo_tensor(places.flip(1), torch.randn(5), (4, 4))
    rows = coalesced.to_sparse_csr()
    columns = coalesced.to_sparse_csc()
    for sparse in (coalesced, unordered, rows, columns):
        check(sparse)
        indices = sparse._indices()[1] if sparse.layout == torch.sparse_coo else None
        if indices is None:
            compressed = sparse.layout == torch.sparse_csr
            indices = sparse.col_indices() if compressed else sparse.row_indices()
        indices.data[0] = 1  # a write that no version tells of
        check(sparse)
        indices.numpy()[:] = indices.numpy()[::-1].copy()
        check(sparse)
    check(coalesced.detach())
    coalesced.zero_()
    check(coalesced)
