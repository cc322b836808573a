"""Names for annotations that PyTorch keeps in torch.types: what a device, a size or a number may be given as."""

import os
from collections.abc import Sequence
from typing import IO, TypeAlias, Union

from . import _core
from .types import Size, device, layout, qscheme

Tensor = _core.Tensor
_int, _float, _bool, _complex, _str, _bytes = int, float, bool, complex, str, bytes
_dtype, _device, _layout, _qscheme = _core.dtype, device, layout, qscheme
_Number = (int, float, bool)

_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize: TypeAlias = Size | Sequence[int]
Device: TypeAlias = device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
BoolLikeType: TypeAlias = bool
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
# By its name: autograd stands floors above.
_Edge = "GradientEdge"
_TensorOrTensorsOrGradEdge: TypeAlias = Union[Tensor, Sequence[Tensor], _Edge, Sequence[_Edge]]  # noqa: UP007
_TensorOrOptionalTensors: TypeAlias = Tensor | Sequence[Tensor | None]
