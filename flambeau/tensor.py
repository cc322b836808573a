"""Tensor: the core's type with every operator as a method."""

from . import _core, memory, modes, nodes, types  # noqa: F401
from .ops.core.declare import METHODS, as_operator

Tensor = _core.Tensor


def _cast(name, dtype_name):
    dtype = getattr(_core, dtype_name)

    def cast(self, memory_format=types.preserve_format):
        return (
            _core.to(self, dtype)
            if memory_format is types.preserve_format
            else _core.to(self, dtype, memory_format=memory_format)
        )

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"The tensor as {dtype_name}; itself if it is that already."
    return cast


_CASTS = {
    **types.CASTS,
    "chalf": "complex32",
    "cfloat": "complex64",
    "cdouble": "complex128",
}


def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Adds the gradients of this tensor with respect to the leaves into their .grad.

    gradient is needed unless the tensor has one element; inputs= accumulates into those tensors only.
    """
    if inputs is not None and isinstance(inputs, Tensor):
        inputs = (inputs,)
    if inputs is not None and len(inputs) == 0:
        raise RuntimeError(
            "backward: inputs is empty. Leave it away, to reach all leaves, or name some."
        )
    if gradient is not None and not isinstance(gradient, Tensor):
        raise TypeError(
            f"backward: gradient must be a Tensor or None, not {type(gradient).__name__}."
        )
    if retain_graph is None:
        retain_graph = create_graph
    _core._run_backward((self,), (gradient,), retain_graph, create_graph, inputs, False)


def numpy(self, *, force=False):
    """The tensor as a NumPy array over the same memory.

    Raises RuntimeError for tensors that require grad (unless force, or under no_grad) and TypeError for
    what NumPy lacks: bfloat16, complex32, float8 (forced: as float32 and complex64) and what is only stored.
    """
    if self.requires_grad:
        if not force and _core.is_grad_enabled():
            raise RuntimeError(
                "numpy: the tensor requires grad, and NumPy would lose its history. Use "
                "tensor.detach().numpy()."
            )
        self = self.detach()
    if self.dtype not in _in_numpy:
        wide = _widened.get(self.dtype)
        if not force or wide is None:
            cast = ".view(torch.uint8)" if wide is None else f".to({wide})"
            raise TypeError(f"numpy: NumPy has no {self.dtype.name}. Use tensor{cast}.numpy().")
        self = self.to(wide)
    return _core._as_array(self)


_in_numpy = frozenset(
    getattr(_core, name)
    for name in "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
)
_widened = {
    _core.complex32: _core.complex64,
    **{
        getattr(_core, name): _core.float32
        for name in "bfloat16 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu".split()
    },
}


def __array__(self, dtype: object = None, copy=None):  # a dtype of NumPy
    array = self.numpy()
    if dtype is not None:
        array = array.astype(dtype, copy=False)
    return array.copy() if copy else array


def __complex__(self):
    if self.numel() != 1:
        raise ValueError(
            f"complex: expected a tensor of one element, not of shape {tuple(self.shape)}."
        )
    return complex(self.item())


def __reduce_ex__(self, protocol):
    from .serialization import reduce_tensor

    return reduce_tensor(self, protocol)


def __deepcopy__(self, memo):
    from .serialization import deepcopy_tensor

    return deepcopy_tensor(self, memo)


def __copy__(self):
    """Another tensor over the same memory, with the same attributes and no history."""
    made = _core._make_subclass(type(self), self, self.requires_grad)
    made.__dict__.update(self.__dict__)
    return made


def cpu(self, memory_format=types.preserve_format):
    """The tensor in the CPU's memory; itself if it is there already."""
    return self.to("cpu", memory_format=memory_format)


def cuda(self, device=None, non_blocking=False, memory_format=types.preserve_format):
    """The tensor on a CUDA device, the current one by default. Raises RuntimeError where there is none."""
    from .cuda import move

    return move(self, device, non_blocking, memory_format)


