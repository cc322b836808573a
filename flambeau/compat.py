"""Names that PyTorch programs use around tensors: old tensor types, switches that change nothing here, foreign memory.

A switch that would have to change results and cannot raises NotImplementedError.
"""

from . import _core
from .ops.creation import check_options
from .ops.new_tensors import legacy_new, named_data
from .ops.odd_data import has_array_interface

# --------------------------------------------------------------------------------------- old tensor types


class _TypeMeta(type):
    """isinstance(x, torch.FloatTensor) asks for the dtype; nothing can be derived from it."""

    is_cuda = is_sparse = False

    def __new__(mcs, name, bases, members):
        if bases:
            raise TypeError(f"{bases[0].__name__} is no base for a class: derive from Tensor.")
        return super().__new__(mcs, name, bases, members)

    def __instancecheck__(cls, x):
        return isinstance(x, _core.Tensor) and x.dtype is cls.dtype and x.is_cpu

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


def _old_type(name, dtype):
    def new(cls, *args, device=None, **named):
        args = named_data(args, **named) if named else args
        return legacy_new(*args, dtype=dtype, device=device)

    return _TypeMeta(
        name,
        (),
        {
            "__new__": new,
            "dtype": dtype,
            "__module__": "flambeau",
            "__doc__": f"{name}(4, 3), {name}([1, 2]): a tensor of {dtype}.",
        },
    )


FloatTensor = _old_type("FloatTensor", _core.float32)
DoubleTensor = _old_type("DoubleTensor", _core.float64)
HalfTensor = _old_type("HalfTensor", _core.float16)
BFloat16Tensor = _old_type("BFloat16Tensor", _core.bfloat16)
LongTensor = _old_type("LongTensor", _core.int64)
IntTensor = _old_type("IntTensor", _core.int32)
ShortTensor = _old_type("ShortTensor", _core.int16)
CharTensor = _old_type("CharTensor", _core.int8)
ByteTensor = _old_type("ByteTensor", _core.uint8)
BoolTensor = _old_type("BoolTensor", _core.bool)


def set_default_tensor_type(t):
    """Sets the default dtype by an old type or its name ("torch.DoubleTensor")."""
    _core._warn_once(
        "set_default_tensor_type",
        "set_default_tensor_type: is deprecated. Use set_default_dtype and set_default_device.",
    )
    if isinstance(t, str):
        t = globals().get(t.rpartition(".")[2])
    if getattr(t, "dtype", None) is None:
        raise TypeError(
            f"set_default_tensor_type: invalid type {t!r}; use torch.set_default_dtype(torch.float64)."
        )
    if getattr(t, "is_cuda", False):
        raise TypeError(
            f"set_default_tensor_type: there is no {t.__name__} of CUDA, for flambeau is not compiled "
            "with CUDA enabled: it computes on the CPU."
        )
    _core.set_default_dtype(t.dtype)


# ---------------------------------------------------------------------------------------------- switches


_deterministic = [False, False]


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Notes the wish; flambeau's results are the same bits in every run anyway."""
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise TypeError(
                f"use_deterministic_algorithms: {name} must be a bool, not {type(value).__name__}."
            )
    _deterministic[:] = [mode, warn_only]


def are_deterministic_algorithms_enabled():
    """What use_deterministic_algorithms() was last told."""
    return _deterministic[0]


def is_deterministic_algorithms_warn_only_enabled():
    """What use_deterministic_algorithms() was last told."""
    return _deterministic[1]


def get_deterministic_debug_mode():
    """0, 1 or 2: what use_deterministic_algorithms() was last told: nothing, to warn, or to raise."""
    return 0 if not _deterministic[0] else 1 if _deterministic[1] else 2


def set_deterministic_debug_mode(debug_mode):
    """use_deterministic_algorithms() by a number or a name: 0 "default", 1 "warn", 2 "error"."""
    if not isinstance(debug_mode, (str, int)):
        raise TypeError(
            f"set_deterministic_debug_mode: takes a str or an int, not {type(debug_mode).__name__}."
        )
    levels = {"default": 0, "warn": 1, "error": 2}
    level = levels.get(debug_mode, debug_mode)
    if level not in (0, 1, 2):
        raise RuntimeError(
            f"set_deterministic_debug_mode: mode is {debug_mode!r}; it must be 'default', 'warn' "
            "or 'error', or 0, 1 or 2."
        )
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def set_warn_always(b, /):
    """Whether notes on old names and defaults come at each call, or once in a process, as at first.

    Example:
        >>> torch.set_warn_always(True)
        >>> torch.is_warn_always_enabled()
        True
        >>> torch.set_warn_always(False)
    """
    if not isinstance(b, bool):
        raise TypeError(f"set_warn_always: takes a bool, not {type(b).__name__}.")
    _core._set_warn_always(b)


