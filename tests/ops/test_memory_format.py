"""Orders of memory: channels last stays where PyTorch keeps it."""

import numpy
import pytest

import flambeau as torch
from flambeau.nn import functional as F

FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def images(ndim=4, channels=6):
    torch.manual_seed(0)
    return torch.randn(2, channels, *[4] * (ndim - 2)).contiguous(memory_format=FORMATS[ndim])


KEEP = {
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "its indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[1],
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 3),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (1, 2)),
    "max_unpool2d": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "lp_pool2d": lambda x: F.lp_pool2d(x, 2.0, 2),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "bicubic": lambda x: F.interpolate(x, size=(3, 5), mode="bicubic"),
    "antialias": lambda x: F.interpolate(x, size=3, mode="bilinear", antialias=True),
    "area": lambda x: F.interpolate(x, size=3, mode="area"),
    "group_norm": lambda x: F.group_norm(x, 2, torch.ones(6), torch.ones(6)),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "batch_norm of the past": lambda x: F.batch_norm(x, torch.zeros(6), torch.ones(6)),
    "pad": lambda x: F.pad(x, (1, 2, 3, 0)),
    "reflect": lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"),
    "replicate": lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(torch.cat([x, x], 1)[:, :8], 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 3),
    "cat": lambda x: torch.cat([x, 2 * x], 1),
    "conv2d": lambda x: F.conv2d(x, torch.ones(4, 6, 3, 3)),
    "conv2d by its weight": lambda x: F.conv2d(
        x.contiguous(), torch.ones(4, 6, 3, 3).contiguous(memory_format=torch.channels_last)
    ),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, torch.ones(6, 4, 3, 3)),
    "relu": lambda x: F.relu(x),
    "bias": lambda x: torch.ones(6, 1, 1) + x,
    "sliced": lambda x: F.relu(x[:, 1:4]),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "dropout": lambda x: F.dropout(x, 0.5),
    "flip": lambda x: x.flip(3),
    "roll": lambda x: x.roll(1, 2),
    "half": lambda x: x.half(),
    "clone": lambda x: x.clone(),
    "normalize": lambda x: F.normalize(x),
}
KEEP_3D = {
    "max_pool3d": lambda x: F.max_pool3d(x, 2),
    "adaptive_avg_pool3d": lambda x: F.adaptive_avg_pool3d(x, 2),
    "trilinear": lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"),
    "group_norm": lambda x: F.group_norm(x, 2),
    "pad": lambda x: F.pad(x, (1,) * 6),
    "cat": lambda x: torch.cat([x, x], 2),
    "conv3d": lambda x: F.conv3d(x, torch.ones(4, 6, 2, 2, 2)),
    "relu": lambda x: F.relu(x),
}
CASES = [(4, name, call) for name, call in KEEP.items()] + [
    (5, name, call) for name, call in KEEP_3D.items()
]


@pytest.mark.parametrize(("ndim", "name", "call"), CASES, ids=[f"{n}d {k}" for n, k, _ in CASES])
def test_channels_last_is_kept(ndim, name, call):
    x = images(ndim)
    torch.manual_seed(1)
    result = call(x)
    assert result.is_contiguous(memory_format=FORMATS[ndim])
    assert not result.is_contiguous()
    torch.manual_seed(1)
    plain = call(x.contiguous())
    if "weight" not in name:
        assert plain.is_contiguous()
    torch.testing.assert_close(result, plain.contiguous(memory_format=FORMATS[ndim]))


@pytest.mark.parametrize(("ndim", "name", "call"), CASES, ids=[f"{n}d {k}" for n, k, _ in CASES])
def test_the_gradient_lies_as_the_input_does(ndim, name, call):
    gradients = []
    for x in (images(ndim), images(ndim).contiguous()):
        x.requires_grad_()
        torch.manual_seed(1)
        y = call(x)
        if not y.requires_grad:
            return
        (y * y).sum().backward()
        assert x.grad.stride() == x.stride()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_a_pool_of_everything_shows_the_order_too():
    # The strides of dimensions of size 1 say that the result is channels last.
    pooled = F.adaptive_avg_pool2d(images(), 1)
    assert pooled.stride() == (6, 1, 6, 6)
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        assert F.interpolate(pooled, size=(4, 3), mode=mode).stride() == (72, 1, 18, 6)
        assert F.interpolate(torch.ones(2, 6, 1, 1), size=(4, 3), mode=mode).is_contiguous()
    assert F.pad(pooled, (1,) * 4, mode="replicate").stride() == (54, 1, 18, 6)


def test_one_channel_of_an_array_lies_as_the_array_says():
    planes = numpy.zeros((2, 1, 8, 6), numpy.float32)
    for x in (torch.from_numpy(planes), torch.as_tensor(planes), torch.tensor(planes)):
        assert x.stride() == (48, 48, 6, 1)
        assert F.interpolate(x, size=(4, 3)).stride() == (12, 12, 3, 1)
    pixels = torch.from_numpy(numpy.zeros((2, 8, 6, 3), numpy.float32).transpose(0, 3, 1, 2)[:, :1])
    assert pixels.stride() == (144, 1, 18, 3)
    turned = torch.from_numpy(numpy.zeros((1, 4))[::-1])  # a negative stride that no step takes
    assert turned.shape == (1, 4) and turned.is_contiguous()


