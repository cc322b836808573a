"""Sparse tensors: how they are made, converted, computed with, printed and kept."""

import copy
import io
import pickle

import numpy as np
import pytest

import flambeau as torch

LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc]
DTYPES = [
    torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.complex64, torch.complex128,
]  # fmt: skip


def matrix(dtype=torch.float32, rows=4, columns=6):
    torch.manual_seed(0)
    x = torch.randint(-3, 4, (rows, columns)) * (torch.rand(rows, columns) < 0.4)
    return x.abs().to(dtype) if dtype in (torch.uint8, torch.bool) else x.to(dtype)


def in_layout(x, layout):
    blocks = {"blocksize": (2, 3)} if layout in (torch.sparse_bsr, torch.sparse_bsc) else {}
    return x.to_sparse(layout=layout, **blocks)


def duplicates(dtype=torch.float32):
    return torch.sparse_coo_tensor(
        [[1, 0, 1, 1], [2, 1, 2, 0]], torch.tensor([1, 2, 3, 4], dtype=dtype), (3, 4)
    )


# ------------------------------------------------------------------------------------------------ making


def test_coo_from_lists_arrays_and_tensors():
    for indices in ([[0, 1], [2, 0]], np.array([[0, 1], [2, 0]]), torch.tensor([[0, 1], [2, 0]])):
        t = torch.sparse_coo_tensor(indices, [3.0, 4.0], (2, 3))
        assert t.layout is torch.sparse_coo and t.is_sparse and not t.is_sparse_csr
        assert t.to_dense().tolist() == [[0, 0, 3], [4, 0, 0]]
    assert torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0]).shape == (2, 3)
    assert torch.sparse_coo_tensor((2, 3))._nnz() == 0
    assert type(t) is torch.Tensor and len(t) == 2 and t.numel() == 6 and t.dim() == 2


def test_options_of_constructors():
    t = torch.sparse_coo_tensor([[0]], [1], (2,), dtype=torch.float64, requires_grad=True)
    assert t.dtype is torch.float64 and t.requires_grad and t.is_leaf
    meta = torch.sparse_coo_tensor([[0]], [1.0], (2,), device="meta")
    assert meta.is_meta and meta.is_sparse
    with pytest.raises(RuntimeError, match="pin_memory"):
        torch.sparse_coo_tensor([[0]], [1.0], (2,), pin_memory=True)
    with pytest.raises(RuntimeError, match="layout is torch.sparse_csr"):
        torch.sparse_coo_tensor([[0]], [1.0], (2,), layout=torch.sparse_csr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[5]], [1.0], (3,)), "an index of dim 0 is 5, but the size there is 3"),
        (([[-1]], [1.0], (3,)), "an index of dim 0 is negative"),
        (([[0, 1]], [1.0], (3,)), "there are 2 indices, but values are"),
        (([[0]], [1.0], (3, 3)), "size .* has 2 dims"),
        (([[0]], [[1.0, 2.0]], (3, 3)), "the dense sizes are"),
        (([0], [1.0], (3,)), "they must be a matrix"),
        (([[0]], [1.0], (-3,)), "negative extent"),
    ],
)
def test_parts_of_coo_must_fit(arguments, message):
    with pytest.raises(RuntimeError, match=message):
        torch.sparse_coo_tensor(*arguments, check_invariants=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0, 1], [1.0, 2.0], (1, 2)), "must end with 2"),
        (([1, 2], [0, 1], [1.0, 2.0], (1, 2)), "must begin with 0"),
        (([0, 2, 1], [0], [1.0], (2, 2)), "must not fall"),
        (([0, 1], [2], [1.0], (1, 2)), "from 0 to 1"),
        (([0, 2], [1, 0], [1.0, 2.0], (1, 2)), "in order, each once"),
        (([0, 1], [0], [1.0], (3, 2)), "compressed indices are"),
        (([0, 1], [0, 1], [1.0], (1, 2)), "values are|plain indices are"),
    ],
)
def test_parts_of_csr_must_fit(arguments, message):
    with pytest.raises(RuntimeError, match=message):
        torch.sparse_csr_tensor(*arguments, check_invariants=True)


