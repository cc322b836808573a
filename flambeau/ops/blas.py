"""Matrix products: the library that computes them, and the native operators over it."""

from .. import _core
from .declare import NAMESPACES, composite


def load():
    """Opens the OpenBLAS of the scipy-openblas32 wheel; the core calls this before its first product."""
    from pathlib import Path

    try:
        import scipy_openblas32
    except ImportError as error:
        raise ImportError("matrix products need scipy-openblas32, which is not installed. Run: pip install scipy-openblas32") from error
    folder = Path(scipy_openblas32.get_lib_dir())
    found = sorted(folder.glob(f"lib{scipy_openblas32.get_library()}*")) or sorted(folder.glob("lib*openblas*"))
    if not found:
        raise ImportError(f"scipy-openblas32 has no library in {folder}. Reinstall it.")
    _core._blas_load(str(found[0]))


@composite
def mm(input, mat2):
    """The product of two matrices: (M, K) and (K, N) give (M, N)."""
    return _core.mm(input, mat2)


@composite
def bmm(input, mat2):
    """The products of two stacks of matrices: (B, M, K) and (B, K, N) give (B, M, N)."""
    return _core.bmm(input, mat2)


NAMESPACES["nn.functional"]["linear"] = _core.linear
