"""Hooks of modules: the tables that hold them, and the calls that run them.

A module without hooks has none of this: its `_module_hooks` is the class attribute None, and
`Module.__call__` goes straight to `forward`. The first hook makes a HookTable.
"""

import weakref
from collections import OrderedDict

import flambeau

from ... import _core
from ...autograd.hooks import RemovableHandle


class HookTable:
    """All hooks of one module, or the hooks of every module; each dict is id -> hook, in calling order."""

    def __init__(self):
        self.forward_pre = OrderedDict()
        self.forward_pre_with_kwargs = OrderedDict()
        self.forward = OrderedDict()
        self.forward_with_kwargs = OrderedDict()
        self.forward_always_called = OrderedDict()
        self.backward_pre = OrderedDict()
        self.backward = OrderedDict()
        self.backward_is_full = None  # None until the first backward hook decides for the module
        self.state_dict_pre = OrderedDict()
        self.state_dict_post = OrderedDict()
        self.load_state_dict_pre = OrderedDict()
        self.load_state_dict_post = OrderedDict()

    def __reduce__(self):
        # OrderedDict is picklable; weak references of handles live elsewhere.
        return HookTable, (), self.__dict__

    def __setstate__(self, state):
        self.__dict__.update(state)


# Where PyTorch's modules, and so pickled ones, have what a table has.
_FIELDS = {
    "forward_pre": "_forward_pre_hooks",
    "forward_pre_with_kwargs": "_forward_pre_hooks_with_kwargs",
    "forward": "_forward_hooks",
    "forward_with_kwargs": "_forward_hooks_with_kwargs",
    "forward_always_called": "_forward_hooks_always_called",
    "backward_pre": "_backward_pre_hooks",
    "backward": "_backward_hooks",
    "backward_is_full": "_is_full_backward_hook",
    "state_dict_pre": "_state_dict_pre_hooks",
    "state_dict_post": "_state_dict_hooks",
    "load_state_dict_pre": "_load_state_dict_pre_hooks",
    "load_state_dict_post": "_load_state_dict_post_hooks",
}


def in_pytorchs_fields(state):
    """The state of a module as PyTorch's modules have it: a field for each kind of hook."""
    state = dict(state)
    table = state.pop("_module_hooks", None) or HookTable()
    return state | {field: getattr(table, name) for name, field in _FIELDS.items()}


def take_pytorchs_fields(state):
    """Moves the hooks in those fields of a module's state into a table, if there are any."""
    if "_forward_hooks" not in state:
        return
    for name in ("_flat_weights", "_flat_weights_names"):
        state.pop(name, None)  # properties here
    found = {name: state.pop(field, None) for name, field in _FIELDS.items()}
    if any(found.values()):
        table = state["_module_hooks"] = HookTable()
        table.__dict__.update({name: hooks for name, hooks in found.items() if hooks is not None})


def add(table, hook, prepend=False, flags=()):
    """Put `hook` at one end of `table` and its id into each dict of `flags`."""
    handle = RemovableHandle(table, extra_dict=list(flags))
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    for flag in flags:
        flag[handle.id] = True
    return handle


def rewritten(who, hook, owner, args, kwargs):
    """args and kwargs, or the pair that hook(owner, args, kwargs) returns in their place."""
    result = hook(owner, args, kwargs)
    if result is None:
        return args, kwargs
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(
            f"{who} returned {result!r}; it must be None or a pair of args and kwargs."
        )
    return result


class GlobalTable:
    """The hooks of every module: the variables `_global_...` of module.py, which programs replace to reset them."""

    _names = {
        "forward_pre": "_global_forward_pre_hooks",
        "forward_pre_with_kwargs": "_global_forward_pre_hooks_with_kwargs",
        "forward": "_global_forward_hooks",
        "forward_with_kwargs": "_global_forward_hooks_with_kwargs",
        "forward_always_called": "_global_forward_hooks_always_called",
        "backward_pre": "_global_backward_pre_hooks",
        "backward": "_global_backward_hooks",
        "backward_is_full": "_global_is_full_backward_hook",
    }

    def __init__(self):
        self._variables = {name: OrderedDict() for name in self._names.values()}
        self._variables["_global_is_full_backward_hook"] = None
        self.state_dict_pre = self.state_dict_post = OrderedDict()
        self.load_state_dict_pre = self.load_state_dict_post = OrderedDict()

    def live_in(self, variables):
        """From now on the tables are found among `variables` (a module's), under PyTorch's names."""
        variables.update(self._variables)
        self._variables = variables

    def __getattr__(self, name):
        try:
            return self._variables[self._names[name]]
        except KeyError:
            raise AttributeError(name) from None


