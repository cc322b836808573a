"""Convolution, pooling, norms, losses, attention, recurrent layers, resampling."""

from .case import Row, family, filled, forward_and_backward, indices, mask

# name, channels in, out, kernel, image, options of conv2d
CONVOLUTIONS = (
    ("1x1", 64, 64, 1, 28, {}),
    ("3x3", 32, 32, 3, 28, {"padding": 1}),
    ("3x3, few channels", 3, 32, 3, 56, {"padding": 1}),
    ("5x5", 6, 16, 5, 14, {}),
    ("7x7 stride 2", 3, 32, 7, 64, {"stride": 2, "padding": 3}),
    ("3x3 stride 2", 32, 64, 3, 28, {"stride": 2, "padding": 1}),
    ("3x3 dilated", 32, 32, 3, 28, {"padding": 2, "dilation": 2}),
    ("depthwise 3x3", 64, 64, 3, 28, {"padding": 1, "groups": 64}),
    ("grouped 3x3", 64, 64, 3, 14, {"padding": 1, "groups": 4}),
    ("patch 16x16", 3, 96, 16, 64, {"stride": 16}),
)
TRANSPOSED = (
    ("4x4 stride 2", 64, 32, 4, 14, {"stride": 2, "padding": 1}),
    ("4x4 on 1x1", 100, 64, 4, 1, {}),
    ("2x2 stride 2", 64, 32, 2, 14, {"stride": 2}),
)


