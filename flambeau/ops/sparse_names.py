"""The public names of sparse tensors; what they do is loaded with their first call (ops/sparse/)."""

import functools
from importlib import import_module

from .. import _core, types
from .core.declare import METHODS, register


@functools.cache
def _from(module):
    return import_module(f".sparse.{module}", __package__)


def _public(module, also_function=False):
    """Declares a function as Tensor.<name>, and as torch.<name> too if asked: it takes any layout."""

    def declare(function):
        name = function.__name__
        operator = register(
            name, function, method=True, namespaces=("torch",) if also_function else ()
        )
        operator.sparse = True
        METHODS[name] = operator
        return operator

    return declare


def to_sparse(input, *args, layout=None, blocksize=None, dense_dim=None, sparse_dim=None):
    """The tensor in a sparse layout: its entries that are not 0.

    Args:
        args: a number, how many leading dims are sparse (sparse_coo), or a layout.
        layout (torch.layout): sparse_coo, the default, sparse_csr, sparse_csc, sparse_bsr or sparse_bsc.
        blocksize (pair of int): of the layouts of blocks.
        dense_dim (int): how many trailing dims of a strided tensor stay dense.
    """
    return _from("convert").to_sparse(
        input, *args, layout=layout, sparse_dim=sparse_dim, blocksize=blocksize, dense_dim=dense_dim
    )


_public("convert")(to_sparse)


def to_sparse_coo(input):
    """The tensor in layout sparse_coo."""
    return _from("convert").to_sparse(input)


_public("convert")(to_sparse_coo)


def _compressing(layout):
    number = types.LAYOUTS.index(layout)
    name = f"to_{layout.name}"

    if layout in (types.sparse_csr, types.sparse_csc):

        def convert(input, dense_dim: object = None):
            return _from("convert").to_layout(input, number, dense_dim=dense_dim, name=name)
    else:

        def convert(input, blocksize: object, dense_dim: object = None):
            return _from("convert").to_layout(
                input, number, blocksize=blocksize, dense_dim=dense_dim, name=name
            )

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = (
        f"The tensor in layout {layout.name}; what stands before the last two dims is a batch."
    )
    _public("convert")(convert)


for _layout in types.LAYOUTS[2:]:
    _compressing(_layout)


def to_dense(self, dtype=None, *, masked_grad=None):
    """The strided tensor of the same elements; itself if it is that already.

    Args:
        dtype (torch.dtype, optional): of the result.
        masked_grad (bool, optional): of a sparse tensor, whether its gradient is cut to where it has entries
            (the default) or is a sparse tensor of whatever arrives.
    """
    if _core._is_sparse(self):
        self = _from("convert").to_dense(self, masked_grad is None or masked_grad)
    return self if dtype is None else self.to(dtype)


_public("convert")(to_dense)


