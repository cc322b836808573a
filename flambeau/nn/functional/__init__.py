"""Neural-network functions without state, one file a family.

May import: flambeau, flambeau.ops. Must not import: flambeau.nn.modules.
"""

from ...ops.core.declare import as_operator, settle
from ..lazy_names import table_of_contents, without_all

# Of which no argument takes over, though they are called.
_INNER = (
    "_canonical_mask _get_softmax_dim _grouped_mm _in_projection "
    "_in_projection_packed _list_with_default _mha_shape_check _none_or_dtype _pair _single _triple _verify_batch_size "
    "handle_torch_function"
)
_PLAIN = frozenset(
    f"""{_INNER} assert_int_or_pair has_torch_function has_torch_function_unary has_torch_function_variadic""".split()
)

_find, __dir__, _NAMES = table_of_contents(
    __name__,
    {
        ".affine": "linear bilinear",
        ".activation": """relu relu_ relu6 hardtanh hardtanh_ leaky_relu leaky_relu_ elu elu_ celu
            celu_ selu selu_ gelu silu mish softplus softsign tanhshrink hardshrink softshrink
            threshold threshold_ _threshold sigmoid tanh logsigmoid hardsigmoid hardswish prelu rrelu rrelu_
            glu softmax softmin log_softmax gumbel_softmax""",
        ".attention": "scaled_dot_product_attention multi_head_attention_forward",
        ".conv": """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc
            unfold fold""",
        ".distance": "cosine_similarity pairwise_distance pdist",
        ".drop": "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout",
        ".fractional": """fractional_max_pool2d fractional_max_pool2d_with_indices
            fractional_max_pool3d fractional_max_pool3d_with_indices""",
        ".grouped": "ScalingType SwizzleType grouped_mm scaled_grouped_mm scaled_mm",
        ".interpolation": "interpolate upsample upsample_nearest upsample_bilinear",
        ".lookup": "embedding embedding_bag one_hot",
        ".loss": """mse_loss l1_loss smooth_l1_loss huber_loss poisson_nll_loss gaussian_nll_loss
            kl_div""",
        ".inner": _INNER,
        ".loss_classify": """cross_entropy nll_loss binary_cross_entropy
            binary_cross_entropy_with_logits soft_margin_loss multilabel_soft_margin_loss
            ctc_loss linear_cross_entropy""",
        ".loss_margin": """margin_ranking_loss hinge_embedding_loss cosine_embedding_loss
            triplet_margin_loss triplet_margin_with_distance_loss multi_margin_loss
            multilabel_margin_loss""",
        ".norm": """batch_norm instance_norm layer_norm rms_norm group_norm local_response_norm
            normalize""",
        ".padding": "pad",
        ".pooling": """max_pool1d max_pool2d max_pool3d max_pool1d_with_indices
            max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d
            adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
            adaptive_max_pool2d adaptive_max_pool3d adaptive_max_pool1d_with_indices
            adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices lp_pool1d lp_pool2d
            lp_pool3d max_unpool1d max_unpool2d max_unpool3d""",
        "...overrides": "has_torch_function has_torch_function_unary has_torch_function_variadic",
        "..": "grad",
        "..modules.utils": "assert_int_or_pair",
        "...tensor": "Tensor",
        ".vision": """pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
            affine_grid grid_sample
            GRID_SAMPLE_INTERPOLATION_MODES GRID_SAMPLE_PADDING_MODES
            grid_sampler grid_sampler_2d _grid_sampler_2d_cpu_fallback grid_sampler_3d affine_grid_generator""",
    },
    prepare=lambda name, value: (
        settle(name, as_operator(value), "nn.functional")
        if callable(value) and not isinstance(value, type) and name not in _PLAIN
        else value
    ),
)
for _name in ("_threshold", *_INNER.split()):
    _NAMES.remove(_name)
__getattr__ = without_all(__name__, _find, _NAMES)