@family("convolution", 1, 8, 32)
def convolution(T, n):
    F = T.nn.functional
    for name, c_in, c_out, k, side, options in CONVOLUTIONS:
        groups, stride = options.get("groups", 1), options.get("stride", 1)
        x, w, b = (
            filled(T, n, c_in, side, side),
            filled(T, c_out, c_in // groups, k, k),
            filled(T, c_out),
        )
        flops = 2 * n * c_out * (side // stride) ** 2 * c_in // groups * k * k
        yield from forward_and_backward(T, f"conv2d {name}", lambda x, w, b, o=options: F.conv2d(x, w, b, **o), x, w, b, flops=flops)  # fmt: skip
    for name, c_in, c_out, k, side, options in TRANSPOSED:
        x, w = filled(T, n, c_in, side, side), filled(T, c_in, c_out, k, k)
        flops = 2 * n * c_out * side**2 * c_in * k * k
        yield from forward_and_backward(T, f"transposed {name}", lambda x, w, o=options: F.conv_transpose2d(x, w, **o), x, w, flops=flops)  # fmt: skip
    x, w = filled(T, n, 32, 512), filled(T, 64, 32, 5)
    yield from forward_and_backward(T, "conv1d", lambda x, w: F.conv1d(x, w, padding=2), x, w, flops=2 * n * 512 * 64 * 32 * 5)  # fmt: skip
    x, w = filled(T, n, 8, 8, 28, 28)[:8], filled(T, 16, 8, 3, 3, 3)
    yield from forward_and_backward(T, "conv3d", lambda x, w: F.conv3d(x, w, padding=1), x, w, flops=2 * len(x) * 8 * 784 * 16 * 8 * 27)  # fmt: skip
    last = filled(T, n, 32, 28, 28).contiguous(memory_format=T.channels_last)
    w = filled(T, 32, 32, 3, 3)
    yield Row("conv2d 3x3 channels last", lambda x, w: F.conv2d(x, w, padding=1), last, w, flops=2 * n * 784 * 32 * 32 * 9)  # fmt: skip


@family("pooling", 1, 8, 64)
def pooling(T, n):
    F = T.nn.functional
    x = filled(T, n, 32, 28, 28)
    yield from forward_and_backward(T, "max_pool2d 2", lambda x: F.max_pool2d(x, 2), x)
    yield from forward_and_backward(T, "max_pool2d 3, stride 2", lambda x: F.max_pool2d(x, 3, 2, 1), x)  # fmt: skip
    yield Row("max_pool2d indices", lambda x: F.max_pool2d(x, 2, return_indices=True), x)
    yield from forward_and_backward(T, "avg_pool2d 2", lambda x: F.avg_pool2d(x, 2), x)
    yield from forward_and_backward(T, "avg_pool2d 3", lambda x: F.avg_pool2d(x, 3, 1, 1), x)
    yield from forward_and_backward(T, "adaptive_avg_pool2d 1", lambda x: F.adaptive_avg_pool2d(x, 1), x)  # fmt: skip
    yield Row("adaptive_avg_pool2d 5", lambda x: F.adaptive_avg_pool2d(x, 5), x)
    yield Row("adaptive_max_pool2d 4", lambda x: F.adaptive_max_pool2d(x, 4), x)
    yield from forward_and_backward(T, "max_pool1d 4", lambda x: F.max_pool1d(x, 4), x.view(n, 32, -1))  # fmt: skip
    yield Row("avg_pool1d 4", lambda x: F.avg_pool1d(x, 4), x.view(n, 32, -1))
    yield Row("max_pool3d 2", lambda x: F.max_pool3d(x, 2), x.view(n, 4, 8, 28, 28))
    yield Row("lp_pool2d", lambda x: F.lp_pool2d(x, 2, 2), x)


@family("norms", 2, 32, 256)
def norms(T, n):
    F = T.nn.functional
    for width in (64, 768):
        x, w, b = filled(T, n, 16, width), filled(T, width), filled(T, width, low=0)
        yield from forward_and_backward(T, f"layer_norm {width}", lambda x, w, b, s=(width,): F.layer_norm(x, s, w, b), x, w, b)  # fmt: skip
        yield from forward_and_backward(T, f"rms_norm {width}", lambda x, w, s=(width,): F.rms_norm(x, s, w), x, w)  # fmt: skip
    x, w, b = filled(T, n, 32, 14, 14), filled(T, 32), filled(T, 32, low=0)
    mean, var = T.zeros(32), T.ones(32)
    yield from forward_and_backward(T, "batch_norm training", lambda x, w, b: F.batch_norm(x, mean, var, w, b, True), x, w, b)  # fmt: skip
    yield from forward_and_backward(T, "batch_norm eval", lambda x, w, b: F.batch_norm(x, mean, var, w, b), x, w, b)  # fmt: skip
    yield from forward_and_backward(T, "batch_norm of features", lambda x, w, b: F.batch_norm(x, mean, var, w, b, True), filled(T, n, 32), w, b)  # fmt: skip
    yield from forward_and_backward(T, "group_norm 8", lambda x, w, b: F.group_norm(x, 8, w, b), x, w, b)  # fmt: skip
    yield from forward_and_backward(T, "instance_norm", lambda x: F.instance_norm(x), x)
    yield from forward_and_backward(T, "normalize", lambda x: F.normalize(x, dim=1), filled(T, n, 128))  # fmt: skip
    yield Row("local_response_norm", lambda x: F.local_response_norm(x, 5), x)
    yield from forward_and_backward(T, "softmax of channels", lambda x: F.softmax(x, 1), x)


@family("losses", 32, 1024, 32768)
def losses(T, n):
    F = T.nn.functional
    scores, target = filled(T, n, 10), indices(T, 10, n)
    x, y = filled(T, n, 16, low=0.1, high=0.9), filled(T, n, 16, low=0.2, high=0.8)
    yield from forward_and_backward(T, "cross_entropy 10", F.cross_entropy, scores, target)
    wide = filled(T, n // 32, 1000)
    yield from forward_and_backward(T, "cross_entropy 1000", F.cross_entropy, wide, indices(T, 1000, n // 32))  # fmt: skip
    yield from forward_and_backward(T, "nll_loss", F.nll_loss, scores, target)
    yield from forward_and_backward(T, "mse_loss", F.mse_loss, x, y)
    yield from forward_and_backward(T, "l1_loss", F.l1_loss, x, y)
    yield from forward_and_backward(T, "smooth_l1_loss", F.smooth_l1_loss, x, y)
    yield from forward_and_backward(T, "huber_loss", F.huber_loss, x, y)
    yield Row("binary_cross_entropy", F.binary_cross_entropy, x, y)
    yield from forward_and_backward(T, "bce with logits", F.binary_cross_entropy_with_logits, x, y)
    yield from forward_and_backward(T, "kl_div", lambda x, y: F.kl_div(x, y, reduction="batchmean"), x, y)  # fmt: skip
    yield from forward_and_backward(T, "cosine_similarity", F.cosine_similarity, x, y)
    yield Row("triplet_margin_loss", F.triplet_margin_loss, x, y, x + 1)
    steps, batch = 20, max(1, n // 512)
    log_probs = T.log_softmax(filled(T, steps, batch, 20), 2)
    labels = indices(T, 19, batch, 8) + 1
    yield Row("ctc_loss", lambda p, t: F.ctc_loss(p, t, (steps,) * batch, (8,) * batch), log_probs, labels)  # fmt: skip


@family("attention", (1, 4, 64, 32), (4, 8, 256, 64), (1, 12, 1024, 64))
def attention(T, sizes):
    F = T.nn.functional
    b, heads, t, d = sizes
    q, k, v = (filled(T, *sizes, low=low) for low in (-1, -0.9, -0.8))
    flops = 4 * b * heads * t * t * d
    call = F.scaled_dot_product_attention
    yield from forward_and_backward(T, "attention", call, q, k, v, flops=flops)
    yield from forward_and_backward(T, "causal", lambda q, k, v: call(q, k, v, is_causal=True), q, k, v, flops=flops // 2)  # fmt: skip
    seen = mask(T, t, t)
    yield from forward_and_backward(T, "with a mask", lambda q, k, v: call(q, k, v, attn_mask=seen), q, k, v, flops=flops)  # fmt: skip
    yield Row("one query", call, q[:, :, :1], k, v, flops=flops // t)
    yield Row("bfloat16", call, q.bfloat16(), k.bfloat16(), v.bfloat16(), flops=flops)
    T.manual_seed(0)
    layer = T.nn.MultiheadAttention(heads * d, heads, batch_first=True)
    x = filled(T, b, t, heads * d)
    yield from forward_and_backward(T, "MultiheadAttention", lambda x: layer(x, x, x, need_weights=False)[0], x, flops=flops + 8 * b * t * (heads * d) ** 2)  # fmt: skip
    block = T.nn.TransformerEncoderLayer(heads * d, heads, 4 * heads * d, 0.0, batch_first=True)
    yield from forward_and_backward(T, "TransformerEncoderLayer", block, x, flops=flops + 24 * b * t * (heads * d) ** 2)  # fmt: skip


@family("recurrent", (1, 10, 32), (16, 32, 128), (32, 64, 256))
def recurrent(T, sizes):
    batch, steps, width = sizes
    x = filled(T, batch, steps, width)
    for name, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        layer = getattr(T.nn, name)(width, width, batch_first=True)
        flops = 4 * batch * steps * width * width * gates
        yield from forward_and_backward(T, name, lambda x, f=layer: f(x)[0], x, flops=flops)
    layer = T.nn.LSTM(width, width, 2, batch_first=True)
    yield from forward_and_backward(T, "LSTM of two layers", lambda x: layer(x)[0], x)
    layer = T.nn.LSTM(width, width, batch_first=True, bidirectional=True)
    yield Row("LSTM both ways", lambda x: layer(x)[0], x)
    cell = T.nn.LSTMCell(width, width)
    yield Row("LSTMCell", cell, x[:, 0])


@family("resampling", 1, 8, 32)
def resampling(T, n):
    F = T.nn.functional
    x = filled(T, n, 3, 64, 64)
    for mode in ("nearest", "bilinear", "bicubic"):
        yield from forward_and_backward(T, f"{mode} to 128", lambda x, m=mode: F.interpolate(x, (128, 128), mode=m), x)  # fmt: skip
        yield Row(f"{mode} to 37", lambda x, m=mode: F.interpolate(x, (37, 37), mode=m), x)
    yield Row("bilinear of 32 channels", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), filled(T, n, 32, 28, 28))  # fmt: skip
    yield Row("antialiased to 30", lambda x: F.interpolate(x, (30, 30), mode="bilinear", antialias=True), x)  # fmt: skip
    yield Row("area to 32", lambda x: F.interpolate(x, (32, 32), mode="area"), x)
    yield Row("linear, 1-d", lambda x: F.interpolate(x, 1000, mode="linear"), x.view(n, 3, -1))
    grid = filled(T, n, 64, 64, 2)
    for mode in ("bilinear", "nearest"):
        yield from forward_and_backward(T, f"grid_sample {mode}", lambda x, g, m=mode: F.grid_sample(x, g, m, align_corners=False), x, grid if mode == "bilinear" else grid.detach())  # fmt: skip
    yield Row("affine_grid", lambda t: F.affine_grid(t, (n, 3, 64, 64), align_corners=False), filled(T, n, 2, 3))  # fmt: skip
