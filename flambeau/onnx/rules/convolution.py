"""Convolutions."""

from . import rule


def spatial(value, n):
    """One number, or one for each dim, as a list."""
    if isinstance(value, (tuple, list)):
        return [int(v) for v in value] * (n if len(value) == 1 else 1)
    return [int(value)] * n


def _conv(n):
    def conv(g, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        single = input.ndim == n + 1
        input = g.unsqueeze(input, 0) if single else input
        dilation = spatial(dilation, n)
        if padding == "same":
            totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])]
            pads = [t // 2 for t in totals] + [t - t // 2 for t in totals]
        else:
            pads = spatial(0 if padding == "valid" else padding, n) * 2
        result = g.op(
            "Conv", input, weight, bias, kernel_shape=list(weight.shape[2:]), strides=spatial(stride, n), pads=pads,
            dilations=dilation, group=int(groups),
        )  # fmt: skip
        return g.squeeze(result, 0) if single else result

    return conv


def _conv_transpose(n):
    def conv_transpose(
        g, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
    ):
        single = input.ndim == n + 1
        input = g.unsqueeze(input, 0) if single else input
        result = g.op(
            "ConvTranspose", input, weight, bias, kernel_shape=list(weight.shape[2:]), strides=spatial(stride, n),
            pads=spatial(padding, n) * 2, output_padding=spatial(output_padding, n), dilations=spatial(dilation, n),
            group=int(groups),
        )  # fmt: skip
        return g.squeeze(result, 0) if single else result

    return conv_transpose


for _n in (1, 2, 3):
    rule(f"conv{_n}d")(_conv(_n))
    rule(f"conv_transpose{_n}d")(_conv_transpose(_n))
