"""Numbers that a dtype cannot hold are refused wherever one is written, and never wrap in silence."""

import math

import pytest

import flambeau as torch

WRITERS = {
    "fill_": lambda x, v: x.fill_(v),
    "fill_ tensor": lambda x, v: x.fill_(torch.tensor(v)),
    "full": lambda x, v: torch.full((2,), v, dtype=x.dtype),
    "full_like": lambda x, v: torch.full_like(x, v),
    "index": lambda x, v: x.__setitem__(0, v),
    "masked_fill": lambda x, v: x.masked_fill(x == 0, v),
    "masked_fill_": lambda x, v: x.masked_fill_(x == 0, v),
    "masked_fill tensor": lambda x, v: x.masked_fill(x == 0, torch.tensor(v)),
    "index_fill_": lambda x, v: x.index_fill_(0, torch.tensor([0]), v),
}
BEYOND = [
    (torch.int8, 128),
    (torch.int8, -129),
    (torch.int8, 1e6),
    (torch.uint8, 256),
    (torch.uint8, -256),
    (torch.int32, 2**31),
    (torch.int64, 1e19),
    (torch.int64, math.inf),
    (torch.int16, math.nan),
]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("dtype, value", BEYOND)
def test_beyond_the_range(writer, dtype, value):
    x = torch.zeros(2, dtype=dtype)
    with pytest.raises(RuntimeError):
        WRITERS[writer](x, value)
    assert x.tolist() == [0, 0]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    "dtype, value, written",
    [
        (torch.int8, 127, 127),
        (torch.int8, -128, -128),
        (torch.int8, 0.9, 0),
        (torch.int8, -128.9, -128),
        (torch.uint8, -1, 255),
        (torch.bool, 300, True),
        (torch.bool, 0.5, True),
        (torch.float16, math.inf, math.inf),
        (torch.float32, 2**40, 2**40),
        (torch.complex64, 1j, 1j),
    ],
)
def test_within_the_range(writer, dtype, value, written):
    x = torch.zeros(2, dtype=dtype)
    made = WRITERS[writer](x, value)
    made = x if made is None else made
    assert made[0].item() == written and made.dtype is dtype


@pytest.mark.parametrize("writer", sorted(set(WRITERS) - {"index"}))
@pytest.mark.parametrize("dtype, value", [(torch.float16, 1e6), (torch.float32, 1e39)])
def test_floats_beyond_the_largest(writer, dtype, value):
    if "tensor" in writer and dtype is torch.float32:
        return  # tensor(1e39) is infinite already
    with pytest.raises(RuntimeError):
        WRITERS[writer](torch.zeros(2, dtype=dtype), value)


def test_a_float_written_by_index_becomes_an_infinity():
    x = torch.zeros(2, dtype=torch.float16)
    x[0] = 1e6
    assert x[0] == math.inf
