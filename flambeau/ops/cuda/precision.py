"""What autocast does on GPUs beside lowering products (which operators declare): PyTorch's lists.

float32   computed in float32: exponentials, sums and losses, which leave float16's range
widest    arguments of several dtypes meet in the widest
refuse    not to be used under autocast
"""

_FLOAT32 = """
acos asin cosh erfinv exp expm1 log log10 log1p log2 pow reciprocal rsqrt sinh tan softplus __pow__ __rpow__
__rtruediv__ __rdiv__ layer_norm group_norm norm normalize dist pdist cdist cosine_similarity renorm sum prod
cumsum cumprod softmax softmin log_softmax logsumexp cosine_embedding_loss cross_entropy nll_loss kl_div l1_loss
smooth_l1_loss mse_loss huber_loss hinge_embedding_loss margin_ranking_loss multi_margin_loss multilabel_margin_loss
poisson_nll_loss soft_margin_loss triplet_margin_loss binary_cross_entropy_with_logits nuclear_norm frobenius_norm
vector_norm matrix_norm
"""
_WIDEST = "addcdiv addcmul atan2 bilinear cat cross dot grid_sample index_put scatter_add stack tensordot vdot"

# As numbered in the core (Operator::Precision); 0: as they are given.
_KINDS = {**dict.fromkeys(_FLOAT32.split(), 2), **dict.fromkeys(_WIDEST.split(), 3)}


def precision_of(name):
    """What autocast on a GPU does to the arguments of an operator that a program calls; the core asks."""
    if name == "binary_cross_entropy":
        raise RuntimeError(
            f"{name}: float16 has no room for what this gives under autocast. Use "
            "binary_cross_entropy_with_logits (BCEWithLogitsLoss), which takes what stands before the sigmoid, or "
            "leave autocast for this call."
        )
    return _KINDS.get(name, 0)
