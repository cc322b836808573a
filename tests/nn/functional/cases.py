"""Calls of nn.functional: (name, arguments, keywords). Arrays are what becomes tensors."""

import numpy as np

rng = np.random.default_rng(3)


def normal(*shape):
    return rng.normal(size=shape).astype("f4")


def uniform(*shape):
    return rng.uniform(0.05, 0.95, size=shape).astype("f4")


def classes(high, *shape):
    return rng.integers(0, high, shape)


def probabilities(*shape):
    e = np.exp(normal(*shape))
    return (e / e.sum(1, keepdims=True)).astype("f4")


def signs(*shape):
    return np.where(rng.uniform(size=shape) < 0.5, -1, 1).astype("f4")


X = normal(3, 4)
IMAGES = normal(2, 4, 5, 6)
VOLUMES = normal(2, 3, 3, 4, 5)
REDUCTIONS = ("mean", "sum", "none")


def activations():
    for name in (
        "relu relu6 hardtanh leaky_relu elu celu selu gelu silu mish softplus softsign tanhshrink "
        "hardshrink softshrink sigmoid tanh logsigmoid hardsigmoid hardswish rrelu"
    ).split():
        yield name, (X,), {}
    yield "gelu", (X,), {"approximate": "tanh"}
    yield "threshold", (X, 0.1, 20.0), {}
    for shape, weights in (((3, 4), 1), ((3, 4), 4), ((2, 3, 4), 3), ((3,), 1)):
        yield "prelu", (normal(*shape), normal(weights)), {}
    yield "glu", (X,), {}
    yield "glu", (normal(4, 2),), {"dim": 0}
    for name in ("softmax", "softmin", "log_softmax"):
        for dim in (0, 1, 2):
            yield name, (normal(2, 3, 4),), {"dim": dim}


def losses():
    for reduction in REDUCTIONS:
        more = {"reduction": reduction}
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss"):
            yield name, (X, normal(3, 4)), more
        yield "hinge_embedding_loss", (X, signs(3, 4)), more
        yield "margin_ranking_loss", (X, normal(3, 4), signs(3, 4)), {**more, "margin": 0.2}
        yield "triplet_margin_loss", (X, normal(3, 4), normal(3, 4)), {**more, "swap": True}
        yield "cosine_embedding_loss", (X, normal(3, 4), np.array([1, -1, 1])), more
        yield "multi_margin_loss", (X, np.array([0, 1, 3])), {**more, "p": 2, "weight": uniform(4)}
        lists = np.array([[0, 3, -1, 1], [-1, 0, 0, 0], [2, 1, 0, 3]])
        yield "multilabel_margin_loss", (X, lists), more
        for weight in (None, uniform(4)):
            for smoothing in (0.0, 0.1):
                weighted = {**more, "weight": weight, "label_smoothing": smoothing}
                yield "cross_entropy", (X, np.array([0, 3, -100])), weighted
                yield "cross_entropy", (X, probabilities(3, 4)), weighted
                ignoring = {**weighted, "ignore_index": 1}
                yield "cross_entropy", (normal(2, 4, 5), classes(4, 2, 5)), ignoring
                yield "cross_entropy", (X[0], np.array(1)), weighted
            weighted = {**more, "weight": weight}
            yield "nll_loss", (X, np.array([0, 3, -100])), weighted
            yield "nll_loss", (normal(2, 4, 3, 3), classes(4, 2, 3, 3)), weighted
            yield "binary_cross_entropy", (uniform(3, 4), uniform(3, 4)), weighted
        yield (
            "binary_cross_entropy_with_logits",
            (X, uniform(3, 4)),
            {**more, "weight": uniform(3, 4)},
        )
        yield (
            "binary_cross_entropy_with_logits",
            (X, uniform(3, 4)),
            {
                **more,
                "pos_weight": uniform(4),
            },
        )
    yield "mse_loss", (X, normal(3, 4)), {"weight": uniform(3, 4)}
    yield "gaussian_nll_loss", (X, normal(3, 4), uniform(3, 1)), {"full": True}
    yield "poisson_nll_loss", (uniform(3, 4), 5 * uniform(3, 4)), {"log_input": False, "full": True}
    yield "kl_div", (X, probabilities(3, 4)), {"reduction": "batchmean"}


def norms():
    vectors = normal(4), uniform(4)
    yield "batch_norm", (IMAGES, None, None, *vectors), {"training": True}
    yield "instance_norm", (IMAGES,), {"weight": uniform(4), "bias": normal(4)}
    yield "layer_norm", (IMAGES, (5, 6), normal(5, 6), normal(5, 6)), {}
    yield "layer_norm", (IMAGES, (6,)), {}
    yield "rms_norm", (IMAGES, (6,), normal(6)), {}
    yield "group_norm", (IMAGES, 2, normal(4), normal(4)), {}
    yield "local_response_norm", (IMAGES, 3), {}
    yield "normalize", (X,), {"p": 1.0, "dim": 0}


