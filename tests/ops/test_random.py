"""Random numbers by index, and dropout, which draws its mask twice."""

import pytest

import flambeau as torch
from flambeau.ops import random


def test_numbers_go_by_index_whatever_the_layout():
    def drawn(fill, like):
        torch.manual_seed(3)
        return fill(like)

    x = torch.ones(5, 7, 3)
    turned = torch.ones(3, 7, 5).permute(2, 1, 0)
    sliced = torch.ones(5, 14, 3)[:, ::2]
    for fill in (
        torch.rand_like,
        torch.randn_like,
        lambda like: like.clone().uniform_(),
        lambda like: like.normal_(),
        lambda like: torch.nn.functional.dropout(like.fill_(1.0), 0.4),
        lambda like: torch.bernoulli(like.fill_(0.5)),
    ):
        for like in (turned, sliced):
            assert torch.equal(drawn(fill, x), drawn(fill, like))


def test_dropout_gradient_that_lies_otherwise_than_the_input():
    # The mask is drawn again in backward; it went by memory, not by index.
    x = torch.ones(50, 40, requires_grad=True)
    y = torch.nn.functional.dropout(x, 0.5)
    (y.t() * torch.ones(40, 50)).sum().backward()
    assert torch.equal(x.grad, y)
    x.grad = None
    y = torch.nn.functional.dropout(x, 0.5)
    y.backward(torch.ones(40, 50).t())
    assert torch.equal(x.grad, y)
    turned = torch.ones(40, 50).t().requires_grad_()
    y = torch.nn.functional.dropout(turned, 0.5)
    assert y.stride() == turned.stride()
    y.backward(torch.ones(50, 40))
    assert torch.equal(turned.grad, y)


def test_dropout_draws_philox_2x32_of_seven_rounds():
    # Counter (0, 0) and key 0 give 257a3673, as the authors' own list of answers has it.
    drawn = (0x257A3673 >> 8) * 2.0**-24
    drop = random._dropout_map
    assert drop(torch.ones(1), 0, 0, drawn).item() > 0
    assert drop(torch.ones(1), 0, 0, drawn + 2.0**-24).item() == 0


def test_the_kernel_by_hand_gives_the_bits_of_the_expression():
    # A row of even length begins in the middle of a vector, one of odd length between two words of a counter.
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0])
    for rows, columns in ((1, 1), (3, 5), (4, 37), (2, 64), (1, 1001), (5, 66)):
        x = torch.randn(rows, columns)
        x.view(-1)[:4] = special[: x.numel()]
        for p in (0.0, 0.1, 0.75):
            found = random._dropout_map(x, 7, 1 << 33, p)
            expected = random._dropout_map(x.double(), 7, 1 << 33, p)
            assert torch.equal(found.isnan(), expected.isnan())
            assert torch.equal(found == 0, expected == 0)
            # Every second column is no contiguous input, and goes by the language.
            spread = torch.zeros(rows, columns, 2)
            spread[..., 0] = x
            same = random._dropout_map(spread[..., 0], 7, 1 << 33, p)
            assert torch.equal(found.view(torch.int32), same.contiguous().view(torch.int32))


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_masks_are_the_same_for_any_number_of_threads(threads):
    x, before = torch.ones(1000, 101), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = random._dropout_map(x, 5, 9, 0.3)
        torch.set_num_threads(threads)
        assert torch.equal(random._dropout_map(x, 5, 9, 0.3), one)
    finally:
        torch.set_num_threads(before)


def test_masks_of_neighbouring_calls_and_seeds_have_nothing_in_common():
    def mask(seed, call):
        return random._dropout_map(torch.ones(1 << 16), seed, call, 0.5) != 0

    masks = [mask(*at) for at in ((0, 0), (0, 1), (0, 2), (1, 0), (1 << 40, 0))]
    for i, one in enumerate(masks):
        assert abs(one.float().mean().item() - 0.5) < 0.01
        assert abs((one[1:] == one[:-1]).float().mean().item() - 0.5) < 0.01
        for other in masks[:i]:
            assert abs((one == other).float().mean().item() - 0.5) < 0.01


def test_normal_has_the_dtype_of_its_mean():
    single, double = torch.zeros(2), torch.ones(2, dtype=torch.float64)
    assert torch.normal(single, double).dtype == torch.float32
    assert torch.normal(double, single).dtype == torch.float64
    assert torch.normal(0.0, double).dtype == torch.float64


@pytest.mark.parametrize("n", [0, 1, 2, 65, 100_000, 262_144, 262_145, 1_000_003])
def test_a_random_order_holds_each_integer_once_for_any_number_of_threads(n):
    before = torch.get_num_threads()
    orders = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            torch.manual_seed(n)
            orders.append(torch.randperm(n))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(orders[0].sort()[0], torch.arange(n))
    assert all(torch.equal(order, orders[0]) for order in orders)


