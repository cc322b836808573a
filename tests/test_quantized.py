"""Quantized dtypes and functions: names that refuse, and what imitates them in floats."""

import numpy as np
import pytest

import flambeau as torch

STORED = [
    getattr(torch, name)
    for name in "uint1 uint4 uint7 int1 int7 bits1x8 bits2x4 bits4x2 bits8 bits16 float4_e2m1fn_x2".split()
]
QUANTIZED = [getattr(torch, name) for name in "quint8 qint8 qint32 quint4x2 quint2x4".split()]


@pytest.mark.parametrize("dtype", STORED + QUANTIZED, ids=lambda d: d.name)
def test_stored_dtypes_hold_bytes(dtype):
    raw = torch.arange(8, dtype=torch.uint8)
    x = raw.view(dtype)
    assert x.dtype is dtype and x.numel() == 8 // dtype.itemsize
    assert torch.equal(x.clone().view(torch.uint8), raw)
    assert torch.equal(torch.cat([x, x]).view(torch.uint8), raw.repeat(2))
    assert torch.empty(3, dtype=dtype).shape == (3,)
    assert x.type().endswith(f"{dtype._type_name}Tensor")
    with pytest.raises(NotImplementedError, match=f"copy: {dtype.name} is only stored"):
        x.float()
    with pytest.raises(NotImplementedError, match=f"{dtype.name} is only stored"):
        torch.ones(8).to(dtype)
    with pytest.raises(NotImplementedError, match=f"add: {dtype.name} is only stored"):
        x + x
    for compute in (torch.exp, torch.sigmoid, lambda x: x / 2, lambda x: torch.eq(x, 2)):
        with pytest.raises(NotImplementedError, match=f"{dtype.name} is only stored"):
            compute(x)
    with pytest.raises(NotImplementedError, match=f"{dtype.name} is only stored"):
        x.tolist()


def test_zeros_of_stored_dtypes():
    for dtype in STORED:
        assert torch.zeros(4, dtype=dtype).view(torch.uint8).eq(0).all()
    for dtype in QUANTIZED:
        with pytest.raises(NotImplementedError, match=dtype.name):
            torch.zeros(4, dtype=dtype)


def test_facts_of_stored_dtypes():
    assert torch.bit is torch.uint1
    assert torch.int4.is_signed and not torch.uint4.is_signed
    with pytest.raises(RuntimeError, match="no sign"):
        torch.bits8.is_signed
    assert torch.can_cast(torch.float32, torch.bits8)
    assert not torch.can_cast(torch.complex64, torch.bits8)
    assert torch.promote_types(torch.uint4, torch.float16) is torch.float16
    with pytest.raises(RuntimeError, match="bits8 and float32"):
        torch.promote_types(torch.bits8, torch.float32)
    assert torch.iinfo(torch.quint8).max == 255 and torch.iinfo(torch.qint32).min == -(2**31)
    assert repr(torch.per_tensor_affine) == "torch.per_tensor_affine"
    assert isinstance(torch.per_channel_symmetric, torch.qscheme)


def test_functions_of_quantized_tensors_refuse_by_name():
    x = torch.ones(3)
    for call in (
        lambda: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
        lambda: torch.quantize_per_channel(x, x, x, 0, torch.qint8),
        lambda: torch.q_scale(x),
        lambda: torch.int_repr(x),
        lambda: torch.quantized_max_pool2d(x, 2),
    ):
        with pytest.raises(NotImplementedError, match=r"^\w+: flambeau has no quantized tensors"):
            call()
    assert torch.equal(torch.dequantize(x.half()), x) and len(torch.dequantize([x, x])) == 2


def test_fake_quantize():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(200).astype(np.float32)
    places = np.clip(np.round(x / np.float32(0.05)) + 3, 0, 31)
    got = torch.fake_quantize_per_tensor_affine(torch.from_numpy(x), 0.05, 3, 0, 31)
    np.testing.assert_allclose(got.numpy(), (places - 3) * 0.05, atol=1e-6)
    x = torch.tensor([0.11, 0.49, 5.0, -5.0], requires_grad=True)
    torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 10).sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0]
    scale, zero = torch.tensor([0.1, 0.5]), torch.tensor([0, 1])
    y = torch.tensor([[0.12, 0.9], [0.12, 0.9]])
    rows = [torch.fake_quantize_per_tensor_affine(y[i], scale[i], zero[i], 0, 5) for i in (0, 1)]
    got = torch.fake_quantize_per_channel_affine(y, scale, zero, 0, 0, 5)
    assert torch.equal(got, torch.stack(rows))
    with pytest.raises(RuntimeError, match="quant_min 5 is above"):
        torch.fake_quantize_per_tensor_affine(y, 0.1, 0, 5, 0)
    with pytest.raises(RuntimeError, match="scale has shape"):
        torch.fake_quantize_per_channel_affine(y, scale[:1], zero, 0, 0, 5)
