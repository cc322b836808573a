"""Names from inside PyTorch's loader that programs import: _utils.collate and _utils.worker."""

from .. import collate, worker

__all__ = ["collate", "worker"]
