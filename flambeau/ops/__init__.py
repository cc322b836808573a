"""Operators, one file a family. core/declare.py says how one is written; linalg/ is linear algebra.

May import: _core, types, kernels. Must not import: tensor, nn, anything above.
"""

from importlib import import_module

from .. import _core
from .core.declare import METHODS, NAMESPACES, register  # noqa: F401

# Those of the core first: a family may put its own in their place.
for _name, _function in _core._functions.items():
    register(_name, _function)
METHODS.update(_core._methods)

# Every family declares its operators when it is imported; one name a line, in alphabetical order.
FAMILIES = """
    activation
    batch_norm
    choice
    compare
    complexes
    conv
    counts
    creation
    cross_entropy
    ctc
    diagonal
    differences
    equality
    extremes
    foreign_methods
    fill_random
    fourier
    gamma_samples
    incomplete_gamma
    index
    inner_forms
    inner_names
    join
    layout
    linalg.cholesky
    linalg.einsum
    linalg.ldl
    linalg.lu
    linalg.matmul
    linalg.older_lapack
    linalg.orthogonal
    linalg.singular
    linalg.spectra
    linalg.sums_with_products
    linalg.systems
    losses
    masks
    maths
    move
    native_norms
    new_tensors
    nll
    norms
    numbers
    older_names
    padding
    pairs
    pointwise
    polynomials
    pool
    random
    rearrange
    reduce
    rows
    scan
    scatter
    search
    segment
    signal_windows
    sort
    sparse_names
    spectrogram
    split
    stats
    unique
    unsafe_split
    views
    write
""".split()

for _family in FAMILIES:
    import_module("." + _family, __name__)


registries = {}  # name -> function that gives it: torch.ops.aten, set by the package above


def __getattr__(name):
    if name in registries:
        return registries[name](name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
