"""Convolutions of real networks, float32: forward, gradient of the input, gradient of the weight.

A row's name: network, channels in-out @ size of the input, kernel (s stride, d dilation, g groups, t
transposed), x batch. A row takes about 0.3 s.
"""

import functools
from typing import NamedTuple

EFFORT = {"rounds": 5, "block_s": 0.01}


class Layer(NamedTuple):
    """One convolution; kernel, padding and the like are the same in each dimension."""

    network: str
    c_in: int
    c_out: int
    size: tuple
    kernel: int
    batch: int
    stride: int = 1
    padding: int | None = None  # of k // 2 (dilated) if None
    dilation: int = 1
    groups: int = 1
    transposed: bool = False

    @property
    def name(self):
        n = len(self.size)
        sizes = str(self.size[0]) if len(set(self.size)) == 1 else "x".join(map(str, self.size))
        kernel = "x".join([str(self.kernel)] * n)
        marks = f"s{self.stride}" if self.stride > 1 else ""
        marks += f"d{self.dilation}" if self.dilation > 1 else ""
        marks += f"g{self.groups}" if self.groups > 1 else ""
        marks += "t" if self.transposed else ""
        channels = f"{self.c_in}-{self.c_out}"
        return f"{self.network} {channels} @{sizes} {kernel}{marks} x{self.batch}"

    def operands(self, T):
        """(the convolution of x and w, x, w)."""
        x = T.rand(self.batch, self.c_in, *self.size)
        first, second = (
            (self.c_in, self.c_out // self.groups)
            if self.transposed
            else (self.c_out, self.c_in // self.groups)
        )
        w = T.rand(first, second, *[self.kernel] * len(self.size))
        padding = self.padding
        if padding is None:
            padding = self.kernel // 2 * self.dilation
        kind = "conv_transpose" if self.transposed else "conv"
        conv = functools.partial(
            getattr(T.nn.functional, f"{kind}{len(self.size)}d"),
            stride=self.stride,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return conv, x, w


LAYERS = (
    Layer("LeNet", 1, 6, (32, 32), 5, 32, padding=0),
    Layer("LeNet", 6, 16, (14, 14), 5, 32, padding=0),
    Layer("LeNet", 6, 16, (14, 14), 5, 4, padding=0),
    Layer("ResNet", 3, 64, (224, 224), 7, 1, stride=2),
    Layer("ResNet", 64, 64, (56, 56), 3, 1),
    Layer("ResNet", 64, 64, (56, 56), 3, 8),
    Layer("ResNet", 128, 128, (28, 28), 3, 8),
    Layer("ResNet", 256, 256, (14, 14), 3, 1),
    Layer("ResNet", 256, 256, (14, 14), 3, 8),
    Layer("ResNet", 512, 512, (7, 7), 3, 1),
    Layer("ResNet", 512, 512, (7, 7), 3, 8),
    Layer("ResNet", 512, 512, (7, 7), 3, 32),
    Layer("ResNet", 64, 128, (56, 56), 3, 1, stride=2),
    Layer("ResNet", 256, 512, (14, 14), 3, 8, stride=2),
    Layer("ResNet", 64, 256, (56, 56), 1, 1),
    Layer("ResNet", 256, 64, (56, 56), 1, 1),
    Layer("ResNet", 512, 128, (28, 28), 1, 8),
    Layer("ResNet", 256, 1024, (14, 14), 1, 8),
    Layer("ResNet", 2048, 512, (7, 7), 1, 8),
    Layer("ResNet", 2048, 512, (7, 7), 1, 1),
    Layer("ResNet", 256, 512, (56, 56), 1, 1, stride=2),
    Layer("ResNeXt", 128, 128, (56, 56), 3, 1, groups=32),
    Layer("ResNeXt", 512, 512, (14, 14), 3, 8, groups=32),
    Layer("MobileNet", 3, 32, (224, 224), 3, 1, stride=2),
    Layer("MobileNet", 32, 32, (112, 112), 3, 1, groups=32),
    Layer("MobileNet", 64, 64, (112, 112), 3, 1, stride=2, groups=64),
    Layer("MobileNet", 512, 512, (14, 14), 3, 8, groups=512),
    Layer("MobileNet", 512, 512, (14, 14), 3, 8, stride=2, groups=512),
    Layer("MobileNet", 32, 64, (112, 112), 1, 1),
    Layer("MobileNet", 512, 512, (14, 14), 1, 8),
    Layer("VGG", 64, 64, (112, 112), 3, 1),
    Layer("VGG", 256, 512, (28, 28), 3, 1),
    Layer("VGG", 512, 512, (14, 14), 3, 1),
    Layer("U-Net", 128, 64, (28, 28), 2, 2, stride=2, padding=0, transposed=True),
    Layer("DCGAN", 256, 128, (8, 8), 4, 8, stride=2, padding=1, transposed=True),
    Layer("DCGAN", 64, 3, (32, 32), 4, 8, stride=2, padding=1, transposed=True),
    Layer("1-d", 1, 32, (4096,), 25, 8),
    Layer("1-d", 64, 64, (1024,), 3, 8),
    Layer("1-d", 32, 32, (2048,), 5, 8, dilation=4),
    Layer("3-d", 3, 16, (16, 32, 32), 3, 2),
    Layer("3-d", 32, 32, (8, 14, 14), 3, 2),
    Layer("dilated", 64, 64, (28, 28), 3, 4, dilation=2),
    Layer("odd", 17, 23, (13, 19), 3, 3),
    Layer("odd", 33, 65, (15, 11), 5, 5, padding=1),
    Layer("tiny", 16, 32, (8, 8), 3, 32),
    Layer("tiny", 64, 64, (8, 8), 3, 1),
    Layer("tiny", 32, 64, (4, 4), 3, 8),
    Layer("tiny", 128, 128, (4, 4), 3, 32),
    Layer("tiny", 64, 64, (2, 2), 3, 32),
)


def cases(T):
    T.manual_seed(0)
    for layer in LAYERS:
        conv, x, w = layer.operands(T)
        yield f"{layer.name}, forward", 1, functools.partial(conv, x, w)
        for what, leaves in (("input", (x.clone(), w)), ("weight", (x, w.clone()))):
            wanted = leaves[what == "weight"].requires_grad_()
            y = conv(*leaves)
            arguments = (y, wanted, T.rand(*y.shape))
            gradient = functools.partial(T.autograd.grad, *arguments, retain_graph=True)
            yield f"{layer.name}, grad {what}", 1, gradient
