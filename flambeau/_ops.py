"""torch.ops.NAMESPACE.NAME(.OVERLOAD): PyTorch's names of operators, which lead to ours.

`aten` looks a name up among the public operators; there are no schemas, arguments stand in PyTorch's
order. An overload is a name for one kind of arguments: calls of it and of the packet are the same.
Loaded when somebody asks for a name, or when a dispatch mode is to be told of a call.
"""

import importlib

from . import _core
from .ops.core.declare import METHODS, NAMESPACES
from .refusals import refusals


class OpOverload:
    """One overload, `torch.ops.aten.add.Tensor`: what dispatch modes are given as func."""

    def __init__(self, packet, overload):
        self.overloadpacket = self._overloadpacket = packet
        self.namespace = packet.namespace
        self._opname, self._overloadname = packet.__name__, overload
        self.__name__ = self.__qualname__ = f"{packet.__name__}.{overload}"
        self.__module__ = f"torch._ops.{packet.namespace}"
        self._operator = packet._operator_of(overload)

    def __call__(self, /, *args, **kwargs):
        return self._operator(*args, **kwargs)

    @property
    def op(self):
        return self._operator

    def name(self):
        """aten::add.Tensor"""
        full = f"{self.namespace}::{self._opname}"
        return full if self._overloadname == "default" else f"{full}.{self._overloadname}"

    def __repr__(self):
        return (
            f"<OpOverload(op='{self.namespace}.{self._opname}', overload='{self._overloadname}')>"
        )

    def __str__(self):
        return f"{self.namespace}.{self.__name__}"

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return _find, (self.namespace, self._opname, self._overloadname)


class OpOverloadPacket:
    """`torch.ops.aten.add`: an operator with its overloads as attributes, made as they are asked for.

    overloads: the names that there are.
    """

    def __init__(self, namespace, name, operator, overloads=("default",)):
        self.namespace, self.__name__, self._operator = namespace, name, operator
        self._overload_names = tuple(overloads)
        self._qualified_op_name = f"{namespace}::{name}"
        self.__qualname__, self.__module__ = name, f"torch.ops.{namespace}"
        self.__doc__ = operator.__doc__

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._overload_names:
            raise AttributeError(
                f"torch.ops.{self}: there is no overload {name!r}, only {', '.join(self._overload_names)}."
            )
        overload = OpOverload(self, name)
        setattr(self, name, overload)
        return overload

    def __call__(self, /, *args, **kwargs):
        return self._operator(*args, **kwargs)

    @property
    def op(self):
        return self._operator

    def _operator_of(self, overload):
        """What a call of that overload runs."""
        return self._operator

    def overloads(self):
        """The names of its overloads."""
        return list(self._overload_names)

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self.namespace}.{self.__name__}')>"

    def __str__(self):
        return f"{self.namespace}.{self.__name__}"

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return _find, (self.namespace, self.__name__)


class OpNamespace:
    """`torch.ops.aten`."""

    def __init__(self, name):
        self.name = self.__name__ = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if self.name == "profiler" and name in _PROFILER:
            return getattr(importlib.import_module("flambeau.profiler.collect"), _PROFILER[name])
        if self.name == "torchvision":
            operator = _of_torchvision(name)
        else:
            operator = lookup(name) if self.name in ("aten", "prims") else None
        if operator is None:
            raise AttributeError(
                f"torch.ops.{self.name}: there is no operator {name!r}. Operators of one's own are "
                "Python functions here; call them by their own name."
            )
        packet = OpOverloadPacket(self.name, name, operator, self._overloads_of(name))
        setattr(self, name, packet)
        return packet

    def _overloads_of(self, name):
        from ._overloads import OVERLOADS

        return OVERLOADS.get(name, ("default",)) if self.name == "aten" else ("default",)

    def __repr__(self):
        return f"<OpNamespace {self.name!r}>"


def _of_torchvision(name):
    return importlib.import_module("flambeau.vision.ops.compiled").OPERATORS.get(name)


_PROFILER = {"_record_function_enter": "enter", "_record_function_exit": "leave"}
_namespaces = {}


def namespace(name):
    """The one object that torch.ops.NAME is."""
    if name not in _namespaces:
        _namespaces[name] = OpNamespace(name)
    return _namespaces[name]


def _find(space, name, overload=None):
    packet = getattr(namespace(space), name)
    return packet if overload is None else getattr(packet, overload)


# ------------------------------------------------------------------------------------ from a name


def _slice(input, dim=0, start=None, end=None, step=1):
    place = (slice(None),) * (dim % max(input.dim(), 1)) + (slice(start, end, step),)
    return input[place]


