"""What PyTorch removed and cannot come back says what to write instead."""

import pytest

import flambeau as torch


def test_stochastic_nodes_and_extensions():
    with pytest.raises(RuntimeError, match="log_prob"):
        torch.autograd.stochastic_function.StochasticFunction()
    with pytest.raises(RuntimeError, match=r"flambeau\.kernel"):
        torch.utils.ffi.create_extension("name", [], [])


def test_the_search_for_nan_is_found_from_autograd():
    assert torch.autograd.detect_nan is torch.utils.nonfinite.detect_nan