def is_warn_always_enabled():
    """What set_warn_always() was last told."""
    return _core._is_warn_always_enabled()


def cond(pred, true_fn, false_fn, operands=()):
    """true_fn(*operands) or false_fn(*operands), as pred (a bool or a tensor of one) says."""
    return true_fn(*operands) if bool(pred) else false_fn(*operands)


def while_loop(cond_fn, body_fn, carried_inputs):
    """body_fn applied to the carried values as long as cond_fn of them holds."""
    carried = tuple(carried_inputs)
    while bool(cond_fn(*carried)):
        carried = tuple(body_fn(*carried))
    return carried


def get_default_device():
    """Where new tensors of this thread lie if nobody says so: device("cpu") at first."""
    return _core._default_device()


def set_default_device(device):
    """New tensors of this thread lie on `device` from now on; None: on the CPU again.

    As `with torch.device(...)`, which goes back afterwards. What looks at memory that is there
    already (from_numpy, frombuffer) stays where that is.

    Raises:
        NotImplementedError: the device is not available.
    """
    _core._set_default_device("cpu" if device is None else device)


_interop_threads = [1]


def get_num_interop_threads():
    """What set_num_interop_threads() was last told, at first 1: operators run one after the other."""
    return _interop_threads[0]


def set_num_interop_threads(n):
    """Notes an upper bound, which is kept whatever it is: operators run one after the other."""
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_interop_threads: takes an int, not {type(n).__name__}.")
    if n <= 0:
        raise RuntimeError(f"set_num_interop_threads: takes 1 or more, not {n}.")
    _interop_threads[0] = n


def set_flush_denormal(mode):
    """Accepts False; returns whether the setting is in force."""
    return not mode


def get_float32_matmul_precision():
    """ "highest" where products of float32 are computed in float32, also on GPUs."""
    from .ops.core import float32

    return float32.precision