def windows():
    for amounts in ((1, 2), (1, 2, 3, 4), (-1, 1), (0, 0, -1, -1), (1, 0, 1, 0, 2, 1)):
        yield "pad", (IMAGES, amounts), {"value": 2.5}
    for mode in ("reflect", "replicate", "circular"):
        yield "pad", (IMAGES, (1, 2, 2, 1)), {"mode": mode}
        yield "pad", (normal(3, 5), (2, 1)), {"mode": mode}
        yield "pad", (IMAGES, (-1, 2, 2, -1)), {"mode": mode}
    yield "unfold", (IMAGES, (2, 3), 1, 1, 2), {}
    yield "fold", (normal(2, 12, 20), (5, 6), 2), {}
    yield "conv2d", (IMAGES, normal(3, 4, 2, 2), normal(3)), {}
    yield "conv_transpose2d", (IMAGES, normal(4, 3, 2, 2), normal(3)), {"stride": 2}
    yield "max_pool2d", (IMAGES, 2), {"return_indices": True}
    yield "avg_pool2d", (IMAGES, 2), {}
    yield "adaptive_avg_pool2d", (IMAGES, (2, None)), {}
    yield "adaptive_max_pool2d", (IMAGES, 3), {"return_indices": True}
    yield "lp_pool2d", (np.abs(IMAGES), 2.0, 2), {}


def vision():
    yield "pixel_shuffle", (IMAGES, 2), {}
    yield "pixel_unshuffle", (normal(2, 3, 4, 6), 2), {}
    yield "channel_shuffle", (IMAGES, 2), {}
    for align in (False, True):
        yield "affine_grid", (normal(2, 2, 3), (2, 3, 4, 5)), {"align_corners": align}
        yield "affine_grid", (normal(2, 3, 4), (2, 3, 4, 5, 3)), {"align_corners": align}
        for padding in ("zeros", "border", "reflection"):
            more = {"padding_mode": padding, "align_corners": align}
            for mode in ("bilinear", "nearest", "bicubic"):
                yield "grid_sample", (IMAGES, 1.2 * normal(2, 3, 5, 2)), {**more, "mode": mode}
            yield "grid_sample", (VOLUMES, 1.2 * normal(2, 2, 3, 5, 3)), more
    for size in ((7, 9), (3, 4), (1, 12)):
        for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
            yield "interpolate", (IMAGES, size), {"mode": mode}
        for mode in ("bilinear", "bicubic"):
            yield "interpolate", (IMAGES, size), {"mode": mode, "align_corners": True}
            yield "interpolate", (IMAGES, size), {"mode": mode, "antialias": True}
    for factor in (2, 0.5, 1.7):
        for mode in ("nearest", "bilinear", "bicubic"):
            yield "interpolate", (IMAGES,), {"scale_factor": factor, "mode": mode}
    yield "interpolate", (VOLUMES, (5, 5, 5)), {"mode": "trilinear", "align_corners": True}


def others():
    yield "linear", (X, normal(5, 4), normal(5)), {}
    yield "linear", (normal(2, 3, 4), normal(5, 4)), {}
    yield "bilinear", (normal(2, 3, 4), normal(2, 3, 5), normal(6, 4, 5), normal(6)), {}
    yield "cosine_similarity", (X, normal(3, 4)), {}
    yield "cosine_similarity", (X, np.zeros((3, 4), "f4")), {}
    yield "pairwise_distance", (X, normal(4)), {"p": 1.0, "keepdim": True}
    yield "pdist", (X,), {}
    places = np.array([[0, 2], [1, 1]])
    yield "embedding", (places, X), {"padding_idx": 1}
    yield "embedding", (places, X), {"scale_grad_by_freq": True}
    flat = np.array([0, 2, 1, 1])
    for mode in ("sum", "mean", "max"):
        yield "embedding_bag", (places, X), {"mode": mode}
        yield "embedding_bag", (flat, X, np.array([0, 0, 3])), {"mode": mode, "padding_idx": 2}
    yield "one_hot", (places,), {"num_classes": 5}
    q = normal(2, 3, 4, 5)
    yield "scaled_dot_product_attention", (q, normal(2, 3, 6, 5), normal(2, 3, 6, 7)), {}
    yield "scaled_dot_product_attention", (q, q, q), {"is_causal": True}
    mask = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 1]], bool)
    yield "scaled_dot_product_attention", (q, q, q, mask), {}
    yield "dropout", (X,), {"p": 0.5, "training": False}


CASES = [
    case for family in (activations, losses, norms, windows, vision, others) for case in family()
]