def _softmax(input, dim, half_to_float):
    dtype = _core.float32 if half_to_float else None
    return NAMESPACES["torch"]["softmax"](input, dim, dtype)


def _log_softmax(input, dim, half_to_float):
    dtype = _core.float32 if half_to_float else None
    return NAMESPACES["torch"]["log_softmax"](input, dim, dtype)


def _embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    import flambeau

    return flambeau.nn.functional.embedding(
        indices,
        weight,
        padding_idx if padding_idx >= 0 else None,
        scale_grad_by_freq=scale_grad_by_freq,
        sparse=sparse,
    )


def _convolution(
    input, weight, bias, stride, padding, dilation, transposed, output_padding, groups
):
    n = weight.dim() - 2
    if transposed:
        operator = NAMESPACES["torch"][f"conv_transpose{n}d"]
        return operator(input, weight, bias, stride, padding, output_padding, groups, dilation)
    operator = NAMESPACES["torch"][f"conv{n}d"]
    return operator(input, weight, bias, stride, padding, dilation, groups)


def _convolution_backward(
    grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed, output_padding, groups,
    output_mask,
):  # fmt: skip
    import flambeau

    with flambeau.enable_grad():
        input, weight = input.detach().requires_grad_(), weight.detach().requires_grad_()
        result = _convolution(
            input, weight, None, stride, padding, dilation, transposed, output_padding, groups
        )
        wanted = [t for t, wants in zip((input, weight), output_mask) if wants]
        found = iter(flambeau.autograd.grad(result, wanted, grad_output) if wanted else ())
    gradients = [next(found) if wants else None for wants in output_mask[:2]]
    dims = [0, *range(2, grad_output.dim())]
    return (*gradients, grad_output.sum(dims) if output_mask[2] else None)


def _copied(input, *, dtype=None, layout=None, device=None, pin_memory=None, non_blocking=False,
            memory_format=None):  # fmt: skip
    options = {} if memory_format is None else {"memory_format": memory_format}
    return input.to(dtype=dtype, device=device, copy=True, **options)


def _itself(input):
    return input


def _max_pool2d_backward(
    grad_output, input, kernel_size, stride, padding, dilation, ceil_mode, indices
):
    """Each gradient goes to the place that its index names within the plane."""
    planes = input.new_zeros((*input.shape[:-2], input.shape[-2] * input.shape[-1]))
    planes = planes.scatter_add(-1, indices.flatten(-2), grad_output.flatten(-2))
    # Of the graph is input, too, whose gradient is 0.
    never = _core.zeros((), dtype=_core.bool, device=input.device)
    return NAMESPACES["torch"]["where"](never, input, planes.view(input.shape))


# Names of PyTorch's core that no public function has, or whose arguments stand in another order.
_OTHER_NAMES = {
    "slice": _slice,
    "_softmax": _softmax,
    "_log_softmax": _log_softmax,
    "embedding": _embedding,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "max_pool2d_with_indices_backward": _max_pool2d_backward,
    "_to_copy": _copied,
    "_pin_memory": lambda input, device=None: input.pin_memory(device),
    **refusals(
        "_sparse_addmm _sparse_mm_reduce_impl _sparse_mm_reduce_impl_backward",
        "It is a part of PyTorch's product with a sparse matrix; use torch.sparse.mm.",
        space="torch.ops.aten.",
    ),
    "lift_fresh": _itself,
    "lift": _itself,
    "alias": lambda input: input.view_as(input),
    "_unsafe_view": lambda input, size: input.reshape(size),
    "_reshape_alias": lambda input, size, stride: input.as_strided(size, stride),
    "_local_scalar_dense": lambda input: input.item(),
    "index": lambda input, indices: input[tuple(slice(None) if i is None else i for i in indices)],
}


def lookup(name):
    """The operator of one of PyTorch's names; None where there is none."""
    import flambeau

    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    for prefix, space in (("linalg_", "linalg"), ("fft_", "fft"), ("special_", "special")):
        if name.startswith(prefix):
            return NAMESPACES[space].get(name.removeprefix(prefix))
    found = NAMESPACES["torch"].get(name) or METHODS.get(name)
    if found is None and isinstance(getattr(_core, name, None), _core.Operator):
        found = getattr(_core, name)
    if found is None and name in flambeau.nn.functional._NAMES:
        found = getattr(flambeau.nn.functional, name)
    if found is None:
        found = getattr(_core.Tensor, name, None)
    return found if callable(found) else None


