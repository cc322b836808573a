"""Rules of shapes, strides and dtypes as functions: torch._prims_common."""

import math
import operator
from enum import Enum
from typing import Union

import flambeau as torch

__all__ = [
    "ELEMENTWISE_TYPE_PROMOTION_KIND", "canonicalize_dim", "canonicalize_dims", "check_same_device",
    "check_same_dtype", "check_same_shape", "compute_reduction_output_shape", "corresponding_complex_dtype",
    "corresponding_real_dtype", "dtype_or_default", "dtype_to_type", "elementwise_dtypes",
    "get_computation_dtype", "get_higher_dtype", "infer_size", "invert_perm", "is_boolean_dtype",
    "is_channels_last_contiguous", "is_complex_dtype", "is_contiguous", "is_expandable_to", "is_float_dtype",
    "is_integer_dtype", "is_low_precision_dtype", "is_same_shape", "is_weakly_lesser_type",
    "make_channels_last_strides_for", "make_contiguous_strides_for", "number_type", "reduction_dims", "same_shape",
    "suggest_memory_format", "type_to_dtype", "validate_dim_length", "validate_shape", "validate_strides",
]  # fmt: skip

NumberType = Union[bool, int, float, complex]  # noqa: UP007 (programs subscript it)
Number = (bool, int, float, complex)
TensorLike = TensorLikeType = torch.Tensor
DeviceLikeType = Union[str, torch.device, int]  # noqa: UP007
ShapeType = StrideType = Union[torch.Size, list[int], tuple[int, ...]]  # noqa: UP007
DimsType = Union[int, list[int], tuple[int, ...]]  # noqa: UP007
_INTEGER = (
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
)


class ELEMENTWISE_TYPE_PROMOTION_KIND(Enum):
    """How operators of elements choose the dtypes that they compute in and return."""

    DEFAULT = (0,)
    NO_OPMATH = (1,)
    INT_TO_FLOAT = (2,)
    ALWAYS_BOOL = (3,)
    COMPLEX_TO_FLOAT = (4,)
    BOOL_TO_LONG = (5,)


# ----------------------------------------------------------------------------------------------- dtypes


def is_boolean_dtype(dtype):
    """Whether it is bool."""
    return dtype is torch.bool


def is_integer_dtype(dtype):
    """Whether it is of integers, without bool."""
    return dtype in _INTEGER


def is_float_dtype(dtype):
    """Whether it is floating."""
    return dtype.is_floating_point


def is_complex_dtype(dtype):
    """Whether it is complex."""
    return dtype.is_complex


def is_low_precision_dtype(dtype):
    """Whether it is float16, bfloat16 or complex32."""
    return dtype in (torch.float16, torch.bfloat16, torch.complex32)


def corresponding_real_dtype(dtype):
    """The dtype of the parts of a complex one."""
    return dtype.to_real()


def corresponding_complex_dtype(dtype):
    """The complex dtype whose parts are of a floating one; float32's for bfloat16."""
    return dtype.to_complex()


def dtype_or_default(dtype):
    """The dtype, or the default one for None."""
    return torch.get_default_dtype() if dtype is None else dtype


def dtype_to_type(dtype):
    """Python's type of a dtype's elements."""
    if not isinstance(dtype, torch.dtype):
        raise AssertionError(f"dtype_to_type: takes a dtype, not {dtype!r}.")
    if dtype is torch.bool:
        return bool
    return complex if dtype.is_complex else float if dtype.is_floating_point else int


def type_to_dtype(typ):
    """The dtype of Python's bool, int, float or complex: bool, int64, the default one, its complex one."""
    if typ is bool:
        return torch.bool
    if typ is int:
        return torch.int64
    if typ is float:
        return torch.get_default_dtype()
    if typ is complex:
        return torch.get_default_dtype().to_complex()
    raise ValueError(f"type_to_dtype: {typ!r} is no type of numbers.")


def number_type(x):
    """The type of a number."""
    return type(x)


