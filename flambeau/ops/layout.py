"""Operators on sizes, layout, device and type that are small Python around native ones; and joins."""

import builtins

from .. import _core, types
from .core import operators as fl
from .core.declare import METHODS, composite, need_outs, register

for _name in ("cat", "stack"):
    register(_name, getattr(_core, _name))
    _core._bind(_name, getattr(_core, _name))
register("concat", _core.cat)
register("concatenate", _core.cat)


def method(function, name=None):
    """A method of Tensor alone."""
    METHODS[name or function.__name__] = function
    return function


@method
def type_as(self, tensor):
    """The tensor in another's dtype."""
    return self.to(tensor.dtype)


@method
def expand_as(self, other):
    """expand() to another's sizes."""
    return self.expand(other.shape)


@method
def view_as(self, other):
    """view() with another's sizes."""
    return self.view(other.shape)


@method
def reshape_as(self, other):
    """reshape() to another's sizes."""
    return self.reshape(other.shape)


@method
def resize_as_(self, other, memory_format=None):
    """resize_() to another's sizes; with memory_format=preserve_format to its order in memory too."""
    if memory_format is types.preserve_format:
        formats = {4: types.channels_last, 5: types.channels_last_3d}
        memory_format = formats.get(other.dim(), types.contiguous_format)
        if other.is_contiguous() or not other.is_contiguous(memory_format=memory_format):
            memory_format = types.contiguous_format
    if memory_format is None:
        return self.resize_(other.shape)
    return self.resize_(other.shape, memory_format=memory_format)


@method
def get_device(self) -> int:
    """-1: the tensor lies in the CPU's memory."""
    return -1


@method
def is_pinned(self, device=None):
    """Whether the tensor lies in page-locked memory, from which copies to a GPU need not wait."""
    return _core._is_pinned(self)


@method
def pin_memory(self, device=None):
    """A copy in page-locked memory of the CPU, from which copies to a GPU need not wait; itself if it is there.

    Raises RuntimeError where there is no GPU.
    """
    if not _core._cuda_state()[0]:
        raise RuntimeError("pin_memory: there is no accelerator to pin memory for.")
    if not self.is_cpu:
        raise RuntimeError(
            f"pin_memory: the tensor is on {self.device}; only the CPU's memory is pinned."
        )
    if _core._is_pinned(self):
        return self
    bytes_ = _core._pinned(self.numel() * self.element_size())
    return bytes_.view(self.dtype).view(self.shape).copy_(self)


_core._bind("pinned", pin_memory)


@method
def is_same_size(self, other) -> bool:
    """Whether the sizes are equal.

    Example:
        >>> torch.is_same_size(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        True
    """
    return self.shape == other.shape


@method
def is_set_to(self, tensor):
    """Whether both show the same memory in the same way."""
    return (
        _core._storage_id(self) == _core._storage_id(tensor)
        and self.shape == tensor.shape
        and self.stride() == tensor.stride()
        and self.storage_offset() == tensor.storage_offset()
    )


@method
def is_inference(self) -> bool:
    """Whether the tensor was made under inference_mode.

    Example:
        >>> torch.is_inference(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        False
    """
    return self._is_inference


@method
def is_signed(self) -> bool:
    """Whether the dtype has negative numbers.

    Example:
        >>> torch.is_signed(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        True
    """
    return self.dtype.is_signed


