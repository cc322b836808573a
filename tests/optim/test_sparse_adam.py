"""SparseAdam: rows without a gradient rest."""

import numpy as np
import pytest

import flambeau as torch
import flambeau.nn.functional as F

rng = np.random.default_rng(0)


def train(T, table, indices, **options):
    weight = T.from_numpy(table.copy()).requires_grad_()
    optimizer = T.optim.SparseAdam([weight], lr=0.1, **options)
    for rows in indices:
        optimizer.zero_grad()
        (T.nn.functional.embedding(T.from_numpy(rows), weight, sparse=True) ** 2).sum().backward()
        optimizer.step()
    return weight.detach().numpy(), optimizer.state_dict()["state"][0]


@pytest.mark.parametrize("options", [{}, {"maximize": True}, {"betas": (0.5, 0.9), "eps": 1e-4}])
def test_sparse_adam_is_pytorchs(options):
    pytorch = pytest.importorskip("torch")
    table = rng.normal(size=(6, 3)).astype("f4")
    indices = [rng.integers(0, 6, size=4) for _ in range(5)]
    ours, theirs = (train(T, table, indices, **options) for T in (torch, pytorch))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-6)
    assert ours[1].keys() == theirs[1].keys()


def test_sparse_adam_leaves_rows_without_gradient():
    weight = torch.ones(4, 2).requires_grad_()
    optimizer = torch.optim.SparseAdam([weight], lr=0.1)
    for row in (1, 3):
        optimizer.zero_grad()
        F.embedding(torch.tensor([row]), weight, sparse=True).sum().backward()
        optimizer.step()
    # Adam would move row 1 a second time, by its average of the gradient.
    late = (
        0.1 * (1 - 0.999**2) ** 0.5 / (1 - 0.9**2) * 0.1 / 0.001**0.5
    )  # second step, first gradient
    assert weight[:, 0].tolist() == pytest.approx([1, 0.9, 1, 1 - late], abs=1e-5)
    assert (optimizer.state[weight]["exp_avg"][1] > 0).all()


def test_sparse_adam_of_a_number_and_of_a_transposed_table():
    number, table = torch.tensor(1.0).requires_grad_(), torch.ones(2, 3).t().requires_grad_()
    optimizer = torch.optim.SparseAdam([number, table], lr=0.1)
    number.grad, table.grad = torch.ones(()).to_sparse(), torch.ones(3, 2).to_sparse()
    optimizer.step()
    assert number.item() == pytest.approx(0.9) and torch.allclose(table, torch.full((3, 2), 0.9))


def test_sparse_adam_refuses_dense_gradients_and_sparse_parameters():
    weight = torch.ones(2, 2, requires_grad=True)
    weight.sum().backward()
    with pytest.raises(RuntimeError, match="SparseAdam: a gradient is strided"):
        torch.optim.SparseAdam([weight]).step()
    with pytest.raises(ValueError, match="SparseAdam: a parameter is sparse"):
        torch.optim.SparseAdam([torch.eye(2).to_sparse().requires_grad_()])


def test_sparse_adam_checks_its_options():
    with pytest.raises(ValueError, match="SparseAdam: epsilon is 0; it must be above 0"):
        torch.optim.SparseAdam([torch.zeros(1)], eps=0)
