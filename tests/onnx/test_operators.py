"""Every operator that has a rule: onnxruntime gives what flambeau gives, at the example's sizes and at others."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F

CASES = {}


def case(name, function, *shapes, dyn=True):
    """Inputs of these shapes; with dyn their first dim may change."""
    CASES[name] = function, shapes, dyn


un = "abs acos acosh asin asinh atan atanh ceil cos cosh erf exp floor log neg reciprocal relu sigmoid sign sin sinh sqrt tan tanh square rsqrt exp2 expm1 log1p log2 log10 erfc trunc frac round isnan isinf isfinite nan_to_num logical_not".split()
for n in un:
    case(
        n,
        lambda x, n=n: getattr(torch, n)(
            x.abs() * 0.4 + 0.3 if n not in ("acosh",) else x.abs() + 1.1
        ),
        (2, 5),
    )
for n in "relu6 hardtanh hardsigmoid hardswish elu selu celu leaky_relu gelu silu mish softplus logsigmoid tanhshrink softshrink hardshrink glu softsign".split():
    case("F." + n, lambda x, n=n: getattr(F, n)(x * 3), (2, 6))
case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), (2, 6))
case("threshold", lambda x: F.threshold(x, 0.1, 5.0), (2, 6))
case("prelu", lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3])), (2, 3, 4))
for n in "add sub mul div maximum minimum fmod remainder atan2 pow".split():
    case(
        n,
        lambda x, y, n=n: getattr(torch, n)(
            x.abs() + 0.5 if n == "pow" else x, y + (3 if n in ("fmod", "remainder", "div") else 0)
        ),
        (2, 5),
        (2, 5),
    )
case("addalpha", lambda x, y: torch.add(x, y, alpha=2) - torch.sub(x, y, alpha=3), (2, 5), (2, 5))
case("scalars", lambda x: 2 / (x.abs() + 1) + 1 - x * 3 // 2 + 2**x + x**2 + (1 - x) % 3, (2, 5))
case(
    "intdiv",
    lambda x: (
        (x * 7).long() // 3,
        (x * 7).long() % 3,
        torch.div((x * 7).long(), 2, rounding_mode="trunc"),
        (x * 7).long() / 2,
    ),
    (4, 5),
)
case(
    "lerp",
    lambda x, y: (
        torch.lerp(x, y, 0.3)
        + torch.addcmul(x, x, y, value=0.5)
        + torch.addcdiv(x, y, x.abs() + 1, value=0.2)
    ),
    (2, 5),
    (2, 5),
)
case(
    "compare",
    lambda x, y: (
        x == y,
        x != y,
        x < y,
        x <= y,
        x > y,
        x >= y,
        (x > 0) & (y > 0),
        (x > 0) | (y > 0),
        (x > 0) ^ (y > 0),
        ~(x > 0),
        torch.logical_and(x, y),
    ),
    (2, 5),
    (2, 5),
)
case(
    "where",
    lambda x, y: (
        torch.where(x > 0, x, y),
        torch.where(x > 0, x, 0.0),
        x.masked_fill(x > 0, -1e9),
        x.clamp(-0.5, 0.5),
        x.clamp(min=0),
        torch.clip(x, max=0.1),
    ),
    (2, 5),
    (2, 5),
)
for n in "sum mean amax amin prod logsumexp".split():
    case(
        "r." + n,
        lambda x, n=n: (getattr(torch, n)(x, dim=1), getattr(torch, n)(x, dim=-1, keepdim=True)),
        (2, 5, 3),
    )
case(
    "r.all",
    lambda x: (
        x.sum(),
        x.mean(),
        x.max(),
        x.min(),
        x.sum((1, 2)),
        x.mean((0, 2), keepdim=True),
        x.prod(),
        (x > 0).sum(),
        (x > 0).any(),
        (x > 0).all(1),
        x.argmax(),
        x.argmax(1),
        x.argmin(-1, keepdim=True),
    ),
    (2, 5, 3),
)
case(
    "maxdim",
    lambda x: (
        *x.max(1),
        *x.min(-1, keepdim=True),
        torch.max(x, x * 2),
        x.std(),
        x.var(1),
        x.var((1, 2), unbiased=False),
        x.std(-1, keepdim=True),
        *torch.var_mean(x, 1),
        x.norm(),
        x.norm(dim=1),
        x.norm(p=1, dim=-1),
        torch.linalg.vector_norm(x, ord=3, dim=1),
    ),
    (2, 5, 3),
)
case(
    "softmax",
    lambda x: (
        x.softmax(1),
        F.log_softmax(x, -1),
        F.softmin(x, 1),
        x.cumsum(1),
        F.normalize(x, dim=1),
    ),
    (2, 5, 3),
)
case(
    "sort",
    lambda x: (
        *x.topk(2, -1),
        *x.sort(1),
        x.argsort(1, descending=True),
        *x.sort(-1, descending=True),
        *x.kthvalue(2, 1),
    ),
    (2, 5, 3),
)
case(
    "reshape",
    lambda x: (
        x.view(x.size(0), -1),
        x.reshape(-1, 3),
        x.flatten(1),
        x.flatten(),
        x.unflatten(1, (5, 1)),
        x.view(x.shape[0] * 5, 3),
        x.reshape(x.shape[0], x.shape[2], x.shape[1]),
    ),
    (2, 5, 3),
)
case(
    "dims",
    lambda x: (
        x.transpose(0, 1),
        x.permute(2, 0, 1),
        x.mT,
        x[0].T,
        x.unsqueeze(1),
        x.unsqueeze(-1).squeeze(-1),
        x.movedim(0, 2),
        x.swapaxes(1, 2),
        x[:, :1].squeeze(1),
    ),
    (2, 5, 3),
)
case(
    "expand",
    lambda x: (
        x[:, None].expand(-1, 4, -1, -1),
        x[:, :1].expand_as(x),
        x.repeat(1, 2, 1),
        x.repeat(2, 1, 1, 1),
        x.tile(2),
        x.repeat_interleave(2, 1),
        x.repeat_interleave(3),
        torch.broadcast_to(x[:, :1], (x.size(0), 5, 3)),
    ),
    (2, 5, 3),
)
case(
    "join",
    lambda x, y: (
        torch.cat([x, y], 1),
        torch.stack([x, y]),
        torch.stack([x, y], -1),
        torch.hstack([x, y]),
        torch.vstack([x, y]),
        torch.cat((x, y, x)),
    ),
    (2, 5),
    (2, 5),
)
case(
    "split",
    lambda x: (
        *x.split(2, 1),
        *x.chunk(2, 1),
        *x.split([1, 4], 1),
        *x.unbind(1),
        *torch.tensor_split(x, 2, 1),
    ),
    (2, 5, 3),
)
case("chunkdyn", lambda x: (*x.chunk(2, 0),), (4, 3))
case(
    "index",
    lambda x: (
        x[0],
        x[:, 1],
        x[..., -1],
        x[:, 1:3],
        x[:, ::2],
        x[:, None],
        x[None],
        x[-1, ..., 1:],
        x[:, [0, 2]],
        x[:, torch.tensor([1, 1, 0])],
        x[torch.tensor([0, 1]), torch.tensor([2, 3])],
        x[:, torch.tensor([0, 1]), torch.tensor([1, 2])],
        x[torch.tensor([0, 1]), :, torch.tensor([1, 2])],
        x[:, -2:],
        x[:-1],
        x[: x.size(0) - 1, 1],
    ),
    (3, 5, 3),
)
case("mask", lambda x: (x[x > 0], x.masked_select(x > 0.2), torch.nonzero(x > 0)), (3, 5, 3))
case(
    "take",
    lambda x: (
        x.index_select(1, torch.tensor([2, 0])),
        x.gather(1, (x.abs() * 2).long().clamp(0, 4)),
        torch.take_along_dim(x, x.argsort(1), 1),
        x.narrow(1, 1, 2),
        x.select(2, 1),
        x.take(torch.tensor([0, 3])),
    ),
    (3, 5, 3),
)
case(
    "scatter",
    lambda x, y: (
        x.scatter(1, torch.tensor([[0, 1]] * 3), y[:, :2]),
        x.scatter_add(1, torch.tensor([[0, 0]] * 3), y[:, :2]),
        x.scatter(1, torch.tensor([[0, 1]] * 3), 3.0),
        x.index_add(1, torch.tensor([0, 0]), y[:, :2]),
        x.index_fill(1, torch.tensor([1]), 2.0),
        x.index_copy(1, torch.tensor([1]), y[:, :1]),
    ),
    (3, 5),
    (3, 5),
    dyn=False,
)


def setitems(x):
    y = x.clone()
    y[:, 1] = 0
    y[:, 2:4] += 1
    z = torch.zeros_like(x)
    z[:, 0] = x[:, 1]
    w = x * 2
    w[w > 1] = 1.0
    v = x + 0
    v[0] = v[1]
    u = x.clone()
    u.add_(1).mul_(2)
    u[:, 0].fill_(3)
    t = x.clone()
    s = t[:, 1:]
    s *= 2
    return y, z, w, v, u, t


case("setitem", setitems, (3, 5))
case(
    "flip",
    lambda x: (
        x.flip(1),
        x.flip((0, 1)),
        x.roll(1, 1),
        x.roll((1, -2), (1, 2)),
        x.triu(),
        x.tril(1),
        torch.diagonal(x, 0, 1, 2),
        x.roll(2),
    ),
    (3, 5, 3),
)
case(
    "pad",
    lambda x: (
        F.pad(x, (1, 2)),
        F.pad(x, (1, 1, 2, 2), value=3.0),
        F.pad(x, (1, 1), mode="reflect"),
        F.pad(x, (2, 1), mode="replicate"),
        F.pad(x, (2, 1), mode="circular"),
        F.pad(x, (-1, -1)),
    ),
    (3, 5, 6),
)
case(
    "create",
    lambda x: (
        torch.zeros_like(x),
        torch.ones_like(x),
        torch.full_like(x, 2.0),
        x.new_zeros(x.size(0), 2),
        torch.zeros(x.size(0), 3),
        torch.ones(x.size(0)),
        torch.full((x.size(0), 2), 1.5),
        torch.arange(x.size(0)),
        torch.arange(0, x.size(0) * 2, 2),
        torch.eye(x.size(0)),
        torch.linspace(0, 1, x.size(0) + 1),
        x.new_full((x.size(0),), 2),
        torch.tensor([x.size(0), 3]),
    ),
    (3, 5),
)
case("onehot", lambda x: (F.one_hot((x.abs() * 2).long().clamp(0, 3), 4),), (3, 5))
case(
    "tri",
    lambda x: (
        torch.full((x.size(1), x.size(1)), float("-inf")).triu(1)
        + torch.ones(x.size(1), x.size(1)).tril()
    ),
    (3, 5),
)
case(
    "meshgrid",
    lambda x, y: (
        torch.meshgrid(x[:, 0], y[:, 0], indexing="ij")
        + torch.meshgrid(x[:, 0], y[:, 0], indexing="xy")
    ),
    (3, 2),
    (3, 2),
)
case(
    "matmul",
    lambda x, y: (
        x @ y.mT,
        torch.bmm(x, y.mT),
        torch.einsum("bij,bkj->bik", x, y),
        torch.baddbmm(torch.ones(5, 5), x, y.mT, beta=0.5, alpha=2),
        x[0] @ y[0].T,
        torch.mm(x[0], y[0].T),
        torch.mv(x[0], y[0, 0]),
        torch.dot(x[0, 0], y[0, 0]),
        torch.outer(x[0, 0], y[0, 0]),
        torch.addmm(torch.ones(5, 5), x[0], y[0].T),
        F.cosine_similarity(x, y, -1),
        torch.einsum("...d->...", x),
    ),
    (2, 5, 3),
    (2, 5, 3),
)
case(
    "convs",
    lambda x: (
        F.conv1d(x[:, :, 0], torch.ones(2, 3, 3), padding=1),
        F.conv2d(x, torch.ones(4, 3, 3, 3), torch.ones(4), stride=2, padding=1),
        F.conv2d(x, torch.ones(3, 1, 3, 3), groups=3, dilation=2),
        F.conv2d(x, torch.ones(4, 3, 3, 3), padding="same"),
        F.conv_transpose2d(x, torch.ones(3, 4, 3, 3), stride=2, padding=1, output_padding=1),
    ),
    (2, 3, 8, 8),
)
case(
    "pools",
    lambda x: (
        F.max_pool2d(x, 2),
        F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
        F.avg_pool2d(x, 2),
        F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        F.adaptive_avg_pool2d(x, 1),
        F.adaptive_avg_pool2d(x, (2, 4)),
        F.adaptive_avg_pool2d(x, (3, 4)),
        F.adaptive_max_pool2d(x, 1),
        F.adaptive_max_pool2d(x, (5, 3)),
        F.adaptive_avg_pool1d(x[0, :, 0], 5),
        F.max_pool1d(x[:, :, 0], 2),
        F.lp_pool2d(x, 2, 2),
        *F.max_pool2d(x, 2, return_indices=True),
    ),
    (2, 3, 8, 8),
)
case(
    "norms",
    lambda x: (
        F.layer_norm(x, (8,)),
        F.layer_norm(x, (8, 8), torch.ones(8, 8) * 2, torch.ones(8, 8)),
        F.group_norm(x, 2, torch.ones(4), torch.ones(4)),
        F.instance_norm(x),
        F.batch_norm(x, torch.zeros(4), torch.ones(4), torch.ones(4) * 2, torch.ones(4)),
        F.rms_norm(x, (8,)),
        F.local_response_norm(x, 3),
    ),
    (2, 4, 8, 8),
)
case(
    "resize",
    lambda x: (
        F.interpolate(x, scale_factor=2),
        F.interpolate(x, size=(5, 7)),
        F.interpolate(x, scale_factor=2, mode="bilinear"),
        F.interpolate(x, size=(5, 9), mode="bilinear", align_corners=True),
        F.interpolate(x, scale_factor=2, mode="bicubic"),
        F.interpolate(x, scale_factor=1.5, mode="nearest-exact"),
        F.pixel_shuffle(x, 2),
        F.pixel_unshuffle(x, 2),
        F.interpolate(x, size=x.shape[2:]),
        F.channel_shuffle(x, 2),
        F.interpolate(x[:, :, 0], scale_factor=2, mode="linear"),
    ),
    (2, 4, 8, 8),
)
case("unfold", lambda x: (F.unfold(x, 3, padding=1), x.unfold(2, 4, 2)), (2, 4, 8, 8))
case(
    "grid",
    lambda x: (
        F.grid_sample(
            x,
            F.affine_grid(
                torch.tensor([[[1.0, 0.2, 0], [0, 0.8, 0.1]]]).expand(x.size(0), 2, 3),
                list(x.shape),
                align_corners=False,
            ),
            align_corners=False,
        ),
    ),
    (2, 4, 8, 8),
)
case(
    "sdpa",
    lambda q, k: (
        F.scaled_dot_product_attention(q, k, k),
        F.scaled_dot_product_attention(q, k, k, is_causal=True),
    ),
    (2, 2, 5, 4),
    (2, 2, 5, 4),
)
case(
    "embed",
    lambda x: (F.embedding((x.abs() * 2).long().clamp(0, 6), torch.arange(28.0).reshape(7, 4)),),
    (3, 5),
)
case(
    "casts",
    lambda x: (
        x.double(),
        x.long(),
        x.int(),
        x.half().float(),
        (x > 0).float(),
        x.bool(),
        x.to(torch.int32),
        x.type(torch.float64),
        x.contiguous(),
        x.detach(),
        x.clone(),
        x.type_as(x.double()),
    ),
    (3, 5),
)
case(
    "loss",
    lambda x, y: (
        F.mse_loss(x, y),
        F.l1_loss(x, y, reduction="sum"),
        F.smooth_l1_loss(x, y),
        F.cross_entropy(x, torch.tensor([0, 1, 2])),
        F.nll_loss(x.log_softmax(1), torch.tensor([0, 1, 2])),
        F.binary_cross_entropy_with_logits(x, y.sigmoid()),
        F.binary_cross_entropy(x.sigmoid(), y.sigmoid()),
        F.huber_loss(x, y),
        F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"),
    ),
    (3, 5),
    (3, 5),
    dyn=False,
)
case(
    "misc",
    lambda x: (
        torch.logcumsumexp(x, 1),
        torch.cross(x[:, :3], x[:, 2:], dim=1),
        x.unique(),
        torch.msort(x),
        torch.std_mean(x, 0)[0],
        torch.count_nonzero(x, 1),
        x.diff(dim=1),
        torch.cdist(x, x),
    ),
    (3, 5),
    dyn=False,
)
case(
    "sizes",
    lambda x: (
        x.reshape(-1, x.shape[1] // 2, x.shape[0] * 2) * x.shape[0] / x.size(1) ** 0.5,
        x[:, : (x.size(0) + 1) // 2],
        x.new_ones(x.numel() // x.size(1)),
    ),
    (4, 6),
)
case(
    "masked attention",
    lambda q: (
        F.scaled_dot_product_attention(q, q, q, attn_mask=q[..., :1] * q[:, :, :1, 0, None] > -0.5),
        F.scaled_dot_product_attention(q, q, q, attn_mask=q[..., :1].mT * -3),
        F.scaled_dot_product_attention(q, q[:, :1], q[:, :1], enable_gqa=True, scale=0.3),
    ),
    (2, 2, 5, 4),
)


@pytest.mark.parametrize("name", CASES)
def test_operators_give_the_same(name, check):
    function, shapes, dyn = CASES[name]
    torch.manual_seed(0)
    args = tuple(torch.randn(*shape) for shape in shapes)
    if not dyn:
        check(function, *args)
        return
    others = tuple(torch.randn(shape[0] + 4, *shape[1:]) for shape in shapes)
    dynamic = {place: {0: "batch"} for place in range(len(args))}
    check(function, *args, dynamic=dynamic, others=[others])
