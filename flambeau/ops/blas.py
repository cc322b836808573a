"""Matrix products: the library that computes them, and the native operators over it."""

from .. import _core
from .declare import NAMESPACES, composite


def load():
    """Opens the OpenBLAS of the scipy-openblas32 wheel; the core calls this before its first product.

    The wheel is found but not imported: its import alone takes longer than most programs' first step.
    """
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("scipy_openblas32")
    if spec is None:
        raise ImportError(
            "matrix products need scipy-openblas32, which is not installed. Run: pip install scipy-openblas32"
        )
    folder = Path(spec.submodule_search_locations[0]) / "lib"
    found = sorted(folder.glob("libscipy_openblas*.so*")) or sorted(folder.glob("lib*openblas*"))
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
