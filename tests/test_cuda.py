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


def test_what_asks_for_a_device_is_refused_as_pytorch_refuses_it():
    for ask in (
        torch.cuda.current_device,
        torch.zeros(1).cuda,
        lambda: torch.zeros(1).to("cuda"),
        lambda: torch.tensor([1], device="cuda"),
        lambda: torch.hann_window(3, device="cuda:1"),
    ):
        with pytest.raises(AssertionError, match="not compiled with CUDA enabled") as caught:
            ask()
        assert isinstance(caught.value, RuntimeError)


def test_older_types_of_cuda_say_that_there_are_none():
    kind = torch.cuda.FloatTensor
    assert kind.dtype is torch.float32 and kind.is_cuda and not isinstance(torch.zeros(1), kind)
    assert repr(kind) == "<class 'torch.cuda.FloatTensor'>"
    with pytest.raises(TypeError, match=r"cuda\.FloatTensor: flambeau is not compiled with CUDA"):
        kind(3)
    with pytest.raises(TypeError, match="there is no FloatTensor of CUDA"):
        torch.set_default_tensor_type(kind)
    with pytest.raises(RuntimeError, match=r"cuda\.ByteStorage\.from_buffer: there is no CUDA"):
        torch.cuda.ByteStorage.from_buffer(b"")
    with pytest.raises(AttributeError):
        torch.cuda.NonsenseTensor


def test_no_engine_computes_quantized_layers():
    quantized = torch.backends.quantized
    assert quantized.supported_engines == [quantized.engine] == ["none"]
    quantized.engine = "none"
    with pytest.raises(RuntimeError, match="there is no engine 'qnnpack'"):
        quantized.engine = "qnnpack"
