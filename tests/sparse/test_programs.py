"""Programs that live on sparse tensors, small: a graph network, matrix factorisation, another process."""

import flambeau as torch
import flambeau.multiprocessing as mp
import flambeau.nn.functional as F


def test_a_graph_network_learns_what_neighbours_say():
    torch.manual_seed(0)
    n = 40
    kind = torch.arange(n) % 2
    index = torch.randint(0, n, (2, 400))
    index = index[:, kind[index[0]] == kind[index[1]]]  # edges within a kind
    index = torch.cat([index, index.flip(0), torch.arange(n).expand(2, n)], 1)
    adjacency = torch.sparse.FloatTensor(
        index, torch.ones(index.shape[1]), torch.Size((n, n))
    ).coalesce()
    degree = torch.sparse.sum(adjacency, 1).to_dense()
    adjacency = adjacency * (1 / degree).unsqueeze(1)
    x = torch.randn(n, 5)
    x[:4, 0] += 20 * (kind[:4] * 2 - 1).float()
    first, second = torch.nn.Linear(5, 8), torch.nn.Linear(8, 2)
    optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        out = torch.spmm(adjacency, second(F.relu(torch.spmm(adjacency, first(x)))))
        F.cross_entropy(out, kind).backward()
        optimizer.step()
    assert (out.argmax(1) == kind).float().mean() > 0.9


def test_matrix_factorisation_with_sparse_gradients():
    torch.manual_seed(0)
    left, right = torch.rand(30, 2), torch.rand(20, 2)
    users, items = torch.randint(0, 30, (500,)), torch.randint(0, 20, (500,))
    rating = (left[users] * right[items]).sum(1)
    tables = [torch.nn.Embedding(rows, 3, sparse=True) for rows in (30, 20)]
    optimizer = torch.optim.SparseAdam([table.weight for table in tables], lr=0.05)
    for step in range(150):
        batch = torch.arange(50) + 50 * (step % 10)
        optimizer.zero_grad()
        guess = (tables[0](users[batch]) * tables[1](items[batch])).sum(1)
        loss = F.mse_loss(guess, rating[batch])
        loss.backward()
        assert tables[0].weight.grad.is_sparse
        optimizer.step()
    assert loss.item() < 0.1


def _double(inbox, outbox):
    outbox.put(inbox.get() * 2)


def test_sparse_tensors_reach_another_process():
    context = mp.get_context("fork")
    inbox, outbox = context.Queue(), context.Queue()
    process = context.Process(target=_double, args=(inbox, outbox))
    process.start()
    for tensor in (torch.eye(3).to_sparse(),):
        inbox.put(tensor)
        made = outbox.get(timeout=60)
        assert made.is_sparse and torch.equal(made.to_dense(), 2 * torch.eye(3))
    process.join()
