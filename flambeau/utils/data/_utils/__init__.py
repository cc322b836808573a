"""Names from inside PyTorch's loader that programs import."""

import sys

from .. import collate, fetch, worker
from ..worker import MP_STATUS_CHECK_INTERVAL

python_exit_status = False  # whether the interpreter ends; workers end with it by themselves

# The same modules under the names that programs import them by.
for _module in (collate, fetch, worker):
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module

__all__ = ["MP_STATUS_CHECK_INTERVAL", "collate", "fetch", "python_exit_status", "worker"]
