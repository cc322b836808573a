"""What a sparse tensor is asked for: its parts, their number, what is true of it."""

from ... import _core
from . import frame as frames
from .coalesce import need_coo
from .convert import to_dense
from .rules import as_it_is, rule

as_it_is(
    *"size dim numel ndimension nelement element_size is_floating_point is_complex is_signed is_inference "
    "is_same_size requires_grad_ detach detach_ register_hook register_post_accumulate_grad_hook retain_grad backward "
    "get_device is_tensor type_as is_storage is_conj is_neg resolve_conj resolve_neg as_subclass "
    "is_distributed result_type promote_types can_cast alias is_pinned "
    "register_multi_grad_hook data __len__ cpu "
    "is_sparse is_sparse_csr is_cuda is_quantized is_mps is_xpu is_nested is_mkldnn is_vulkan is_ipu is_maia is_xla is_mtia "
    "volatile name names half float double bfloat16 int long short char byte bool cfloat cdouble chalf "
    "__reduce_ex__ __deepcopy__ __copy__ __repr__ _repr_html_ to_device cuda __format__ module_load".split()
)


@rule("stride")
def stride(input, dim=None):
    if frames.number_of(input) == frames.COO:  # as PyTorch says of them
        return 0 if dim is not None else (0,) * input.dim()
    raise RuntimeError(
        f"stride: {frames.layout_name(input)} tensors have no strides. Ask its values() for theirs."
    )


@rule("storage_offset")
def storage_offset(input):
    return 0


@rule("is_contiguous")
def is_contiguous(input, memory_format=None):
    return False


@rule("data_ptr", "storage", "untyped_storage", "typed_storage")
def data_ptr(input):
    raise NotImplementedError(
        f"storage: {frames.layout_name(input)} tensors have no memory of their own. Ask indices() and values()."
    )


@rule("item")
def item(input):
    if input.numel() != 1:
        raise RuntimeError(
            f"item: a {frames.layout_name(input)} tensor {tuple(input.shape)} has {input.numel()} elements; it gives the "
            "value of one."
        )
    return to_dense(input).item()


@rule("is_nonzero")
def is_nonzero(input):
    return bool(item(input))


@rule("tolist")
def tolist(input):
    raise RuntimeError(
        f"tolist: a {frames.layout_name(input)} tensor is no list of numbers. Use to_dense() first."
    )


@rule("numpy", "__array__")
def numpy(input, *args, **kwargs):
    raise TypeError(
        f"numpy: a {frames.layout_name(input)} tensor is no array. Use tensor.to_dense()."
    )


# ------------------------------------------------------------------------------------------- parts


def _need_coalesced(name, input):
    if not frames.is_sparse(input):
        raise RuntimeError(
            f"{name}: takes a sparse tensor, not a strided one, {tuple(input.shape)}."
        )
    frame = frames.frame_of(input)
    if frame.layout == frames.COO and not frame.coalesced:
        raise RuntimeError(
            f"{name}: the tensor may hold an index twice. Call coalesce() first, or read _{name}()."
        )
    return frame


def values(input):
    """The values, part of the graph."""
    _need_coalesced("values", input)
    return frames.frame_and_entries(input)[1]


def indices(input):
    need_coo("indices", input)
    return _need_coalesced("indices", input).indices


def _values(input):
    if not frames.is_sparse(input):
        raise NotImplementedError(
            f"_values: takes a sparse tensor, not a strided one, {tuple(input.shape)}."
        )
    return frames.split(input)[1]


def _indices(input):
    need_coo("_indices", input)
    return frames.frame_of(input).indices


def part(name):
    """The function that gives one of the indices of the layouts that have it."""
    layouts = (
        (frames.CSR, frames.BSR)
        if name in ("crow_indices", "col_indices")
        else (frames.CSC, frames.BSC)
    )
    compressed = name in ("crow_indices", "ccol_indices")

    def read(input):
        if frames.number_of(input) not in layouts:
            wanted = (
                "sparse_csr or sparse_bsr" if frames.CSR in layouts else "sparse_csc or sparse_bsc"
            )
            raise RuntimeError(
                f"{name}: takes a {wanted} tensor, not {frames.layout_name(input)}, {tuple(input.shape)}."
            )
        frame = frames.frame_of(input)
        return frame.compressed if compressed else frame.indices

    return read


crow_indices, col_indices, ccol_indices, row_indices = map(
    part, ("crow_indices", "col_indices", "ccol_indices", "row_indices")
)


def _nnz(input):
    if not frames.is_sparse(input):
        raise NotImplementedError(
            f"_nnz: takes a sparse tensor, not a strided one, {tuple(input.shape)}."
        )
    frame = frames.frame_of(input)
    return frame.indices.shape[-1]


def sparse_dim(input):
    if not frames.is_sparse(input):
        return 0
    frame = frames.frame_of(input)
    return frame.sparse_dim if frame.layout == frames.COO else 2


def dense_dim(input):
    return frames.frame_of(input).dense_dim if frames.is_sparse(input) else input.dim()


def coalesced_(input, coalesced):
    """Says whether the indices are in order, each once."""
    need_coo("_coalesced_", input)
    _core._sparse_set_coalesced(input, bool(coalesced))
    return input


_dimI, _dimV, _coalesced_ = sparse_dim, dense_dim, coalesced_


@rule("type")
def type_(input, dtype=None, non_blocking=False, **options):
    if dtype is None:
        from ..layout import type_name

        home = (
            "torch.sparse."
            if frames.number_of(input) == frames.COO
            else f"torch.{frames.layout_name(input)}."
        )
        return home + type_name(input.dtype).removeprefix("torch.")
    if isinstance(dtype, str):
        from ... import types

        kind = dtype.rpartition(".")[2]
        for name in dir(_core):
            meant = getattr(_core, name)
            if isinstance(meant, _core.dtype) and f"{meant._type_name}Tensor" == kind:
                return input.to(meant)
        raise ValueError(
            f"type: {dtype!r} names no type of tensors, such as 'torch.FloatTensor'. {types.strided}"
        )
    return input.to(dtype)
