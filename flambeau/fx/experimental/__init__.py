"""Names that programs import from torch.fx.experimental: optimization, proxy_tensor, symbolic_shapes."""

from ...lazy_modules import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, ("optimization", "proxy_tensor", "symbolic_shapes"))