def test_invariants_are_checked_where_it_is_said():
    check = torch.sparse.check_sparse_tensor_invariants
    assert not check.is_enabled()
    bad = torch.sparse_coo_tensor([[5]], [1.0], (3,))  # not looked at, and harmless all the same
    with pytest.raises(IndexError):
        bad.to_dense()
    with check():
        assert check.is_enabled()
        with pytest.raises(RuntimeError, match="the size there is 3"):
            torch.sparse_coo_tensor([[5]], [1.0], (3,))
        with check(False):
            torch.sparse_coo_tensor([[5]], [1.0], (3,))
    assert not check.is_enabled()
    check.enable()
    assert check.is_enabled()
    check.disable()
    with pytest.raises(RuntimeError, match="the size there is 3"):
        check()(torch.sparse_coo_tensor)([[5]], [1.0], (3,))


def test_older_types():
    t = torch.sparse.FloatTensor(torch.tensor([[0], [1]]), torch.tensor([2.0]), torch.Size((2, 2)))
    assert isinstance(t, torch.sparse.FloatTensor) and not isinstance(t, torch.sparse.LongTensor)
    assert t.type() == "torch.sparse.FloatTensor" and torch.sparse.DoubleTensor(2, 3).shape == (
        2,
        3,
    )


def test_factories_with_a_layout():
    assert torch.zeros(2, 3, layout=torch.sparse_coo)._nnz() == 0
    assert torch.empty(2, 3, layout=torch.sparse_csr, dtype=torch.float64).dtype is torch.float64
    assert torch.zeros_like(torch.ones(2, 2), layout=torch.sparse_coo).is_sparse
    with pytest.raises(RuntimeError, match="ones: layout"):
        torch.ones(2, 3, layout=torch.sparse_coo)
    t = duplicates()
    assert torch.zeros_like(t)._nnz() == 0 and torch.empty_like(t).shape == t.shape
    assert t.new_zeros(2, 2).is_sparse


# ------------------------------------------------------------------------------------------- conversions


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_conversions_keep_every_element(layout, dtype):
    x = matrix(dtype)
    t = in_layout(x, layout)
    assert t.layout is layout and t.dtype is dtype and torch.equal(t.to_dense(), x)
    for other in LAYOUTS:
        assert torch.equal(in_layout(t, other).to_dense(), x)
    assert torch.equal(t.clone().to_dense(), x) and torch.equal(t.detach().to_dense(), x)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0), (1, 1), (65, 3)])
@pytest.mark.parametrize("layout", LAYOUTS[:3])
def test_empty_and_odd_sizes(shape, layout):
    x = torch.ones(shape)
    t = x.to_sparse(layout=layout)
    assert t._nnz() == x.numel() and torch.equal(t.to_dense(), x)
    assert torch.equal((t @ torch.ones(shape[1], 2)), x @ torch.ones(shape[1], 2))
    assert t.sum().item() == x.numel()
    assert torch.equal(t.t().to_dense(), x.t())


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_batches_of_compressed_matrices(layout):
    x = torch.stack([matrix(), matrix().flip(0)])
    t = in_layout(x, layout)
    assert (
        t.shape == x.shape and torch.equal(t.to_dense(), x) and torch.equal(t[1].to_dense(), x[1])
    )
    uneven = torch.stack([torch.ones(4, 6), torch.zeros(4, 6)])
    with pytest.raises(RuntimeError, match="as many entries each"):
        in_layout(uneven, layout)


def test_hybrid_tensors():
    x = torch.zeros(3, 4, 2)
    x[0, 1] = torch.tensor([1.0, 0.0])
    t = x.to_sparse(2)
    assert (t.sparse_dim(), t.dense_dim(), t._nnz()) == (2, 1, 1)
    assert t.values().tolist() == [[1, 0]] and torch.equal(t.to_dense(), x)
    assert torch.equal(x.to_sparse_csr(dense_dim=1).to_dense(), x)
    assert torch.equal(torch.sparse.sum(t, 2).to_dense(), x.sum(2))


def test_blocks_must_fill_the_matrix():
    with pytest.raises(RuntimeError, match="do not fill"):
        matrix().to_sparse_bsr((3, 3))
    with pytest.raises(RuntimeError, match="needs blocksize"):
        matrix().to_sparse(layout=torch.sparse_bsr)


