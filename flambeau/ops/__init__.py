"""Operators, one file a family. declare.py says how one is written.

May import: _core, types, kernels. Must not import: tensor, nn, anything above.
"""

from importlib import import_module

from .declare import METHODS, NAMESPACES  # noqa: F401

# Every family declares its operators when it is imported.
FAMILIES = """
    activation
    blas
    compare
    complexes
    creation
    index
    losses
    masks
    maths
    move
    pointwise
    random
    reduce
    scan
    scatter
    search
    sort
    unique
""".split()
# Every family declares its operators when it is imported. Add a file's name here when you add the file.
FAMILIES = (
    "pointwise compare maths complexes activation reduce losses "
    "index scatter masks sort unique search scan move "
    "join split rearrange diagonal matmul einsum norms stats differences equality "
    "systems factorizations spectra"
    "conv pool"
).split()

for _family in FAMILIES:
    import_module("." + _family, __name__)
