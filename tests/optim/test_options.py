"""What optimizers refuse, whatever their rule."""

import pytest

import flambeau as torch


@pytest.mark.parametrize("name", ["Muon", "Adafactor", "SparseAdam"])
def test_complex_parameters_are_refused(name):
    parameter = torch.zeros(2, 2, dtype=torch.complex64, requires_grad=True)
    parameter.grad = torch.ones(2, 2, dtype=torch.complex64)
    with pytest.raises((RuntimeError, ValueError), match=f"{name}: a parameter is complex"):
        getattr(torch.optim, name)([parameter]).step()
