"""Sparse gradients: who makes them, how they add up, who takes them."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F

indices = torch.tensor([1, 5, 1, 2])


def embeddings():
    torch.manual_seed(0)
    sparse = torch.nn.Embedding(10, 3, sparse=True)
    dense = torch.nn.Embedding(10, 3)
    dense.weight.data.copy_(sparse.weight.data)
    return sparse, dense


def test_embedding_gives_rows_and_accumulates_them():
    sparse, dense = embeddings()
    for _ in range(2):
        for module in (sparse, dense):
            (module(indices) ** 2).sum().backward()
    grad = sparse.weight.grad
    assert grad.is_sparse and grad.sparse_dim() == 1 and grad._nnz() == 8
    assert torch.allclose(grad.to_dense(), dense.weight.grad)


def test_a_gradient_does_not_follow_what_is_written_into_the_indices():
    own = indices.clone()
    weight = torch.ones(10, 3, requires_grad=True)
    out = F.embedding(own, weight, sparse=True)
    out.sum().backward()
    own.zero_()
    assert weight.grad._indices().tolist() == [[1, 5, 1, 2]]


def test_sparse_and_dense_gradients_of_one_leaf_add_up():
    sparse, dense = embeddings()
    for module in (sparse, dense):
        (module(indices).sum() + (module.weight * 2).sum()).backward()
        module(indices).sum().backward()
    assert torch.allclose(sparse.weight.grad, dense.weight.grad)
    assert sparse.weight.grad.layout is torch.strided


def test_a_node_that_knows_no_sparse_gradients_gets_dense_ones():
    weight = torch.ones(4, 2, requires_grad=True)
    F.embedding(torch.tensor([1, 1]), weight * 3, sparse=True).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [6, 6], [0, 0], [0, 0]]


def test_hooks_and_retained_gradients_see_the_sparse_one():
    seen = []
    weight = torch.ones(4, 2, requires_grad=True)
    weight.register_hook(lambda grad: seen.append(grad.layout) or grad * 2)
    table = weight.clone()
    table.retain_grad()
    F.embedding(torch.tensor([0]), table, sparse=True).sum().backward()
    F.embedding(torch.tensor([0]), weight, sparse=True).sum().backward()
    assert table.grad.is_sparse
    assert seen == [torch.strided, torch.sparse_coo]
    assert weight.grad[0].tolist() == [4, 4]


def test_gather_with_sparse_grad():
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    index = torch.tensor([[0, 0], [2, 1]])
    torch.gather(x, 1, index, sparse_grad=True).sum().backward()
    assert x.grad.is_sparse
    assert x.grad.to_dense().tolist() == [[2, 0, 0], [0, 1, 1]]


def test_padding_has_no_entry():
    weight = torch.ones(4, 2, requires_grad=True)
    F.embedding(torch.tensor([0, 3, 3]), weight, padding_idx=3, sparse=True).sum().backward()
    assert weight.grad._indices().tolist() == [[0]]


def test_scale_grad_by_freq_is_refused():
    weight = torch.ones(4, 2, requires_grad=True)
    out = F.embedding(torch.tensor([0]), weight, scale_grad_by_freq=True, sparse=True)
    with pytest.raises(RuntimeError, match="scale_grad_by_freq"):
        out.sum().backward()


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1),
    "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, maximize=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, 0.1, lr_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_by_sparse_gradients_are_those_by_dense_ones(name):
    sparse, dense = embeddings()
    steps = [OPTIMIZERS[name](module.parameters()) for module in (sparse, dense)]
    for rows in ([1, 5, 1, 2], [3, 3], [1]):
        for module, optimizer in zip((sparse, dense), steps, strict=True):
            optimizer.zero_grad()
            (module(torch.tensor(rows)) ** 2).sum().backward()
            optimizer.step()
    assert torch.allclose(sparse.weight, dense.weight, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["Adam", "AdamW", "RMSprop", "Adadelta", "Adamax", "ASGD", "Rprop"]
)
def test_other_optimizers_refuse_them(name):
    sparse, _ = embeddings()
    optimizer = getattr(torch.optim, name)(sparse.parameters())
    sparse(indices).sum().backward()
    with pytest.raises(RuntimeError, match="a gradient is torch.sparse_coo"):
        optimizer.step()


def test_weight_decay_with_sparse_gradients_is_refused():
    sparse, _ = embeddings()
    sparse(indices).sum().backward()
    for make in (torch.optim.SGD, torch.optim.Adagrad):
        with pytest.raises(RuntimeError, match="weight_decay"):
            make(sparse.parameters(), 0.1, weight_decay=0.1).step()


def test_clipping_and_scaling():
    sparse, dense = embeddings()
    norms = []
    for module in (sparse, dense):
        (module(indices) ** 2).sum().backward()
        norms.append(torch.nn.utils.clip_grad_norm_(module.parameters(), 0.5))
    assert torch.allclose(*norms)
    assert torch.allclose(sparse.weight.grad.to_dense(), dense.weight.grad)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    optimizer = torch.optim.SGD(sparse.parameters(), 0.1)
    optimizer.zero_grad()
    scaler.scale(sparse(indices).sum()).backward()
    scaler.unscale_(optimizer)
    assert sparse.weight.grad._values().tolist() == [[1, 1, 1]] * 4


def test_embedding_bag_gives_rows():
    sparse = torch.nn.EmbeddingBag(10, 3, mode="mean", sparse=True)
    dense = torch.nn.EmbeddingBag(10, 3, mode="mean")
    dense.weight.data.copy_(sparse.weight.data)
    for module in (sparse, dense):
        (module(indices, torch.tensor([0, 2])) ** 2).sum().backward()
    assert sparse.weight.grad.is_sparse
    assert torch.allclose(sparse.weight.grad.to_dense(), dense.weight.grad)


def test_zero_grad_without_forgetting():
    sparse, _ = embeddings()
    optimizer = torch.optim.SGD(sparse.parameters(), 0.1)
    sparse(indices).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert sparse.weight.grad._nnz() == 0


class _Given(torch.autograd.Function):
    """x, whose gradient is `grad` whatever comes."""

    @staticmethod
    def forward(ctx, x, grad):
        ctx.grad = grad
        return x.clone()

    @staticmethod
    def backward(ctx, _):
        return ctx.grad, None


def test_strided_and_sparse_gradients_add_up_in_either_order():
    sparse, strided = torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (3,)), torch.ones(3)
    for first, second in ((sparse, strided), (strided, sparse)):
        x = torch.randn(3, requires_grad=True)
        (_Given.apply(x, first) + _Given.apply(x, second)).sum().backward()
        assert x.grad.tolist() == [2.0, 3.0, 1.0]
        x = torch.randn(3, requires_grad=True)
        _Given.apply(x, first).sum().backward()
        _Given.apply(x, second).sum().backward()
        assert x.grad.tolist() == [2.0, 3.0, 1.0]


def test_gather_of_one_index():
    x = torch.randn(10, requires_grad=True)
    torch.gather(x, 0, torch.tensor(3), sparse_grad=True).backward(torch.tensor(2.0))
    assert x.grad.is_sparse and x.grad.to_dense().tolist() == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0]


def test_one_number_for_both_sides_of_a_block():
    x = torch.arange(16.0).reshape(4, 4)
    assert torch.equal(x.to_sparse_bsr(2).to_dense(), x)


def test_embedding_bag_takes_its_old_order_with_a_warning():
    weight, indices = torch.randn(5, 3), torch.tensor([0, 3, 1])
    bag = torch.nn.functional.embedding_bag
    with pytest.warns(UserWarning, match="the indices come first"):
        old = bag(weight, indices, torch.tensor([0]))
    assert torch.equal(old, bag(indices, weight, torch.tensor([0])))