def test_index_dtype_of_csr_stays():
    t = torch.sparse_csr_tensor(
        torch.tensor([0, 1, 2], dtype=torch.int32),
        torch.tensor([1, 0], dtype=torch.int32),
        [1.0, 2.0],
        (2, 2),
    )
    assert t.crow_indices().dtype is torch.int32 and (t @ torch.eye(2)).tolist() == [[0, 1], [2, 0]]


# -------------------------------------------------------------------------------------------------- parts


def test_coalesce():
    t = duplicates()
    assert not t.is_coalesced() and t._nnz() == 4
    c = t.coalesce()
    assert (
        c.is_coalesced()
        and c.indices().tolist() == [[0, 1, 1], [1, 0, 2]]
        and c.values().tolist() == [2, 4, 4]
    )
    assert c.coalesce() is c and torch.equal(c.to_dense(), t.to_dense())
    with pytest.raises(RuntimeError, match="coalesce"):
        t.values()
    with pytest.raises(RuntimeError, match="crow_indices: takes"):
        t.crow_indices()
    with pytest.raises(RuntimeError, match="not a strided one"):
        torch.ones(2).values()


@pytest.mark.parametrize("dtype", DTYPES)
def test_coalesce_of_every_dtype(dtype):
    values = torch.tensor([1, 0, 1, 1]).to(dtype)
    made = torch.sparse_coo_tensor([[2, 0, 2, 1]], values, (3,)).coalesce()
    assert made.values().to(torch.complex64).real.tolist() == [
        0,
        1,
        1 if dtype is torch.bool else 2,
    ]


