"""What imitates quantization: names that refuse. torch.fake_quantize_per_tensor_affine computes."""

from . import FakeQuantize, FakeQuantizeBase, FusedMovingAvgObsFakeQuantize  # noqa: F401
