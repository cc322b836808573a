"""Looking at a storage is no write; writing through one is, and what backward needs is guarded."""

import pytest

import flambeau as torch


def test_looking_is_no_write():
    x = torch.ones(3)
    x.untyped_storage().data_ptr(), x.storage().nbytes(), x.untyped_storage().tolist()
    assert x._version == 0
    x.untyped_storage()[0] = 1
    assert x._version == 1
    x.untyped_storage().fill_(0)
    assert x._version == 2
    made = torch.empty(0)
    before = made._version
    made.set_(x.storage())
    assert made._version > before


def test_backward_notices_writes_through_a_storage_only():
    x, w = torch.ones(2, requires_grad=True), torch.ones(2)
    y = (x * w).sum()
    w.untyped_storage().data_ptr()
    y.backward()
    assert x.grad.tolist() == [1, 1]
    y = (x * w).sum()
    w.untyped_storage()[0] = 3
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
