"""Norms, losses, random numbers, and layers of images and words."""

from .calls import ALL, FLOATS, NUMBERS, of_images, op


# norms, losses
def F(n):
    return lambda T, *a, **k: getattr(T.nn.functional, n)(*a, **k)


for n in "softmax log_softmax softmin".split():
    for dim in (0, 1):
        op(
            f"{n} {dim}",
            FLOATS,
            lambda T, x, more, n=n, dim=dim: getattr(T.nn.functional, n)(x, dim),
        )
op("layer_norm", FLOATS, lambda T, x, more: T.nn.functional.layer_norm(x, x.shape[1:]))
op(
    "layer_norm w",
    FLOATS,
    lambda T, x, more: T.nn.functional.layer_norm(x, x.shape[1:], more.wc, more.wc),
)
op("rms_norm", FLOATS, lambda T, x, more: T.nn.functional.rms_norm(x, x.shape[1:]))
op(
    "batch_norm 2d",
    FLOATS,
    lambda T, x, more: T.nn.functional.batch_norm(x, None, None, training=True),
)
op(
    "batch_norm eval",
    FLOATS,
    lambda T, x, more: T.nn.functional.batch_norm(x, more.wc, more.wc.abs() + 1),
)
op("group_norm", FLOATS, lambda T, x, more: T.nn.functional.group_norm(x, 5))
op(
    "instance_norm",
    FLOATS,
    lambda T, x, more: T.nn.functional.instance_norm(x.reshape(x.shape[0], 5, -1)),
)
op("normalize", FLOATS, lambda T, x, more: T.nn.functional.normalize(x))
op("normalize 0", FLOATS, lambda T, x, more: T.nn.functional.normalize(x, dim=0))
op("cosine_similarity", FLOATS, lambda T, x, more: T.nn.functional.cosine_similarity(x, more.y))
op(
    "cosine_similarity 0",
    FLOATS,
    lambda T, x, more: T.nn.functional.cosine_similarity(x, more.y, dim=0),
)
op("pairwise_distance", FLOATS, lambda T, x, more: T.nn.functional.pairwise_distance(x, more.y))
op("cdist", FLOATS[:2], lambda T, x, more: T.cdist(x[:40], more.y[:60]))
op("cdist 1", FLOATS[:2], lambda T, x, more: T.cdist(x[:40], more.y[:60], p=1))
op("pdist", FLOATS[:2], lambda T, x, more: T.pdist(x[:40]))
op("renorm", FLOATS, lambda T, x, more: x.renorm(2, 0, 1.0))
op("dropout eval", FLOATS, lambda T, x, more: T.nn.functional.dropout(x, 0.5, False))
op("dropout", FLOATS, lambda T, x, more: T.nn.functional.dropout(x, 0.5))
op("alpha_dropout", FLOATS, lambda T, x, more: T.nn.functional.alpha_dropout(x, 0.5, True))
op("gumbel", FLOATS[:2], lambda T, x, more: T.nn.functional.gumbel_softmax(x))
op("bernoulli", FLOATS, lambda T, x, more: T.bernoulli(more.p))
op("rand_like", FLOATS, lambda T, x, more: T.rand_like(x))
op("randn_like", FLOATS, lambda T, x, more: T.randn_like(x))
op("randint_like", NUMBERS, lambda T, x, more: T.randint_like(x, 10))
op("multinomial", FLOATS[:2], lambda T, x, more: T.multinomial(more.p + 0.1, 5))
op("poisson", FLOATS[:2], lambda T, x, more: T.poisson(more.p + 0.1))
op("normal_", FLOATS, lambda T, x, more: more.out.normal_())
op("uniform_", FLOATS, lambda T, x, more: more.out.uniform_())
op("exponential_", FLOATS, lambda T, x, more: more.out.exponential_())
op("random_", NUMBERS, lambda T, x, more: more.out.random_(0, 10))
op("bernoulli_", ALL, lambda T, x, more: more.out.bernoulli_(0.3))
for (
    n
) in "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss poisson_nll_loss kl_div".split():
    op("F." + n, FLOATS, lambda T, x, more, n=n: getattr(T.nn.functional, n)(x, more.y))
    op(
        "F." + n + " none",
        FLOATS,
        lambda T, x, more, n=n: getattr(T.nn.functional, n)(x, more.y, reduction="none"),
    )