def test_two_orders_meet():
    x = images()
    assert torch.cat([x, x.contiguous()], 1).is_contiguous()
    assert (x.contiguous() + x).is_contiguous()
    assert (x + x.contiguous()).is_contiguous(memory_format=torch.channels_last)
    assert (torch.ones(1, 6, 4, 4).expand_as(x) * x).is_contiguous()  # the first decides
    assert (torch.ones(1, 6, 1, 1).expand_as(x) * x).stride() == x.stride()


def test_asking_for_an_order():
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    last = x.contiguous(memory_format=torch.channels_last)
    assert last.stride() == (60, 1, 15, 3)
    assert last.contiguous(memory_format=torch.channels_last) is last
    assert last.clone().stride() == last.stride()
    assert last.clone(memory_format=torch.contiguous_format).is_contiguous()
    assert x.clone(memory_format=torch.channels_last).stride() == last.stride()
    assert x.to(memory_format=torch.channels_last).stride() == last.stride()
    assert last.to(torch.float64, memory_format=torch.contiguous_format).is_contiguous()
    assert last.to(torch.float64).stride() == last.stride()
    last.sum().backward()
    assert x.grad.is_contiguous()
    empty = torch.empty(0).resize_(2, 3, 4, 5, memory_format=torch.channels_last)
    assert empty.stride() == last.stride()
    assert not torch.ones(2, 3, 4).is_contiguous(memory_format=torch.channels_last)
    assert not torch.ones(1, 1, 1, 1, 1).is_contiguous(memory_format=torch.channels_last)
    assert torch.ones(1, 1, 1, 1, 1).is_contiguous(memory_format=torch.channels_last_3d)


def test_orders_that_do_not_exist():
    x = torch.ones(2, 3, 4)
    for call in (x.contiguous, x.clone, x.to):
        with pytest.raises(RuntimeError, match="needs 4 dimensions"):
            call(memory_format=torch.channels_last)
    for call in (x.contiguous, x.clone, x.to, x.is_contiguous, torch.Tensor.cpu):
        with pytest.raises(TypeError, match="memory_format"):
            call(*[x] * (call is torch.Tensor.cpu), memory_format="channels last")
    with pytest.raises(RuntimeError, match="preserve_format"):
        x.contiguous(memory_format=torch.preserve_format)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8"])
def test_shuffles_of_channels_last_images_are_those_of_planes(dtype):
    for sizes in (
        (2, 8, 4, 6),
        (1, 4, 4, 2),
        (1, 64, 2, 2),
        (3, 24, 2, 10),
        (3, 16, 300, 306),
    ):
        planes = (torch.rand(sizes) * 90).to(getattr(torch, dtype))
        pixels = planes.contiguous(memory_format=torch.channels_last)
        for function, by in ((F.pixel_shuffle, 2), (F.pixel_unshuffle, 2), (F.channel_shuffle, 4)):
            want, got = function(planes, by), function(pixels, by)
            assert got.equal(want) and got.is_contiguous(memory_format=torch.channels_last)
            assert got.data_ptr() != pixels.data_ptr()
            one = torch.vmap(lambda x, f=function, by=by: f(x[None], by)[0])(pixels)
            assert one.equal(want)


@pytest.mark.parametrize("function", [F.pixel_shuffle, F.pixel_unshuffle])
def test_gradients_of_pixel_shuffles_of_channels_last_images(function):
    gradients = []
    for lies in (torch.contiguous_format, torch.channels_last):
        x = torch.arange(2 * 8 * 4 * 6.0).reshape(2, 8, 4, 6).contiguous(memory_format=lies)
        x.requires_grad_()
        result = function(x, 2)
        (result * torch.arange(result.numel()).reshape(result.shape)).sum().backward()
        gradients.append(x.grad)
    assert gradients[0].equal(gradients[1])
    empty = torch.empty(0, 8, 4, 4).contiguous(memory_format=torch.channels_last)
    assert function(empty, 2).shape == function(torch.empty(0, 8, 4, 4), 2).shape


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_max_unpool_of_channels_last_images_is_that_of_planes(n, dtype):
    pool, unpool = getattr(F, f"max_pool{n}d"), getattr(F, f"max_unpool{n}d")
    lies = torch.channels_last if n == 2 else torch.channels_last_3d
    for sizes in ((2, 5, 7, 6, 9), (1, 3, 2, 2, 2), (3, 1, 4, 4, 4), (2, 8, 6, 6, 6)):
        sizes = sizes[: n + 2]
        x = torch.rand(sizes).to(getattr(torch, dtype))
        values, indices = pool(x, 2, return_indices=True)
        results = []
        for given, places in (
            (values, indices),
            (values.contiguous(memory_format=lies), indices),
            (values.contiguous(memory_format=lies), indices.contiguous(memory_format=lies)),
        ):
            given = given.detach().requires_grad_()
            out = unpool(given, places, 2, output_size=sizes)
            (out * torch.arange(out.numel()).reshape(out.shape)).sum().backward()
            results.append((out, given.grad))
            if not given.is_contiguous():
                assert out.is_contiguous(memory_format=lies)
        for out, gradient in results[1:]:
            assert out.equal(results[0][0]) and gradient.equal(results[0][1])
        with pytest.raises((RuntimeError, IndexError)):
            unpool(values.contiguous(memory_format=lies), indices + 10**6, 2)
