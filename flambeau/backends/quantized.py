"""torch.backends.quantized: the libraries for quantized layers. There are none here."""

import sys
from types import ModuleType

supported_engines = ["none"]


class _Quantized(ModuleType):
    @property
    def engine(self):
        return "none"

    @engine.setter
    def engine(self, name):
        if name not in supported_engines:
            raise RuntimeError(
                f"backends.quantized: there is no engine {name!r}; nothing quantized is computed here."
            )


sys.modules[__name__].__class__ = _Quantized