def set_float32_matmul_precision(precision):
    """Sets how exactly GPUs multiply float32: at "high" and "medium" their tensor cores round factors to tf32.

    On the CPU products stay exact float32 at each level.
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"set_float32_matmul_precision: expected highest, high or medium, got {precision!r}."
        )
    from .ops.core import float32

    float32.set_precision(precision)


def is_storage(obj, /):
    """Whether obj is a storage."""
    from .storage import TypedStorage, UntypedStorage

    return isinstance(obj, (UntypedStorage, TypedStorage))


def typename(obj, /):
    """The name of an object's type; tensors by their old type ("torch.FloatTensor")."""
    if isinstance(obj, _core.Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return (
        f"{kind.__module__}.{kind.__qualname__}"
        if kind.__module__ != "builtins"
        else kind.__qualname__
    )


# ----------------------------------------------------------------------------------------- foreign memory


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of an object with __dlpack__, or of a capsule that one gave.

    Both see each other's writes, unless copy=True. Raises BufferError where the memory is not the CPU's.
    """
    check_options("from_dlpack", device=device)
    if isinstance(ext_tensor, _core.Tensor):
        if ext_tensor.is_meta:
            raise ValueError("from_dlpack: a tensor on the meta device has no memory to share.")
        tensor = ext_tensor.detach()
        return tensor.clone() if copy else tensor
    if not hasattr(ext_tensor, "__dlpack__"):
        tensor = _core._from_dlpack(ext_tensor)
        return tensor.clone() if copy else tensor
    if hasattr(ext_tensor, "__dlpack_device__"):
        kind, *_ = ext_tensor.__dlpack_device__()
        if kind not in (1, 3) and not (kind == 2 and _core._cuda_state()[0]):
            raise BufferError(
                f"from_dlpack: the {type(ext_tensor).__name__} is on a device of DLPack's type {kind!r}, "
                "which is none here: the CPU has type 1, a CUDA device 2."
            )
    try:
        capsule = ext_tensor.__dlpack__(max_version=(1, 0), copy=copy)
    except TypeError:  # written before the protocol had versions
        tensor = _core._from_dlpack(ext_tensor.__dlpack__())
        return tensor.clone() if copy else tensor
    return _core._from_dlpack(capsule)


def to_dlpack(tensor):
    """The tensor's memory as a DLPack capsule, which can be taken over once."""
    return tensor.__dlpack__()


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor over an object with the buffer protocol, from byte `offset` on."""
    import numpy

    try:
        nbytes = memoryview(buffer).nbytes
    except TypeError as error:
        raise ValueError(
            f"frombuffer: expected an object with the buffer protocol, not {type(buffer).__name__}."
        ) from error
    if not 0 <= offset < max(nbytes, 1):
        raise ValueError(
            f"frombuffer: offset {offset} lies outside of the buffer's {nbytes} bytes."
        )
    size = nbytes - offset
    if count < 0 and size % dtype.itemsize:
        raise ValueError(
            f"frombuffer: the {size} bytes from offset {offset} on are no multiple of the "
            f"{dtype.itemsize} of {dtype}. Pass count=."
        )
    n = size // dtype.itemsize if count < 0 else count
    if n == 0:
        raise ValueError(f"frombuffer: nothing to take: {size} bytes and count={count}.")
    if n * dtype.itemsize > size:
        raise ValueError(
            f"frombuffer: count={n} of {dtype} take {n * dtype.itemsize} bytes, "
            f"and from offset {offset} on there are {size}."
        )
    raw = numpy.frombuffer(buffer, dtype=numpy.uint8, count=n * dtype.itemsize, offset=offset)
    tensor = _core.from_numpy(raw)
    tensor = tensor.clone() if tensor.data_ptr() % dtype.itemsize else tensor
    return tensor.view(dtype).requires_grad_(requires_grad)


def from_file(
    filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """The first `size` elements of a file, mapped; with shared=True writes reach it, and it grows as needed."""
    from .storage import TypedStorage

    check_options("from_file", layout, device, pin_memory)
    mapped = TypedStorage.from_file(filename, bool(shared), size or 0, dtype=dtype)
    return mapped._tensor().requires_grad_(requires_grad)


def _over_memory_of(obj, dtype):
    """A tensor over the memory that obj has of its own, None if it has none that a tensor can share."""
    if isinstance(obj, _core.Tensor):
        return obj
    if type(obj).__name__ == "PyCapsule":
        return _core._from_dlpack(obj)
    if isinstance(obj, bytes | bytearray):
        return frombuffer(obj, dtype=dtype or _core.uint8)
    if isinstance(obj, list | tuple | int | float | complex | str) or _core._is_array_scalar(obj):
        return None
    if hasattr(obj, "__array_interface__") and has_array_interface(obj):
        if any(stride < 0 for stride in obj.__array_interface__.get("strides") or ()):
            return None
    elif hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)
    else:
        try:
            memoryview(obj).release()
        except TypeError:
            return None
    tensor = _core.as_tensor(obj)
    if tensor.dtype is _core.uint8 and dtype is not None and isinstance(obj, memoryview):
        return frombuffer(obj, dtype=dtype)  # raw bytes mean what dtype says
    return tensor


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """obj as a tensor, sharing memory where possible (copy=False demands it, copy=True forbids it).

    Args:
        obj: a tensor, an array, a DLPack capsule or an object that gives one, an object with the buffer
            protocol (bytes are read as dtype), a number, nested sequences.
        requires_grad (bool): whether the result takes part in obj's graph, or is a leaf that requires grad.
    """
    check_options("asarray", device=device)
    made = _over_memory_of(obj, dtype)
    if copy is False and (made is None or dtype not in (None, made.dtype)):
        error = RuntimeError if _core._is_array_scalar(obj) else ValueError
        raise error(
            f"asarray: copy=False, but this {type(obj).__name__} can only be taken over by copying its "
            f"values{f' to {dtype}' if dtype else ''}."
        )
    if made is None:
        made = _core.tensor(obj, dtype=dtype, device=device)
    elif dtype not in (None, made.dtype):
        made = made.to(dtype)
    elif copy:
        made = made.clone()
    made = _core.as_tensor(made, device=device)
    if not requires_grad:
        return made.detach()
    return made if made.requires_grad else made.requires_grad_(True)


def kernel(fn=None, **options):
    """A fused, differentiable pointwise operator from one Python function of scalars.

    Positional arguments without a default are tensors or numbers, the others scalar parameters. The words
    of flambeau.kernels (exp, where ...) may be used inside.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.kernels import exp
        >>> @torch.kernel
        ... def swish(x, beta=1.0):
        ...     return x / (1 + exp(-beta * x))
        >>> swish(torch.tensor([0., 1.]))
        tensor([0.0000, 0.7311])
    """
    from .ops.core.declare import make_pointwise

    if fn is None:
        return lambda f: kernel(f, **options)
    return make_pointwise(fn, **{"compute": "floating", **options})