@method
def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the slowest to the fastest in memory.

    ambiguity_check=True, or a list of memory formats, raises where several orders fit.
    """
    strides = [stride for stride, size in zip(self.stride(), self.shape) if size != 1]
    if ambiguity_check and (len(strides) < self.dim() or len(set(strides)) < len(strides)):
        raise RuntimeError(
            f"dim_order: the strides {self.stride()} give no single order of the dims, or none of "
            "the formats asked for."
        )
    return tuple(sorted(range(self.dim()), key=lambda d: -self.stride(d)))


register("is_signed", is_signed)
register("is_inference", is_inference)
register("is_same_size", is_same_size)


def type_name(dtype):
    """The old name of a tensor type: torch.FloatTensor."""
    kind = dtype._type_name
    return f"torch.{'quantized.' if kind[0] == 'Q' else ''}{kind}Tensor"


@method
def type(self, dtype: object = None, non_blocking=False, *, memory_format=None):
    """The type's name ("torch.FloatTensor"), or the tensor converted to a dtype or named type."""
    if dtype is None:
        name = type_name(self.dtype)
        return name.replace("torch.", "torch.meta.") if self.is_meta else name
    if memory_format is None:
        memory_format = types.preserve_format
    if isinstance(dtype, str):
        home, _, short = dtype.rpartition(".")
        for meant in vars(_core).values() if home.split(".")[0] == "torch" else ():
            if isinstance(meant, _core.dtype) and short == f"{meant._type_name}Tensor":
                if home not in ("torch", "torch.sparse"):
                    raise RuntimeError(
                        f"type: {dtype!r} is a type of the device {home[6:]!r}, which is not available "
                        "here. Name torch." + short + "."
                    )
                return self.to(meant, memory_format=memory_format)
        raise ValueError(
            f"type: {dtype!r} names no type of tensors. Name one, such as 'torch.FloatTensor', or "
            "give a dtype."
        )
    if dtype is _core.Tensor:
        meant = _core.get_default_dtype()
    elif isinstance(dtype, builtins.type):
        meant = getattr(dtype, "dtype", None)  # of torch.FloatTensor and its like
        if not isinstance(meant, _core.dtype):
            raise ValueError(
                f"type: {dtype.__name__} is no type of tensors. Give a dtype, such as "
                "torch.float32, or convert with .to()."
            )
    elif isinstance(dtype, _core.dtype):
        meant = dtype
    else:
        raise TypeError(
            "type: takes a dtype, a type of tensors or its name, not "
            f"{builtins.type(dtype).__name__}."
        )
    return self.to(meant, memory_format=memory_format)