op("F.bce", FLOATS, lambda T, x, more: T.nn.functional.binary_cross_entropy(more.p, more.p))
op(
    "F.bce logits",
    FLOATS,
    lambda T, x, more: T.nn.functional.binary_cross_entropy_with_logits(x, more.p),
)
op("F.cross_entropy", FLOATS, lambda T, x, more: T.nn.functional.cross_entropy(x, more.j0))
op(
    "F.cross_entropy smooth",
    FLOATS,
    lambda T, x, more: T.nn.functional.cross_entropy(x, more.j0, label_smoothing=0.1),
)
op("F.cross_entropy probs", FLOATS, lambda T, x, more: T.nn.functional.cross_entropy(x, more.p))
op("F.nll", FLOATS, lambda T, x, more: T.nn.functional.nll_loss(x, more.j0))
op("F.multi_margin", FLOATS[:2], lambda T, x, more: T.nn.functional.multi_margin_loss(x, more.j0))
op(
    "F.multilabel_soft_margin",
    FLOATS,
    lambda T, x, more: T.nn.functional.multilabel_soft_margin_loss(x, more.p),
)
op(
    "F.hinge_embedding",
    FLOATS,
    lambda T, x, more: T.nn.functional.hinge_embedding_loss(x, more.m * 2 - 1),
)
op(
    "F.margin_ranking",
    FLOATS,
    lambda T, x, more: T.nn.functional.margin_ranking_loss(x, more.y, more.m * 2 - 1),
)
op(
    "F.gaussian_nll",
    FLOATS,
    lambda T, x, more: T.nn.functional.gaussian_nll_loss(x, more.y, more.p + 0.1),
)
op(
    "F.cosine_embedding",
    FLOATS,
    lambda T, x, more: T.nn.functional.cosine_embedding_loss(x, more.y, more.mr * 2 - 1),
)
op("F.triplet", FLOATS, lambda T, x, more: T.nn.functional.triplet_margin_loss(x, more.y, more.y1))
op(
    "F.multilabel_margin",
    FLOATS[:2],
    lambda T, x, more: T.nn.functional.multilabel_margin_loss(x[:, :20], more.g1[:, :20] % 20),
)
# python-ish
op("tolist", ALL, lambda T, x, more: x[:10, :10].tolist())
op("item sum", NUMBERS, lambda T, x, more: x.sum().item())
op("cross", NUMBERS, lambda T, x, more: T.linalg.cross(x[:, :3], more.y[:, :3]))
op("cross 0", NUMBERS, lambda T, x, more: T.linalg.cross(x[:3], more.y[:3], dim=0))
op("tensordot", FLOATS, lambda T, x, more: (x * more.y).sum(1))
op("vecdot", NUMBERS, lambda T, x, more: T.linalg.vecdot(x, more.y))
op("inner rows", FLOATS, lambda T, x, more: T.einsum("ij,ij->i", x, more.y))
op("einsum outer", FLOATS, lambda T, x, more: T.einsum("ij,ij->ji", x, more.y))
op("einsum sum", FLOATS, lambda T, x, more: T.einsum("ij->j", x))
# planes: 4d
for n, a in (
    ("max_pool2d", (2,)),
    ("avg_pool2d", (2,)),
    ("adaptive_avg_pool2d", (1,)),
    ("adaptive_max_pool2d", (3,)),
    ("adaptive_avg_pool2d", (5,)),
    ("lp_pool2d", (2.0, 2)),
    ("pixel_unshuffle", (2,)),
    ("local_response_norm", (3,)),
):
    of_images(f"F.{n} {a}", lambda T, x, more, n=n, a=a: getattr(T.nn.functional, n)(x, *a))
