"""Lazy layers: the size of the input is taken from the first input."""

from ..parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .homes import settle
from .instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .linear import Linear


class LazyModuleMixin:
    """A module that finishes itself in its first call and then becomes `cls_to_become`.

    A subclass defines initialize_parameters(*args), which gives every parameter its shape. It is called
    once, also if a state that was loaded has given the shapes already.
    """

    cls_to_become = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._lazy_handles = [
            self._register_load_state_dict_pre_hook(_take_shapes, with_module=True),
            self.register_forward_pre_hook(_finish, with_kwargs=True),
        ]

    def initialize_parameters(self, *args, **kwargs):
        """Give every uninitialized parameter its shape, from the arguments of forward."""
        raise NotImplementedError(
            f"{type(self).__name__}: does not define initialize_parameters, which a lazy module "
            "needs."
        )

    def has_uninitialized_params(self):
        """Whether some parameter or buffer has no shape yet."""
        tensors = [*self._parameters.values(), *self._buffers.values()]
        return any(is_lazy(tensor) for tensor in tensors)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for name, tensor in self._own_state().items():
            bare = keep_vars or is_lazy(tensor)
            destination[prefix + name] = tensor if bare else tensor.detach()


def _take_shapes(module, state_dict, prefix, *rest):
    for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
        given = state_dict.get(prefix + name)
        if tensor is not None and given is not None and is_lazy(tensor) and not is_lazy(given):
            tensor.materialize(given.shape)


def _finish(module, args, kwargs):
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(
            f"{module._get_name()}: still lacks parameters after its first call; "
            "initialize_parameters must make them all."
        )
    for handle in module._lazy_handles:
        handle.remove()
    del module._lazy_handles
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


class LazyLinear(LazyModuleMixin, Linear):
    """Linear with in_features from its first input.

    Args:
        out_features, bias, device, dtype: as of Linear.

    Example:
        >>> layer = nn.LazyLinear(4)
        >>> layer(torch.randn(2, 3)).shape
        torch.Size([2, 4])
        >>> layer.in_features
        3
    """

    cls_to_become = Linear

    def __init__(self, out_features, bias=True, device=None, dtype=None):
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def _sizes_from_parameters(self):
        self.in_features = self.weight.shape[-1]

    def initialize_parameters(self, input):
        if not self.has_uninitialized_params():
            return self._sizes_from_parameters()
        self.in_features = input.shape[-1]
        self.weight.materialize((self.out_features, self.in_features))
        if self.bias is not None:
            self.bias.materialize((self.out_features,))
        self.reset_parameters()


class _LazyConv(LazyModuleMixin):
    """What the six lazy convolutions share."""

    def __init__(self, out_channels, kernel_size, *args, **kwargs):
        made = {name: kwargs.get(name) for name in ("device", "dtype")}
        names = ("stride", "padding", *(("output_padding",) if self._transposed else ()))
        names += (
            ("groups", "bias", "dilation") if self._transposed else ("dilation", "groups", "bias")
        )
        given = dict(zip((*names, "padding_mode", "device", "dtype"), args, strict=False)) | kwargs
        bias = given.pop("bias", True)
        super().__init__(0, 0, kernel_size, bias=False, **given)
        self.out_channels = out_channels
        self.weight = UninitializedParameter(**made)
        if bias:
            self.bias = UninitializedParameter(**made)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def _sizes_from_parameters(self):
        shape = self.weight.shape
        self.in_channels = shape[0] if self.transposed else shape[1] * self.groups

    def initialize_parameters(self, input, *args, **kwargs):
        if not self.has_uninitialized_params():
            return self._sizes_from_parameters()
        spatial = len(self.kernel_size)
        if input.dim() not in (spatial + 1, spatial + 2):
            raise RuntimeError(
                f"{self._get_name()}: input {tuple(input.shape)} must have {spatial + 2} dims, (N, "
                f"C, sizes), or {spatial + 1} without a batch."
            )
        self.in_channels = input.shape[-spatial - 1]
        if self.in_channels % self.groups != 0:
            raise ValueError(
                f"{self._get_name()}: groups={self.groups} does not divide the {self.in_channels} "
                "channels of input."
            )
        shape = (self.out_channels, self.in_channels // self.groups)
        if self.transposed:
            shape = (self.in_channels, self.out_channels // self.groups)
        self.weight.materialize((*shape, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


def _lazy(base, mixin, learned, given, **members):
    """`base` whose number `learned` comes from the first input; given: the arguments of an example, as text."""
    sizes = ", ".join("5" * int(base.__name__[-2]))
    doc = f"""{base.__name__} with {learned} from its first input.

    Example:
        >>> layer = nn.Lazy{base.__name__}({given})
        >>> _ = layer(torch.rand(2, 3, {sizes}))
        >>> type(layer) is nn.{base.__name__}, layer.{learned}
        (True, 3)
    """
    members |= {"cls_to_become": base, "__doc__": doc, "__module__": __name__}
    return type("Lazy" + base.__name__, (mixin, base), members)


def _lazy_convs(transposed, *bases):
    return [_lazy(base, _LazyConv, "in_channels", "4, 3", _transposed=transposed) for base in bases]


LazyConv1d, LazyConv2d, LazyConv3d = _lazy_convs(False, Conv1d, Conv2d, Conv3d)
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = _lazy_convs(
    True, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
)


class _LazyNorm(LazyModuleMixin):
    """What the six lazy norms share."""

    _affine = True
    _track = True

    def __init__(
        self, eps=1e-5, momentum=0.1, affine=None, track_running_stats=None, device=None,
        dtype=None, *, bias=True,
    ):  # fmt: skip
        affine = self._affine if affine is None else affine
        track = self._track if track_running_stats is None else track_running_stats
        made = {"device": device, "dtype": dtype}
        super().__init__(0, eps, momentum, False, track, **made)
        self.affine = affine
        if affine:
            self.weight = UninitializedParameter(**made)
            if bias:
                self.bias = UninitializedParameter(**made)
        if track:
            self.running_mean = UninitializedBuffer(**made)
            self.running_var = UninitializedBuffer(**made)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def _sizes_from_parameters(self):
        for tensor in (self.weight, self.running_mean):
            if tensor is not None:
                self.num_features = tensor.shape[0]

    def initialize_parameters(self, input):
        if not self.has_uninitialized_params() and self.num_features == 0:
            self._sizes_from_parameters()
        if not self.has_uninitialized_params() and self.num_features != 0:
            return
        self.num_features = input.shape[1]
        for tensor in (self.weight, self.bias, self.running_mean, self.running_var):
            if tensor is not None:
                tensor.materialize((self.num_features,))
        self.reset_parameters()


def _lazy_norms(batch, *bases):
    return [_lazy(b, _LazyNorm, "num_features", "", _affine=batch, _track=batch) for b in bases]


LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = _lazy_norms(
    True, BatchNorm1d, BatchNorm2d, BatchNorm3d
)
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = _lazy_norms(
    False, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
)


settle("linear", LazyLinear)
settle(
    "conv",
    LazyConv1d,
    LazyConv2d,
    LazyConv3d,
    LazyConvTranspose1d,
    LazyConvTranspose2d,
    LazyConvTranspose3d,
)
settle("batchnorm", LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d)
settle("instancenorm", LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d)
