"""Without a CUDA device: questions are answered, uses refused."""

import pytest

import flambeau as torch


def test_questions_are_answered():
    assert torch.cuda.is_available() is False
    assert torch.cuda.device_count() == 0
    torch.cuda.manual_seed_all(3)


def test_uses_are_refused():
    x = torch.zeros(2)
    with pytest.raises(RuntimeError, match="is_available"):
        x.cuda()
    with pytest.raises(RuntimeError):
        x.to("cuda")
    with pytest.raises(RuntimeError, match="is_available"):
        torch.cuda.current_device()
    assert x.cpu() is x
