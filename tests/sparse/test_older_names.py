"""Names of older programs."""

import flambeau as torch


def test_older_names_of_the_sparse_product():
    matrix, dense = torch.eye(3).to_sparse(), torch.ones(3, 2)
    assert torch.equal(torch.spmm(matrix, dense), dense)
    assert torch.equal(torch.dsmm(dense.T, dense), dense.T @ dense)
