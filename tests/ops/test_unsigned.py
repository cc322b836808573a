"""uint16, uint32 and uint64 against NumPy, up to their largest numbers."""

import numpy as np
import pytest

import flambeau as torch

WIDTHS = {"uint16": 16, "uint32": 32, "uint64": 64}


@pytest.fixture(params=WIDTHS)
def pair(request):
    """All pairs of numbers near 0, the middle and the end of the range: (a, b) as arrays and tensors."""
    top = 2 ** WIDTHS[request.param]
    numbers = [0, 1, 2, 3, 7, top // 4 + 1, top // 2 - 1, top // 2, top // 2 + 5, top - 2, top - 1]
    values = np.array(numbers, request.param)
    a, b = np.repeat(values, len(values)), np.tile(values, len(values))
    return a, b, torch.from_numpy(a.copy()), torch.from_numpy(b.copy())


POINTWISE = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "eq": np.equal,
    "lt": np.less,
    "ge": np.greater_equal,
    "bitwise_and": np.bitwise_and,
    "bitwise_xor": np.bitwise_xor,
    "logical_or": np.logical_or,
    "gcd": np.gcd,
}
DIVISIONS = {"floor_divide": np.floor_divide, "remainder": np.remainder, "fmod": np.fmod}


@pytest.mark.parametrize("name", [*POINTWISE, *DIVISIONS])
def test_pointwise(name, pair):
    a, b, x, y = pair
    if name in DIVISIONS:
        keep = b != 0
        a, b = a[keep], b[keep]
        x, y = torch.from_numpy(a.copy()), torch.from_numpy(b.copy())
    expected = (POINTWISE | DIVISIONS)[name](a, b)
    got = getattr(torch, name)(x, y).numpy()
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_conversions_and_unary(pair):
    a, _, x, _ = pair
    np.testing.assert_array_equal(x.double().numpy(), a.astype(np.float64))
    np.testing.assert_array_equal(x.float().numpy(), a.astype(np.float32))
    np.testing.assert_array_equal(x.long().numpy(), a.astype(np.int64))
    np.testing.assert_array_equal((~x).numpy(), ~a)
    np.testing.assert_array_equal((-x).numpy(), np.negative(a))
    np.testing.assert_array_equal(x.abs().numpy(), a)
    np.testing.assert_array_equal((x * x).numpy(), x.square().numpy())
    assert x.tolist() == a.tolist()


def test_order(pair):
    a, b, x, _ = pair
    np.testing.assert_array_equal(x.sort()[0].numpy(), np.sort(a))
    np.testing.assert_array_equal(x.sort(descending=True)[0].numpy(), np.sort(a)[::-1])
    np.testing.assert_array_equal(x.topk(5)[0].numpy(), np.sort(a)[::-1][:5])
    np.testing.assert_array_equal(x.unique().numpy(), np.unique(a))
    np.testing.assert_array_equal(x.cummax(0)[0].numpy(), np.maximum.accumulate(a))
    np.testing.assert_array_equal(
        torch.searchsorted(torch.from_numpy(np.unique(a)), x).numpy(),
        np.searchsorted(np.unique(a), a),
    )
    assert x.amax().item() == a.max() and x.argmax().item() == a.argmax()
    assert x.amin().item() == a.min() and x.median().item() == np.sort(a)[(len(a) - 1) // 2]


def test_sums_wrap_at_64_bits(pair):
    a, b, x, y = pair
    total = int(a.astype(object).sum()) % 2**64
    assert x.sum().dtype is torch.int64 and x.sum().to(torch.uint64).item() == total
    np.testing.assert_array_equal(
        x.cumsum(0).to(torch.uint64).numpy(), np.cumsum(a, dtype=np.uint64)
    )
    n = int(len(a) ** 0.5)
    product = (x.reshape(n, n) @ y.reshape(n, n)).numpy()
    np.testing.assert_array_equal(product, a.reshape(n, n) @ b.reshape(n, n))
    zeros = torch.zeros(2, dtype=x.dtype)
    added = zeros.scatter_add(0, torch.zeros(len(a), dtype=torch.int64), x)
    assert added[0].item() == int(a.astype(object).sum()) % 2 ** WIDTHS[x.dtype.name]


def test_the_largest_number_as_a_python_number(pair):
    a, _, x, _ = pair
    top = 2 ** WIDTHS[x.dtype.name] - 1
    assert torch.full((2,), top, dtype=x.dtype).tolist() == [top, top]
    np.testing.assert_array_equal((x == top).numpy(), a == top)
    np.testing.assert_array_equal(x.clamp(5, top - 1).numpy(), a.clip(5, top - 1))
    np.testing.assert_array_equal(x.masked_fill(x > 5, top).numpy(), np.where(a > 5, top, a))
    filled = x.clone()
    filled[0] = top
    assert filled[0].item() == top


def test_promotion():
    u16, u32, u64 = torch.uint16, torch.uint32, torch.uint64
    for a, b, common in (
        (u16, u16, u16),
        (u16, torch.float16, torch.float16),
        (u64, torch.bfloat16, torch.bfloat16),
        (u32, torch.float64, torch.float64),
        (u16, torch.uint8, u16),
        (u16, torch.int8, torch.int32),
        (u32, torch.int32, torch.int64),
        (u64, torch.int64, torch.int64),
        (u32, torch.complex64, torch.complex64),
        (u16, torch.bool, u16),
    ):
        assert torch.promote_types(a, b) is common and torch.promote_types(b, a) is common
