"""Convolutions, float32: forward, and forward with both backwards."""

import functools

# name, goal, channels in and out, kernel, stride, groups, batch, height and width
SHAPES = (
    ("3x3, 64 channels", 0.8, 64, 64, 3, 1, 1, 4, 56),
    ("3x3, 128 channels", 0.8, 128, 128, 3, 1, 1, 4, 28),
    ("3x3, 256 channels", 0.8, 256, 256, 3, 1, 1, 4, 14),
    ("1x1, 256 channels", None, 256, 256, 1, 1, 1, 4, 28),
    ("depthwise 3x3, 128 channels", None, 128, 128, 3, 1, 128, 4, 28),
    ("7x7 stride 2, 3 to 64 channels", None, 3, 64, 7, 2, 1, 4, 112),
    ("5x5, 1 to 6 channels (LeNet)", None, 1, 6, 5, 1, 1, 32, 32),
)


def cases(T):
    T.manual_seed(0)
    for name, goal, c_in, c_out, kernel, stride, groups, batch, size in SHAPES:
        x = T.rand(batch, c_in, size, size)
        w = T.rand(c_out, c_in // groups, kernel, kernel)
        conv = functools.partial(
            T.nn.functional.conv2d, stride=stride, padding=kernel // 2, groups=groups
        )
        yield f"{name}, forward", goal, functools.partial(conv, x, w)
        yield f"{name}, both ways", goal, both_ways(T, conv, x, w)


def both_ways(T, conv, x, w):
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    grad_output = T.ones_like(conv(x, w)).detach()

    def run():
        conv(x, w).backward(grad_output)
        x.grad = w.grad = None

    return run
