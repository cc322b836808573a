"""Kernels of other libraries, by their names in PyTorch: refused, since flambeau uses none of these libraries."""

from .refusals import refusals

__all__ = []


def _refuse(names, reason):
    __all__.extend(names.split())
    globals().update(refusals(names, reason))


_refuse(
    """cudnn_affine_grid_generator cudnn_batch_norm cudnn_convolution cudnn_convolution_add_relu
    cudnn_convolution_relu cudnn_convolution_transpose cudnn_grid_sampler""",
    "cuDNN is not used here. Call the function of torch.nn.functional, which computes on the CPU.",
)
_refuse(
    """miopen_batch_norm miopen_convolution miopen_convolution_add_relu miopen_convolution_relu
    miopen_convolution_transpose miopen_ctc_loss miopen_depthwise_convolution miopen_rnn""",
    "MIOpen is not used here. Call the function of torch.nn.functional, which computes on the CPU.",
)
_refuse(
    """mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_linear_backward_weights mkldnn_max_pool2d
    mkldnn_max_pool3d mkldnn_rnn_layer""",
    "oneDNN is not used here. Call the function of torch.nn.functional, which computes on the CPU.",
)
_refuse(
    """fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight
    fbgemm_linear_int8_weight_fp32_activation fbgemm_pack_gemm_matrix_fp16""",
    "FBGEMM is not used here. Call torch.nn.functional.linear with a weight of float16 or float32.",
)
_refuse(
    """batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt batch_norm_gather_stats
    batch_norm_gather_stats_with_counts batch_norm_stats""",
    "It is a part of batch normalization on CUDA devices, of which there are none. "
    "Call torch.nn.functional.batch_norm.",
)
