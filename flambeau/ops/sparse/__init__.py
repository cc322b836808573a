"""Sparse tensors: what operators do where an argument is one. Loaded with the first of them.

A sparse tensor is made of dense ones: indices and values (csrc/tensor/sparse.h). Two operators cross
between the two worlds, `entries` (sparse tensor to values) and `Frame.assemble` (values to sparse
tensor); each is the derivative of the other. What is written in terms of them and of dense operators
has its derivatives from these.

Read: frame.py, rules.py, coalesce.py, convert.py, places.py, then the families.
"""

from importlib import import_module

from ... import _core

FAMILIES = (
    "construct convert facts pointwise arithmetic products reductions shapes copies lists".split()
)

for _family in FAMILIES:
    import_module("." + _family, __name__)

from .coalesce import clone  # noqa: E402
from .convert import to_dense, to_dtype_of  # noqa: E402
from .rules import late_rule, shortcut  # noqa: E402

for _name, _function in {
    "sparse_to_dense": to_dense,
    "sparse_to": to_dtype_of,
    "sparse_clone": clone,
    "sparse_rule": late_rule,
}.items():
    _core._bind(_name, _function)

shortcut("matmul", "__matmul__")
for _name in ("mm", "mv", "to_sparse_csr", "to_sparse_coo"):
    shortcut(_name)