def test_many_entries_of_any_order_on_any_number_of_threads():
    torch.manual_seed(0)
    index = torch.randint(0, 1000, (2, 100_000))
    t = torch.sparse_coo_tensor(index, torch.randn(100_000), (1000, 1000))
    dense = torch.randn(1000, 33)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            c = t.coalesce()
            results.append(
                [
                    c.values(),
                    c.to_sparse_csr() @ dense,
                    (c @ c).values(),
                    torch.sparse.softmax(c, 1).values(),
                    t @ dense,
                ]
            )
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)
    expected = np.zeros((1000, 1000))
    np.add.at(expected, tuple(index.numpy()), t._values().numpy())
    np.testing.assert_allclose(c.to_dense().numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(results[0][1].numpy(), expected @ dense.numpy(), atol=1e-2)


def test_writes_to_values_and_shared_storages():
    t = matrix().to_sparse()
    twin = t.detach()
    t._values().mul_(2)
    assert torch.equal(twin.to_dense(), matrix() * 2)
    twin.zero_()
    assert t._nnz() == 0 and t._version == twin._version


def test_a_leaf_is_not_written():
    leaf = matrix().to_sparse().requires_grad_()
    with pytest.raises(RuntimeError, match="leaf"):
        leaf.zero_()


# ---------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arithmetic(layout):
    x, y = matrix(), matrix().flip(1)
    a, b = in_layout(x, layout), in_layout(y, layout)
    for made, expected in [
        (a + b, x + y), (a - b, x - y), (torch.add(a, b, alpha=3), x + 3 * y), (a * b, x * y), (a * 2, x * 2), (3 * a, x * 3),
        (a / 2, x / 2), (-a, -x), (a * y, x * y), (y * a, x * y), (a**2, x**2), (a.abs(), x.abs()), (a.sin(), x.sin()),
        (a.relu(), x.relu()), (a.to(torch.float64), x.double()), (a.isnan(), x.isnan()), (a.sign(), x.sign()),
    ]:  # fmt: skip
        assert made.layout is layout and made.dtype == expected.dtype
        assert (
            torch.allclose(made.to_dense(), expected)
            if made.dtype.is_floating_point
            else torch.equal(made.to_dense(), expected)
        )
    assert torch.equal(y + a, x + y) and torch.equal(y - a, y - x)
    c = a.clone()
    c.mul_(2).add_(b).neg_()
    assert torch.equal(c.to_dense(), -(2 * x + y)) and c.layout is layout
    assert torch.equal(y.clone().add_(a, alpha=2), y + 2 * x)


def test_products_broadcast():
    x, row, stack = matrix(), matrix(rows=1), torch.stack([matrix(), matrix().flip(0)])
    assert torch.equal((x.to_sparse() * row).to_dense(), x * row)
    assert torch.equal((x.to_sparse() * stack).to_dense(), x * stack)
    assert torch.equal((x.to_sparse() * row.to_sparse()).to_dense(), x * row)
    assert torch.equal((x.to_sparse() * torch.tensor(2.0).to_sparse()).to_dense(), x * 2)
    assert torch.equal(stack.clone().mul_(stack.to_sparse()), stack * stack)


def test_what_would_fill_a_sparse_tensor_is_refused():
    a = matrix().to_sparse()
    for bad in (
        lambda: a + 1,
        lambda: a**0,
        lambda: a / a,
        lambda: a + matrix(),
        lambda: a.clamp(min=1),
        lambda: a**-1,
    ):
        with pytest.raises((RuntimeError, TypeError)):
            bad()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_products(layout):
    x, y, d = matrix(), matrix().flip(0), torch.arange(12.0).reshape(6, 2)
    a, b = in_layout(x, layout), in_layout(y, layout)
    assert torch.allclose(a @ d, x @ d) and torch.allclose(d.t() @ a.t(), d.t() @ x.t())
    assert torch.allclose(a @ d[:, 0], x @ d[:, 0]) and torch.allclose(
        torch.mv(a, d[:, 0]), x @ d[:, 0]
    )
    assert torch.allclose((a @ b.t()).to_dense(), x @ y.t())
    m = torch.ones(4, 2)
    assert torch.allclose(torch.addmm(m, a, d, beta=2, alpha=3), 2 * m + 3 * (x @ d))
    assert torch.allclose(torch.sparse.mm(a, d), x @ d) and torch.allclose(
        torch.sparse.addmm(m, a, d), m + x @ d
    )
    with pytest.raises(RuntimeError, match="inner dimensions differ"):
        a @ torch.ones(5, 2)
    with pytest.raises(RuntimeError, match="torch.float64"):
        a @ d.double()


def test_reduced_products():
    x, d = matrix(), torch.randn(6, 3)
    a = x.to_sparse_csr()
    rows = [
        [x[i, j] * d[j] for j in range(6) if x[i, j] != 0] or [torch.zeros(3)] for i in range(4)
    ]
    for reduce, function in {
        "sum": lambda r: r.sum(0), "mean": lambda r: r.mean(0), "amax": lambda r: r.amax(0), "amin": lambda r: r.amin(0),
    }.items():  # fmt: skip
        expected = torch.stack([function(torch.stack(row)) for row in rows])
        assert torch.allclose(torch.sparse.mm(a, d, reduce), expected, atol=1e-6)


def test_smm_sspaddmm_hspmm_and_sampled_addmm():
    x, d = matrix(), torch.randn(6, 4)
    a = x.to_sparse()
    assert torch.allclose(torch.smm(a, d).to_dense(), x @ d)
    eye = torch.eye(4).to_sparse()
    assert torch.allclose(
        torch.sspaddmm(eye, a, d, beta=2, alpha=3).to_dense(),
        2 * torch.eye(4) + 3 * (x @ d),
        atol=1e-5,
    )
    assert torch.allclose(torch.hspmm(a, d).to_dense(), x @ d)
    pattern = matrix(rows=4, columns=4).to_sparse_csr()
    made = torch.sparse.sampled_addmm(pattern, x, d, beta=0.5, alpha=2)
    dense = pattern.to_dense()
    assert torch.allclose(made.to_dense(), (2 * (x @ d) + 0.5 * dense) * (dense != 0), atol=1e-5)


def test_sums_norm_and_softmax():
    x = matrix()
    a = x.to_sparse()
    assert a.sum().item() == x.sum().item() and torch.allclose(a.norm(), x.norm()) and bool(a.any())
    for dim in (0, 1, -1):
        assert torch.equal(torch.sparse.sum(a, dim).to_dense(), x.sum(dim))
        assert torch.equal(a.sum(dim, keepdim=True).to_dense(), x.sum(dim, keepdim=True))
        hidden = x.masked_fill(x == 0, float("-inf"))
        for function in ("softmax", "log_softmax"):
            expected = getattr(torch, function)(hidden, dim)
            made = getattr(torch.sparse, function)(a, dim)
            assert torch.allclose(made.values(), expected[tuple(made.indices())])
    with pytest.raises(NotImplementedError, match="it must be floating"):
        torch.sparse.softmax(a.long(), 0)


# ------------------------------------------------------------------------------------------------ shapes


def test_indexing_and_joining():
    x = matrix()
    a = x.to_sparse()
    for index in (
        0,
        -1,
        slice(1, 3),
        (slice(None), 2),
        (1, slice(2, 5)),
        None,
        ...,
        (..., 0),
        torch.tensor([3, 0, 3]),
        [1, 1],
        slice(0, 4, 2),
    ):
        made = a[index]
        assert torch.equal(made.to_dense() if made.is_sparse else made, x[index])
    assert a[1, 2].item() == x[1, 2].item()
    assert torch.equal(torch.cat([a, a]).to_dense(), torch.cat([x, x]))
    assert torch.equal(torch.cat([a, a], 1).to_dense(), torch.cat([x, x], 1))
    assert torch.equal(torch.stack([a, a], 1).to_dense(), torch.stack([x, x], 1))
    assert torch.equal(a.unsqueeze(1).squeeze(1).to_dense(), x)
    assert (
        torch.equal(a.transpose(0, 1).to_dense(), x.t())
        and torch.equal(a.T.to_dense(), x.t())
        and torch.equal(a.mT.to_dense(), x.t())
    )
    assert (
        [row.to_dense().tolist() for row in a.unbind()]
        == x.tolist()
        == [row.to_dense().tolist() for row in a]
    )
    assert torch.equal(torch.eye(4, 6).sparse_mask(a).to_dense(), torch.eye(4, 6) * (x != 0))
    with pytest.raises(IndexError, match="out of range for dim 0 of size 4"):
        a[9]
    with pytest.raises(IndexError, match="outside of dim 0"):
        a.index_select(0, torch.tensor([9]))
    with pytest.raises(TypeError, match="not assigned into"):
        a[0] = 1


def test_resizing():
    a = matrix().to_sparse()
    assert a.clone().sparse_resize_((9, 9), 2, 0).shape == (9, 9)
    assert a.clone().sparse_resize_and_clear_((2, 2), 2, 0)._nnz() == 0
    with pytest.raises(RuntimeError, match="does not shrink"):
        a.sparse_resize_((1, 1), 2, 0)


def test_spdiags():
    made = torch.sparse.spdiags(torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([0, 1]), (3, 3))
    assert made.to_dense().tolist() == [[1, 5, 0], [0, 2, 6], [0, 0, 3]]
    with pytest.raises(RuntimeError, match="stands twice"):
        torch.sparse.spdiags(torch.ones(2, 3), torch.tensor([1, 1]), (3, 3))


# ---------------------------------------------------------------------------------------- refusals, files


def test_operators_without_an_answer_name_themselves_and_the_layout():
    a = matrix().to_sparse_csr()
    for name, call in {
        "exp": lambda: a.exp(), "view": lambda: a.view(-1), "cumsum": lambda: a.cumsum(0), "eq": lambda: a == a,
        "maximum": lambda: torch.maximum(a, a), "conv2d": lambda: torch.nn.functional.conv2d(a, a),
    }.items():  # fmt: skip
        with pytest.raises(NotImplementedError, match=rf"{name}: .*sparse_csr"):
            call()
    for call in (lambda: a.numpy(), lambda: np.asarray(a)):
        with pytest.raises(TypeError, match="to_dense"):
            call()
    for call in (
        lambda: a.storage(),
        lambda: a.data_ptr(),
        lambda: a.nbytes,
        lambda: bool(a),
        lambda: a.tolist(),
        lambda: a.stride(),
    ):
        with pytest.raises(RuntimeError):
            call()


def test_strided_operators_work_beside_sparse_tensors():
    keep = matrix().to_sparse()
    x = torch.ones(3, requires_grad=True)
    (x * 2).exp().sum().backward()
    assert torch.allclose(x.grad, 2 * torch.tensor(2.0).exp()) and keep.is_sparse


def test_repr():
    assert repr(duplicates()) == (
        "tensor(indices=tensor([[1, 0, 1, 1],\n"
        "                       [2, 1, 2, 0]]),\n"
        "       values=tensor([1., 2., 3., 4.]),\n"
        "       size=(3, 4), nnz=4, layout=torch.sparse_coo)"
    )
    computed = duplicates().requires_grad_().coalesce()
    assert repr(computed).splitlines()[-1] == (  # 80 characters and the bracket, as in PyTorch
        "       size=(3, 4), nnz=3, layout=torch.sparse_coo, grad_fn=<CoalesceBackward0>)"
    )
    assert repr(torch.eye(2).to_sparse_csr()) == (
        "tensor(crow_indices=tensor([0, 1, 2]),\n"
        "       col_indices=tensor([0, 1]),\n"
        "       values=tensor([1., 1.]), size=(2, 2), nnz=2, layout=torch.sparse_csr)"
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_pickles_and_copies(layout):
    t = in_layout(matrix(), layout)
    file = io.BytesIO()
    torch.save({"t": t, "p": torch.nn.Parameter(t)}, file)
    file.seek(0)
    loaded = torch.load(file)
    assert loaded["p"].requires_grad and loaded["p"].layout is layout
    for other in (loaded["t"], pickle.loads(pickle.dumps(t)), copy.deepcopy(t), copy.copy(t)):
        assert other.layout is layout and torch.equal(other.to_dense(), matrix())


def test_files_of_pytorch_go_both_ways():
    pytorch = pytest.importorskip("torch")
    file = io.BytesIO()
    pytorch.save(pytorch.eye(3).to_sparse(), file)
    file.seek(0)
    assert torch.equal(torch.load(file).to_dense(), torch.eye(3))
    file = io.BytesIO()
    torch.save(torch.eye(3).to_sparse(), file)
    file.seek(0)
    assert pytorch.equal(pytorch.load(file).to_dense(), pytorch.eye(3))


def test_a_file_with_indices_that_lead_outside_is_refused():
    file = io.BytesIO()
    torch.save(torch.sparse_coo_tensor([[7]], [1.0], (3,)), file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="size there is 3"):
        torch.load(file)


def test_scipy_both_ways():
    scipy = pytest.importorskip("scipy.sparse")
    theirs = scipy.random(5, 7, 0.3, "coo", random_state=0)
    ours = torch.sparse_coo_tensor(np.vstack((theirs.row, theirs.col)), theirs.data, theirs.shape)
    np.testing.assert_array_equal(ours.to_dense().numpy(), theirs.toarray())
    back = scipy.coo_matrix((ours._values().numpy(), ours._indices().numpy()), ours.shape)
    assert (back != theirs).nnz == 0
    rows = theirs.tocsr()
    ours = torch.sparse_csr_tensor(rows.indptr, rows.indices, rows.data, rows.shape)
    np.testing.assert_allclose((ours @ ours.t()).to_dense().numpy(), (rows @ rows.T).toarray())
    back = scipy.csr_matrix(
        (ours.values().numpy(), ours.col_indices().numpy(), ours.crow_indices().numpy()), ours.shape
    )
    assert (back != rows).nnz == 0


def test_modules_with_sparse_buffers_and_parameters():
    class Graph(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("adjacency", matrix().to_sparse())
            self.weight = torch.nn.Parameter(matrix().to_sparse())

        def forward(self, x):
            return self.adjacency @ x + self.weight @ x

    model = Graph()
    model(torch.ones(6, 1)).sum().backward()
    assert model.weight.grad.is_sparse
    other = Graph()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.adjacency.to_dense(), matrix())
    torch.optim.SGD([model.weight], 0.5).step()
    assert torch.equal(model.weight.to_dense(), matrix() - 0.5 * (matrix() != 0))


def test_meta():
    t = torch.empty(3, 4, layout=torch.sparse_coo, device="meta")
    assert t.is_meta and t.shape == (3, 4) and t.to_dense().is_meta
    assert matrix().to_sparse().to("meta").is_meta