def as_subclass(self, cls):
    """A view of the same data, part of the graph, as an instance of cls, a subclass of Tensor.

    Raises TypeError where cls is none.
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"as_subclass: cls must derive from Tensor, not {cls!r}.")
    return _core._as_subclass(self, cls)


def __repr__(self, *, tensor_contents=None):
    from .printing import tensor_repr

    return tensor_repr(self, contents=tensor_contents)


def _repr_html_(self):
    """What a notebook shows: sizes, extrema, a histogram, a table of values."""
    from .notebook import tensor_html

    return tensor_html(self)


def __format__(self, spec):
    if self.dim() == 0 and (spec or type(self) is Tensor) and not self.is_meta:
        return format(self.item(), spec)
    return object.__format__(self, spec)


def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule over the tensor's memory, or over a copy of it.

    Args:
        stream (int, optional): the receiver's on a GPU, which waits for ours; None on the CPU.
        max_version (tuple, optional): from (1, 0) on the capsule has a version.
        dl_device (tuple, optional): that of __dlpack_device__().
        copy (bool, optional): True makes a copy, the others never need one.
    """
    if self.requires_grad:
        raise BufferError(
            "__dlpack__: the tensor requires grad, and the receiver would lose its history. Use "
            "tensor.detach()."
        )
    if self.is_cuda:
        _hand_over(self.device, stream)
    elif stream is not None and not isinstance(stream, int):
        raise TypeError(f"__dlpack__: stream is an int or None, not {type(stream).__name__}.")
    elif stream not in (None, -1):
        raise BufferError(f"__dlpack__: stream is {stream!r}; memory of the CPU has no streams.")
    if dl_device is not None and tuple(map(int, dl_device)) != __dlpack_device__(self):
        raise BufferError(
            f"__dlpack__: dl_device is {dl_device}; this tensor is on {__dlpack_device__(self)}."
        )
    source = _core.clone(self) if copy else self
    return _core._to_dlpack(source, max_version is not None and max_version[0] >= 1, bool(copy))


def __dlpack_device__(self):
    """(1, 0) for the CPU, (2, index) for a GPU."""
    return (2, self.device.index) if self.is_cuda else (1, 0)


def _hand_over(device, stream):
    """Lets what a receiver's stream does wait for what has been asked of ours; None is the default stream."""
    if stream == -1:  # the receiver waits by itself
        return
    import flambeau

    flambeau.cuda.current_stream(device).synchronize()


def _names(self):
    """What dir() lists: of a tensor that is not on a GPU, nothing that only those have."""
    names = object.__dir__(self)
    return names if self.is_cuda else [n for n in names if n != "__cuda_array_interface__"]


def __cuda_array_interface__(self):
    """What libraries for CUDA arrays read, version 2 of Numba's protocol.

    Raises AttributeError for tensors that are not on a GPU, RuntimeError for those that require grad.
    """
    if not self.is_cuda:
        raise AttributeError(
            f"__cuda_array_interface__: the tensor is on {self.device}. Move it with .cuda()."
        )
    if self.requires_grad:
        raise RuntimeError(
            "__cuda_array_interface__: the tensor requires grad, and the receiver would lose its "
            "history. Use tensor.detach()."
        )
    size = self.element_size()
    return {
        "typestr": _core.empty(0, dtype=self.dtype).numpy().dtype.str,
        "shape": tuple(self.shape),
        "strides": None if self.is_contiguous() else tuple(s * size for s in self.stride()),
        "data": (self.data_ptr(), False),
        "version": 2,
    }


def to_device(self, device, /, *, stream=None):
    """The tensor on a device, which is the CPU; itself if it is there (the array API's spelling)."""
    if stream is not None:
        raise NotImplementedError(f"to_device: stream={stream!r}; the CPU has no streams.")
    return self.to(device)


def __array_namespace__(self, *, api_version=None):
    """flambeau.array_api: the functions of the array API standard 2025.12, or of a version before."""
    import flambeau

    known = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
    if api_version is not None and api_version not in known:
        raise ValueError(
            f"__array_namespace__: api_version is {api_version!r}, not one of {', '.join(known)}."
        )
    if api_version in (None, "2025.12"):
        return flambeau.array_api
    return flambeau.array_api.v2024_12


