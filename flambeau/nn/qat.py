"""Layers that train with imitated quantization: names that refuse."""

from ..refusals import refusals

_NAMES = "Conv1d Conv2d Conv3d Embedding EmbeddingBag Linear"
globals().update(
    refusals(
        _NAMES,
        "There is no training with imitated quantization here. torch.fake_quantize_per_tensor_affine computes what a "
        "layer of yours may use.",
        "nn.qat.",
        module=__name__,
    )
)
__all__ = _NAMES.split()
