"""Module, the base of every layer."""

import functools
import weakref
from types import FunctionType

import flambeau
from flambeau import _core

from ..parameter import Buffer, Parameter
from . import hooks
from .conversion import Conversion
from .hooks_api import HooksApi
from .registry import Registry
from .state import EXTRA_STATE as _EXTRA_STATE_KEY_SUFFIX  # noqa: F401 (libraries import it)
from .state import (
    State,
    _IncompatibleKeys,  # noqa: F401 (programs annotate with it)
)
from .traversal import Traversal

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

TYPE_CHECKING = False


def _addindent(s_, numSpaces):
    """A text with all lines but the first moved to the right; the printed form of modules of libraries."""
    return s_.replace("\n", "\n" + " " * numSpaces)


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, Protocol, TypeVar

    _P = ParamSpec("_P")
    _R = TypeVar("_R", covariant=True)

    class _HasForward(Protocol[_P, _R]):
        def forward(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...


def _forward_unimplemented(self, *input):
    """Compute the output; every subclass says how."""
    raise NotImplementedError(
        f"{type(self).__name__}: has no forward method. Define forward(self, ...), which says what "
        "calling the module computes."
    )


def _named(function, qualified_name):
    """The same function under another name, which Python's errors about its arguments show."""
    code, closure = function.__code__, function.__closure__
    named = FunctionType(code, function.__globals__, function.__name__, closure=closure)
    functools.update_wrapper(named, function)
    del named.__wrapped__
    named.__defaults__, named.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    named.__qualname__ = qualified_name
    return named


class Module(HooksApi, State, Conversion, Traversal):
    """A layer: it owns parameters, buffers and submodules, and computes with them when called.

    Assigning a Parameter, a Buffer or a Module to an attribute registers it. Subclasses call
    super().__init__() before their first assignment and define forward().

    Example:
        >>> layer = nn.Module()
        >>> layer.scale = nn.Parameter(torch.ones(2))
        >>> list(layer.state_dict())
        ['scale']
    """

    dump_patches = False
    _version = 1
    training: bool
    call_super_init = False

    # None: this module has no hooks and neither has every module; __call__ needs one test only.
    _module_hooks = None

    def __init_subclass__(cls, **kwargs):
        """Let errors about arguments name our layer, not the private base that takes them."""
        super().__init_subclass__(**kwargs)
        inherited = cls.__init__
        if (
            cls.__module__.startswith("flambeau.")
            and not cls.__name__.startswith("_")
            and "__init__" not in vars(cls)
            and inherited.__qualname__.startswith("_")
        ):
            cls.__init__ = _named(inherited, f"{cls.__qualname__}.__init__")

    def __init__(self, *args, **kwargs):
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}: Module.__init__ has no argument "
                    f"'{next(iter(kwargs))}'."
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}: Module.__init__ takes no arguments beside self but "
                    f"was given {len(args)}."
                )
        owner = weakref.ref(self)
        attributes = self.__dict__
        attributes["training"] = True
        attributes["_parameters"] = Registry((), owner)
        attributes["_buffers"] = Registry((), owner)
        attributes["_non_persistent_buffers_set"] = set()
        attributes["_modules"] = Registry((), owner)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    if TYPE_CHECKING:  # not for programs that read annotations: these names are not there then
        forward: "Callable[..., Any]" = _forward_unimplemented
    else:
        forward = _forward_unimplemented

    if TYPE_CHECKING:  # a call takes what forward takes, and gives what it gives

        @property
        def __call__(self: "_HasForward[_P, _R]") -> "Callable[_P, _R]": ...

    else:

        def __call__(self, *args, **kwargs):
            if self._module_hooks is None:
                return self.forward(*args, **kwargs)
            compiled = self.__dict__.get("_compiled_call_impl")
            return (
                hooks.call_with_hooks(self, args, kwargs)
                if compiled is None
                else compiled(args, kwargs)
            )

        # The same by the core, where no hooks are: a frame less a module.
        __call__ = functools.update_wrapper(_core._module_call(__call__, "forward"), __call__)
        _call_impl = _wrapped_call_impl = __call__

    def compile(self, *args, **kwargs):
        """From now on calls of this module run compiled: torch.compile, which takes the same options, in place."""
        if self.__dict__.get("_module_hooks") is None:
            self.__dict__["_module_hooks"] = hooks.HookTable()
        self.__dict__["_compiled_call_impl"] = flambeau.compile(
            functools.partial(hooks.call_with_hooks, self), *args, **kwargs
        )

    # -- registration

    def register_parameter(self, name, param):
        """Add a parameter under `name`; None reserves the name without a parameter."""
        registry = self.__dict__.get("_parameters")
        if registry is None:
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before registering parameters."
            )
        self._check_name(name, "parameter", registry)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"{type(self).__name__}: parameter '{name}' must be an nn.Parameter or None, "
                    f"not {flambeau.typename(param)}."
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"{type(self).__name__}: parameter '{name}' must be a leaf, and this one was "
                    "computed. Make it from data, and compute with it in forward()."
                )
        registry[name] = hooks.at_registration("parameter", self, name, param)

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that belongs to the module but does not learn.

        It moves with the module, and state_dict holds it if `persistent`.
        """
        registry = self.__dict__.get("_buffers")
        if registry is None:
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before registering buffers."
            )
        self._check_name(name, "buffer", registry)
        if tensor is not None and not isinstance(tensor, flambeau.Tensor):
            raise TypeError(
                f"{type(self).__name__}: buffer '{name}' must be a Tensor or None, not "
                f"{flambeau.typename(tensor)}."
            )
        registry[name] = hooks.at_registration("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        """Add a submodule under `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: child '{name}' must be an nn.Module or None, not "
                f"{flambeau.typename(module)}."
            )
        registry = self.__dict__.get("_modules")
        if registry is None:
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before adding modules."
            )
        self._check_name(name, "module", registry)
        registry[name] = hooks.at_registration("module", self, name, module)

    def register_module(self, name, module):
        """Alias of add_module."""
        self.add_module(name, module)

    def _check_name(self, name, kind, registry):
        if not isinstance(name, str):
            raise TypeError(
                f"{type(self).__name__}: the name of a {kind} must be a str, not "
                f"{flambeau.typename(name)}."
            )
        if name not in registry and hasattr(self, name):
            raise KeyError(
                f"{type(self).__name__}: has an attribute '{name}' already. Choose another name, "
                "or delete it first."
            )
        if "." in name:
            raise KeyError(
                f"{type(self).__name__}: the {kind} name '{name}' must not hold a dot, which "
                "separates modules in paths."
            )
        if name == "":
            raise KeyError(f"{type(self).__name__}: the name of a {kind} must not be empty.")

    # -- attributes

    def __getattr__(self, name):
        # Registered values are ordinary attributes, so this runs only for what is not there, or
        # after a subclass put other dicts in the place of the registries.
        for kind in ("_parameters", "_buffers", "_modules"):
            registry = self.__dict__.get(kind)
            if registry is not None and name in registry:
                return registry[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        attributes = self.__dict__
        parameters = attributes.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError(
                    f"{type(self).__name__}: call super().__init__() before assigning parameters."
                )
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}: '{name}' is a parameter and takes an nn.Parameter or "
                    f"None, not {flambeau.typename(value)}. del it first to put something else "
                    "there."
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            modules = attributes.get("_modules")
            if modules is None:
                raise AttributeError(
                    f"{type(self).__name__}: call super().__init__() before assigning modules."
                )
            self._forget(name, "_modules")
            modules[name] = hooks.at_registration("module", self, name, value)
        elif parameters is not None and name in attributes["_modules"]:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}: '{name}' is a child module and takes an nn.Module or "
                    f"None, not {flambeau.typename(value)}. del it first to put something else "
                    "there."
                )
            attributes["_modules"][name] = hooks.at_registration("module", self, name, value)
        elif parameters is not None and (
            name in attributes["_buffers"] or isinstance(value, Buffer)
        ):
            self._set_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    def _set_buffer(self, name, value):
        if value is not None and not isinstance(value, flambeau.Tensor):
            raise TypeError(
                f"{type(self).__name__}: '{name}' is a buffer and takes a Tensor or None, not "
                f"{flambeau.typename(value)}. del it first to put something else there."
            )
        if isinstance(value, Buffer):
            self._forget(name, "_buffers")
            self.register_buffer(name, value, getattr(value, "persistent", True))
        else:
            self._buffers[name] = hooks.at_registration("buffer", self, name, value)

    def _forget(self, name, keep):
        """Drop `name` from the attributes and from every registry but `keep`."""
        attributes = self.__dict__
        for kind in ("_parameters", "_buffers", "_modules"):
            if kind != keep and name in attributes[kind]:
                del attributes[kind][name]
        if name not in attributes[keep]:
            attributes.pop(name, None)
        if keep != "_buffers":
            attributes["_non_persistent_buffers_set"].discard(name)

    def __delattr__(self, name):
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                self.__dict__.pop(name, None)
                return
        object.__delattr__(self, name)

    def __dir__(self):
        names = set(dir(type(self)))
        names.update(self.__dict__, self._parameters, self._buffers, self._modules)
        return sorted(name for name in names if not name[0].isdigit())

    def __getstate__(self):
        """What is pickled and copied: __dict__ without what the registries hold anyway."""
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)  # which calls the module that it was made of
        for kind in ("_parameters", "_buffers", "_modules"):
            for name, value in state.get(kind, {}).items():
                if state.get(name) is value:
                    del state[name]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        hooks.take_pytorchs_fields(self.__dict__)
        owner = weakref.ref(self)
        for kind in ("_parameters", "_buffers", "_modules"):
            # A new registry, for a shallow copy must not write to the original.
            values = self.__dict__.get(kind, {})
            self.__dict__[kind] = Registry(values, owner)
            self.__dict__.update(values)
        self.__dict__.setdefault("_non_persistent_buffers_set", set())

    def _replicate_for_data_parallel(self):
        """A shallow copy whose parameters are plain attributes to be filled in."""
        replica = type(self).__new__(type(self))
        replica.__setstate__(self.__dict__.copy())
        replica._parameters.clear()
        replica.__dict__["_is_replica"] = True
        return replica

    # -- text

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What repr shows of this module besides its submodules."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{self._get_name()}({lines[0]})"
        for name, module in self._modules.items():
            lines.append(f"({name}): " + repr(module).replace("\n", "\n  "))
        if not lines:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"

    def _repr_html_(self):
        from ..notebook import module_html

        return module_html(self)


hooks.EVERY_MODULE.live_in(globals())
_global_buffer_registration_hooks = hooks.REGISTRATION["buffer"]
_global_module_registration_hooks = hooks.REGISTRATION["module"]
_global_parameter_registration_hooks = hooks.REGISTRATION["parameter"]


def _for_every_module(table, hook, flags=()):
    Module._module_hooks = hooks.EVERY_MODULE
    _core._hold_compiled_back(2, True)  # their programs know of no such hooks
    return hooks.add(table, hook, flags=flags)


def register_module_forward_pre_hook(hook):
    """hook(module, args) before the forward of every module."""
    return _for_every_module(hooks.EVERY_MODULE.forward_pre, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """hook(module, args, output) after the forward of every module."""
    table = hooks.EVERY_MODULE
    flags = [table.forward_with_kwargs] * with_kwargs + [table.forward_always_called] * always_call
    return _for_every_module(table.forward, hook, flags)


def register_module_full_backward_pre_hook(hook):
    """hook(module, grad_output) before the backward of every module."""
    return _for_every_module(hooks.EVERY_MODULE.backward_pre, hook)


def register_module_full_backward_hook(hook):
    """hook(module, grad_input, grad_output) after the backward of every module."""
    return _backward_of_every_module(hook, full=True)


def register_module_backward_hook(hook):
    """As register_module_full_backward_hook, on the node of the output only; kept for old programs."""
    return _backward_of_every_module(hook, full=False)


def _backward_of_every_module(hook, full):
    if hooks.EVERY_MODULE.backward_is_full is (not full):
        raise RuntimeError(
            f"Module: {'old' if full else 'full'} backward hooks are registered for all modules, and "
            "old and full ones do not go together. Use register_module_full_backward_hook for all."
        )
    global _global_is_full_backward_hook
    _global_is_full_backward_hook = full
    return _for_every_module(hooks.EVERY_MODULE.backward, hook)


def register_module_parameter_registration_hook(hook):
    """hook(module, name, parameter) when a parameter is registered; it may return another."""
    return hooks.add(_global_parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook):
    """hook(module, name, buffer) when a buffer is registered; it may return another."""
    return hooks.add(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """hook(module, name, submodule) when a submodule is registered; it may return another."""
    return hooks.add(_global_module_registration_hooks, hook)