def is_weakly_lesser_type(a, b):
    """Whether every value of one type of numbers is one of the other: bool, int, float, complex in this order."""
    if a not in Number or b not in Number:
        raise RuntimeError(f"is_weakly_lesser_type: takes bool, int, float, complex, not {a}, {b}.")
    return Number.index(a) <= Number.index(b)


def get_higher_dtype(a, b):
    """The dtype that both (dtypes, tensors, numbers, None) are converted to."""
    kinds = [
        v.dtype if isinstance(v, torch.Tensor) else type_to_dtype(type(v)) if isinstance(v, Number) else v
        for v in (a, b)
        if v is not None
    ]  # fmt: skip
    if not kinds:
        return None
    return kinds[0] if len(kinds) == 1 else torch.promote_types(*kinds)


def get_computation_dtype(dtype):
    """The dtype that halves are computed in: float32, complex64 for complex32."""
    widened = {
        torch.float16: torch.float32,
        torch.bfloat16: torch.float32,
        torch.complex32: torch.complex64,
    }
    return widened.get(dtype, dtype)


def elementwise_dtypes(*_args, type_promotion_kind):
    """(dtype to compute in, dtype of the result) of tensors and numbers, for a kind of promotion."""
    kind = ELEMENTWISE_TYPE_PROMOTION_KIND
    args = [arg for arg in _args if arg is not None]
    for arg in args:
        if not isinstance(arg, (torch.Tensor, *Number)):
            raise ValueError(
                f"elementwise_dtypes: takes Tensors and numbers, not {type(arg).__name__}."
            )
    common = args[0].dtype if isinstance(args[0], torch.Tensor) else type_to_dtype(type(args[0]))
    if len(args) > 1:
        common = torch.result_type(args[0], args[1])
        for arg in args[2:]:
            common = torch.result_type(torch.empty(1, dtype=common), arg)
    wide = get_computation_dtype(common)
    if type_promotion_kind is kind.DEFAULT:
        return wide, common
    if type_promotion_kind is kind.NO_OPMATH:
        return common, common
    if type_promotion_kind is kind.INT_TO_FLOAT:
        if is_integer_dtype(common) or is_boolean_dtype(common):
            common = wide = torch.get_default_dtype()
        return wide, common
    if type_promotion_kind is kind.COMPLEX_TO_FLOAT:
        return wide, common.to_real() if common.is_complex else common
    if type_promotion_kind is kind.BOOL_TO_LONG:
        return (torch.int64, torch.int64) if common is torch.bool else (wide, common)
    if type_promotion_kind is kind.ALWAYS_BOOL:
        return wide, torch.bool
    raise ValueError(f"elementwise_dtypes: {type_promotion_kind!r} is no kind of promotion.")


# ----------------------------------------------------------------------------------------------- shapes


def canonicalize_dim(rank, idx, wrap_scalar=True):
    """A dimension counted from the front.

    Raises:
        IndexError: there is none.
    """
    if rank == 0:
        if not wrap_scalar:
            raise IndexError(f"canonicalize_dim: dim {idx} of a tensor without dims.")
        rank = 1
    if not -rank <= idx < rank:
        raise IndexError(f"canonicalize_dim: dim {idx} must be from {-rank} to {rank - 1}.")
    return idx % rank


def canonicalize_dims(rank, indices, wrap_scalar=True):
    """canonicalize_dim of one, or of several as a tuple."""
    if isinstance(indices, int):
        return canonicalize_dim(rank, indices, wrap_scalar)
    return tuple(canonicalize_dim(rank, idx, wrap_scalar) for idx in indices)


def reduction_dims(shape, dims):
    """The dimensions of a reduction, all for None.

    Raises:
        RuntimeError: one is named twice.
    """
    if dims is None:
        return tuple(range(len(shape)))
    dims = tuple(canonicalize_dim(len(shape), idx) for idx in dims)
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"reduction_dims: {dims} names a dim twice.")
    return dims


def compute_reduction_output_shape(shape, dimensions):
    """The sizes that are left without some dimensions."""
    return tuple(size for place, size in enumerate(shape) if place not in dimensions)


def same_shape(a, b, *, allow_rhs_unbacked=False):
    """Whether two shapes are equal."""
    return tuple(a) == tuple(b)


