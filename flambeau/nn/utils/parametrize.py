"""Tensors of a module computed from others: `module.weight` becomes parametrization(original).

    class Positive(nn.Module):
        def forward(self, original):
            return original.exp()

    register_parametrization(layer, "weight", Positive())

The class of the module is replaced by a subclass that has `weight` as a property; what is learned is
module.parametrizations.weight.original.
"""

import contextlib
from collections.abc import Sequence

import flambeau

from ..modules.module_dict import ModuleDict
from ..modules.module_list import ModuleList
from ..parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "type_before_parametrizations",
]  # fmt: skip

_cache = {}
_cached_depth = 0


@contextlib.contextmanager
def cached():
    """Inside the block each parametrized tensor is computed once."""
    global _cached_depth
    _cached_depth += 1
    try:
        yield
    finally:
        _cached_depth -= 1
        if not _cached_depth:
            _cache.clear()


def _keep(owner, name, value):
    """Register `value` with the owner: as a parameter if it is one, else as a buffer."""
    if isinstance(value, Parameter):
        owner.register_parameter(name, value)
    else:
        owner.register_buffer(name, value)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the original, or originals, that they start from."""

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList: needs one module or more.")
        super().__init__(modules)
        self.unsafe = unsafe
        value = original
        with flambeau.no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    # One that says it has none leaves the value as it is, as one without does.
                    with contextlib.suppress(NotImplementedError):
                        value = module.right_inverse(value)
        self.is_tensor = isinstance(value, flambeau.Tensor)
        if not self.is_tensor and not (
            isinstance(value, Sequence) and all(isinstance(v, flambeau.Tensor) for v in value)
        ):
            raise ValueError(
                f"parametrize: right_inverse returned {type(value).__name__}, but gives a Tensor or a sequence of Tensors."
            )
        if self.is_tensor and not unsafe:
            _check_alike("right_inverse", value, original)
        self.ntensors = 1 if self.is_tensor else len(value)
        for name, part in zip(self._names(), self._parts(value), strict=True):
            if part is not original and isinstance(original, Parameter):
                part = Parameter(part.detach(), original.requires_grad)
            _keep(self, name, part)
        if not unsafe:
            self._check(original)

    def _names(self):
        return ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]

    def _parts(self, value):
        return [value] if self.is_tensor else list(value)

    def _check(self, original):
        _check_alike("forward", self(), original)

    def right_inverse(self, value):
        """Set the originals so that the parametrizations give `value`."""
        with flambeau.no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrize: {type(module).__name__} has no right_inverse, so nothing "
                        "can be assigned."
                    )
                value = module.right_inverse(value)
            for name, part in zip(self._names(), self._parts(value), strict=True):
                getattr(self, name).copy_(part)

    def forward(self):
        values = [getattr(self, name) for name in self._names()]
        result = self[0](*values)
        for module in list(self)[1:]:
            result = module(result)
        return result


def is_parametrized(module, tensor_name=None):
    """Whether the module has parametrizations, or this tensor of it has."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def type_before_parametrizations(module):
    """The class that the module had."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def _make_parametrized(module):
    """Give the module a class of its own, and a place for parametrizations."""
    cls = type(module)

    def __deepcopy__(self, memo):
        import copy

        copied = self.__new__(type(self))
        memo[id(self)] = copied
        copied.__setstate__(copy.deepcopy(self.__dict__, memo))
        return copied

    def __getstate__(self):
        raise RuntimeError(
            "parametrize: a parametrized module cannot be pickled. Save its state_dict()."
        )

    members = {"__getstate__": __getstate__, "__module__": cls.__module__}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = __deepcopy__
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)
    module.parametrizations = ModuleDict()


def _property(name):
    def compute(self):
        if not _cached_depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def assign(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(compute, assign)


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Let module.<tensor_name> be parametrization(original) from now on; returns the module.

    `right_inverse` of the first parametrization, if there is one, gives the original (or several) from the
    present value. Called again it adds one more on top, from one tensor to one, and the originals stay as they
    are. `unsafe` allows another shape or dtype.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            _check_on_top(parametrization, getattr(module, tensor_name))
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"parametrize: {type(module).__name__} has no parameter or buffer '{tensor_name}'."
        )
    original = getattr(module, tensor_name)
    chain = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    return _with_chain(module, tensor_name, chain)


def _check_on_top(parametrization, value):
    """Raises unless the parametrization, and its right_inverse, make a tensor like `value` of such tensors."""
    with flambeau.no_grad():
        made = parametrization(value)
        _check_alike("forward", made, value)
        if hasattr(parametrization, "right_inverse"):
            with contextlib.suppress(NotImplementedError):
                _check_alike("right_inverse", parametrization.right_inverse(made), value)


def _check_alike(what, made, value):
    if not isinstance(made, flambeau.Tensor):
        raise ValueError(
            f"parametrize: {what} of a parametrization returned {type(made).__name__}, not a Tensor."
        )
    if made.dtype != value.dtype or made.shape != value.shape:
        raise ValueError(
            f"parametrize: {what} of a parametrization changes the dtype or the shape of the tensor: {value.dtype} "
            f"{tuple(value.shape)} becomes {made.dtype} {tuple(made.shape)}. Give unsafe=True if that is meant."
        )


def _with_chain(module, name, chain):
    if not is_parametrized(module):
        _make_parametrized(module)
    setattr(type(module), name, _property(name))
    module.parametrizations[name] = chain
    return module


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Let module.<tensor_name> be an ordinary tensor again: its present value, or the original."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"parametrize: '{tensor_name}' of {type(module).__name__} is not parametrized."
        )
    chain = module.parametrizations[tensor_name]
    originals = [getattr(chain, name) for name in chain._names()]
    if not leave_parametrized and not chain.is_tensor:
        raise ValueError(
            f"parametrize: '{tensor_name}' is made of several tensors, so leave_parametrized=False "
            "has none to put back."
        )
    value = originals[0]
    if leave_parametrized:
        with flambeau.no_grad():
            present = getattr(module, tensor_name).detach().clone()
        learns = originals[0].requires_grad
        if isinstance(value, Parameter):
            if chain.is_tensor and value.shape == present.shape and value.dtype == present.dtype:
                with flambeau.no_grad():
                    value.copy_(present)  # the same object, which an optimizer may know
            else:
                value = Parameter(present, learns)
        else:
            value = present
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _keep(module, tensor_name, value)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Give to_module the parametrizations of from_module, with their originals."""
    import copy

    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        chain = copy.deepcopy(from_module.parametrizations[name])
        if hasattr(to_module, name) and not is_parametrized(to_module, name):
            delattr(to_module, name)
        _with_chain(to_module, name, chain)
    return to_module
