"""Convolutions by their native ways: what the implementation in Python gives, which other layouts go through."""

import pytest

import flambeau as torch

F = torch.nn.functional
CASES = [  # operator, input, weight, options
    (F.conv1d, (2, 3, 9), (4, 3, 3), {}),
    (F.conv1d, (2, 4, 65), (6, 2, 5), {"stride": 2, "padding": 2, "groups": 2}),
    (F.conv2d, (2, 3, 8, 9), (4, 3, 3, 3), {"padding": 1}),
    (F.conv2d, (1, 3, 257, 5), (2, 3, 4, 2), {"stride": (3, 1), "padding": (2, 0), "dilation": 2}),
    (F.conv2d, (3, 32, 12, 12), (32, 32, 3, 3), {"padding": (1, 1)}),
    (F.conv2d, (2, 4, 6, 6), (4, 1, 3, 3), {"groups": 4}),
    (F.conv3d, (2, 2, 4, 5, 6), (3, 2, 2, 2, 3), {"stride": (1, 2, 1)}),
    (F.conv_transpose1d, (2, 3, 9), (3, 4, 4), {"stride": 2, "output_padding": 1}),
    (F.conv_transpose2d, (2, 4, 5, 6), (4, 2, 4, 4), {"stride": 2, "padding": 1, "groups": 2}),
    (F.conv_transpose2d, (2, 3, 5, 6), (3, 5, 3, 2), {"dilation": (2, 1), "stride": (2, 1)}),
    (F.conv_transpose3d, (1, 2, 3, 4, 3), (2, 3, 2, 2, 2), {"stride": 2}),
]


def across(t):
    """t with other strides, which the ways leave to Python."""
    return t.transpose(0, 1).contiguous().transpose(0, 1)


def outcome(operator, sizes, weight_sizes, options, bias, dtype, laid):
    generator = torch.Generator().manual_seed(5)
    outputs = weight_sizes[1] if "transpose" in operator.__name__ else weight_sizes[0]
    outputs *= options.get("groups", 1) if "transpose" in operator.__name__ else 1
    made = [
        torch.randn(n, dtype=dtype, generator=generator).requires_grad_()
        for n in (sizes, weight_sizes, (outputs,))
    ]
    x, weight, b = made
    out = operator(laid(x), weight, b if bias else None, **options)
    grad = torch.randn(out.shape, dtype=dtype, generator=generator)
    return [out, *torch.autograd.grad(out, made if bias else made[:2], grad)], out.grad_fn


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__}{list(case[1])}")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ways_give_the_bits_of_the_implementation(case, bias, dtype):
    found, node = outcome(*case, bias, dtype, lambda t: t)
    expected, other = outcome(*case, bias, dtype, across)
    assert node.name() == other.name()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("case", [CASES[1], CASES[3], CASES[8], CASES[9]], ids=str)
def test_second_derivatives(case):
    operator, sizes, weight_sizes, options = case
    x = torch.randn(1, *sizes[1:3], *(min(s, 7) for s in sizes[3:]), dtype=torch.float64)
    x = (x[..., :7] if len(sizes) == 3 else x).contiguous().requires_grad_()
    weight = torch.randn(*weight_sizes, dtype=torch.float64).requires_grad_()
    torch.autograd.gradgradcheck(lambda x, w: operator(x, w, None, **options), (x, weight))


def test_wrong_calls_are_refused_in_words():
    x, weight = torch.ones(1, 3, 4, 4), torch.ones(2, 3, 5, 5)
    with pytest.raises(RuntimeError, match="reaches over"):
        F.conv2d(x, weight)
    with pytest.raises(RuntimeError, match="channel"):
        F.conv2d(x[:, :2], weight, padding=2)
    with pytest.raises(RuntimeError, match="output_padding"):
        F.conv_transpose2d(x, torch.ones(3, 2, 2, 2), output_padding=1)
    with pytest.raises(RuntimeError, match="inplace operation"):
        w = weight[..., :2, :2].contiguous().requires_grad_()
        y = F.conv2d(x, w)
        with torch.no_grad():
            w.mul_(2)
            x.mul_(2)
        y.sum().backward()


def test_gradients_of_what_was_read_are_added_up():
    table = torch.randn(7, 3, dtype=torch.float64).requires_grad_()
    for index in (
        torch.tensor([[1, 2], [2, 6]]),
        torch.tensor(4),
        torch.zeros(0, dtype=torch.int64),
    ):
        out = F.embedding(index, table)
        weights = torch.randn(out.shape, dtype=torch.float64)
        (grad,) = torch.autograd.grad(out, table, weights)
        expected = torch.zeros(7, 3, dtype=torch.float64)
        for place, row in zip(index.reshape(-1).tolist(), weights.reshape(-1, 3)):
            expected[place] += row
        assert torch.allclose(grad, expected)
    for dim in (0, 1):
        x = torch.randn(4, 5, dtype=torch.float64).requires_grad_()
        places = torch.tensor([[0, 2, 2], [1, 1, 1]])
        torch.autograd.gradcheck(lambda x: x.gather(dim, places), (x,))
        torch.autograd.gradcheck(lambda x: x.index_select(dim, places[0]), (x,))
    zero_dim = torch.tensor(3.0, requires_grad=True)
    (grad,) = torch.autograd.grad(zero_dim.gather(0, torch.tensor([0, 0])).sum(), zero_dim)
    assert grad.item() == 2.0