@classmethod
def _torch_function(cls, func, types, args=(), kwargs=None):
    from .overrides import torch_function

    return torch_function(cls, func, types, args, kwargs)


@classmethod
def _init_subclass(cls, **options):
    super(Tensor, cls).__init_subclass__(**options)
    if "__torch_dispatch__" in cls.__dict__:
        _core._expect_dispatch_classes()
        if getattr(cls.__torch_function__, "__func__", None) is _torch_function.__func__:
            # Functions go to the dispatch alone: what it gives back is not turned into the class.
            cls.__torch_function__ = modes._disabled_torch_function_impl


@staticmethod
def _make_wrapper_subclass(
    cls, size, strides=None, storage_offset=None, memory_format=None, dtype=None, layout=None,
    device=None, pin_memory=False, requires_grad=False,
):  # fmt: skip
    """A tensor of class cls whose elements nobody reads: its __torch_dispatch__ answers all operators.

    Raises NotImplementedError for a storage_offset or a memory_format.
    """
    for name, value in (("storage_offset", storage_offset), ("memory_format", memory_format)):
        if value is not None:
            raise NotImplementedError(f"_make_wrapper_subclass: {name} is not supported.")
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    if strides is None:
        made = _core.empty(tuple(size), **options)
    else:
        made = _core.empty_strided(tuple(size), tuple(strides), **options)
    return _core._make_subclass(cls, made, requires_grad)


def unbind(self, dim=0):
    """torch.unbind(self, dim).

    Of its own, so that a __torch_function__ can tell the method from the function, as programs that follow
    iteration over a batch do.
    """
    return _core.unbind(self, dim)


# One name a line, so that additions from two sides do not collide.
_METHODS = (
    backward,
    numpy,
    __array__,
    __complex__,
    __reduce_ex__,
    __copy__,
    __deepcopy__,
    __repr__,
    _repr_html_,
    __format__,
    cpu,
    cuda,
    __dlpack__,
    __dlpack_device__,
    __array_namespace__,
    to_device,
    unbind,
)


def _member(name, value):
    """A function as a method, or a property, that subclasses may take over."""
    if isinstance(value, property):
        fset = value.fset and as_operator(value.fset)
        return property(as_operator(value.fget), fset, doc=value.__doc__)
    method = as_operator(value)
    if (
        isinstance(method, _core.Operator)
        and not method.is_native
        and method.__name__ not in METHODS
    ):
        method.__name__ = method.__qualname__ = name
    return method


def _fill_class():
    for name, dtype in _CASTS.items():
        setattr(Tensor, name, as_operator(_cast(name, dtype)))
    for name, function in METHODS.items():
        setattr(Tensor, name, _member(name, function))
    for function in (*_METHODS, *memory.METHODS):
        setattr(Tensor, function.__name__, as_operator(function))
    Tensor.as_subclass = as_subclass  # never taken over: it is how a subclass is left
    Tensor.__torch_function__ = _torch_function
    Tensor._make_subclass = staticmethod(_core._make_subclass)
    Tensor.__torch_dispatch__ = staticmethod(modes._disabled_torch_dispatch_impl)
    Tensor.__init_subclass__ = _init_subclass
    Tensor._make_wrapper_subclass = _make_wrapper_subclass
    Tensor.__array_priority__ = 1000  # array + tensor asks the tensor first
    Tensor.ndimension = _core.dim
    Tensor.nelement = _core.numel
    Tensor._cdata = property(id)
    Tensor.__dir__ = _names
    Tensor.__cuda_array_interface__ = property(__cuda_array_interface__)
    Tensor.__dlpack_c_exchange_api__ = _core._dlpack_exchange()
    Tensor.__module__ = "flambeau"
    _core._bind("as_tensor", _core.as_tensor)


def _let_accumulators_name_their_leaf():
    node, _ = _core._gradient_edge(_core.empty(0).requires_grad_())
    type(node).variable = property(_core._accumulated_variable)


_fill_class()
_let_accumulators_name_their_leaf()
