"""torch.signal.windows. Declared in ops/signal_windows.py."""

from ..ops.core.declare import NAMESPACES

globals().update(NAMESPACES["signal.windows"])
__all__ = sorted(NAMESPACES["signal.windows"])
