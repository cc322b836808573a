"""torch.utils.deterministic: whether tensors without values are filled while deterministic algorithms are asked for.

The wish is kept for programs that read or restore it. `empty` gives what memory holds, whatever it says: no operator
here reads memory that it has not written, so results do not depend on it.
"""

import sys
from types import ModuleType


class _Deterministic(ModuleType):
    _fill = True

    @property
    def fill_uninitialized_memory(self):
        return self._fill

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode):
        if type(mode) is not bool:
            raise TypeError(
                f"utils.deterministic.fill_uninitialized_memory: takes a bool, not {type(mode).__name__}."
            )
        type(self)._fill = mode


sys.modules[__name__].__class__ = _Deterministic
