"""torch.signal.windows. Declared in ops/signal_windows.py."""

import sys

from ..ops.core.declare import NAMESPACES

globals().update(NAMESPACES["signal.windows"])
__all__ = sorted(NAMESPACES["signal.windows"])
windows = sys.modules[__name__]  # PyTorch has them one floor deeper too
