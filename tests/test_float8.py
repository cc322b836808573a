"""The float8 dtypes: conversions, storage and what compares or moves them; the rest refuses."""

import io

import numpy as np
import pytest

import flambeau as torch
from flambeau.kernels.interpret.pointwise import float8_codes, float8_values

NAMES = (
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
)
CODES = np.arange(256, dtype=np.uint8)


@pytest.fixture(params=NAMES)
def dtype(request):
    return getattr(torch, request.param)


def of_codes(codes, dtype):
    return torch.from_numpy(np.array(codes, np.uint8)).view(dtype)


def test_every_code_in_every_floating_dtype(dtype):
    x = of_codes(CODES, dtype)
    values = float8_values(dtype.name)
    np.testing.assert_array_equal(x.float().numpy(), values)
    np.testing.assert_array_equal(x.double().numpy(), values.astype(np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(x.half().numpy(), values.astype(np.float16))
    np.testing.assert_array_equal(x.bfloat16().float().numpy(), values)  # 8 bits hold them all
    np.testing.assert_array_equal(np.array(x.tolist(), np.float32), values)


def test_every_half_rounds_to_the_nearest(dtype):
    half = np.arange(65536, dtype=np.uint16).view(np.float16)
    with np.errstate(invalid="ignore"):
        wide = half.astype(np.float32)
    expected = float8_codes(wide, dtype.name)
    np.testing.assert_array_equal(
        torch.from_numpy(half).to(dtype).view(torch.uint8).numpy(), expected
    )
    brain = (np.arange(65536, dtype=np.uint32) << 16).view(np.float32)
    known = ~np.isnan(brain)
    got = torch.from_numpy(brain.copy()).bfloat16().to(dtype).view(torch.uint8).numpy()
    np.testing.assert_array_equal(got[known], float8_codes(brain, dtype.name)[known])
    # One number at a time, by the core.
    for value, code in zip(wide[::997], expected[::997]):
        one = torch.tensor(float(value), dtype=dtype)
        assert one.view(torch.uint8).item() == code, value


def test_beyond_the_largest():
    big = torch.tensor([1e9, float("inf"), -1e9, float("nan")])
    assert big.to(torch.float8_e4m3fn).tolist()[:3] == [448.0, 448.0, -448.0]
    assert big.to(torch.float8_e5m2).tolist()[:3] == [float("inf"), float("inf"), float("-inf")]
    assert big.to(torch.float8_e4m3fnuz).isnan().all()
    with pytest.raises(RuntimeError, match=r"fill_: 1000\.0 is beyond the range of float8_e4m3fn"):
        torch.zeros(2, dtype=torch.float8_e4m3fn).fill_(1000.0)


def test_limits():
    limits = {n: torch.finfo(getattr(torch, n)) for n in NAMES}
    assert [limits[n].max for n in NAMES] == [448, 57344, 240, 57344, 2.0**127]
    assert [limits[n].eps for n in NAMES] == [0.125, 0.25, 0.125, 0.125, 1]
    assert [limits[n].tiny for n in NAMES] == [2.0**-6, 2.0**-14, 2.0**-7, 2.0**-15, 2.0**-127]
    assert {limits[n].bits for n in NAMES} == {8}
    e4m3 = torch.float8_e4m3fn
    assert e4m3.is_floating_point and e4m3.is_signed and e4m3.itemsize == 1
    assert not torch.float8_e8m0fnu.is_signed


def test_moves_and_views(dtype):
    x = of_codes(np.arange(24) + 40, dtype)
    m = x.reshape(4, 6)
    codes = (np.arange(24, dtype=np.uint8) + 40).reshape(4, 6)
    for got, expected in (
        (m.t().contiguous(), codes.T),
        (m.clone(), codes),
        (torch.cat([m, m], 1), np.concatenate([codes] * 2, 1)),
        (torch.stack([m, m]), np.stack([codes] * 2)),
        (m[torch.tensor([3, 0])], codes[[3, 0]]),
        (m[:, 1::2], codes[:, 1::2]),
        (m.index_select(1, torch.tensor([5, 5])), codes[:, [5, 5]]),
        (m.gather(1, torch.zeros(4, 1, dtype=torch.int64)), codes[:, :1]),
        (m.flip(1), codes[:, ::-1]),
        (m.roll(1, 0), np.roll(codes, 1, 0)),
        (torch.where(m == m, m, m), codes),
        (m.expand(2, 4, 6).contiguous(), np.stack([codes] * 2)),
        (m.repeat(2, 1), np.tile(codes, (2, 1))),
    ):
        assert got.dtype is dtype
        np.testing.assert_array_equal(got.contiguous().view(torch.uint8).numpy(), expected)
    y = torch.zeros(4, 6, dtype=dtype)
    y.copy_(m)
    y[0] = m[1]
    assert torch.equal(y[0], m[1]) and torch.equal(y[1:], m[1:])
    assert "dtype=torch." + dtype.name in repr(m)


def test_comparisons(dtype):
    x = of_codes([64, 65, 66], dtype)
    assert (x == x).all() and not (x != x).any() and torch.equal(x, x)
    assert (x < x.flip(0)).tolist() == [True, False, False]
    assert (x >= x[0].item()).all() and not x.isnan().any()


def test_products_are_summed_in_float32():
    rng = np.random.default_rng(0)
    a = torch.from_numpy(rng.standard_normal((3, 40)).astype(np.float32)).to(torch.float8_e5m2)
    b = torch.from_numpy(rng.standard_normal((40, 2)).astype(np.float32)).to(torch.float8_e5m2)
    assert torch.equal(a @ b, (a.float() @ b.float()).to(torch.float8_e5m2))


def test_what_computes_refuses_by_name(dtype):
    x = torch.ones(3, dtype=dtype)
    with pytest.raises(NotImplementedError, match=f"add: nothing is computed in {dtype.name}"):
        x + x
    with pytest.raises(NotImplementedError, match=f"exp: .*{dtype.name}"):
        x.exp()
    with pytest.raises(NotImplementedError, match=f"sum: .*{dtype.name}"):
        x.sum()
    with pytest.raises(NotImplementedError, match=f"cumsum: {dtype.name} is stored"):
        x.cumsum(0)
    with pytest.raises(RuntimeError, match=f"{dtype.name}.* promote"):
        x + torch.ones(3)


def test_saved_and_loaded(dtype):
    x = of_codes(CODES, dtype)
    file = io.BytesIO()
    torch.save([x, x[3:9]], file)
    file.seek(0)
    whole, part = torch.load(file)
    assert whole.dtype is dtype and torch.equal(whole.view(torch.uint8), x.view(torch.uint8))
    assert torch.equal(part.view(torch.uint8), x[3:9].view(torch.uint8))
    assert torch.from_dlpack(x).dtype is dtype
    with pytest.raises(TypeError, match=f"NumPy has no {dtype.name}"):
        x.numpy()


def test_a_layer_of_float8_weights_takes_a_cast():
    layer = torch.nn.Linear(4, 2).to(torch.float8_e4m3fn)
    assert layer.weight.dtype is torch.float8_e4m3fn
    x = torch.ones(1, 4)
    assert (x @ layer.weight.float().t()).shape == (1, 2)