def _method(module, name, doc):
    def method(input, *args, **kwargs):
        return getattr(_from(module), name)(input, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc
    _public(module)(method)


for _module, _names in {
    "coalesce": {
        "coalesce": "A sparse_coo tensor with each index once, in order; the values of equal ones are added.",
        "is_coalesced": "Whether the indices of a sparse_coo tensor are known to be in order, each once.",
    },
    "facts": {
        "values": "The values of a coalesced or compressed tensor, part of its graph.",
        "indices": "The indices of a coalesced tensor: (sparse dims, nnz).",
        "crow_indices": "Where each row of a sparse_csr or sparse_bsr tensor begins among the entries.",
        "col_indices": "The column of each entry of a sparse_csr or sparse_bsr tensor.",
        "ccol_indices": "Where each column of a sparse_csc or sparse_bsc tensor begins among the entries.",
        "row_indices": "The row of each entry of a sparse_csc or sparse_bsc tensor.",
        "_values": "The values as they stand, without history; writes to them change the tensor.",
        "_indices": "The indices as they stand.",
        "_nnz": "How many entries there are.",
        "sparse_dim": "How many dimensions are sparse; 0 of a strided tensor.",
        "dense_dim": "How many dimensions are dense.",
        "_dimI": "sparse_dim()",
        "_dimV": "dense_dim()",
        "_coalesced_": "Says whether the indices are in order, each once.",
    },
    "copies": {
        "sparse_mask": "What the tensor has where `mask`, a sparse tensor, has entries.",
        "sparse_resize_": "Other sizes in place; a tensor with entries only grows.",
        "sparse_resize_and_clear_": "Other sizes in place, without entries.",
    },
    "products": {
        "smm": "The product of a sparse and a strided matrix, as a sparse one.",
        "sspaddmm": "beta * input + alpha * (mat1 @ mat2), of sparse input and mat1.",
    },
}.items():
    for _name, _doc in _names.items():
        _method(_module, _name, _doc)

for _name in ("smm", "sspaddmm"):
    register(_name, METHODS[_name])


def spmm(mat1, mat2):
    """mm(mat1, mat2), by its name for sparse matrices in older programs.

    Example:
        >>> torch.spmm(torch.eye(2).to_sparse() * 3, torch.tensor([[1.0], [2.0]])).T
        tensor([[3., 6.]])
    """
    return _core.mm(mat1, mat2)


def dsmm(mat1, mat2):
    """mm(mat1, mat2), by its name for a strided and a sparse matrix in older programs.

    Example:
        >>> torch.dsmm(torch.tensor([[1.0, 2.0]]), torch.eye(2).to_sparse() * 3)
        tensor([[3., 6.]])
    """
    return _core.mm(mat1, mat2)


def hspmm(mat1, mat2):
    """The product of a sparse and a strided matrix, of whose rows only those with entries are kept."""
    return _from("products").hspmm(mat1, mat2)


def hsmm(mat1, mat2):
    """The older name of hspmm.

    Args:
        mat1 (Tensor): sparse_coo, (M, K).
        mat2 (Tensor): strided, (K, N).

    Returns:
        Tensor: sparse_coo of one sparse dim, (M, N).

    Dtype: that of both.

    Raises:
        RuntimeError: sizes, dtypes or layouts do not fit together.

    Example:
        >>> torch.hsmm(torch.eye(2).to_sparse(), torch.ones(2, 1)).to_dense()
        tensor([[1.],
                [1.]])
    """
    return hspmm(mat1, mat2)


def saddmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2) with a sparse mat1.

    Args:
        input (Tensor): (M, N).
        mat1 (Tensor): sparse, (M, K).
        mat2 (Tensor): (K, N).
        beta, alpha (Number): factors.

    Returns:
        Tensor: (M, N).

    Dtype: that of all three.

    Raises:
        RuntimeError: sizes or dtypes do not fit together.

    Example:
        >>> torch.saddmm(torch.ones(2, 1), torch.eye(2).to_sparse(), torch.ones(2, 1), alpha=2)
        tensor([[3.],
                [3.]])
    """
    return _from("products").addmm(input, mat1, mat2, beta=beta, alpha=alpha)


def native_norm(input, p=2):
    """The norm of all elements of a sparse tensor as one vector.

    Args:
        input (Tensor): sparse, of any sizes.
        p (Number): the order.

    Returns:
        Tensor: strided, a number without dims.

    Dtype: floating and complex.

    Raises:
        RuntimeError: input is strided.

    Example:
        >>> torch.native_norm(torch.eye(4).to_sparse())
        tensor(2.)
    """
    if not _core._is_sparse(input):
        raise RuntimeError("native_norm: takes a sparse tensor, not a strided one. Use torch.norm.")
    return _from("reductions").norm(input, p)


def _copied(name, made, shown):
    def copy(input):
        return METHODS[name](input).clone()

    copy.__name__ = copy.__qualname__ = name + "_copy"
    copy.__doc__ = f"""{name}() of a sparse tensor, as a copy with memory of its own.

    Args:
        input (Tensor): sparse, of any dtype and sizes.

    Returns:
        Tensor: strided, of the shape that {name}() gives.

    Dtype: any.

    Raises:
        RuntimeError: input has no {name}().

    Example:
        >>> torch.{name}_copy({made})
        {shown}
    """
    register(name + "_copy", copy).sparse = True


for _name, _made, _shown in (
    ("values", "torch.eye(2).to_sparse()", "tensor([1., 1.])"),
    ("indices", "torch.ones(2).to_sparse()", "tensor([[0, 1]])"),
    ("crow_indices", "torch.eye(2).to_sparse_csr()", "tensor([0, 1, 2])"),
    ("col_indices", "torch.eye(2).to_sparse_csr()", "tensor([0, 1])"),
    ("ccol_indices", "torch.eye(2).to_sparse_csc()", "tensor([0, 1, 2])"),
    ("row_indices", "torch.eye(2).to_sparse_csc()", "tensor([0, 1])"),
):
    _copied(_name, _made, _shown)


def resize_as_sparse_(input, the_template):
    """Gives a sparse tensor the sizes of another, in place; with entries it only grows."""
    if not _core._is_sparse(input) or not _core._is_sparse(the_template):
        raise RuntimeError("resize_as_sparse_: takes two sparse tensors.")
    return _from("copies").resize_as_(input, the_template)


for _function in (spmm, dsmm, hspmm, hsmm, saddmm, native_norm, resize_as_sparse_):
    register(_function.__name__, _function, method=_function is resize_as_sparse_).sparse = True


def _sparse_broadcast_to(input, size: object):
    """A sparse_coo tensor repeated along dims of size 1, and along new ones in front."""
    return _from("shapes").broadcast_to(input, size)


register("_sparse_broadcast_to", _sparse_broadcast_to).sparse = True

METHODS["layout"] = property(
    _core._layout_of, doc="How the elements are laid out: strided, or a sparse layout."
)


def _is_coo(self):
    return _core._layout_of(self) is types.sparse_coo


def _is_csr(self):
    return _core._layout_of(self) is types.sparse_csr


METHODS["is_sparse"] = property(_is_coo, doc="Whether the layout is sparse_coo.")
METHODS["is_sparse_csr"] = property(_is_csr, doc="Whether the layout is sparse_csr.")


def _factory(name, size, layout, dtype, device, requires_grad):
    """What torch.zeros(size, layout=...) and its like make."""
    if name.removesuffix("_like") not in ("empty", "zeros"):
        raise RuntimeError(
            f"{name}: layout={layout} is not made: it would have an entry everywhere. Use {name}(...).to_sparse()."
        )
    return _from("construct").empty(
        size,
        types.LAYOUTS.index(layout),
        dtype=getattr(_core, dtype),
        device=device,
        requires_grad=requires_grad,
    )


_core._bind("sparse_factory", _factory)