is_same_shape = same_shape


def is_expandable_to(shape, desired):
    """Whether a tensor of one shape can be expanded to the other."""
    if len(shape) > len(desired):
        return False
    return all(a in (1, b) for a, b in zip(reversed(shape), reversed(desired)))


def infer_size(shape, numel):
    """The shape of `numel` elements with its -1 filled in.

    Raises:
        RuntimeError: it does not fit.
    """
    return tuple(torch.empty(numel, device="meta").reshape(tuple(shape)).shape)


def invert_perm(perm):
    """The permutation that undoes another."""
    inverse = [0] * len(perm)
    for place, dim in enumerate(perm):
        inverse[dim] = place
    return inverse


def validate_dim_length(length):
    """AssertionError for a size below 0."""
    if length < 0:
        raise AssertionError(f"validate_dim_length: a size is {length}.")


def validate_shape(shape):
    """AssertionError unless all sizes are 0 or more."""
    for length in shape:
        validate_dim_length(length)


def validate_strides(strides):
    """AssertionError unless all strides are 0 or more."""
    if any(stride < 0 for stride in strides):
        raise AssertionError(f"validate_strides: {tuple(strides)} has one below 0.")


# -------------------------------------------------------------------------------------------- strides


def make_contiguous_strides_for(shape, row_major=True):
    """The strides of a contiguous tensor, of matrices by columns with row_major=False."""
    validate_shape(shape)
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    strides = tuple(reversed(strides))
    if row_major or len(shape) < 2:
        return strides
    return (*strides[:-2], 1, max(shape[-2], 1))


def make_channels_last_strides_for(shape):
    """The strides of a channels-last tensor of 3 to 5 dims: the channels, dim 1, lie side by side."""
    if len(shape) not in (3, 4, 5):
        raise RuntimeError(f"make_channels_last_strides_for: {tuple(shape)} must have 3 to 5 dims.")
    validate_shape(shape)
    strides, step = [0] * len(shape), 1
    for dim in (1, *range(len(shape) - 1, 1, -1), 0):
        strides[dim] = step
        step *= max(shape[dim], 1)
    return tuple(strides)


def is_contiguous(a):
    """Whether a tensor is contiguous."""
    return a.is_contiguous()


def is_channels_last_contiguous(a):
    """Whether a tensor of 4 or 5 dims is channels last."""
    kinds = {4: torch.channels_last, 5: torch.channels_last_3d}
    return a.dim() in kinds and a.is_contiguous(memory_format=kinds[a.dim()])


def suggest_memory_format(x):
    """The memory format that a tensor has: channels last, or contiguous for all others."""
    if x.is_contiguous() or not is_channels_last_contiguous(x):
        return torch.contiguous_format
    return torch.channels_last if x.dim() == 4 else torch.channels_last_3d


# --------------------------------------------------------------------------------------------- checks


def _check_same(what, name, args):
    found = {name(arg) for arg in args if isinstance(arg, torch.Tensor)}
    if len(found) > 1:
        raise RuntimeError(f"check_same_{what}: they differ: {', '.join(sorted(map(str, found)))}.")


def check_same_device(*args, allow_cpu_scalar_tensors):
    """RuntimeError unless all tensors are on one device; those without dims may be on the CPU."""
    if allow_cpu_scalar_tensors:
        args = [a for a in args if not (isinstance(a, torch.Tensor) and a.dim() == 0 and a.is_cpu)]
    _check_same("device", operator.attrgetter("device"), args)


def check_same_dtype(*args):
    """RuntimeError unless all tensors are of one dtype."""
    _check_same("dtype", operator.attrgetter("dtype"), args)


def check_same_shape(*args, allow_cpu_scalar_tensors):
    """RuntimeError unless all tensors are of one shape; those without dims may be left out."""
    if allow_cpu_scalar_tensors:
        args = [a for a in args if not (isinstance(a, torch.Tensor) and a.dim() == 0 and a.is_cpu)]
    _check_same("shape", lambda tensor: tuple(tensor.shape), args)


def prod(xs):
    """The product of numbers."""
    return math.prod(xs)