@method
def fill_diagonal_(self, fill_value, wrap=False):
    """Fills the main diagonal in place; wrap goes on below in tall matrices."""
    if self.dim() < 2:
        raise RuntimeError(f"fill_diagonal_: tensor {tuple(self.shape)} must have 2 dims or more.")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError(
            f"fill_diagonal_: the sizes of {tuple(self.shape)} differ; beyond 2 dims they must be "
            "equal."
        )
    if self.dim() > 2:
        self.as_strided((self.shape[0],), (sum(self.stride()),), self.storage_offset()).fill_(
            fill_value
        )
    else:
        self.diagonal().fill_(fill_value)
        rows, columns = self.shape
        if wrap and columns and rows > columns + 1:
            whole, rest = divmod(rows, columns + 1)  # squares, each with a row below it left out
            k = fl.arange(whole * columns + min(rest, columns), device=self.device)
            self[k + k // columns, k % columns] = fill_value
    return self


def _inplace_view(name):
    view = getattr(_core, name)

    def inplace(self, *args, **kwargs):
        return _core._take_layout(self, view(self, *args, **kwargs))

    inplace.__name__ = inplace.__qualname__ = name + "_"
    inplace.__doc__ = f"{name}(), in place: the tensor itself takes the new layout."
    METHODS[name + "_"] = inplace


for _name in "t transpose squeeze unsqueeze as_strided".split():
    _inplace_view(_name)
METHODS["swapaxes_"] = METHODS["swapdims_"] = METHODS["transpose_"]


@method
def set_(self, source=None, storage_offset=None, size=None, stride=None):
    """The tensor looks at another's memory, or at a storage, from now on.

    Without size it takes the layout of a tensor, or all of a storage in one dimension.

    Raises:
        TypeError: an offset or strides without a size, or a source that is neither.
        RuntimeError: the source has another dtype, or this is a result in the graph.
    """
    if (size is None) != (storage_offset is None) or (size is None and stride is not None):
        raise TypeError("set_: storage_offset and size go together, and stride needs both.")
    if source is None:
        if size is not None:
            raise TypeError("set_: a size needs a source.")
        empty = _core.empty(0, dtype=self.dtype, device=self.device)
        return _core._set_layout(self, empty, 0, (0,), (1,))
    if not isinstance(source, _core.Tensor) and not hasattr(source, "untyped"):
        raise TypeError(
            f"set_: source must be a tensor or a storage, not {builtins.type(source).__name__}."
        )
    dtype = getattr(source, "dtype", self.dtype)  # an UntypedStorage fits every dtype
    if dtype is not self.dtype:
        raise RuntimeError(f"set_: a tensor of {self.dtype} can't take memory of {dtype}.")
    if not isinstance(source, _core.Tensor):
        source = source.untyped()._elements(self.dtype)
    if size is None:
        size, stride, storage_offset = source.shape, source.stride(), source.storage_offset()
    if stride is None:
        stride = _contiguous_strides(size)
    return _core._set_layout(self, source, storage_offset, size, stride)


def _contiguous_strides(size):
    strides = [1]
    for n in reversed(size[1:]):
        strides.append(strides[-1] * max(n, 1))
    return strides[::-1][: len(size)]


@method
def apply_(self, callable):
    """Replaces each element x by callable(x), slowly, in Python."""
    flat = _core.tensor([callable(x) for x in self.reshape(-1).tolist()], dtype=self.dtype)
    return self.copy_(flat.reshape(self.shape))


@method
def map_(self, tensor, callable):
    """Replaces each element x by callable(x, y) with y of tensor, slowly, in Python."""
    pairs = zip(
        self.reshape(-1).tolist(), tensor.expand(self.shape).reshape(-1).tolist(), strict=True
    )
    return self.copy_(
        _core.tensor([callable(x, y) for x, y in pairs], dtype=self.dtype).reshape(self.shape)
    )


@method
def map2_(self, x, y, callable):
    """Replaces each element a by callable(a, b, c) with b of x and c of y, slowly, in Python."""
    for name, other in (("x", x), ("y", y)):
        if other.requires_grad:
            raise RuntimeError(f"map2_: {name} requires grad, which a Python function has none of.")
    rows = [t.expand(self.shape).reshape(-1).tolist() for t in (self, x, y)]
    values = [callable(*each) for each in zip(*rows, strict=True)]
    return self.copy_(_core.tensor(values, dtype=self.dtype).reshape(self.shape))


@method
def __contains__(self, element):
    """Whether any element equals `element`."""
    if isinstance(element, (int, float, complex, _core.Tensor)):
        return bool((self == element).any())
    raise RuntimeError(
        f"in: {element.__class__.__name__} cannot be an element of a tensor; a Tensor or a number can."
    )


def _flag(name, value):
    return property(lambda self: value, doc=f"{name}: {value} for every tensor.")


for _name, _value in {
    "is_quantized": False,
    "is_mps": False,
    "is_xpu": False,
    "is_nested": False,
    "is_mkldnn": False,
    "is_vulkan": False,
    "is_ipu": False,
    "is_maia": False,
    "is_xla": False,
    "is_mtia": False,
    "name": None,
}.items():
    METHODS[_name] = _flag(_name, _value)
METHODS["names"] = property(
    lambda self: (None,) * self.dim(), doc="None for each dimension: dimensions have no names."
)
METHODS["H"] = property(
    lambda self: _matrix(self, "H").transpose(0, 1).conj() if self.dim() else _conjugate(self, "H"),
    doc="The conjugate transpose of a matrix.",
)
METHODS["mH"] = property(
    lambda self: self.mT.conj() if self.dim() else _conjugate(self, "mH"),
    doc="The conjugate transpose of each matrix.",
)


def _conjugate(number, name):
    _core._warn_once(
        f"{name} of a number", f"Tensor.{name}: a number has no dims to swap. Write x.conj()."
    )
    return number.conj()


def _matrix(tensor, name):
    if tensor.dim() not in (0, 2):
        raise RuntimeError(
            f"{name}: tensor {tuple(tensor.shape)} must be a matrix (2 dims). Use .mT or .mH for "
            "stacks."
        )
    return tensor


def adjoint(input):
    """The conjugate transpose of each matrix.

    Example:
        >>> torch.adjoint(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[1., 3.],
                [2., 4.]])
    """
    return input.mT.conj()


METHODS["adjoint"] = adjoint
register("adjoint", adjoint)


def _viewed(input, *args, size=None, dtype=None):
    """view(), but of any layout, since it is copied anyway."""
    args = args if size is None and dtype is None else (size if dtype is None else dtype,)
    as_dtype = isinstance(args[0], (_core.dtype, builtins.type))
    return (_core.view if as_dtype else _core.reshape)(input, *args)


# Of these the function takes one sequence, whatever the method does.
_SEQUENCES = {"expand": "size", "permute": "dims", "view": "size"}


# PyTorch's copying forms of views.
def _copying(name):
    view = _viewed if name == "view" else getattr(_core, name)

    def copying(input, *args, **kwargs):
        out = kwargs.pop("out", None)
        if name in _SEQUENCES and args and isinstance(args[0], int):
            raise TypeError(
                f"{name}_copy: {_SEQUENCES[name]} takes a sequence of ints, not one int."
            )
        made = view(input, *args, **kwargs)
        several = isinstance(made, tuple)
        copies = [
            m.clone(memory_format=types.contiguous_format) for m in (made if several else (made,))
        ]
        if out is not None:
            if several:
                need_outs(out, len(copies), name + "_copy")
            for target, copy in zip(out if several else (out,), copies, strict=True):
                _core._check_out(target, copy.dtype, (), name + "_copy")
                _core._finish_out(copy, target, name + "_copy")
            return None if several else out
        return tuple(copies) if several else copies[0]

    copying.__name__ = copying.__qualname__ = name + "_copy"
    copying.__doc__ = f"{name}(), as a copy."
    if name in ("split", "unbind"):
        copying.__annotations__["return"] = tuple
    register(name + "_copy", copying)


for _name in (
    "as_strided diagonal expand narrow permute select squeeze t transpose unbind unfold unsqueeze view "
    "view_as_real view_as_complex detach split"
).split():
    _copying(_name)


@composite(out="same")
def alias_copy(input):
    """A copy.

    Example:
        >>> torch.alias_copy(torch.tensor([1, 2, 3]))
        tensor([1, 2, 3])
    """
    return input.clone(memory_format=types.contiguous_format)


@composite(method=False)
def split_with_sizes_copy(input, split_sizes, dim=0) -> tuple:
    """split(), as copies."""
    form = types.contiguous_format
    return tuple(part.clone(memory_format=form) for part in _core.split(input, split_sizes, dim))


@composite(out=False)
def split_with_sizes(input, split_sizes, dim=0) -> tuple:
    """split() by a list of sizes."""
    return _core.split(input, split_sizes, dim)


register("zero_", _core.zero_)
register("resize_as_", METHODS["resize_as_"])


@composite(inplace=False, out=True)
def fill(input, value):
    """value in a tensor of input's sizes and dtype.

    Example:
        >>> torch.fill(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([[1., 1.],
                [1., 1.]])
    """
    if isinstance(value, _core.Tensor):
        if value.dim() > 0:
            raise RuntimeError(
                f"fill: value is a tensor of shape {tuple(value.shape)}; it must be 0-dim."
            )
        return (input * 0 if input.requires_grad else _core.zeros_like(input)).masked_fill(
            _core.ones_like(input, dtype=_core.bool), value
        )
    return input.masked_fill(_core.ones_like(input, dtype=_core.bool), value)
