"""complex32 (chalf): two float16, computed in complex64 and rounded once."""

import io
import pickle

import numpy as np
import pytest

import flambeau as torch


def sample(n=7, seed=0):
    rng = np.random.default_rng(seed)
    pair = rng.standard_normal((n, 2)).astype(np.float16)
    wide = pair.astype(np.float32).view(np.complex64)[:, 0]
    return torch.from_numpy(wide.copy()).chalf(), wide


def rounded(x):
    return x.view(np.float32).astype(np.float16).astype(np.float32).view(np.complex64)


def test_the_dtype_itself():
    assert torch.chalf is torch.complex32 and repr(torch.chalf) == "torch.complex32"
    assert torch.complex32.itemsize == 4 and torch.complex32.is_complex
    assert torch.complex32.is_signed and not torch.complex32.is_floating_point
    assert torch.complex32.to_real() is torch.float16
    assert torch.float16.to_complex() is torch.complex32
    assert torch.bfloat16.to_complex() is torch.complex64
    assert pickle.loads(pickle.dumps(torch.chalf)) is torch.chalf
    assert torch.finfo(torch.chalf).dtype == "float16" and torch.finfo(torch.chalf).max == 65504


def test_promotion_follows_the_parts():
    t = torch.complex32
    for other, common in {
        torch.bool: t,
        torch.int64: t,
        torch.float16: t,
        torch.bfloat16: torch.complex64,
        torch.float32: torch.complex64,
        torch.float64: torch.complex128,
        torch.complex64: torch.complex64,
        torch.complex128: torch.complex128,
    }.items():
        assert torch.promote_types(t, other) is common, other
        assert torch.promote_types(other, t) is common, other
    half = torch.ones(2, dtype=torch.float16)
    assert (half * 1j).dtype is t and (half + torch.tensor(1j)).dtype is t
    assert torch.result_type(half.bfloat16(), 1j) is torch.complex64
    torch.set_default_dtype(torch.float16)
    try:
        assert torch.tensor(1j).dtype is t
    finally:
        torch.set_default_dtype(torch.float32)


def test_views_of_the_parts_share_memory():
    x, wide = sample()
    assert x.real.dtype is torch.float16 and torch.view_as_real(x).shape == (7, 2)
    np.testing.assert_array_equal(x.imag.numpy(), wide.imag.astype(np.float16))
    x.real.fill_(2)
    assert (torch.view_as_real(x)[:, 0] == 2).all()
    assert torch.equal(torch.view_as_complex(torch.view_as_real(x)), x)
    assert x.view(torch.float16).shape == (14,) and x.view(torch.int32).shape == (7,)
    assert torch.complex(x.real, x.imag).dtype is torch.complex32


def test_numbers_in_and_out():
    x = torch.tensor([1 + 2j, 3 - 1j, 0.1], dtype=torch.chalf)
    assert x.tolist()[:2] == [1 + 2j, 3 - 1j] and x[0].item() == 1 + 2j
    assert x[2].item() == complex(np.float16(0.1))
    assert torch.full((2,), 1 - 1j, dtype=torch.chalf).tolist() == [1 - 1j] * 2
    assert repr(x[:2]) == "tensor([1.+2.j, 3.-1.j], dtype=torch.complex32)"
    assert x.type() == "torch.ComplexHalfTensor"
    with pytest.raises(TypeError, match="NumPy has no complex32"):
        x.numpy()
    np.testing.assert_array_equal(x.numpy(force=True), np.complex64(x.tolist()))
    x[0] = 5j
    assert x[0].item() == 5j
    with pytest.raises(RuntimeError, match="imaginary part"):
        torch.zeros(2).fill_(1j)


@pytest.mark.parametrize("operator", ["add", "sub", "mul", "div"])
def test_arithmetic_is_complex64_rounded_once(operator):
    x, a = sample(33, 1)
    y, b = sample(33, 2)
    exact = {"add": a + b, "sub": a - b, "mul": a * b, "div": a / b}[operator]
    got = getattr(torch, operator)(x, y)
    assert got.dtype is torch.complex32
    np.testing.assert_allclose(got.cfloat().numpy(), rounded(exact), rtol=2e-3, atol=1e-3)


