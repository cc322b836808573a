"""fully_shard: a module, as it is, with its parameters cut over the processes."""

import contextlib

import flambeau

from ...nn.modules.module import Module
from ..device_mesh import DeviceMesh
from ..tensor.dtensor import DTensor
from .options import MixedPrecisionPolicy, OffloadPolicy
from .sharded import ShardedParameters

__all__ = ["FSDPModule", "UnshardHandle", "fully_shard", "register_fsdp_forward_method", "shard"]


_AS_THEY_ARE, _ON_THE_CPU = MixedPrecisionPolicy(), OffloadPolicy()


class UnshardHandle:
    """What unshard(async_op=True) gives: wait() has nothing left to do."""

    def wait(self):
        """The parameters are whole."""


class FSDPModule:
    """What fully_shard adds to a module's class."""

    def _groups(self, recurse=True):
        modules = self.modules() if recurse else [self]
        return [m.__dict__["_sharded"] for m in modules if "_sharded" in m.__dict__]

    def unshard(self, async_op=False):
        """The module's parameters are whole until reshard(). With async_op it gives a handle."""
        for group in self._groups(recurse=False):
            with flambeau.no_grad():
                group.held = group.gather([p._local_tensor for p in group.parameters])
            group.show()
        return UnshardHandle() if async_op else None

    def reshard(self):
        """The module has its parts again."""
        for group in self._groups(recurse=False):
            group.held = None
            group.hide()

    def set_requires_gradient_sync(self, requires_gradient_sync, *, recurse=True):
        """Whether backward averages gradients, or adds them up here until it does."""
        for group in self._groups(recurse):
            group.syncs = requires_gradient_sync

    def set_requires_all_reduce(self, requires_all_reduce, *, recurse=True):
        """Whether gradients are averaged along the mesh's first dimension of two."""
        for group in self._groups(recurse):
            group.reduces = requires_all_reduce

    def set_reshard_after_forward(self, reshard_after_forward, recurse=True):
        """Whether backward gathers parameters again, or keeps those of forward."""
        for group in self._groups(recurse):
            group.reshard = reshard_after_forward

    def set_gradient_divide_factor(self, factor):
        """By what the sum of the gradients is divided, instead of the number of processes."""
        for group in self._groups(recurse=False):
            group.divisor = factor

    set_reduce_scatter_divide_factor = set_gradient_divide_factor

    def set_is_last_backward(self, is_last_backward):
        """Without effect: each backward is whole."""

    def set_reshard_after_backward(self, reshard_after_backward, *, recurse=True):
        """Without effect: whole parameters of backward go at its end."""

    def set_modules_to_forward_prefetch(self, modules):
        """Without effect: parameters are gathered when they are needed."""

    set_modules_to_backward_prefetch = set_modules_to_forward_prefetch