EVERY_MODULE = GlobalTable()
REGISTRATION = {kind: OrderedDict() for kind in ("buffer", "module", "parameter")}


def at_registration(kind, module, name, value):
    """Let the global registration hooks see, and replace, what is about to be registered."""
    for hook in REGISTRATION[kind].values():
        replacement = hook(module, name, value)
        if replacement is not None:
            value = replacement
    return value


def call_with_hooks(module, args, kwargs):
    """module.forward(*args, **kwargs) with every hook of the module and of all modules around it."""
    own = module._module_hooks or EVERY_MODULE
    tables = (EVERY_MODULE,) if own is EVERY_MODULE else (EVERY_MODULE, own)
    called = set()
    try:
        return _call(module, tables, args, kwargs, called)
    except Exception:
        for table in tables:
            for key in list(table.forward_always_called):
                if key in called or key not in table.forward:
                    continue
                called.add(key)
                try:
                    _call_forward_hook(module, table, key, args, kwargs, None)
                except Exception as error:
                    _core._warn(
                        f"Module: a forward hook with always_call=True raised {error!r} after "
                        "forward had failed; forward's error goes on."
                    )
        raise


def _call(module, tables, args, kwargs, called):
    for table in tables:
        for key, hook in list(table.forward_pre.items()):
            if key in table.forward_pre_with_kwargs:
                args, kwargs = rewritten(
                    "Module: a forward pre-hook with kwargs", hook, module, args, kwargs
                )
            else:
                result = hook(module, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)

    pre = [hook for table in tables for hook in table.backward_pre.values()]
    full = [h for table in tables if table.backward_is_full for h in table.backward.values()]
    legacy = [h for t in tables if t.backward_is_full is False for h in t.backward.values()]
    boundary = _Boundary(module, pre, full) if pre or full else None
    if boundary is not None:
        args = boundary.enter(args)

    result = module.forward(*args, **kwargs)

    for table in tables:
        for key in list(table.forward):
            if key not in table.forward:
                continue
            called.add(key)
            replacement = _call_forward_hook(module, table, key, args, kwargs, result)
            if replacement is not None:
                result = replacement

    if boundary is not None:
        result = boundary.leave(result)
    if legacy:
        _attach_legacy_hooks(module, legacy, args, result)
    return result


def _call_forward_hook(module, table, key, args, kwargs, result):
    hook = table.forward[key]
    if key in table.forward_with_kwargs:
        return hook(module, args, kwargs, result)
    return hook(module, args, result)


class _Boundary:
    """One call of a module as backward sees it: gradients pass `leave` first and `enter` last."""

    def __init__(self, module, pre, full):
        self.module, self.pre, self.full = module, pre, full
        self.grad_outputs = None
        self.n_inputs, self.input_places, self.entered = 0, (), False

    def enter(self, args):
        args = args if isinstance(args, tuple) else (args,)
        self.n_inputs = len(args)
        if not self.full:
            return args
        places, args = _mark(args, self.at_inputs)
        self.input_places, self.entered = places, bool(places)
        return args

    def leave(self, result):
        if not isinstance(result, (flambeau.Tensor, tuple)):
            _core._warn(
                f"{type(self.module).__name__}: backward hooks will not be called. The output of the module "
                f"should be a Tensor or a tuple of Tensors, and is a {type(result).__name__}."
            )
        single = not isinstance(result, tuple)
        results = (result,) if single else result
        self.n_outputs = len(results)
        self.output_places, results = _mark(results, self.at_outputs)
        return results[0] if single else results

    def at_outputs(self, grads):
        grad_outputs = _spread(grads, self.output_places, self.n_outputs)
        for hook in self.pre:
            replacement = hook(self.module, grad_outputs)
            if replacement is not None:
                grad_outputs = _checked(replacement, grad_outputs, "Backward pre-hook")
        self.grad_outputs = grad_outputs
        if not self.entered:
            # No input needs a gradient, so backward will never come out at that end.
            nothing = (None,) * self.n_inputs
            if self.full:
                _core._warn(
                    f"{type(self.module).__name__}: no input of the module requires a gradient, so a full backward "
                    "hook is called with the gradients of the outputs alone."
                )
            for hook in self.full:
                replacement = hook(self.module, nothing, grad_outputs)
                if replacement is not None and any(g is not None for g in _as_tuple(replacement)):
                    raise RuntimeError(
                        "Module: no input requires grad, so a full backward hook has no gradient "
                        "to change and must return None."
                    )
        return tuple(grad_outputs[place] for place in self.output_places)

    def at_inputs(self, grads):
        if self.grad_outputs is None:
            return grads  # not on the way from the outputs: a derivative of the derivative
        grad_inputs = _spread(grads, self.input_places, self.n_inputs)
        for hook in self.full:
            replacement = hook(self.module, grad_inputs, self.grad_outputs)
            if replacement is not None:
                grad_inputs = _checked(replacement, grad_inputs, "Backward hook")
        self.grad_outputs = None
        return tuple(grad_inputs[place] for place in self.input_places)


