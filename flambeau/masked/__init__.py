"""torch.masked: reductions over what a mask selects, and MaskedTensor, a tensor with a mask.

The reductions are declared in ops/masked.py; maskedtensor.py holds the tensor.
"""

from ..ops import masked as _declared  # noqa: F401 (declares the operators)
from ..ops.core.declare import NAMESPACES
from .maskedtensor import (
    MaskedTensor as MaskedTensor,
)
from .maskedtensor import (
    as_masked_tensor as as_masked_tensor,
)
from .maskedtensor import (
    is_masked_tensor as is_masked_tensor,
)
from .maskedtensor import (
    masked_tensor as masked_tensor,
)

globals().update(NAMESPACES["masked"])
__all__ = sorted(
    [*NAMESPACES["masked"], "MaskedTensor", "as_masked_tensor", "is_masked_tensor", "masked_tensor"]
)
