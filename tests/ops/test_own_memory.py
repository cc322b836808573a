"""What an operator gives without having to compute anything is memory of its own, where PyTorch's is."""

import pytest

import flambeau

interpolate = flambeau.nn.functional.interpolate
OWN = {
    "linear": lambda x: interpolate(x[0], size=[5], mode="linear"),
    "bilinear": lambda x: interpolate(x, scale_factor=1.0, mode="bilinear"),
    "bilinear, corners": lambda x: interpolate(x, (5, 5), mode="bilinear", align_corners=True),
    "trilinear": lambda x: interpolate(x[None], (3, 5, 5), mode="trilinear"),
    "bicubic": lambda x: interpolate(x, (5, 5), mode="bicubic"),
    "nearest": lambda x: interpolate(x, (5, 5)),
    "area": lambda x: interpolate(x, (5, 5), mode="area"),
    "antialiased": lambda x: interpolate(x, (5, 5), mode="bilinear", antialias=True),
    "matrix_power": lambda x: flambeau.matrix_power(x, 1),
    "linalg.matrix_power": lambda x: flambeau.linalg.matrix_power(x, 1),
    "chain of one power": lambda x: flambeau.matrix_power(x.mT, 1),
    "roll": lambda x: x.roll(0, 0),
    "flip": lambda x: x.flip(()),
    "pad": lambda x: flambeau.nn.functional.pad(x, (0, 0)),
    "rot90": lambda x: flambeau.rot90(x, 4, (2, 3)),
    "repeat": lambda x: x.repeat(1, 1, 1, 1),
    "cat": lambda x: flambeau.cat([x]),
    "adaptive pool": lambda x: flambeau.nn.functional.adaptive_avg_pool2d(x, (5, 5)),
    "pool": lambda x: flambeau.nn.functional.max_pool2d(x, 1),
    "mean of one": lambda x: x[:1].mean(0),
    "sort of one": lambda x: x[:1].sort(0)[0],
    "cumsum of one": lambda x: x[:1].cumsum(0),
    "pow": lambda x: x**1,
    "round": lambda x: x.int().float().round(),
}


@pytest.mark.parametrize("name", OWN)
def test_a_result_is_memory_of_its_own(name):
    x = flambeau.arange(150.0).reshape(2, 3, 5, 5)
    was = x.clone()
    result = OWN[name](x)
    assert result.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
    assert result.is_contiguous()
    result.add_(1)
    assert x.equal(was)


def test_images_that_keep_their_size_keep_their_format():
    x = flambeau.rand(2, 3, 4, 5).contiguous(memory_format=flambeau.channels_last)
    x.requires_grad_()
    y = interpolate(x, (4, 5), mode="bilinear")
    assert y.is_contiguous(memory_format=flambeau.channels_last) and y.equal(x)
    y.backward(flambeau.ones_like(y))
    assert x.grad.equal(flambeau.ones_like(x))
    assert interpolate(flambeau.ones(1, 1, 1).expand(2, 3, 5), 5, mode="linear").is_contiguous()
