"""torch.sparse: what is asked of sparse tensors by function. The tensors themselves are in ops/sparse/.

Read: functions.py, invariants.py, older_types.py.
May import: floors 1 to 3.
"""

from ..lazy_modules import without_inner as _without_inner
from ..ops.sparse.construct import (  # noqa: F401
    sparse_bsc_tensor,
    sparse_bsr_tensor,
    sparse_compressed_tensor,
    sparse_coo_tensor,
    sparse_csc_tensor,
    sparse_csr_tensor,
)
from .functions import (
    SparseSemiStructuredTensor,
    SparseSemiStructuredTensorCUSPARSELT,
    SparseSemiStructuredTensorCUTLASS,
    addmm,
    log_softmax,
    mm,
    sampled_addmm,
    softmax,
    spdiags,
    spsolve,
    sum,
    to_sparse_semi_structured,
)
from .gradients import as_sparse_gradcheck
from .invariants import check_sparse_tensor_invariants
from .older_types import TYPES as _TYPES

globals().update(_TYPES)

__all__ = [
    "SparseSemiStructuredTensor", "SparseSemiStructuredTensorCUSPARSELT", "SparseSemiStructuredTensorCUTLASS",
    "addmm", "as_sparse_gradcheck", "check_sparse_tensor_invariants", "log_softmax", "mm", "sampled_addmm", "softmax",
    "spdiags", "spsolve", "sum", "to_sparse_semi_structured",
]  # fmt: skip


def __getattr__(name):
    if name == "semi_structured":
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return _without_inner(globals())
