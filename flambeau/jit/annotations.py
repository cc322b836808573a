"""Annotations: torch.jit.annotations, for programs that take their typing from there, and types of annotations."""

import builtins
import inspect
import typing
from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035 (programs import them from here)

import flambeau

from ..futures import Future
from .types import (
    AnyType,
    BoolType,
    ComplexType,
    DeviceObjType,
    DictType,
    FloatType,
    FutureType,
    IntType,
    ListType,
    NoneType,
    OptionalType,
    StringType,
    TensorType,
    TupleType,
    UnionType,
)  # fmt: skip

__all__ = [
    "Any", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "Future", "List", "Optional",
    "Tuple", "Union", "ann_to_type", "is_dict", "is_future", "is_list", "is_optional", "is_tensor", "is_tuple",
    "is_union", "try_ann_to_type",
]  # fmt: skip


class _BroadcastingList:
    """`BroadcastingList2[int]`: a number, or a list of so many; an annotation only."""

    def __getitem__(self, types):
        return None


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = _BroadcastingList()

_SIMPLE = {
    int: IntType, float: FloatType, builtins.bool: BoolType, complex: ComplexType, str: StringType, None: NoneType,
    type(None): NoneType, Any: AnyType, flambeau.device: DeviceObjType, flambeau.dtype: IntType,
}  # fmt: skip


def is_list(ann):
    """Whether an annotation is of lists."""
    return typing.get_origin(ann) is list


def is_dict(ann):
    """Whether an annotation is of dicts."""
    return typing.get_origin(ann) is dict


def is_tuple(ann):
    """Whether an annotation is of tuples."""
    return typing.get_origin(ann) is tuple


def is_future(ann):
    """Whether an annotation is of futures."""
    return ann is Future or typing.get_origin(ann) is Future


def is_union(ann):
    """Whether an annotation is a Union."""
    import types

    return typing.get_origin(ann) in (Union, types.UnionType)


def is_optional(ann):
    """Whether an annotation is of one type or None."""
    args = typing.get_args(ann)
    return is_union(ann) and len(args) == 2 and type(None) in args


def is_tensor(ann):
    """Whether an annotation is of tensors."""
    return isinstance(ann, type) and issubclass(ann, flambeau.Tensor)


def try_ann_to_type(ann, loc, rcb=None):
    """The type (see types.py) of an annotation, None where there is none."""
    if ann is inspect.Parameter.empty or is_tensor(ann):  # what is not annotated is a tensor
        return TensorType.get()
    args = typing.get_args(ann)
    if is_list(ann):
        return ListType(ann_to_type(args[0], loc))
    if is_dict(ann):
        return DictType(*(ann_to_type(a, loc) for a in args))
    if is_tuple(ann):
        return TupleType([] if args in ((), ((),)) else [ann_to_type(a, loc) for a in args])
    if is_optional(ann):
        inner = args[0] if args[1] is type(None) else args[1]
        return OptionalType(ann_to_type(inner, loc))
    if is_union(ann):
        return UnionType([ann_to_type(a, loc) for a in args])
    if typing.get_origin(ann) is Future:
        return FutureType(ann_to_type(args[0], loc))
    simple = _SIMPLE.get(ann)
    return None if simple is None else simple.get()


def ann_to_type(ann, loc, rcb=None):
    """The type of an annotation.

    Raises:
        ValueError: there is none.
    """
    found = try_ann_to_type(ann, loc, rcb)
    if found is None:
        raise ValueError(f"jit.annotations.ann_to_type: {ann!r} has no type of TorchScript.")
    return found
