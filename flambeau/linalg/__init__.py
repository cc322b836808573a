"""Linear algebra: torch.linalg. The operators are declared in ops/ (products in matmul.py, norms.py;
what needs LAPACK in systems.py, factorizations.py, spectra.py)."""

from ..ops.declare import NAMESPACES
from ..ops.lapack import LinAlgError

globals().update(NAMESPACES["linalg"])
__all__ = ["LinAlgError", *sorted(NAMESPACES["linalg"])]
