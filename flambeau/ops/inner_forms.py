"""Products of quantized weights, indices and backwards that libraries call by PyTorch's underscored names."""

from .core import operators as fl
from .core.declare import composite


def _need(truth, message):
    if not truth:
        raise RuntimeError(message)


@composite(method=False)
def _int_mm(input, mat2):
    """input @ mat2 of int8 matrices, summed and given in int32."""
    _need(
        input.dtype is mat2.dtype is fl.int8,
        f"_int_mm: input is {input.dtype} and mat2 {mat2.dtype}; both must be int8.",
    )
    return fl.mm(input.to(fl.int32), mat2.to(fl.int32))


@composite(method=False, out=False)
def _weight_int8pack_mm(input, mat2, scales):
    """input @ mat2.T * scales, where mat2 (N, K) is int8 and scales (N)."""
    _need(mat2.dtype is fl.int8, f"_weight_int8pack_mm: mat2 is {mat2.dtype}; it must be int8.")
    return fl.mm(input, mat2.to(input.dtype).mT) * scales


@composite(method=False)
def _softmax_backward_data(grad_output, output, dim: int, input_dtype):
    """The gradient of softmax's input, from that of its output."""
    scaled = grad_output * output
    return (scaled - output * scaled.sum(dim, True)).to(input_dtype)


@composite(method=False)
def _log_softmax_backward_data(grad_output, output, dim, input_dtype):
    """The gradient of log_softmax's input, from that of its output."""
    return (grad_output - output.exp() * grad_output.sum(dim, True)).to(input_dtype)


@composite(method=False)
def _convert_indices_from_coo_to_csr(input, size, *, out_int32=False):
    """Where each of `size` rows begins among sorted row indices, and the end."""
    ends = fl.bincount(input, minlength=size).cumsum(0)
    starts = fl.cat([fl.zeros(1, dtype=fl.int64, device=input.device), ends])
    return starts.to(fl.int32 if out_int32 else fl.int64)


@composite(method=False)
def _convert_indices_from_csr_to_coo(
    crow_indices, col_indices, *, out_int32=False, transpose=False
):
    """(2, N): row and column of each entry, from where the rows begin; the column first with transpose."""
    _need(
        crow_indices.dim() == 1, "_convert_indices_from_csr_to_coo: crow_indices must have 1 dim."
    )
    rows = fl.arange(crow_indices.numel() - 1, device=crow_indices.device)
    rows = rows.repeat_interleave(crow_indices.diff())
    pair = (col_indices, rows) if transpose else (rows, col_indices)
    return fl.stack([i.to(fl.int32 if out_int32 else fl.int64) for i in pair])


@composite(method=False, out=False)
def _shape_as_tensor(input):
    """The sizes as a tensor of int64, on the CPU."""
    return fl.tensor(list(input.shape), dtype=fl.int64, device="cpu")


@composite(method=False, out=False)
def _reshape_from_tensor(input, shape):
    """input in the sizes that a tensor of integers holds."""
    return input.reshape(shape.tolist())


@composite(method=False, out=False)
def _dim_arange(like, dim):
    """0, 1, 2 ... for the places along a dim of like."""
    return fl.arange(like.shape[dim], device=like.device)


@composite(method=False, out=False)
def _weight_norm(v, g, dim=0):
    """v * (g / norm of v over all dims but `dim`)."""
    return v * (g / fl.norm_except_dim(v, 2, dim))


def _cast(name, dtype):
    def cast(input, non_blocking=False):
        return input.to(dtype, non_blocking=non_blocking)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"input in {dtype}."
    return composite(method=False, out=False)(cast)


_KINDS = {
    "Byte": fl.uint8, "Char": fl.int8, "Short": fl.int16, "Int": fl.int32, "Long": fl.int64, "Half": fl.float16,
    "Float": fl.float32, "Double": fl.float64,
}  # fmt: skip
for _kind, _dtype in _KINDS.items():
    _cast(f"_cast_{_kind}", _dtype)
