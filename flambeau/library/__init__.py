"""Operators of one's own: Python functions with a schema, a derivative, and a shape rule for meta tensors.

    @torch.library.custom_op("mine::scale", mutates_args=())
    def scale(x: torch.Tensor, by: float) -> torch.Tensor:
        return x.numpy() ...                          # anything

    scale.register_fake(lambda x, by: torch.empty_like(x))
    scale.register_autograd(backward, setup_context=setup_context)

They are also torch.ops.mine.scale. `flambeau.kernel` is what to use where the function is made of tensor
arithmetic: it is compiled and derived by itself.
"""

import re

from .checks import opcheck
from .operators import CustomOpDef, custom_op, forget, is_known, known, require_callable
from .schemas import infer_schema, parameters_of

__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "fallthrough_kernel", "get_ctx", "get_kernel", "impl",
    "impl_abstract", "infer_schema", "opcheck", "register_autocast", "register_autograd", "register_fake",
    "register_kernel", "register_torch_dispatch", "register_vmap", "triton_op", "wrap_triton",
]  # fmt: skip


def _owned(lib, op):
    """Notes that what is registered next goes when `lib` is destroyed: op is as it was before then."""
    if lib is not None:
        op = known(op)
        parts = {key: dict(v) if isinstance(v, dict) else v for key, v in vars(op).items()}
        lib._undo.append(lambda: op._restore(parts))


def _registered(register, func, lib, op):
    """register(func), now or when a decorator is given the function."""

    def later(function):
        _owned(lib, op)
        return register(function)

    return later if func is None else later(func)


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """CustomOpDef.register_kernel of an operator by name; with lib until that is destroyed."""
    return _registered(known(op).register_kernel(device_types), func, lib, op)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=False):
    """CustomOpDef.register_fake of an operator by name; a decorator without `func`; with lib until that is destroyed.

    The latest function counts, with allow_override and without, as in PyTorch.
    """
    return _registered(known(op).register_fake, func, lib, op)


def impl_abstract(qualname, func=None, *, lib=None, _stacklevel=1):
    """register_fake by its older name."""
    return register_fake(qualname, func, lib=lib)


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """CustomOpDef.register_autograd of an operator by name; with lib until that is destroyed."""
    _owned(lib, op)
    known(op).register_autograd(backward, setup_context=setup_context)


def register_autocast(op, device_type, cast_inputs, /, *, lib=None):
    """CustomOpDef.register_autocast of an operator by name; with lib until that is destroyed."""
    _owned(lib, op)
    known(op).register_autocast(device_type, cast_inputs)


def register_vmap(op, func=None, /, *, lib=None):
    """CustomOpDef.register_vmap of an operator by name; a decorator without `func`; with lib until that is destroyed."""
    return _registered(known(op).register_vmap(), func, lib, op)


def register_torch_dispatch(
    op, torch_dispatch_class, func=None, /, *, lib=None, allow_override=False
):
    """Not offered, as CustomOpDef.register_torch_dispatch."""
    return known(op).register_torch_dispatch(torch_dispatch_class, func)


def define(qualname, schema, *, lib=None, tags=(), alias_analysis=None):
    """Defines an operator without a function; impl() gives it one.

    Args:
        qualname (str): "namespace::name".
        schema (str): as "(Tensor x, int n=2) -> Tensor".
        lib (Library, optional): until that is destroyed.
        tags (Tag, or sequence of them): remarks that torch.ops.namespace.name.default.tags gives back.

    Raises:
        RuntimeError: the schema is none, or the operator is there already.
    """
    parameters = parameters_of(schema)
    if is_known(qualname):
        raise RuntimeError(f"library.define: {qualname} is defined already. Take another name.")
    written = re.findall(r"!\)?[\[\]?]*\s+(\w+)", schema)
    CustomOpDef(qualname, schema[schema.index("(") :], parameters, written, tags)
    if lib is not None:
        lib._undo.append(lambda: forget(qualname))
    for waiting in _early.pop(qualname, ()):
        _implement(qualname, *waiting)


_KEYS = {
    "CPU": "cpu", "Meta": "meta", "CUDA": "cuda", "cpu": "cpu", "cuda": "cuda", "default": None,
    "CompositeExplicitAutograd": None, "": None, "BackendSelect": None,
    # Devices that are not here; their functions are kept and never run.
    **{key: key for key in "HIP HPU IPU MPS MTIA XLA XPU PrivateUse1 hip hpu ipu mps mtia xla xpu".split()},
}  # fmt: skip
_early = {}  # of operators that are not defined yet: (kinds, function, library)


