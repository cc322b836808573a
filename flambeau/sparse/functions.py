"""The functions of torch.sparse, as operators."""

from .. import _core, types
from ..ops.core import operators as fl
from ..ops.core.declare import register
from ..ops.sparse import products, reductions
from ..ops.sparse.construct import sparse_coo_tensor


def _public(name, function):
    operator = register(name, function, namespaces=("sparse",))
    operator.sparse = True
    return operator


mm = _public("mm", products.sparse_mm)
addmm = _public("addmm", products.sparse_addmm)
sampled_addmm = _public("sampled_addmm", products.sampled_addmm)
sum = _public("sum", reductions.sparse_sum)
softmax = _public("softmax", reductions.sparse_softmax)
log_softmax = _public("log_softmax", reductions.sparse_log_softmax)


def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix with the rows of `diagonals` along its diagonals.

    Element j of row i stands in column j and in row j - offsets[i]; what falls outside is left out.

    Args:
        diagonals (Tensor): (n, L), or (L) for one diagonal.
        offsets (Tensor): (n) or a number, int64, each different: above 0 for diagonals above the main one.
        shape (pair of int): the sizes of the matrix.
        layout (torch.layout, optional): sparse_coo, the default, sparse_csr or sparse_csc.

    Raises:
        RuntimeError: sizes, dtype or layout do not fit.

    Example:
        >>> torch.sparse.spdiags(torch.tensor([[1, 2, 3]]), torch.tensor([1]), (3, 3)).to_dense()
        tensor([[0, 2, 0],
                [0, 0, 3],
                [0, 0, 0]])
    """
    diagonals = (
        diagonals
        if diagonals.dim() == 2
        else diagonals.reshape(1, -1)
        if diagonals.dim() == 1
        else diagonals
    )
    offsets = offsets.reshape(1) if offsets.dim() == 0 else offsets
    if diagonals.dim() != 2 or offsets.dim() != 1:
        raise RuntimeError(
            f"spdiags: diagonals are {tuple(diagonals.shape)} and offsets {tuple(offsets.shape)}; they must be a "
            "matrix and a vector."
        )
    if len(shape) != 2:
        raise RuntimeError(f"spdiags: shape is {tuple(shape)}; it must be two sizes.")
    if diagonals.shape[0] != offsets.shape[0]:
        raise RuntimeError(
            f"spdiags: there are {diagonals.shape[0]} diagonals and {offsets.shape[0]} offsets. Give one for each."
        )
    if layout is not None and layout not in (types.sparse_coo, types.sparse_csr, types.sparse_csc):
        raise RuntimeError(
            f"spdiags: layout is {layout}; it must be sparse_coo, sparse_csr or sparse_csc."
        )
    if offsets.dtype != _core.int64:
        raise RuntimeError(
            f"spdiags: offsets are {offsets.dtype}; they must be int64. Convert them with .long()."
        )
    if len(offsets.unique()) != len(offsets):
        raise RuntimeError("spdiags: an offset stands twice; each names a diagonal of its own.")
    columns = fl.arange(diagonals.shape[1], device=offsets.device).expand(diagonals.shape)
    rows = columns - offsets.unsqueeze(1)
    kept = (rows >= 0) & (rows < shape[0]) & (columns < shape[1])
    made = sparse_coo_tensor(fl.stack([rows[kept], columns[kept]]), diagonals[kept], tuple(shape))
    return made if layout in (None, types.sparse_coo) else made.to_sparse(layout=layout)


spdiags = _public("spdiags", spdiags)


def spsolve(input, other, *, left=True):
    """Raises: sparse systems are solved on accelerators alone, in PyTorch too."""
    raise RuntimeError(
        "spsolve: is for sparse_csr matrices on an accelerator. Use scipy.sparse.linalg.spsolve."
    )


def to_sparse_semi_structured(original_tensor, transposed=False, alg_id=0):
    """Raises: two of four elements are left out for the sake of accelerators."""
    raise RuntimeError(
        "to_sparse_semi_structured: is for tensors on an accelerator, and there is none."
    )


class SparseSemiStructuredTensor:
    """The type of tensors of which two of four elements are kept, on accelerators; there are none here."""

    def __new__(cls, *args, **kwargs):
        raise RuntimeError(f"{cls.__name__}: is for tensors on an accelerator, and there is none.")


class SparseSemiStructuredTensorCUTLASS(SparseSemiStructuredTensor):
    """The same, as one library keeps them."""


class SparseSemiStructuredTensorCUSPARSELT(SparseSemiStructuredTensor):
    """The same, as another library keeps them."""
