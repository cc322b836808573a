"""OpenBLAS, which computes some complex matrix products and LAPACK's routines."""

from ... import _core


def load():
    """Opens the OpenBLAS of the scipy-openblas32 wheel; the core calls this when one of those is first asked for.

    The wheel is found but not imported: its import alone takes longer than most programs' first step.
    """
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("scipy_openblas32")
    if spec is None:
        raise ImportError(
            "complex products and factorizations need scipy-openblas32, which is not installed. "
            "Run: pip install scipy-openblas32"
        )
    folder = Path(spec.submodule_search_locations[0]) / "lib"
    found = sorted(folder.glob("libscipy_openblas*.so*")) or sorted(folder.glob("lib*openblas*"))
    if not found:
        raise ImportError(f"scipy-openblas32 has no library in {folder}. Reinstall it.")
    _core._blas_load(str(found[0]))
