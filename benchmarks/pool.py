"""Pooling layers of real networks, float32: forward, forward that records, gradient of the input."""

import functools

EFFORT = {"rounds": 5, "block_s": 0.01}

# name, function, sizes of the input, further arguments
LAYERS = (
    ("LeNet", "max_pool2d", (32, 6, 28, 28), (2,)),
    ("LeNet", "max_pool2d", (4, 16, 10, 10), (2,)),
    ("VGG", "max_pool2d", (1, 64, 112, 112), (2,)),
    ("VGG", "max_pool2d", (8, 512, 14, 14), (2,)),
    ("ResNet 3s2p1", "max_pool2d", (1, 64, 112, 112), (3, 2, 1)),
    ("ResNet 3s2p1", "max_pool2d", (8, 64, 56, 56), (3, 2, 1)),
    ("Inception 3s1p1", "max_pool2d", (8, 192, 14, 14), (3, 1, 1)),
    ("1-d", "max_pool1d", (8, 64, 1024), (2,)),
    ("3-d", "max_pool3d", (2, 16, 16, 32, 32), (2,)),
    ("DenseNet", "avg_pool2d", (8, 128, 28, 28), (2,)),
    ("odd 3s2p1", "avg_pool2d", (8, 64, 27, 29), (3, 2, 1)),
    ("Inception 3s1p1", "avg_pool2d", (8, 192, 14, 14), (3, 1, 1)),
    ("1-d", "avg_pool1d", (8, 64, 1024), (4,)),
    ("3-d", "avg_pool3d", (2, 16, 16, 32, 32), (2,)),
    ("global", "adaptive_avg_pool2d", (8, 512, 7, 7), (1,)),
    ("global", "adaptive_avg_pool2d", (32, 64, 56, 56), (1,)),
    ("VGG to 7x7", "adaptive_avg_pool2d", (8, 256, 14, 14), (7,)),
    ("to 5x5", "adaptive_avg_pool2d", (8, 64, 13, 13), (5,)),
    ("global", "adaptive_max_pool2d", (8, 512, 7, 7), (1,)),
)


def cases(T):
    T.manual_seed(0)
    for network, function, sizes, arguments in LAYERS:
        name = f"{network} {function} {'x'.join(map(str, sizes))}"
        pool = getattr(T.nn.functional, function)
        x = T.rand(*sizes)
        yield f"{name}, forward", 1, functools.partial(pool, x, *arguments)
        leaf = x.clone().requires_grad_()
        y = pool(leaf, *arguments)
        yield f"{name}, recorded", 1, functools.partial(pool, leaf, *arguments)
        grad = functools.partial(T.autograd.grad, y, leaf, T.rand(*y.shape), retain_graph=True)
        yield f"{name}, backward", 1, grad
