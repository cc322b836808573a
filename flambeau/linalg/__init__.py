"""Linear algebra: torch.linalg. The operators are declared in ops/linalg/ (products in matmul.py;
what needs LAPACK in systems.py, cholesky.py, orthogonal.py, lu.py, ldl.py, spectra.py, singular.py) and ops/norms.py."""

from ..ops.core.declare import NAMESPACES as _NAMESPACES
from ..ops.linalg.lapack import LinAlgError

globals().update(_NAMESPACES["linalg"])
__all__ = ["LinAlgError", *sorted(_NAMESPACES["linalg"])]
