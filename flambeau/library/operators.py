"""CustomOpDef, an operator of one's own, and custom_op, which makes one of a function."""

import contextlib
import inspect
import keyword

import flambeau

from .._ops import namespace
from ..autograd import Function
from ..ops import registries
from ..ops.core.declare import operator
from .overloads import packet_of
from .schemas import infer_schema, parameters_of
from .values import Arguments

__all__ = ["CustomOpDef", "custom_op", "flat", "is_known", "known", "require_callable"]

_operators = {}  # "ns::name" -> CustomOpDef


class CustomOpDef:
    """An operator of one's own; calling it runs it.

    Attributes:
        schema (str): its arguments and results.
    """

    def __init__(self, name, schema, parameters, mutated=(), tags=()):
        space, _, short = name.partition("::")
        if not space or not short or "::" in short:
            raise ValueError(
                f"library: {name!r} is no name of an operator; write 'namespace::name'."
            )
        short, point, overload = short.partition(".")
        if not short.isidentifier() or keyword.iskeyword(short):
            raise ValueError(f"library: {short!r} is no name of an operator.")
        if point and not overload.isidentifier():
            raise ValueError(f"library: {overload!r} is no name of an overload of {short}.")
        self._name, self._namespace, self._qualname = short, space, name
        self._overload = overload or "default"
        self.schema, self._parameters, self._mutated = schema, parameters, frozenset(mutated)
        self._signature = inspect.Signature(parameters)
        self._types = Arguments(name, schema)
        self._kernels, self._fake, self._derivative, self._setup = {}, None, None, None
        self._enabled = {}
        self._rule = None
        self._operator = self._declared()
        self._operator.batch_rule = self._batched
        tags = tags_of(tags)
        registries[space] = namespace
        self._opoverload = packet_of(space, short).put(self)
        self._opoverload._schema = f"{name}{schema}"
        self._opoverload.tags = tags
        _operators[name] = self

    def _declared(self):
        """A Python function with the schema's arguments, as an operator of the core."""
        heads, calls, names = [], [], {"run": self._run}
        named = False
        for p in self._parameters:
            if p.kind == p.KEYWORD_ONLY and not named:
                named = True
                heads.append("*")
            names[f"_{p.name}"] = p.default
            heads.append(p.name if p.default is p.empty else f"{p.name}=_{p.name}")
            calls.append(f"{p.name}={p.name}" if named else p.name)
        exec(f"def {self._name}({', '.join(heads)}):\n    return run({', '.join(calls)})", names)
        function = names[self._name]
        function.__module__ = f"torch.ops.{self._namespace}"
        return operator(function, truths=[p.name for p in self._parameters])

    def _restore(self, parts):
        """Is again what it was when vars(self) were `parts`."""
        vars(self).clear()
        vars(self).update(parts)
        self._opoverload._operator = self._operator

    def __call__(self, *args, **kwargs):
        return self._operator(*args, **kwargs)

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    # -- what it is made of

    def register_kernel(self, device_types, func=None, /):
        """Decorates the function that runs for tensors of a device type, or of several; None or "default": of all."""

        def register(function):
            require_callable("register_kernel", function)
            kinds = (
                [device_types]
                if device_types is None or isinstance(device_types, str)
                else device_types
            )
            for kind in kinds:
                self._kernels[None if kind == "default" else kind] = function
            return function

        return register if func is None else register(func)

    def register_fake(self, fn, /):
        """Decorates the function that gives empty results for meta tensors: shapes, strides and dtypes."""
        require_callable("register_fake", fn)
        self._fake = fn
        return fn

    def register_autograd(self, backward, /, *, setup_context=None):
        """Gives the derivative: backward(ctx, *grad_outputs) -> a gradient, or None, for each argument.

        Args:
            setup_context: (ctx, inputs, output) -> None, keeps in ctx what backward needs; also takes
                keyword_only_inputs where the operator has such.
        """
        if self._mutated:
            raise RuntimeError(
                f"register_autograd: {self} writes {sorted(self._mutated)}; it has no derivative."
            )
        require_callable("register_autograd", backward)
        if setup_context is not None:
            require_callable("register_autograd", setup_context)
        self._derivative, self._setup = backward, setup_context

    def register_vmap(self, func=None, /):
        """Decorates the rule by which vmap calls it: func(info, in_dims, *args) -> (outputs, out_dims).

        info has `batch_size` and `randomness`; in_dims says for each argument where its slices lie, None if all
        share it. Without a rule each slice is a call.
        """

        def register(function):
            require_callable("register_vmap", function)
            self._rule = function
            return function

        return register if func is None else register(func)

    def _batched(self, *args, **kwargs):
        """A call with mapped tensors."""
        if self._rule is not None:
            from ..ops.batching import users

            return users.call(self._qualname, self._rule, args, kwargs)
        from ..ops.batching import fallback

        return fallback.call(self._operator, args, kwargs)

    def register_torch_dispatch(self, torch_dispatch_class, fn=None, /):
        """Not offered: define __torch_dispatch__ in the class."""
        raise NotImplementedError("CustomOpDef.register_torch_dispatch: not offered.")

    def register_autocast(self, device_type, cast_inputs, /):
        """Casts floating arguments to `cast_inputs` under autocast of that device type."""
        self._autocast = device_type, cast_inputs

    def set_kernel_enabled(self, device_type, enabled=True):
        """A context in which a device's function is not used, or is again."""

        @contextlib.contextmanager
        def switched():
            before = self._enabled.get(device_type, True)
            self._enabled[device_type] = enabled
            try:
                yield
            finally:
                self._enabled[device_type] = before

        return switched()

    # -- a call

    def _run(self, *args, **kwargs):
        args, kwargs = self._types.converted(args, kwargs)
        tensors = [a for a in flat((args, kwargs)) if isinstance(a, flambeau.Tensor)]
        if getattr(self, "_autocast", None) and flambeau.is_autocast_enabled(self._autocast[0]):
            dtype = self._autocast[1]
            args, kwargs = _cast(args, dtype), _cast(kwargs, dtype)
        recorded = flambeau.is_grad_enabled() and any(t.requires_grad for t in tensors)
        if recorded and not self._mutated:
            return _node_of(self).apply(kwargs, *args)
        return self._compute(args, kwargs)

    def _compute(self, args, kwargs):
        tensors = [a for a in flat((args, kwargs)) if isinstance(a, flambeau.Tensor)]
        device = tensors[0].device.type if tensors else "cpu"
        if any(t.device.type == "meta" for t in tensors):
            device, kernel = "meta", self._fake or self._kernels.get("meta")
            if kernel is None and "composite" not in self._kernels:
                raise NotImplementedError(
                    f"{self._qualname}: meta tensors need a shape rule; register_fake gives it one."
                )
            kernel = kernel or self._kernels["composite"]
        else:
            enabled = self._enabled.get(device, True)
            kernel = self._kernels.get(device) if enabled else None
            kernel = kernel or self._kernels.get(None) or self._kernels.get("composite")
            if kernel is None:
                raise NotImplementedError(
                    f"{self._qualname}: there is no function for {device} tensors."
                )
        with flambeau.no_grad():
            result = self._types.check_results(kernel(*args, **kwargs))
        for made in flat(result):
            if isinstance(made, flambeau.Tensor) and any(
                made is t or _shares(made, t) for t in tensors
            ):
                raise RuntimeError(
                    f"{self._qualname}: a result shares memory with an argument. Return a clone of it."
                )
        return result


