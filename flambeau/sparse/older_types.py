"""torch.sparse.FloatTensor and its like: the older names of sparse_coo_tensor, by dtype."""

from .. import _core, types
from ..ops.sparse.construct import empty, sparse_coo_tensor
from ..ops.sparse.frame import COO

# By the names that their types have: Float of FloatTensor.
_DTYPES = {
    getattr(_core, name)._type_name: getattr(_core, name)
    for name in "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8".split()
}


class _SparseType(type):
    """isinstance(x, torch.sparse.FloatTensor) asks for layout and dtype; a call makes such a tensor."""

    is_cuda, is_sparse, layout = False, True, types.sparse_coo

    def __instancecheck__(cls, x):
        return isinstance(x, _core.Tensor) and x.is_sparse and x.dtype == cls.dtype

    def __call__(cls, *args, device=None):
        """sparse.FloatTensor(), (sizes...), (indices, values) or (indices, values, size)."""
        if args and isinstance(args[0], _core.Tensor):
            indices, values, *size = args
            if values.dtype != cls.dtype:
                raise TypeError(
                    f"sparse.{cls.__name__}: values are {values.dtype}; they must be {cls.dtype}."
                )
            return sparse_coo_tensor(indices, values, *size, device=device)
        size = args[0] if len(args) == 1 and not hasattr(args[0], "__index__") else args
        return empty(tuple(size) or (0,), COO, dtype=cls.dtype, device=device)

    def __repr__(cls):
        return f"<class 'torch.sparse.{cls.__name__}'>"


TYPES = {
    f"{kind}Tensor": _SparseType(
        f"{kind}Tensor", (), {"dtype": dtype, "__module__": "flambeau.sparse"}
    )
    for kind, dtype in _DTYPES.items()
}
