"""Methods of Tensor for devices, layouts and dtypes that are not here: they refuse, or answer as it is."""

from .. import _core
from ..refusals import refused
from ..types import NoSuchDevice
from .core.declare import METHODS, only_method, register

_QUANTIZED = (
    "The tensor is not quantized, and flambeau has no quantized tensors. Keep the integers, the scale and the zero "
    "point in tensors of their own."
)
# Refusals name the method; operators see them as functions of any arguments.
for _name in """int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point
        qscheme""".split():
    METHODS[_name] = refused(_name, _QUANTIZED)

for _name in ("ipu", "mtia", "xpu"):
    METHODS[_name] = refused(
        _name,
        f"There is no device '{_name}': flambeau computes on the CPU.",
        error=NoSuchDevice,
    )

_no_stream = refused(
    "record_stream",
    "The tensor is on the CPU, whose memory waits for no stream. Leave the call out.",
)


@only_method("record_stream")
def _(self, stream):
    """Its memory is also used in another stream: it is not given to others before that is done.

    Raises NotImplementedError for a tensor on the CPU.
    """
    if not self.is_cuda:
        _no_stream(self, stream)
    _core._cuda_record_stream(self, stream.cuda_stream)


METHODS["to_mkldnn"] = refused(
    "to_mkldnn", "Tensors in oneDNN's own layout are not here. Compute with the tensor as it is."
)
METHODS["index"] = refused(
    "index",
    "There are no first-class dimensions. Index by tensor[...], or by index_select and gather.",
)


@only_method("dequantize")
def _(self):
    """The tensor in float32: it is not quantized."""
    return self.float()


@only_method("const_data_ptr")
def _(self):
    """The address of the first element, as data_ptr()."""
    return self.data_ptr()


def _grad_dtype(self):
    """The dtype that .grad has: the tensor's own."""
    return self.dtype


def _set_grad_dtype(self, dtype):
    if dtype is not self.dtype:
        raise NotImplementedError(
            f"grad_dtype: {dtype} is not offered; the gradient of {self.dtype} is {self.dtype}."
        )


METHODS["grad_dtype"] = property(_grad_dtype, _set_grad_dtype, doc=_grad_dtype.__doc__)


@only_method("__setstate__")
def _(self, state):
    """Takes over what an old pickle held: (storage, offset, sizes, strides)."""
    if not isinstance(state, tuple) or len(state) != 4:
        raise RuntimeError(
            "__setstate__: takes a tuple of a storage, an offset, sizes and strides. Tensors of today are pickled by "
            "__reduce_ex__."
        )
    self.set_(*state)


def as_strided_(input, size, stride, storage_offset=None):
    """The tensor itself with another layout over its memory."""
    return METHODS["as_strided_"](input, size, stride, storage_offset)


register("as_strided_", as_strided_)


def slice_inverse(input, src, dim=0, start=None, end=None, step=1):
    """The tensor that `input` is a slice of, over the memory of input: with the layout of src.

    Args:
        src (Tensor): a tensor laid out as that one was; its values are not read.
        dim, start, end, step: how the slice was made.

    Example:
        >>> torch.slice_inverse(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[1., 2.],
                [3., 4.]])
    """
    return input.as_strided(src.shape, src.stride(), src.storage_offset())


register("slice_inverse", slice_inverse, method=True)