of_images("max_pool 3 s2 p1", lambda T, x, more: T.nn.functional.max_pool2d(x, 3, 2, 1))
of_images("avg_pool 3 s1 p1", lambda T, x, more: T.nn.functional.avg_pool2d(x, 3, 1, 1))
of_images("max_pool 3 s1", lambda T, x, more: T.nn.functional.max_pool2d(x, 3, 1, 1))
of_images("max_pool dil", lambda T, x, more: T.nn.functional.max_pool2d(x, 2, 1, 0, 2))
of_images("avg_pool 5", lambda T, x, more: T.nn.functional.avg_pool2d(x, 5, 3))
of_images(
    "max_pool indices", lambda T, x, more: T.nn.functional.max_pool2d(x, 2, return_indices=True)
)
of_images("unpool", lambda T, x, more: T.nn.functional.max_unpool2d(*more.pooled, 2), FLOATS[:2])
for m in ("nearest", "bilinear", "bicubic", "area", "nearest-exact"):
    of_images(
        f"interp {m} 2",
        lambda T, x, more, m=m: T.nn.functional.interpolate(x, scale_factor=2, mode=m),
        FLOATS + (("uint8",) if m in ("nearest", "bilinear", "bicubic", "nearest-exact") else ()),
    )
    of_images(
        f"interp {m} .5",
        lambda T, x, more, m=m: T.nn.functional.interpolate(x, scale_factor=0.5, mode=m),
        FLOATS,
    )
of_images(
    "interp aa",
    lambda T, x, more: T.nn.functional.interpolate(x, size=(9, 9), mode="bilinear", antialias=True),
    FLOATS[:2] + ("uint8",),
)
of_images(
    "interp align",
    lambda T, x, more: T.nn.functional.interpolate(
        x, size=(37, 41), mode="bilinear", align_corners=True
    ),
)
of_images(
    "batch_norm",
    lambda T, x, more: T.nn.functional.batch_norm(x, None, None, more.wC, more.wC, True),
)
of_images(
    "batch_norm eval 4",
    lambda T, x, more: T.nn.functional.batch_norm(x, more.wC, more.wC.abs() + 1, more.wC, more.wC),
)
of_images("group_norm 4", lambda T, x, more: T.nn.functional.group_norm(x, 2, more.wC, more.wC))
of_images("instance_norm 4", lambda T, x, more: T.nn.functional.instance_norm(x))
of_images("pixel_shuffle", lambda T, x, more: T.nn.functional.pixel_shuffle(x, 2), ALL)
of_images("channel_shuffle", lambda T, x, more: T.nn.functional.channel_shuffle(x, 4), ALL)
for m in ("constant", "reflect", "replicate", "circular"):
    of_images(
        f"pad4 {m}",
        lambda T, x, more, m=m: T.nn.functional.pad(x, (1, 1, 2, 2), mode=m),
        FLOATS + (("uint8", "bool") if m == "constant" else ()),
    )
