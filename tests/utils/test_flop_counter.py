"""FLOPs of products, convolutions and attention, as PyTorch counts them."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.utils.flop_counter import FlopCounterMode, sdpa_flop_count

aten = torch.ops.aten


def count(function):
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_flop_counts()["Global"]


def test_products():
    assert count(lambda: torch.ones(2, 3) @ torch.ones(3, 4)) == {aten.mm: 48}
    assert count(lambda: torch.ones(5, 2, 3) @ torch.ones(5, 3, 4)) == {aten.bmm: 240}
    assert count(lambda: torch.ones(5, 2, 3) @ torch.ones(3, 4)) == {aten.mm: 240}
    assert count(lambda: torch.addmm(torch.ones(4), torch.ones(2, 3), torch.ones(3, 4))) == {
        aten.addmm: 48
    }
    assert (
        sum(count(lambda: torch.einsum("ij,jk->ik", torch.ones(3, 4), torch.ones(4, 5))).values())
        == 120
    )


def test_backward_of_products():
    a, b = (torch.ones(*s, requires_grad=True) for s in ((2, 3), (3, 4)))
    assert count(lambda: (a @ b).sum().backward()) == {aten.mm: 3 * 48}
    assert count(lambda: (a @ b.detach()).sum().backward()) == {aten.mm: 2 * 48}
    assert count(lambda: (a.detach() @ b).sum().backward()) == {aten.mm: 2 * 48}
    stack = torch.ones(5, 2, 3, requires_grad=True)
    assert count(lambda: (stack @ torch.ones(5, 3, 4)).sum().backward()) == {aten.bmm: 2 * 240}


def test_attention_is_two_products():
    q = torch.ones(1, 2, 4, 8)
    found = count(lambda: nn.functional.scaled_dot_product_attention(q, q, q))
    assert sum(found.values()) == sdpa_flop_count(q.shape, q.shape, q.shape) == 1024
    inputs = [torch.ones(1, 2, n, 8, requires_grad=True) for n in (4, 6, 6)]
    once = sdpa_flop_count(*(x.shape for x in inputs))
    found = count(lambda: nn.functional.scaled_dot_product_attention(*inputs).sum().backward())
    # Backward: the scores again, and four products.
    assert sum(found.values()) == once + once // 2 + 2 * once


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.seq = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 5))

    def forward(self, x):
        return self.seq(x)


def test_modules_and_their_backward():
    # The figures are PyTorch's (2.13).
    x, net = torch.randn(2, 3, 8, 8), Net()
    with FlopCounterMode(display=False) as counter:
        net(x).sum().backward()
    assert counter.get_total_flops() == 79488
    counts = counter.get_flop_counts()
    assert counts["Net.seq.0"] == {aten.convolution: 31104, aten.convolution_backward: 31104}
    assert counts["Net.seq.2"] == {aten.addmm: 5760, aten.mm: 11520}
    assert counts["Net"] == counts["Net.seq"] == counts["Global"]
    assert "Net.seq.2" in counter.get_table(3) and "Net.seq.2" not in counter.get_table(2)


def test_formulas_of_ones_own():
    with FlopCounterMode(
        display=False, custom_mapping={aten.exp: lambda x, out_shape=None: 7 * x.numel()}
    ) as counter:
        torch.ones(2, 3).exp()
        torch.ones(2, 3) @ torch.ones(3, 1)
    assert counter.get_flop_counts()["Global"] == {aten.exp: 42, aten.mm: 12}


def test_two_counters_and_a_table(capsys):
    with FlopCounterMode() as outer, FlopCounterMode(display=False) as inner:
        torch.ones(2, 3) @ torch.ones(3, 4)
    assert outer.get_total_flops() == inner.get_total_flops() == 48
    assert "aten.mm" in capsys.readouterr().out


def test_counts_end_with_the_mode():
    with FlopCounterMode(display=False) as counter:
        pass
    torch.ones(2, 3) @ torch.ones(3, 4)
    assert counter.get_total_flops() == 0


def test_errors_leave_the_counter_whole():
    with FlopCounterMode(display=False) as counter:
        with pytest.raises(RuntimeError):
            torch.ones(2, 3) @ torch.ones(2, 3)
        torch.ones(2, 3) @ torch.ones(3, 4)
    assert counter.get_total_flops() == 48
