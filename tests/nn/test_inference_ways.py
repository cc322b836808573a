"""Native ways of calls that record nothing: what recorded calls, which Python implements, give."""

import math

import pytest

import flambeau as torch

F = torch.nn.functional
POOLS = [  # input, kernel_size, options of max_pool and avg_pool
    (1, (2, 3, 9), 2, {}),
    (1, (3, 65), (5,), {"stride": 2, "padding": 2}),
    (1, (1, 2, 1), 1, {"stride": 4}),
    (2, (2, 3, 8, 9), 2, {}),
    (2, (4, 7, 9), (3, 2), {"stride": (2, 1), "padding": (1, 0)}),
    (2, (1, 2, 257, 5), 3, {"stride": 2, "padding": 1}),
    (2, (2, 3, 6, 6), 6, {}),
    (3, (2, 2, 4, 5, 6), (2, 2, 3), {"stride": (1, 2, 1)}),
    (3, (2, 4, 5, 6), 3, {"padding": 1}),
]


@pytest.mark.parametrize("n, sizes, kernel, options", POOLS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling_without_history(n, sizes, kernel, options, dtype, kind):
    x = torch.randn(sizes, dtype=dtype)
    x.view(-1)[0] = math.nan
    pool = getattr(F, f"{kind}_pool{n}d")
    expected = pool(x.clone().requires_grad_(), kernel, **options)
    found = pool(x, kernel, **options)
    assert not found.requires_grad and found.shape == expected.shape
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=0, equal_nan=True)
    with torch.no_grad():
        again = pool(x.clone().requires_grad_(), kernel, **options)
    torch.testing.assert_close(again, found, rtol=0, atol=0, equal_nan=True)


def test_dilated_maxima_without_history():
    x = torch.randn(2, 3, 9, 10)
    options = {"stride": 2, "dilation": (2, 3), "padding": (1, 2)}
    expected = F.max_pool2d(x.clone().requires_grad_(), 3, **options)
    assert torch.equal(F.max_pool2d(x, 3, **options), expected.detach())
    assert torch.equal(torch.max_pool2d(x, 3, **options), expected.detach())
    wide = F.max_pool2d(x, 2, 1, (6, 0), (12, 1))  # steps over the whole input
    assert (wide == -math.inf).any()


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize(
    "sizes, arguments",
    [((1, 2, 3, 3), (4,)), ((2, 2), (1,)), ((1, 2, 4, 4), (2, 1, 2)), ((1, 0, 4, 4), (2,))],
)
def test_pooling_refuses_without_history_what_it_refuses_with_one(pool, sizes, arguments):
    for x in (torch.ones(sizes), torch.ones(sizes, requires_grad=True)):
        with pytest.raises(RuntimeError):
            pool(x, *arguments)


@pytest.mark.parametrize("sizes", [(5, 3), (2, 3, 4, 5), (1, 4, 1, 1), (3, 70, 9), (2, 16, 16, 17)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("affine", [False, True])
def test_batch_norm_by_running_statistics_without_history(sizes, dtype, affine):
    channels = sizes[1]
    x = torch.randn(sizes, dtype=dtype)
    mean, var = torch.randn(channels, dtype=dtype), torch.rand(channels, dtype=dtype) + 0.1
    weight = torch.randn(channels, dtype=dtype) if affine else None
    bias = torch.randn(channels, dtype=dtype) if affine else None
    if affine:
        weight[0] = math.inf
    expected = F.batch_norm(x.clone().requires_grad_(), mean, var, weight, bias)
    found = F.batch_norm(x, mean, var, weight, bias)
    torch.testing.assert_close(found, expected.detach(), equal_nan=True)
    assert found.stride() == expected.stride()


def test_batch_norm_by_running_statistics_refuses_what_does_not_fit():
    x = torch.ones(2, 3, 4)
    with pytest.raises(RuntimeError, match="running_mean and running_var"):
        F.batch_norm(x, None, None)
    with pytest.raises(RuntimeError, match="running_mean has 2"):
        F.batch_norm(x, torch.zeros(2), torch.ones(3))


@pytest.mark.parametrize("channels, outputs", [(4, 68), (4, 4), (8, 12), (68, 4)])
@pytest.mark.parametrize("stride", [1, 2])
def test_thin_groups_of_pixels_whose_channels_lie_side_by_side(channels, outputs, stride):
    x = torch.randn(2, channels, 9, 7)
    weight = torch.randn(outputs, channels // 4, 1, 1)

    def results(x):
        leaves = [x.requires_grad_(), weight.clone().requires_grad_()]
        out = F.conv2d(*leaves, stride=stride, groups=4)
        return [out, *torch.autograd.grad(out, leaves, torch.ones_like(out))]

    expected = results(x.clone())
    found = results(x.contiguous(memory_format=torch.channels_last))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
