"""Backward meets values that changed since forward, or that a hook put in their place: an error, no crash."""

import numpy
import pytest

import flambeau as torch
import flambeau.nn.functional as F

SYSTEM = (6, 6)
BATCH = (2, 2, 5, 5)
OPERATORS = {
    "solve": (SYSTEM, lambda x: torch.linalg.solve(x, x)),
    "solve_triangular": (SYSTEM, lambda x: torch.linalg.solve_triangular(x, x, upper=True)),
    "det": (SYSTEM, torch.linalg.det),
    "inv": (SYSTEM, torch.linalg.inv),
    "cholesky": (SYSTEM, lambda x: torch.linalg.cholesky(x @ x.T + 1)),
    "conv2d": (BATCH, lambda x: F.conv2d(x, x)),
    "conv_transpose2d": (BATCH, lambda x: F.conv_transpose2d(x, x)),
    "max_pool2d": (BATCH, lambda x: F.max_pool2d(x, 2)),
    "layer_norm": (SYSTEM, lambda x: F.layer_norm(x, (6,), x[0], x[1])),
}
SWAPS = {
    "half": lambda saved: saved[: len(saved) // 2] if saved.dim() else saved,
    "number": lambda saved: torch.ones((), dtype=saved.dtype),
    "float64": torch.Tensor.double,
    "int8": lambda saved: saved.to(torch.int8),
    "complex": lambda saved: saved.to(torch.complex64),
    "large": lambda saved: saved * 0 + 10**9,
}


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_hooks_of_saved_tensors_that_return_something_else(operator, swap):
    shape, function = OPERATORS[operator]
    n = torch.arange(torch.Size(shape).numel(), dtype=torch.float32)
    x = (n.sin().view(shape) + (3 * torch.eye(6) if shape is SYSTEM else 0)).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda saved: saved, SWAPS[swap]):
        y = function(x)
    try:
        y.sum().backward()
    except (RuntimeError, IndexError, TypeError, ValueError):
        return
    assert x.grad.shape == x.shape and x.grad.dtype == x.dtype


@pytest.mark.parametrize("value", [25, 10**9, -1, -(10**9)])
def test_indices_of_maxima_written_to_by_numpy(value):
    x = torch.arange(25.0).view(1, 5, 5).requires_grad_()
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    numpy.copyto(indices.numpy(), value)
    with pytest.raises(IndexError, match="saved indices"):
        y.sum().backward()
