"""torch.utils.deterministic: whether new tensors without values are filled with NaN where results must not depend on them."""

import sys
from types import ModuleType


class _Deterministic(ModuleType):
    """Notes the wish. `empty` gives what memory holds here, deterministic algorithms or not."""

    _fill = False

    @property
    def fill_uninitialized_memory(self):
        return self._fill

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode):
        if mode:
            raise NotImplementedError(
                "utils.deterministic.fill_uninitialized_memory: empty tensors are not filled here. Use zeros or full."
            )
        type(self)._fill = bool(mode)


sys.modules[__name__].__class__ = _Deterministic