of_images("unfold", lambda T, x, more: T.nn.functional.unfold(x, 3, padding=1))
of_images(
    "fold",
    lambda T, x, more: T.nn.functional.fold(
        T.nn.functional.unfold(x, 2, stride=2), x.shape[2:], 2, stride=2
    ),
)
of_images("mean 23", lambda T, x, more: x.mean((2, 3)))
of_images("mean 1", lambda T, x, more: x.mean(1))
of_images("sum 023", lambda T, x, more: x.sum((0, 2, 3)), NUMBERS)
of_images("amax 23", lambda T, x, more: x.amax((2, 3)), NUMBERS)
of_images("softmax C", lambda T, x, more: x.softmax(1))
of_images("argmax C", lambda T, x, more: x.argmax(1), NUMBERS)
of_images("var 023", lambda T, x, more: x.var((0, 2, 3)))
of_images("add bias", lambda T, x, more: x + more.wC[:, None, None])
of_images("flip 3", lambda T, x, more: x.flip(3), ALL)
of_images("rot90 4", lambda T, x, more: x.rot90(1, (2, 3)), ALL)
of_images("contig", lambda T, x, more: x.contiguous(), ALL)
of_images("to channels_last", lambda T, x, more: x.contiguous(memory_format=T.channels_last), ALL)
of_images("permute 0231", lambda T, x, more: x.permute(0, 2, 3, 1).contiguous(), ALL)
of_images("permute 0213", lambda T, x, more: x.permute(0, 2, 1, 3).contiguous(), ALL)
of_images("permute 3210", lambda T, x, more: x.permute(3, 2, 1, 0).contiguous(), ALL)
of_images("cat C", lambda T, x, more: T.cat([x, x], 1), ALL)
of_images(
    "grid_sample",
    lambda T, x, more: T.nn.functional.grid_sample(x, more.grid, align_corners=False),
    FLOATS[:2],
)
of_images(
    "affine_grid",
    lambda T, x, more: T.nn.functional.affine_grid(more.theta, list(x.shape), align_corners=False),
    FLOATS[:2],
)
of_images("relu 4", lambda T, x, more: x.relu())
of_images("exp 4", lambda T, x, more: x.exp())
of_images("add 4", lambda T, x, more: x + x.contiguous(), NUMBERS)
of_images("cumsum 4", lambda T, x, more: x.cumsum(1), NUMBERS)
of_images("flatten", lambda T, x, more: x.flatten(1).clone(), ALL)
of_images("dropout2d", lambda T, x, more: T.nn.functional.dropout2d(x, 0.5))
of_images("ce 4", lambda T, x, more: T.nn.functional.cross_entropy(x, more.lab))
of_images("to half 4", lambda T, x, more: x.to(T.float16))
of_images("float 4", lambda T, x, more: x.float(), ALL)
of_images("roll 23", lambda T, x, more: x.roll((1, 2), (2, 3)), ALL)
of_images("crop", lambda T, x, more: x[:, :, 1:-1, 1:-1].contiguous(), ALL)
of_images("div 255", lambda T, x, more: x / 255, NUMBERS)
of_images("normalize img", lambda T, x, more: (x - more.wC[:, None, None]) / more.wC[:, None, None])
for n in ("avg_pool1d", "max_pool1d", "adaptive_avg_pool1d", "adaptive_max_pool1d"):
    op("F." + n, FLOATS, lambda T, x, more, n=n: getattr(T.nn.functional, n)(x[None], 4))
op(
    "interp linear",
    FLOATS,
    lambda T, x, more: T.nn.functional.interpolate(x[None], scale_factor=2, mode="linear"),
)
op(
    "interp linear .5",
    FLOATS,
    lambda T, x, more: T.nn.functional.interpolate(x[None], scale_factor=0.5, mode="linear"),
)
op(
    "interp nearest 1d",
    FLOATS,
    lambda T, x, more: T.nn.functional.interpolate(x[None], scale_factor=3),
)
op(
    "max_pool3d",
    FLOATS,
    lambda T, x, more: T.nn.functional.max_pool3d(x.reshape(1, 2, 5, x.shape[0] // 10, -1), 2),
)
op(
    "avg_pool3d",
    FLOATS,
    lambda T, x, more: T.nn.functional.avg_pool3d(x.reshape(1, 2, 5, x.shape[0] // 10, -1), 2),
)
op(
    "interp trilinear",
    FLOATS,
    lambda T, x, more: T.nn.functional.interpolate(
        x.reshape(1, 2, 5, x.shape[0] // 10, -1), scale_factor=2, mode="trilinear"
    ),
)
# embedding
op("embedding", FLOATS, lambda T, x, more: T.nn.functional.embedding(more.g0[:, :8], x))
for m in ("sum", "mean", "max"):
    op(
        "bag " + m,
        FLOATS,
        lambda T, x, more, m=m: T.nn.functional.embedding_bag(
            more.g0[:, :8].contiguous(), x, mode=m
        ),
    )
    op(
        "bag off " + m,
        FLOATS,
        lambda T, x, more, m=m: T.nn.functional.embedding_bag(more.i0, x, more.off, mode=m),
    )
op(
    "bag w",
    FLOATS,
    lambda T, x, more: T.nn.functional.embedding_bag(
        more.g0[:, :8].contiguous(), x, mode="sum", per_sample_weights=more.y[:, :8].contiguous()
    ),
)