def _as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def _checked(replacement, grads, who):
    replacement = _as_tuple(replacement)
    if len(replacement) != len(grads):
        raise RuntimeError(
            f"{who}: returned {len(replacement)} gradients but was given {len(grads)}. Return as "
            "many, or None."
        )
    return replacement


def _spread(grads, places, length):
    """A tuple of `length` with `grads` at `places` and None elsewhere."""
    spread = [None] * length
    for place, grad in zip(places, grads, strict=True):
        spread[place] = grad
    return tuple(spread)


def _mark(values, callback):
    """Pass the differentiable tensors of `values` through an identity whose backward is `callback`."""
    if not flambeau.is_grad_enabled():
        return (), values
    places = [i for i, v in enumerate(values) if isinstance(v, flambeau.Tensor) and v.requires_grad]
    if not places:
        return (), values
    marked = _passage().apply(callback, *(values[i] for i in places))
    values = list(values)
    for place, tensor in zip(places, marked, strict=True):
        values[place] = tensor
    return tuple(places), tuple(values)


_passage_class = None


def _passage():
    """The identity that hands its gradients to a callback; made on first use."""
    global _passage_class
    if _passage_class is None:

        class BackwardHookFunction(flambeau.autograd.Function):
            @staticmethod
            def forward(ctx, callback, *tensors):
                ctx.callback = callback
                ctx.set_materialize_grads(False)
                return tuple(tensor.view_as(tensor) for tensor in tensors)

            @staticmethod
            def backward(ctx, *grads):
                return (None, *ctx.callback(grads))

        _passage_class = BackwardHookFunction
    return _passage_class


def _attach_legacy_hooks(module, hooks, args, result):
    """Hooks of register_backward_hook: on the node of the result, whatever its inputs are."""
    tensor = result
    while not isinstance(tensor, flambeau.Tensor):
        tensor = next(iter(tensor.values())) if isinstance(tensor, dict) else tensor[0]
    node = tensor.grad_fn
    if node is None:
        return
    _warn_unless_simple(args, result, node)
    for hook in hooks:

        def on_node(grad_inputs, grad_outputs, hook=hook):
            return hook(module, grad_inputs, grad_outputs)

        node.register_hook(on_node)


def _warn_unless_simple(args, result, node):
    several = "are not" if isinstance(result, tuple) else None
    if several is None and isinstance(args, tuple):
        inputs = {
            v.grad_fn for v in args if isinstance(v, flambeau.Tensor) and v.grad_fn is not None
        }
        fed_by = {entry[0] for entry in node.next_functions}
        several = "are not" if inputs != fed_by else None
    if several is not None:
        _core._warn(
            "Module: a non-full backward hook sees the gradients of one operator only, and this "
            "module has several. Use register_full_backward_hook.",
            FutureWarning,
        )


class WithModule:
    """A load_state_dict pre-hook that gets its module first; the reference to it is weak."""

    def __init__(self, hook, module):
        self.hook = hook
        self._module = weakref.ref(module)

    def __call__(self, *args):
        module = self._module()
        if module is None:
            raise RuntimeError("Module: a hook of a module that is gone was called.")
        return self.hook(module, *args)

    def __reduce__(self):
        return WithModule, (self.hook, self._module())
