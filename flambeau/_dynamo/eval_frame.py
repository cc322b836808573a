"""OptimizedModule, the type of what torch.compile makes of a module: nothing here is ever of it."""

from ..refusals import refused

__all__ = ["OptimizedModule"]

OptimizedModule = refused(
    "_dynamo.OptimizedModule",
    "Nothing is compiled: torch.compile gives the module back.",
    module=__name__,
)
