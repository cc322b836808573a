"""Names of PyTorch's that are another operator, or that only ask."""

from .. import _core
from .core import operators as fl
from .core.declare import METHODS, composite, only_method, register


@only_method("__rdiv__")
def _(self, other):
    """other / self."""
    return self.reciprocal() * other


@only_method("__div__")
def _(self, other):
    """self / other."""
    return fl.true_divide(self, other)


@only_method("__idiv__")
def _(self, other):
    """self /= other."""
    return METHODS["div_"](self, other)


@only_method("__long__")
def _(self):
    """int(self)."""
    return int(self)


@only_method("__nonzero__")
def _(self):
    """bool(self)."""
    return bool(self)


@only_method("__reversed__")
def _(self):
    """The tensor with its first dimension in the other order."""
    return self if self.dim() == 0 else self.flip(0)


@only_method("__array_wrap__")
def _(self, array, context=None, return_scalar=False):
    """What NumPy made of this tensor, as a tensor again."""
    import numpy

    return fl.from_numpy(numpy.array(array, copy=True))


def is_nonzero(input) -> bool:
    """Whether the only element of `input` is not zero."""
    if input.numel() != 1:
        raise RuntimeError(
            f"is_nonzero: the truth of {input.numel()} elements is ambiguous. Use any() or all()."
        )
    return bool(input.item() != 0)


register("is_nonzero", is_nonzero, method=True)


def is_distributed(input) -> bool:
    """False: no tensor here is spread over machines.

    Example:
        >>> torch.is_distributed(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        False
    """
    return False


register("is_distributed", is_distributed, method=True)


@only_method("reinforce")
def _(self, reward):
    """Raises: it went with stochastic functions, before PyTorch 0.4."""
    raise RuntimeError(
        "reinforce: was removed. Write loss = -distribution.log_prob(action) * reward, with "
        "flambeau.distributions."
    )


@only_method("resize")
def _(self, *sizes):
    """A view of other sizes, as reshape; the older name that does not change the tensor."""
    _core._warn("resize: is an old name. Use reshape, or resize_ in place.")
    return self.reshape(*sizes)


@only_method("resize_as")
def _(self, tensor):
    """A view of the sizes of another tensor."""
    _core._warn("resize_as: is an old name. Use reshape(other.shape), or resize_as_ in place.")
    return self.reshape(tensor.shape)


def _volatile(self):
    """False, with a warning: the flag of before PyTorch 0.4."""
    _core._warn("volatile: was removed, and is False. Use torch.no_grad().")
    return False


METHODS["volatile"] = property(_volatile, lambda self, value: _volatile(self) and None)


@only_method("_view_func")
def _(self, base):
    """The view of `base` that self is of its own base."""
    own = self._base
    if own is None:
        raise RuntimeError("_view_func: the tensor is no view.")
    if base.dtype != own.dtype or base.numel() != own.numel():
        raise RuntimeError(
            f"_view_func: base is {base.dtype} {tuple(base.shape)}; it must be as the base that "
            f"this is a view of, {own.dtype} {tuple(own.shape)}."
        )
    offset = self.storage_offset()
    if self.dtype != own.dtype:
        if self.dtype.is_complex and not own.dtype.is_complex:
            base = fl.view_as_complex(base)
        elif own.dtype.is_complex and not self.dtype.is_complex:
            base = fl.view_as_real(base)
        else:
            base = base.view(self.dtype)
    elif base.storage_offset() != own.storage_offset():
        offset += base.storage_offset() - own.storage_offset()
    return base.as_strided(self.shape, self.stride(), offset)


@only_method("module_load")
def _(self, other, assign=False):
    """What Module.load_state_dict puts in this tensor's place: other, or self filled with it."""
    return other.detach() if assign else self.copy_(other).detach()


@composite(method=False, out=False)
def get_device(input) -> int:
    """-1, the number that stands for the CPU.

    Example:
        >>> torch.get_device(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        -1
    """
    return -1 if input.device.index is None else input.device.index


METHODS["get_device"] = get_device


def _removed(name, instead):
    def function(*args, **kwargs):
        raise RuntimeError(f"{name}: was removed. Use {instead}.")

    function.__doc__ = f"""Nothing any more: {instead} took its place.

    Shape, Dtype: of {instead}.

    Raises:
        RuntimeError: always.

    Example:
        >>> torch.{name}(torch.eye(2))
        Traceback (most recent call last):
        RuntimeError: {name}: was removed. Use {instead}.
    """
    function.__name__ = name
    register(name, function, method=True)


for _name, _instead in {
    "eig": "linalg.eig",
    "symeig": "linalg.eigh",
    "lstsq": "linalg.lstsq",
    "solve": "linalg.solve",
    "matrix_rank": "linalg.matrix_rank",
}.items():
    _removed(_name, _instead)

register("fill_", _core.fill_)
register("detach_", _core.detach_)