def test_sums_products_and_maps():
    x, wide = sample(500, 3)
    np.testing.assert_allclose(x.sum().item(), wide.sum(), rtol=2e-3)
    np.testing.assert_allclose(x.mean().item(), wide.mean(), rtol=5e-3)
    np.testing.assert_allclose(x.cumsum(0).cfloat().numpy(), np.cumsum(wide), rtol=5e-3, atol=2e-2)
    np.testing.assert_allclose(
        x[:20].cumprod(0).cfloat().numpy(), np.cumprod(wide[:20]), rtol=5e-2, atol=2e-2
    )
    np.testing.assert_allclose(
        x.logcumsumexp(0).cfloat().numpy(), np.log(np.cumsum(np.exp(wide))), rtol=5e-3, atol=5e-3
    )
    assert x.abs().dtype is torch.float16
    np.testing.assert_allclose(x.abs().float().numpy(), np.abs(wide), rtol=2e-3)
    np.testing.assert_allclose(x.exp().cfloat().numpy(), np.exp(wide), rtol=5e-3, atol=2e-3)
    a, b = x[:12].reshape(3, 4), x[12:32].reshape(4, 5)
    expected = wide[:12].reshape(3, 4) @ wide[12:32].reshape(4, 5)
    np.testing.assert_allclose((a @ b).cfloat().numpy(), expected, rtol=5e-3, atol=5e-3)
    np.testing.assert_allclose(
        (b.mH @ a.mH).cfloat().numpy(), expected.conj().T, rtol=5e-3, atol=5e-3
    )


def test_moving_and_choosing():
    x, wide = sample(12)
    m = x.reshape(3, 4)
    for got, expected in (
        (m.t().contiguous(), wide.reshape(3, 4).T),
        (torch.cat([m, m]), np.concatenate([wide.reshape(3, 4)] * 2)),
        (m[:, torch.tensor([2, 0])], wide.reshape(3, 4)[:, [2, 0]]),
        (m.flip(0), wide.reshape(3, 4)[::-1]),
        (m.roll(1, 1), np.roll(wide.reshape(3, 4), 1, 1)),
        (
            m.masked_fill(m.real > 0, 1j),
            np.where(wide.reshape(3, 4).real > 0, 1j, wide.reshape(3, 4)),
        ),
        (m.index_add(0, torch.tensor([0, 0]), m[:2]), None),
        (m.conj().resolve_conj(), wide.reshape(3, 4).conj()),
    ):
        assert got.dtype is torch.complex32
        if expected is not None:
            np.testing.assert_array_equal(got.cfloat().numpy(), expected)
    assert torch.equal(x.nonzero(), torch.arange(12).unsqueeze(1))
    assert (x == x).all() and not (x != x).any() and torch.allclose(x, x)


def test_gradients_are_complex32():
    x, wide = sample(5)
    x.requires_grad_()
    (x * x.conj()).real.float().sum().backward()
    assert x.grad.dtype is torch.complex32
    np.testing.assert_allclose(x.grad.cfloat().numpy(), 2 * wide, rtol=2e-3)


def test_random_and_saved():
    torch.manual_seed(0)
    x = torch.randn(4000, dtype=torch.chalf)
    assert abs(x.real.float().var().item() - 0.5) < 0.05  # variance 1 in all
    assert torch.rand(3, dtype=torch.chalf).real.ge(0).all()
    file = io.BytesIO()
    torch.save({"x": x[:5]}, file)
    file.seek(0)
    assert torch.equal(torch.load(file)["x"], x[:5])
    assert torch.equal(torch.from_dlpack(x), x)
    assert x.untyped_storage().nbytes() == 16000 and x.storage().dtype is torch.chalf


def test_what_is_refused_says_so():
    x, _ = sample(4)
    with pytest.raises(NotImplementedError, match="arange: .*complex32"):
        torch.arange(3, dtype=torch.chalf)
    with pytest.raises(NotImplementedError, match="convolution: complex32"):
        torch.conv1d(x.reshape(1, 1, 4), x.reshape(1, 1, 4))
    with pytest.raises(RuntimeError, match="fft"):
        torch.fft.fft(x)
    with pytest.raises((RuntimeError, NotImplementedError), match="complex32"):
        torch.linalg.inv(x.reshape(2, 2))
    with pytest.raises(RuntimeError, match="order"):
        x.sort()
