"""Optimizer, the base of every optimizer: parameter groups, state, hooks."""

import functools
import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from copy import deepcopy
from itertools import chain

import flambeau

from .. import _core
from ..nn.modules.hooks import add, rewritten

ParamsT = _params_t = Iterable  # in annotations: of tensors, dicts or (name, tensor) pairs


class _Required:
    """The default of an option that every group must give."""

    def __repr__(self):
        return "<required parameter>"


required = _Required()

_NO_HOOKS = {}
_global_step_pre_hooks = OrderedDict()
_global_step_post_hooks = OrderedDict()


def register_optimizer_step_pre_hook(hook):
    """hook(optimizer, args, kwargs) before the step of every optimizer."""
    return add(_global_step_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """hook(optimizer, args, kwargs) after the step of every optimizer."""
    return add(_global_step_post_hooks, hook)


def with_hooks(step):
    """`step` with the hooks around it; without hooks the cost is one test."""
    if getattr(step, "hooked", False):
        return step

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        # A subclass need not have called Optimizer.__init__ in order to step.
        before = self.__dict__.get("_optimizer_step_pre_hooks", _NO_HOOKS)
        after = self.__dict__.get("_optimizer_step_post_hooks", _NO_HOOKS)
        if not (before or after or _global_step_pre_hooks or _global_step_post_hooks):
            return step(self, *args, **kwargs)
        for hook in chain(_global_step_pre_hooks.values(), before.values()):
            args, kwargs = rewritten("Optimizer.step: a pre-hook", hook, self, args, kwargs)
        out = step(self, *args, **kwargs)
        for hook in chain(after.values(), _global_step_post_hooks.values()):
            hook(self, args, kwargs)
        return out

    wrapper.hooked = True
    return wrapper


class Optimizer:
    """Parameters in groups that share options, and what is remembered of each parameter.

    Args:
        params (iterable): tensors, (name, tensor) pairs, or dicts with "params" and options.
        defaults (dict): the options of groups that do not give their own.

    A subclass defines step(), or update(group), which step() calls for each group without recording.

    Example:
        >>> class Halving(torch.optim.Optimizer):
        ...     def update(self, group):
        ...         for parameter in group["params"]:
        ...             parameter.mul_(group["factor"])
        >>> x = torch.tensor([4.0], requires_grad=True)
        >>> Halving([x], {"factor": 0.5}).step()
        >>> x.item()
        2.0
    """

    _later_options = {}  # those that groups from older files lack, and what they are for those

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._make_hook_tables()
        if isinstance(params, flambeau.Tensor):
            raise TypeError(
                f"{type(self).__name__}: params is one {flambeau.typename(params)}; it must be a "
                "list of Tensors or of dicts. Write [parameter]."
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        try:
            groups = list(params)
        except TypeError:
            raise TypeError(
                f"{type(self).__name__}: params is {type(params).__name__}; it must be a list of "
                "Tensors or of dicts. For a module write module.parameters()."
            ) from None
        if not groups:
            raise ValueError(
                f"{type(self).__name__}: params is empty. An iterator such as model.parameters() "
                "can be read only once."
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = with_hooks(cls.step)

    @staticmethod
    def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
        """Lists of tensors, parallel to each other, by device and dtype of the first list's.

        Args:
            tensorlistlist (list of lists): the others may hold None.

        Returns:
            dict: (device, dtype) -> (lists, places of their elements; empty unless with_indices).
        """
        groups = {}
        for place, first in enumerate(tensorlistlist[0]):
            key = first.device, first.dtype
            lists, places = groups.setdefault(key, ([[] for _ in tensorlistlist], []))
            for found, given in zip(lists, tensorlistlist):
                if given:
                    found.append(given[place])
            if with_indices:
                places.append(place)
        return groups

    def _make_hook_tables(self):
        for kind in ("step_pre", "step_post", "state_dict_pre", "state_dict_post",
                     "load_state_dict_pre", "load_state_dict_post"):  # fmt: skip
            self.__dict__.setdefault(f"_optimizer_{kind}_hooks", OrderedDict())

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._make_hook_tables()
        self.defaults.setdefault("differentiable", False)
        for name, default in self._later_options.items():
            for group in self.param_groups:
                group.setdefault(name, default)

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"\nParameter Group {i}" if i else "Parameter Group 0")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    @staticmethod
    def profile_hook_step(func):
        """`func`, a step, with the hooks around it."""
        return with_hooks(func)

    def _patch_step_function(self):
        """Puts the hooks around the step of self's class, where somebody set another since the class was made."""
        cls = type(self)
        cls.step = with_hooks(cls.step)

    def _cuda_graph_capture_health_check(self):
        """Nothing to check: no graph is ever being recorded here. Steps written for PyTorch call it."""

    # -- stepping

    @with_hooks
    def step(self, closure=None):
        """Update every parameter that has a gradient.

        Args:
            closure (callable, optional): computes the loss and the gradients again; its result is
                returned.
        """
        loss = None
        if closure is not None:
            with flambeau.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group.get("differentiable"):
                self.update(group)
            else:
                with flambeau.no_grad():
                    self.update(group)
        return loss

    def update(self, group):
        """Update the parameters of one group; subclasses define it or step()."""
        raise NotImplementedError

    def zero_grad(self, set_to_none=True):
        """Forget all gradients, or with set_to_none=False fill them with 0."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                    continue
                grad = parameter.grad
                if grad is None:
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    # -- groups

    def add_param_group(self, param_group):
        """Add a group: a dict with "params" and the options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"add_param_group: takes a dict, not {type(param_group).__name__}.")
        params = param_group["params"]
        if isinstance(params, flambeau.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                f"{type(self).__name__}: params is a set, whose order changes from run to run. "
                "Give a list."
            )
        params = list(params)
        named = [isinstance(entry, tuple) for entry in params]
        if any(named):
            if not all(named):
                raise ValueError(
                    f"{type(self).__name__}: some parameters have names and others none. Name all, "
                    "as named_parameters() does, or none."
                )
            param_group["param_names"] = [name for name, _ in params]
            params = [parameter for _, parameter in params]
        param_group["params"] = params
        for parameter in params:
            if not isinstance(parameter, flambeau.Tensor):
                raise TypeError(
                    f"{type(self).__name__}: takes Tensors, but a parameter is "
                    f"{flambeau.typename(parameter)}."
                )
            if not self.defaults.get("differentiable") and not (
                parameter.is_leaf or parameter.retains_grad
            ):
                raise ValueError(
                    f"{type(self).__name__}: a parameter of shape {tuple(parameter.shape)} is no "
                    "leaf: it was computed, and a step would change only the result. Give the "
                    "leaves."
                )
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"{type(self).__name__}: a group lacks {name!r}, which has no default."
                )
            param_group.setdefault(name, default)
        if len(params) != len({id(parameter) for parameter in params}):
            _core._warn(
                f"{type(self).__name__}: a group holds a parameter twice, which is then stepped "
                "twice."
            )
        known = {id(parameter) for group in self.param_groups for parameter in group["params"]}
        if any(id(parameter) in known for parameter in params):
            raise ValueError(
                f"{type(self).__name__}: a parameter is in two groups. It may be in one."
            )
        if self.param_groups and ("param_names" in self.param_groups[0]) != (
            "param_names" in param_group
        ):
            raise ValueError(
                f"{type(self).__name__}: this group has names and the others none, or the reverse. "
                "Name all groups, or none."
            )
        self.param_groups.append(param_group)

    # -- state

    def state_dict(self):
        """{"state": number of parameter -> its state, "param_groups": options and numbers}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        number = {}
        groups = []
        for group in self.param_groups:
            for parameter in group["params"]:
                number.setdefault(id(parameter), len(number))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [number[id(parameter)] for parameter in group["params"]]
            groups.append(packed)
        state = {
            (number[id(key)] if isinstance(key, flambeau.Tensor) else key): value
            for key, value in self.state.items()
        }
        state_dict = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            replacement = hook(self, state_dict)
            if replacement is not None:
                state_dict = replacement
        return state_dict

    def load_state_dict(self, state_dict):
        """Take over the state and the options that state_dict() gave, parameters in the same order.

        Everything is copied: later steps of the optimizer that gave the state change nothing here.

        Raises:
            ValueError: the groups are not as many, or not as large, as this optimizer's.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replacement = hook(self, state_dict)
            if replacement is not None:
                state_dict = replacement
        saved_groups = deepcopy(state_dict["param_groups"])
        if len(saved_groups) != len(self.param_groups):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: the state has {len(saved_groups)} groups, "
                f"the optimizer {len(self.param_groups)}. They must be made alike."
            )
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    f"{type(self).__name__}.load_state_dict: a group has another number of "
                    "parameters than the state's. They must be made alike."
                )
        parameter_of = {}
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            parameter_of.update(zip(saved["params"], group["params"], strict=True))
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in parameter_of:
                parameter = parameter_of[key]
                state[parameter] = _fitted(value, parameter)
            else:
                state[key] = deepcopy(value)
        groups = []
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved["param_names"] = group["param_names"]
            groups.append(saved)
        self.__setstate__({"state": state, "param_groups": groups})
        # Schedules that are made from now on change the options; one that is loaded puts them back.
        self._loaded_options = [
            deepcopy({name: value for name, value in group.items() if name != "params"})
            for group in groups
        ]
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # -- hooks

    def register_step_pre_hook(self, hook):
        """Call hook(optimizer, args, kwargs) before step; it may return other (args, kwargs)."""
        return add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call hook(optimizer, args, kwargs) after step."""
        return add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call hook(optimizer) before state_dict."""
        return add(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call hook(optimizer, state_dict) after state_dict; it may return another."""
        return add(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call hook(optimizer, state_dict) before load_state_dict; it may return another."""
        return add(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call hook(optimizer) after load_state_dict."""
        return add(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _fitted(value, parameter, key=None):
    """A copy of `value`, tensors in the parameter's dtype and on its device but for step counters."""
    if isinstance(value, flambeau.Tensor):
        if key == "step":
            return value.clone()
        dtype = value.dtype
        if parameter.is_floating_point() or parameter.is_complex():
            dtype = parameter.dtype
        return value.detach().to(dtype=dtype, device=parameter.device, copy=True)
    if isinstance(value, dict):
        return {k: _fitted(v, parameter, k) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple
        return type(value)(*(_fitted(v, parameter) for v in value))
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return type(value)(_fitted(v, parameter) for v in value)
    return deepcopy(value)


# ------------------------------------------------------------------ what optimizers of libraries import


def _use_grad_for_differentiable(func):
    """A step under the optimizer's own `differentiable`: recorded if that is set, else not."""

    @functools.wraps(func)
    def step(self, *args, **kwargs):
        with flambeau.set_grad_enabled(self.defaults.get("differentiable", False)):
            return func(self, *args, **kwargs)

    return step


def _default_to_fused_or_foreach(params, differentiable, use_fused=False):
    """(fused, foreach) where neither is asked for: PyTorch takes them on a GPU, so here neither."""
    return False, False


def _get_value(x):
    """A number, out of a tensor of one or as it is."""
    return x.item() if isinstance(x, flambeau.Tensor) else x


def _stack_if_compiling(x):
    """x: nothing is compiled."""
    return x


def _dispatch_sqrt(x):
    """The square root of a number or a tensor."""
    return x.sqrt() if isinstance(x, flambeau.Tensor) else math.sqrt(x)


def _get_scalar_dtype(is_fused=None):
    """The dtype of step counters."""
    both = flambeau.get_default_dtype() == flambeau.float64 and not is_fused
    return flambeau.float64 if both else flambeau.float32


def _get_capturable_supported_devices(supports_xla=True):
    """The kinds of devices whose steps PyTorch can capture; none of them is here."""
    return ["cuda", "hpu", "xpu"] + ["xla"] * supports_xla


def _view_as_real(params, *state_and_grads):
    """Complex parameters, and what belongs to them, as pairs of real numbers in place."""
    for i, parameter in enumerate(params):
        if flambeau.is_complex(parameter):
            params[i] = flambeau.view_as_real(parameter)
            for given in state_and_grads:
                given[i] = flambeau.view_as_real(given[i])
