"""Steps by sparse gradients: the core's loop over rows gives what reading, changing and writing rows gives."""

import pytest

import flambeau as torch
from flambeau.optim import adagrad, sgd, sparse_adam, touched

RULES = {
    "sparse_adam": (
        sparse_adam._rule(False),
        dict(new1=0.1, new2=0.001, eps=1e-8, step_size=0.01),
        3,
    ),
    "adagrad": (adagrad._rule(True, False), dict(lr=0.1, eps=1e-8, weight_decay=0), 2),
    "sgd": (sgd._rule(False, False, False, False, False, False), dict(lr=0.1, weight_decay=0), 1),
}


def gradient(rows, entries, width, dtype, coalesced):
    """Of a table (rows, *width); every row that is named stands there some times."""
    generator = torch.Generator().manual_seed(entries)
    index = torch.randint(0, max(rows, 1), (1, entries), generator=generator)
    values = torch.randn(entries, *width, dtype=dtype, generator=generator)
    grad = torch.sparse_coo_tensor(index, values, (rows, *width))
    return grad.coalesce() if coalesced else grad


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("coalesced", [False, True])
@pytest.mark.parametrize(
    "rows, entries, width",
    [(1, 1, (1,)), (5, 9, ()), (7, 0, (3,)), (300, 500, (65,)), (40, 1025, (4, 5)), (9, 4, (0,))],
)
def test_rows_are_stepped_as_if_they_were_read_and_written(
    name, dtype, coalesced, rows, entries, width
):
    rule, numbers, n = RULES[name]
    grad = gradient(rows, entries, width, dtype, coalesced)
    tables = [torch.rand(rows, *width, dtype=dtype) + i for i in range(n)]
    others = [table.clone() for table in tables]
    tables.insert(1, None)
    others.insert(1, None)
    versions = [t._version for t in tables if t is not None]
    assert touched.step_usual_rows(rule, tables, grad, **numbers)
    touched._Touched(grad).apply(rule, others, **numbers)
    for a, b in zip(tables, others):
        assert a is b is None or torch.equal(a, b)
    if grad._values().numel():
        assert all(t._version > v for t, v in zip((t for t in tables if t is not None), versions))


@pytest.mark.parametrize("name", RULES)
def test_any_number_of_threads_gives_the_same_bits(name):
    rule, numbers, n = RULES[name]
    grad = gradient(5000, 20000, (32,), torch.float32, False)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3, 16):
            torch.set_num_threads(count)
            tables = [torch.full((5000, 32), 1.0 + i) for i in range(n)]
            touched.step_usual_rows(rule, [tables[0], None, *tables[1:]], grad, **numbers)
            found.append(tables)
    finally:
        torch.set_num_threads(threads)
    for tables in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(tables, found[0]))


def test_other_tensors_are_left_to_python():
    rule, numbers, _ = RULES["sgd"]
    grad = gradient(6, 4, (3,), torch.float32, False)
    for table in (torch.zeros(3, 6).T, torch.zeros(6, 3, dtype=torch.float64), torch.zeros(7, 3)):
        assert not touched.step_usual_rows(rule, [table, None], grad, **numbers)
    turned = torch.zeros(3, 6).T
    touched.step_rows(rule, [turned, None], grad, **numbers)
    assert torch.allclose(turned, -0.1 * grad.to_dense())
    outside = torch.sparse_coo_tensor([[1, 6]], torch.ones(2, 3), (7, 3))
    outside._indices()[0, 1] = 9
    with pytest.raises(IndexError):
        touched.step_rows(rule, [torch.zeros(7, 3), None], outside, **numbers)


def test_indices_written_after_the_call_change_no_sparse_gradient():
    table = torch.nn.Embedding(10, 3, sparse=True)
    index = torch.tensor([[1, 2], [2, 5]])
    for _ in range(2):  # the first call of a process goes through the implementation
        table.weight.grad = None
        table(index).sum().backward()
    grad = table.weight.grad
    assert grad.shape == (10, 3) and not grad.is_coalesced()
    index.fill_(0)
    assert grad._indices().tolist() == [[1, 2, 2, 5]]
    assert grad.to_dense()[2].tolist() == [2.0, 2.0, 2.0]


def test_sharded_tensors_elsewhere_change_no_way():
    import flambeau.distributed.tensor  # tells optimizers of its type  # noqa: F401

    rule, numbers, _ = RULES["sgd"]
    assert touched.step_usual_rows(
        rule, [torch.rand(9, 4), None], gradient(9, 4, (4,), torch.float32, False), **numbers
    )
