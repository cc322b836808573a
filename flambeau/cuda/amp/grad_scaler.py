"""torch.cuda.amp.grad_scaler: GradScaler by the path of its file in PyTorch."""

from . import GradScaler

__all__ = ["GradScaler"]
