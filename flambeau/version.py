"""What was built: torch.version."""

from . import __version__

cuda = None
hip = None
xpu = None
debug = False
git_version = "unknown"

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "xpu"]
