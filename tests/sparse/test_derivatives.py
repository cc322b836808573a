"""First and second derivatives of functions of sparse tensors, against differences."""

import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck

F64 = torch.float64


def coo(duplicates=False, size=(3, 4), sparse_dim=2):
    torch.manual_seed(0)
    indices = torch.stack([torch.randint(0, extent, (5,)) for extent in size[:sparse_dim]])
    made = torch.sparse_coo_tensor(
        indices, torch.rand(5, *size[sparse_dim:], dtype=F64) + 0.1, size
    )
    return (made if duplicates else made.coalesce()).detach().requires_grad_()


def compressed(layout):
    blocks = {"blocksize": (1, 2)} if layout in ("bsr", "bsc") else {}
    made = getattr(coo().detach(), f"to_sparse_{layout}")(**blocks)
    return made.detach().requires_grad_()


def dense(x):
    return x.to_dense() if x.layout is not torch.strided else x


def d():
    torch.manual_seed(1)
    return torch.rand(4, 3, dtype=F64, requires_grad=True)


def e():
    torch.manual_seed(2)
    return torch.rand(3, 4, dtype=F64, requires_grad=True)


ONE = {
    "to_dense": lambda a: a.to_dense(),
    "sin": lambda a: dense(a.sin()),
    "pow": lambda a: dense(a**2),
    "mul": lambda a: dense(a * 2),
    "div": lambda a: dense(a / 3),
    "neg": lambda a: dense(-a),
    "t": lambda a: dense(a.t()),
    "sum": lambda a: a.sum(),
    "sum over rows": lambda a: dense(torch.sparse.sum(a, 0)),
    "sum over all": lambda a: dense(torch.sparse.sum(a, (0, 1))),
    "to_sparse_csr": lambda a: dense(a.to_sparse_csr()),
    "to_sparse_csc": lambda a: dense(a.to_sparse_csc()),
    "to_sparse_bsr": lambda a: dense(a.to_sparse_bsr((1, 2))),
    "select": lambda a: dense(a[0]),
    "index_select": lambda a: dense(a.index_select(0, torch.tensor([1, 0, 1]))),
    "norm": lambda a: a.norm(),
    "clone": lambda a: dense(a.clone()),
    "to": lambda a: dense(a.to(torch.complex128)).real,
}
OF_COO = {
    "coalesce": lambda a: dense(a.coalesce()),
    "values": lambda a: a.coalesce().values(),
    "narrow": lambda a: dense(a.narrow(0, 0, 2)),
    "unsqueeze": lambda a: dense(a.unsqueeze(0)),
    "softmax": lambda a: dense(torch.sparse.softmax(a, 1)),
    "softmax over rows": lambda a: dense(torch.sparse.softmax(a, 0)),
    "log_softmax": lambda a: torch.sparse.log_softmax(a, 1).coalesce().values(),
    "cat": lambda a: dense(torch.cat([a, a])),
    "stack": lambda a: dense(torch.stack([a, a], 1)),
    "in place": lambda a: dense(a.clone().mul_(3).add_(a)),
}
TWO = {
    "add": lambda a, b: dense(a + b),
    "sub": lambda a, b: dense(torch.sub(a, b, alpha=2)),
    "mul": lambda a, b: dense(a * b),
    "matmul": lambda a, b: dense(a @ b.t()),
}
MIXED = {
    "mm": lambda a, d, e: a @ d,
    "mm from the left": lambda a, d, e: d @ a,
    "mv": lambda a, d, e: a @ e[0],
    "addmm": lambda a, d, e: torch.addmm(e @ d, a, d, beta=2, alpha=3),
    "mul": lambda a, d, e: dense(a * e),
    "add": lambda a, d, e: e + a,
    "add_": lambda a, d, e: (e * 1).add_(a, alpha=2),
}


def both(function, *inputs):
    assert gradcheck(function, inputs, masked=True)
    assert gradgradcheck(function, inputs, masked=True)


