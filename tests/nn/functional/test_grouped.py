"""Products of groups of rows, columns and inner elements, and of scaled matrices."""

import pytest

import flambeau as torch
from flambeau.nn import functional as F


def ends(*values):
    return torch.tensor(values, dtype=torch.int32)


def test_groups_of_rows_columns_and_inner_elements():
    a, experts = torch.randn(7, 3), torch.randn(2, 3, 4)
    got = F.grouped_mm(a, experts, offs=ends(2, 7))
    assert torch.equal(got, torch.cat([a[:2] @ experts[0], a[2:] @ experts[1]]))
    many, b = torch.randn(2, 5, 3), torch.randn(3, 6)
    got = F.grouped_mm(many, b, offs=ends(1, 6))
    assert torch.equal(got, torch.cat([many[0] @ b[:, :1], many[1] @ b[:, 1:]], 1))
    a, b = torch.randn(4, 6), torch.randn(6, 2)
    got = F.grouped_mm(a, b, offs=ends(2, 6))
    assert torch.equal(got, torch.stack([a[:, :2] @ b[:2], a[:, 2:] @ b[2:]]))
    a, b = torch.randn(2, 4, 3), torch.randn(2, 3, 5)
    torch.testing.assert_close(F.grouped_mm(a, b), a @ b)


def test_what_lies_beyond_the_last_group_is_zero():
    got = F.grouped_mm(torch.ones(3, 2), torch.ones(1, 2, 2), offs=ends(2))
    assert got.tolist() == [[2, 2], [2, 2], [0, 0]]


def test_gradients_reach_every_group():
    a = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: F.grouped_mm(a, b, offs=ends(1, 3)), (a, b))


@pytest.mark.parametrize(
    "a, b, options, message",
    [
        ((3, 2), (1, 2, 2), {}, "offs is needed"),
        ((3, 2), (1, 3, 2), {"offs": ends(3)}, "inner dimensions differ"),
        ((3, 2), (1, 2, 2), {"offs": ends(4)}, r"offs \[4\] must not fall, nor go beyond 3"),
        ((3, 2), (2, 2, 2), {"offs": ends(3)}, "offs has 1 ends for 2 matrices"),
        ((2,), (1, 2, 2), {}, "both must have 2 or 3 dims"),
        ((1, 3, 2), (1, 2, 2), {"offs": ends(3)}, "leave offs out"),
    ],
)
def test_what_does_not_fit(a, b, options, message):
    with pytest.raises(RuntimeError, match=f"grouped_mm: .*{message}"):
        F.grouped_mm(torch.ones(a), torch.ones(b), **options)


def test_scaled_matrices():
    a, b = torch.randn(4, 8), torch.randn(8, 6)
    one = torch.tensor(0.5)
    whole = F.ScalingType.TensorWise
    low, high = a.to(torch.float8_e4m3fn), b.to(torch.float8_e4m3fn)
    got = F.scaled_mm(low, high, one, whole, one, whole, output_dtype=torch.float32)
    torch.testing.assert_close(got, low.float() @ high.float() * 0.25)
    rows, columns, each = torch.rand(4, 1), torch.rand(1, 6), F.ScalingType.RowWise
    got = F.scaled_mm(low, high, rows, each, columns, each, bias=torch.ones(6), output_dtype=None)
    expected = ((low.float() * rows) @ (high.float() * columns) + 1).to(torch.float8_e4m3fn)
    assert torch.equal(got.float(), expected.float())
    with pytest.raises(NotImplementedError, match="scaled_mm: BlockWise1x32 is not offered"):
        F.scaled_mm(low, high, one, F.ScalingType.BlockWise1x32, one, whole)
    with pytest.raises(ValueError, match="scaled_mm: RowWise takes 4 factors, not 1"):
        F.scaled_mm(low, high, one, each, one, whole)