def test_every_order_is_drawn_equally_often():
    torch.manual_seed(0)
    counts = {}
    for _ in range(12_000):
        order = tuple(torch.randperm(4).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    # Chi-squared of 23 degrees of freedom: beyond 49.7 once in a thousand seeds.
    assert sum((n - 500) ** 2 / 500 for n in counts.values()) < 49.7
    # In the way of piles: where 0 and 1 go is even over the places, and independent.
    n = 300_000
    orders = (torch.randperm(n) for _ in range(400))
    places = torch.stack([torch.cat([(p == k).nonzero()[0] for k in (0, 1)]) for p in orders]) / n
    assert abs(places.mean() - 0.5) < 0.05
    assert abs(torch.corrcoef(places.T)[0, 1]) < 0.2


@pytest.mark.parametrize("low, high", [(0, 1), (-3, 4), (0, 2**32 - 1), (0, 2**32), (-(2**40), 2**40)])  # fmt: skip
def test_integers_fill_their_range_evenly(low, high):
    torch.manual_seed(3)
    numbers = torch.randint(low, high, (20_000,))
    assert low <= numbers.min() and numbers.max() < high
    eighths = ((numbers - low).double() / (high - low) * 8).long()
    if high - low >= 2**32 - 1:
        assert torch.bincount(eighths, minlength=8).sub(2500).abs().max() < 250
    else:
        assert numbers.unique().tolist() == list(range(low, high))


def test_uniform_takes_ranges_and_refuses_others():
    x = torch.empty(1000).uniform_(-300, -200)
    assert -300 <= x.min() and x.max() < -200
    for low, high in ((1, 0), (0, 1e39), (float("nan"), 1)):
        with pytest.raises(RuntimeError, match="uniform_"):
            x.uniform_(low, high)


def test_multinomial_draws_weights_of_zero_last():
    """Fewer weights above 0 than draws were refused; PyTorch takes the others after them."""
    weights = torch.tensor([[0.0, 3.0, 0.0, 1.0], [0.0, 0.0, 0.0, 2.0]])
    for _ in range(5):
        first, second = torch.multinomial(weights, 3).tolist()
        assert set(first[:2]) == {1, 3} and first[2] in (0, 2)
        assert second[0] == 3 and len(set(second)) == 3
    for none in (torch.zeros(3), weights * 0):
        with pytest.raises(RuntimeError, match="multinomial"):
            torch.multinomial(none, 2)
    with pytest.raises(RuntimeError, match="multinomial"):
        torch.multinomial(weights, 5)


def test_multinomial_draws_by_weight():
    torch.manual_seed(4)
    weights = torch.tensor([[1.0, 0.0, 3.0, 0.0], [0.0, 2.0, 2.0, 0.0]])
    before = torch.get_num_threads()
    drawn = []
    try:
        for n in (1, 2, 3, 16):
            torch.set_num_threads(n)
            torch.manual_seed(4)
            drawn.append(torch.multinomial(weights.repeat(500, 1), 40, True))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(d, drawn[0]) for d in drawn)
    counts = [torch.bincount(drawn[0][row::2].reshape(-1), minlength=4) for row in (0, 1)]
    assert counts[0][[1, 3]].tolist() == [0, 0] and counts[1][[0, 3]].tolist() == [0, 0]
    assert abs(counts[0][2] / counts[0].sum() - 0.75) < 0.02
    assert abs(counts[1][2] / counts[1].sum() - 0.5) < 0.02
    assert torch.multinomial(weights[0].half(), 5, True).shape == (5,)
    for bad in ([-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]):
        with pytest.raises(RuntimeError, match="multinomial"):
            torch.multinomial(torch.tensor([[1.0, 1.0], bad]), 3, True)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32"]
)
def test_bounds_by_place_and_by_name_draw_the_same_integers(dtype):
    x, y = (torch.empty(500, dtype=getattr(torch, dtype)) for _ in range(2))
    for bounds in ((), (2,), (0, 2), (1, 2)):
        low, high = bounds if len(bounds) == 2 else (0, *bounds) if bounds else (0, None)
        torch.manual_seed(3)
        x.random_(*bounds)
        torch.manual_seed(3)
        if high is None:
            y.random_()
        else:
            y.random_(**{"from": low, "to": high})
            assert x.min() >= low and x.max() < high
        assert x.equal(y)
    if dtype != "bool":
        assert x.random_(-3 if dtype.startswith(("i", "f")) else 0, 4).unique().numel() in (4, 7)
    with pytest.raises(RuntimeError):
        x.random_(2, 2)


def test_transformed_numbers_have_their_distributions():
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = torch.empty(100_000, dtype=dtype)
        assert abs(x.exponential_(2.0).double().mean() - 0.5) < 0.02 and x.min() >= 0
        assert abs(x.cauchy_(1.0, 3.0).double().median() - 1) < 0.1
        assert abs((x < 4).double().mean() - 0.75) < 0.02
    for dtype in (torch.float32, torch.int64, torch.uint8):
        x = torch.empty(100_000, dtype=dtype).geometric_(0.4)
        assert x.min() == 1 and abs(x.double().mean() - 2.5) < 0.05
        assert abs((x == 1).double().mean() - 0.4) < 0.01


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float32])
def test_log_normal_of_nothing(dtype):
    x = torch.ones(0, dtype=dtype)
    assert x.log_normal_() is x