def _cast(value, dtype):
    """The value with its floating tensors in a dtype, also in tuples, lists and dicts."""
    if isinstance(value, flambeau.Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if type(value) in (tuple, list):
        return type(value)([_cast(v, dtype) for v in value])
    if type(value) is dict:
        return {key: _cast(v, dtype) for key, v in value.items()}
    return value


def _tensors_in(value):
    if isinstance(value, flambeau.Tensor):
        return [value]
    values = (
        value.values()
        if isinstance(value, dict)
        else value
        if isinstance(value, (tuple, list))
        else ()
    )
    return [tensor for v in values for tensor in _tensors_in(v)]


class _Running:
    """A module's forward, surrounded."""

    def __init__(self, group):
        self.group, self.stack = group, contextlib.ExitStack()
        self.depth, self.found = 0, None

    def before(self, module, args, kwargs):
        policy = self.group.policy
        if policy.param_dtype is not None and policy.cast_forward_inputs:
            args, kwargs = _cast((args, kwargs), policy.param_dtype)
        self.depth += 1
        if self.depth == 1:
            found = self.group.show()
            self.stack.callback(self.end)
            self.found = found
            if self.group.reshard and flambeau.is_grad_enabled():
                self.stack.enter_context(self.group.kept(found))
        return args, kwargs

    def end(self):
        if self.group.held is None:
            self.group.hide()

    def after(self, module, args, output):
        self.depth -= 1
        if self.depth == 0:
            self.stack.close()
            if not self.group.reshard:
                self.group.whole = self.found
            self.found = None
        policy = self.group.policy
        if policy.output_dtype is not None:
            output = _cast(output, policy.output_dtype)
        for tensor in _tensors_in(output):
            if tensor.requires_grad:
                tensor.register_hook(lambda grad: self.group.enter_backward())
        return output


def shard(module, owned, mesh, policy, reshard, dim_of, ignored=frozenset()):
    """Cuts the parameters of `module` and of the modules `owned` that no other group has, and surrounds its forward."""
    places = [
        (m, name)
        for m in owned
        for name, p in m._parameters.items()
        if p is not None and p not in ignored
    ]
    for m, name in places:
        if isinstance(m._parameters[name], DTensor):
            raise NotImplementedError(
                f"fully_shard: parameter {name} of {type(m).__name__} is a DTensor already, and DTensors lie over one "
                "dimension of a mesh. Cut by layers (parallelize_module) or by fully_shard, not both."
            )
    group = ShardedParameters(places, mesh, policy, reshard, dim_of)
    module.__dict__["_sharded"] = group
    if places:
        running = _Running(group)
        module.register_forward_pre_hook(running.before, prepend=True, with_kwargs=True)
        module.register_forward_hook(running.after, always_call=True)
    return group


def below(module, ends):
    """The module and those below it, without those where ends(module), and what is below them."""
    found = [module]
    for child in module.children():
        if not ends(child):
            found += [m for m in below(child, ends) if m not in found]
    return found


def fully_shard(module, *, mesh=None, reshard_after_forward=None, shard_placement_fn=None,
                mp_policy=_AS_THEY_ARE, offload_policy=_ON_THE_CPU, ignored_params=None,
                dp_mesh_dims=None):  # fmt: skip
    """Cuts a module's parameters over the processes, as DTensors; the module is changed and returned.

    Submodules that are to be gathered one after the other are cut first, then the module that holds them. Optimizers are
    made afterwards.

    Args:
        module (Module, or list of Module).
        mesh (DeviceMesh): of one dimension; of two, parameters are repeated along the first. All processes by default.
        reshard_after_forward (bool): whether backward gathers parameters again; True by default.
        shard_placement_fn (callable): fn(parameter) -> Shard(dim) or None for Shard(0).
        mp_policy (MixedPrecisionPolicy): the dtypes.
        offload_policy (OffloadPolicy): parameters are on the CPU in any case.
        ignored_params (set of Parameter): those that stay whole.

    Source: Zhao et al., "PyTorch FSDP", VLDB 2023, arXiv:2304.11277.
    """
    if dp_mesh_dims is not None:
        raise NotImplementedError("fully_shard: dp_mesh_dims is not offered.")
    if not isinstance(reshard_after_forward, (bool, type(None))):
        raise NotImplementedError("fully_shard: reshard_after_forward is True or False.")
    mesh = mesh or DeviceMesh("cpu")
    modules = list(module) if isinstance(module, (list, tuple)) else [module]

    def dim_of(parameter):
        place = None if shard_placement_fn is None else shard_placement_fn(parameter)
        return 0 if place is None else place.dim

    for m in modules:
        if isinstance(m, (flambeau.nn.ModuleList, flambeau.nn.ModuleDict)):
            raise ValueError(
                f"fully_shard: {type(m).__name__} has no forward; cut the modules in it."
            )
        owned = below(m, lambda child: "_sharded" in child.__dict__)
        reshard = True if reshard_after_forward is None else reshard_after_forward
        shard(m, owned, mesh, mp_policy, reshard, dim_of, set(ignored_params or ()))
        kind = type(m)
        m.__class__ = type(f"FSDP{kind.__name__}", (FSDPModule, kind), {"__module__": kind.__module__})  # fmt: skip
    return module


def register_fsdp_forward_method(module, method_name):
    """Surrounds another method than forward in the same way."""
    if not isinstance(module, Module) or "_sharded" not in module.__dict__:
        return
    method, running = getattr(module, method_name), _Running(module.__dict__["_sharded"])

    def surrounded(*args, **kwargs):
        args, kwargs = running.before(module, args, kwargs)
        output = None
        try:
            output = method(*args, **kwargs)
        finally:
            output = running.after(module, args, output)
        return output

    setattr(module, method_name, surrounded)