def impl(qualname, types, func=None, *, lib=None):
    """Gives a defined operator its function for device types ("cpu", "default" ...); a decorator without `func`."""
    kinds = [types] if isinstance(types, str) else list(types)
    return _implement(qualname, kinds, func, lib)


def _implement(qualname, kinds, func, lib=None):

    def register(function):
        require_callable("library.impl", function)
        if isinstance(qualname, str) and not is_known(qualname.removesuffix(".default")):
            _early.setdefault(qualname, []).append((kinds, function, lib))
            return function
        op = known(qualname)
        _owned(lib, op)
        for kind in kinds:
            if kind == "CompositeImplicitAutograd":
                op._kernels["composite"] = function
                op._run = function  # recorded by what it is made of
                op._operator = op._declared()
                op._opoverload._operator = op._operator
            elif kind == "Meta":
                op.register_fake(function)
            elif kind in _KEYS:
                op._kernels[_KEYS[kind]] = function
            else:
                raise NotImplementedError(f"library.impl: {kind} is not offered.")
        return function

    return register if func is None else register(func)


class Library:
    """The operators of one namespace, defined by schemas.

    Args:
        ns (str): the namespace.
        kind (str): "DEF" for new operators, "FRAGMENT" or "IMPL" for more of them.

    Example:
        >>> from flambeau.library import Library
        >>> lib = Library("docs2", "DEF")
        >>> _ = lib.define("add(Tensor x, float by=1.0) -> Tensor")
        >>> lib.impl("add", lambda x, by=1.0: x + by, "CPU")
        >>> flambeau.ops.docs2.add(flambeau.tensor(1.0))
        tensor(2.)
    """

    def __init__(self, ns, kind, dispatch_key=""):
        if kind not in ("DEF", "FRAGMENT", "IMPL"):
            raise ValueError(f"Library: kind is {kind!r}; it must be DEF, FRAGMENT or IMPL.")
        if not ns.isidentifier():
            raise ValueError(f"Library: {ns!r} is no name of a namespace.")
        if kind == "DEF" and ns in ("aten", "prim"):
            raise RuntimeError(f"Library: {ns} is PyTorch's namespace. Take one of your own.")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._undo = []

    def define(self, schema, alias_analysis="", *, tags=()):
        """Defines an operator; gives its name."""
        name = schema.split("(", 1)[0].strip()
        define(f"{self.ns}::{name}", schema, lib=self, tags=tags)
        return name

    def impl(self, op_name, fn, dispatch_key="", *, with_keyset=False, allow_override=False):
        """Gives an operator its function for a dispatch key: CPU, Meta, CompositeImplicitAutograd ...

        The latest function counts, with allow_override and without, as in PyTorch.
        """
        if with_keyset:
            raise NotImplementedError("Library.impl: with_keyset is not offered.")
        name = op_name if isinstance(op_name, str) else op_name.name()
        name = name if "::" in name else f"{self.ns}::{name}"
        _implement(name, [dispatch_key or self.dispatch_key], fn, self)

    def _destroy(self):
        """Takes back what was defined and registered here, the latest first."""
        while self._undo:
            self._undo.pop()()

    def fallback(self, fn, dispatch_key="", *, with_keyset=False):
        """Not offered."""
        raise NotImplementedError("Library.fallback: not offered.")


def fallthrough_kernel():
    """Not offered: there are no keys to fall through."""
    raise NotImplementedError("library.fallthrough_kernel: not offered.")


def get_kernel(op, dispatch_key):
    """Not offered."""
    raise NotImplementedError("library.get_kernel: not offered.")


def get_ctx():
    """Not offered: sizes that depend on values are not symbols here."""
    raise NotImplementedError("library.get_ctx: not offered.")


def triton_op(name, fn=None, /, *, mutates_args, schema=None):
    """Not offered: there is no Triton."""
    raise NotImplementedError(
        "library.triton_op: not offered; flambeau.kernel compiles functions of tensors."
    )


def wrap_triton(triton_kernel, /):
    """Not offered: there is no Triton."""
    raise NotImplementedError("library.wrap_triton: not offered.")