@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("name", [*ONE, *OF_COO])
def test_of_coo(name, duplicates):
    both((ONE | OF_COO)[name], coo(duplicates))


@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "bsc"])
def test_of_compressed(layout):
    for function in ONE.values():
        both(function, compressed(layout))


@pytest.mark.parametrize(
    "make", [coo, lambda: coo(True), lambda: compressed("csr"), lambda: compressed("bsc")]
)
def test_of_two(make):
    for function in TWO.values():
        both(function, make(), make())
    for function in MIXED.values():
        both(function, make(), d(), e())


def test_batches():
    both(lambda a, d: torch.bmm(a.unsqueeze(0), d.unsqueeze(0)), coo(), d())
    stack = torch.stack([coo().detach().to_dense()] * 2).to_sparse_csr().requires_grad_()
    both(lambda a: a.to_dense(), stack)


def test_sampled_addmm_and_reductions_of_products():
    both(
        lambda c, d, e: dense(torch.sparse.sampled_addmm(c, e @ d, e, beta=0.5)),
        compressed("csr"),
        d(),
        e(),
    )
    for reduce in ("sum", "mean", "amax", "amin"):
        assert gradcheck(
            lambda c, d: torch.sparse.mm(c, d, reduce), (compressed("csr"), d()), masked=True
        )


def test_hybrid():
    a = coo(size=(3, 2, 3), sparse_dim=1)
    for name in ("to_dense", "sin", "mul", "sum", "clone"):
        both(ONE[name], a)
    both(lambda a: dense(torch.sparse.sum(a, 1)), a)
    both(lambda a: dense(torch.sparse.softmax(a, 1)), a)


def test_of_what_a_sparse_tensor_is_made_of():
    both(lambda x: dense(x.to_sparse()), e())
    both(lambda x: dense(x.to_sparse(1)), e())
    both(lambda x: dense(x.to_sparse_csr()), e())
    both(lambda x: dense(x.to_sparse_bsr((3, 2))), e())
    values = torch.rand(3, dtype=F64, requires_grad=True)
    both(lambda v: dense(torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 0]], v, (3, 4))), values)
    both(lambda v: dense(torch.sparse_csr_tensor([0, 1, 3], [2, 0, 1], v, (2, 4))), values)


def test_complex():
    torch.manual_seed(0)
    a = torch.sparse_coo_tensor(
        [[0, 1, 1], [2, 0, 3]], torch.rand(3, dtype=torch.complex128), (3, 4)
    )
    a = a.coalesce().requires_grad_()
    both(lambda a, d: a @ d, a, torch.rand(4, 3, dtype=torch.complex128, requires_grad=True))
    both(lambda a: dense(a @ a.t()), a)
    both(lambda a: dense(a * (2 + 1j)), a)


def test_gradients_where_there_is_no_entry():
    """Without masked the checker puts an entry everywhere."""
    for name in ("to_dense", "mul", "t", "sum", "to_sparse_csr"):
        assert gradcheck(ONE[name], (coo(),))


def test_masked_grad():
    a = coo().detach().requires_grad_()
    a.to_dense(masked_grad=False).backward(torch.ones(3, 4, dtype=F64))
    assert a.grad.is_sparse and a.grad._nnz() == 12
    a.grad = None
    a.to_dense().backward(torch.ones(3, 4, dtype=F64))
    assert a.grad._nnz() == a._nnz()


@pytest.mark.parametrize("convert", ["to_sparse_coo", "to_sparse_csr"])
def test_what_a_sparse_tensor_is_made_of_gets_gradients_where_it_has_no_entries(convert):
    x = torch.tensor([[1.0, 0.0], [2.0, 3.0]], requires_grad=True)
    getattr(x, convert)().sum().backward()
    assert x.grad.tolist() == [[1, 1], [1, 1]]
    x.grad = None
    getattr(x, convert)().to_dense().sum().backward()
    assert x.grad.tolist() == [[1, 0], [1, 1]]