# ------------------------------------------------------------------------------ from a call


def _given(args, kwargs, place, *names):
    value = args[place] if len(args) > place else None
    for name in names:
        value = kwargs.get(name, value)
    return value


def _by_second(tensor, number):
    def choose(args, kwargs):
        other = _given(args, kwargs, 1, "other", "exponent", "value", "weight")
        return tensor if isinstance(other, _core.Tensor) else number

    return choose


def _by_dim(with_dim, without="default"):
    def choose(args, kwargs):
        return without if _given(args, kwargs, 1, "dim", "axis") is None else with_dim

    return choose


def _of_div(args, kwargs):
    return "Tensor_mode" if kwargs.get("rounding_mode") is not None else "Tensor"


def _of_extreme(args, kwargs):
    other = _given(args, kwargs, 1, "dim", "axis", "other")
    return "other" if isinstance(other, _core.Tensor) else "default" if other is None else "dim"


def _of_pow(args, kwargs):
    base, exponent = _given(args, kwargs, 0, "input"), _given(args, kwargs, 1, "exponent")
    if not isinstance(base, _core.Tensor):
        return "Scalar"
    return "Tensor_Tensor" if isinstance(exponent, _core.Tensor) else "Tensor_Scalar"


# Which overload PyTorch would choose; "default" where nothing stands here.
_OVERLOADS = {
    **dict.fromkeys("add sub mul add_ sub_ mul_ rsub slice split floor_divide_".split(), "Tensor"),
    **dict.fromkeys(("div", "div_"), _of_div),
    **dict.fromkeys(
        "eq ne lt le gt ge eq_ ne_ lt_ le_ gt_ ge_ fill_ masked_fill masked_fill_ remainder remainder_ "
        "fmod fmod_ bitwise_and bitwise_or bitwise_xor floor_divide lerp lerp_".split(),
        _by_second("Tensor", "Scalar"),
    ),
    "masked_fill": lambda a, k: "Tensor" if isinstance(_given(a, k, 2, "value"), _core.Tensor) else "Scalar",
    "masked_fill_": lambda a, k: "Tensor" if isinstance(_given(a, k, 2, "value"), _core.Tensor) else "Scalar",
    "pow": _of_pow,
    "pow_": _by_second("Tensor", "Scalar"),
    "sum": _by_dim("dim_IntList"),
    "mean": _by_dim("dim"),
    "prod": _by_dim("dim_int"),
    "any": _by_dim("dim"),
    "all": _by_dim("dim"),
    "max": _of_extreme,
    "min": _of_extreme,
    "squeeze": _by_dim("dim"),
    **dict.fromkeys("softmax log_softmax select transpose unbind diff".split(), "int"),
    "where": "self",
    "to": "dtype",
    "flatten": "using_ints",
    "empty": "memory_format",
}  # fmt: skip

_SAME = {"true_divide": "div", "true_divide_": "div_", "__getitem__": "index"}


def overload_of(operator, args, kwargs):
    """The OpOverload that stands for a call of `operator`; None where PyTorch has no such name."""
    name = operator.__name__
    space = (operator.__module__ or "").rpartition(".")[2]
    if space in ("linalg", "fft", "special"):
        name = f"{space}_{name}"
    name = _SAME.get(name, name)
    if name in _NO_OPERATORS or (space == "functional" and name not in _FUNCTIONAL):
        return None
    chosen = "out" if kwargs.get("out") is not None else _OVERLOADS.get(name, "default")
    if callable(chosen):
        chosen = chosen(args, kwargs)
    packet = getattr(namespace("aten"), name, None)
    if packet is None:
        return None
    known = packet.overloads()
    return getattr(packet, chosen if chosen in known else known[0])


_NO_OPERATORS = ("tensor", "as_tensor", "from_numpy", "backward", "numpy", "__repr__")

# Functions of nn.functional that are operators of PyTorch's core; others are seen as what they call.
_FUNCTIONAL = frozenset(
    """conv_tbc avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d
    max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices max_unpool2d max_unpool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d dropout alpha_dropout feature_alpha_dropout threshold threshold_ glu hardtanh
    hardtanh_ relu6 elu elu_ selu selu_ celu celu_ leaky_relu leaky_relu_ prelu rrelu rrelu_ gelu hardshrink
    softplus softshrink hardsigmoid linear bilinear silu mish hardswish layer_norm rms_norm group_norm
    pad pairwise_distance pdist cosine_similarity pixel_shuffle pixel_unshuffle channel_shuffle
    scaled_dot_product_attention""".split()
)
