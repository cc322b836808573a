"""What was built: torch.version. `flambeau` is our own version, __version__ that of the interface."""

from . import __version__

flambeau = "0.1.0"
cuda = None
hip = None
xpu = None
debug = False
git_version = "unknown"

__all__ = ["__version__", "cuda", "debug", "flambeau", "git_version", "hip", "xpu"]
