"""Tools around modules: clipping gradients, parameters as one vector, packed sequences."""

from ..lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".clip_grad": """clip_grad_norm_ clip_grad_norm clip_grad_value_ clip_grads_with_norm_
            get_total_norm""",
        ".convert_parameters": "parameters_to_vector vector_to_parameters",
        ".fusion": """fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval
            fuse_linear_bn_weights""",
        ".hooked_normalization": """weight_norm remove_weight_norm spectral_norm
            remove_spectral_norm""",
        ".memory_format": """convert_conv2d_weight_memory_format
            convert_conv3d_weight_memory_format""",
        ".initialization": "skip_init",
    },
    submodules=(
        "_named_member_accessor",
        "clip_grad",
        "convert_parameters",
        "init",
        "memory_format",
        "parametrizations",
        "parametrize",
        "prune",
        "rnn",
        "stateless",
    ),
)