def _shares(a, b):
    return (
        a.numel() > 0
        and b.numel() > 0
        and a.device.type != "meta"
        and a._is_view()
        and a._base is b
    )


def _cast(value, dtype):
    if isinstance(value, flambeau.Tensor) and value.is_floating_point():
        return value.to(dtype)
    if isinstance(value, dict):
        return {k: _cast(v, dtype) for k, v in value.items()}
    return (
        type(value)(_cast(v, dtype) for v in value) if isinstance(value, (tuple, list)) else value
    )


def flat(value):
    if isinstance(value, (tuple, list)):
        return [x for item in value for x in flat(item)]
    if isinstance(value, dict):
        return flat(list(value.values()))
    return [value]


def _node_of(op):
    """The autograd.Function of an operator; its arguments are the keyword arguments, then the others."""
    cached = op.__dict__.get("_node")
    if cached is not None:
        return cached

    def forward(ctx, kwargs, *args):
        result = op._compute(args, kwargs)
        if op._setup is not None:
            more = {"keyword_only_inputs": kwargs} if kwargs else {}
            op._setup(ctx, args, result, **more)
        return tuple(result) if isinstance(result, list) else result

    def backward(ctx, *grads):
        if op._derivative is None:
            raise RuntimeError(
                f"backward: {op._qualname} has no derivative. register_autograd gives it one."
            )
        found = op._derivative(ctx, *grads)
        found = found if isinstance(found, tuple) else (found,)
        return (None, *found)

    name = f"GeneratedBackwardFor_{op._namespace}_{op._name}_{op._overload}"
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    op._node = type(name, (Function,), body)
    return op._node


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Makes an annotated function an operator; a decorator without `fn`.

    Args:
        name (str): "namespace::name".
        mutates_args (iterable of str, or "unknown"): the arguments that it writes.
        device_types (str or list of str, optional): the devices whose tensors it takes; all by default.
        schema (str, optional): instead of annotations, as "(Tensor x) -> Tensor".
        tags (Tag, or sequence of them, optional): remarks that torch.ops.namespace.name.default.tags gives back.

    Raises:
        ValueError: the name or an annotation is none of a schema.

    Example:
        >>> from flambeau.library import custom_op
        >>> @custom_op("docs::double", mutates_args=())
        ... def double(x: flambeau.Tensor) -> flambeau.Tensor:
        ...     return x * 2
        >>> double(flambeau.tensor(3.0)), flambeau.ops.docs.double(flambeau.tensor(4.0))
        (tensor(6.), tensor(8.))
    """

    def declare(function):
        text = infer_schema(function, mutates_args=mutates_args) if schema is None else schema
        if schema is None:
            parameters = [
                p.replace(annotation=inspect.Parameter.empty)
                for p in inspect.signature(function).parameters.values()
            ]
        else:
            parameters = parameters_of(schema)
        written = [p.name for p in parameters] if mutates_args == "unknown" else mutates_args
        op = CustomOpDef(name, text, parameters, written, tags or ())
        op._init_fn, op.__doc__, op.__name__ = function, function.__doc__, op._name
        op.register_kernel(device_types, function)
        return op

    return declare if fn is None else declare(fn)


def tags_of(tags):
    """A Tag, or several, as a list.

    Raises:
        TypeError: one is no Tag.
    """
    found = list(tags) if isinstance(tags, (tuple, list, set)) else [tags]
    for tag in found:
        if not isinstance(tag, flambeau.Tag):
            raise TypeError(f"library: tags are torch.Tag.something, not {tag!r}.")
    return found


def require_callable(name, function):
    if not callable(function):
        raise TypeError(f"{name}: takes a function, not {function!r}.")


def is_known(name):
    return name in _operators


def forget(name):
    """The operator of that name is no more, in torch.ops either."""
    op = _operators.pop(name, None)
    if op is not None:
        packet_of(op._namespace, op._name).drop(op)


def known(op):
    """The CustomOpDef of a name, of torch.ops.ns.name, or of itself."""
    if isinstance(op, CustomOpDef):
        return op
    name = op if isinstance(op, str) else getattr(op, "_qualified_op_name", None)
    if name is None and hasattr(op, "name"):
        name = op.name()
    name = name.removesuffix(".default") if isinstance(name, str) else name
    if name not in _operators:
        raise ValueError(f"library: there is no operator {name!r} that was defined here.")
    return _operators[name]
