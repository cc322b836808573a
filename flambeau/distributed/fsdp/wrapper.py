"""FullyShardedDataParallel: a wrapped module whose parameters are cut over the processes."""

import contextlib
from operator import attrgetter

import flambeau

from ...nn.modules.module import Module
from ...nn.parameter import Parameter
from .. import groups
from ..collectives import broadcast
from ..device_mesh import DeviceMesh
from ..objects import all_gather_object
from ..tensor.api import distribute_tensor
from ..tensor.dtensor import DTensor
from ..tensor.moves import own_part
from ..wrapping import Wrapper
from .in_place import below, shard
from .options import (
    FullOptimStateDictConfig,
    FullStateDictConfig,
    LocalOptimStateDictConfig,
    LocalStateDictConfig,
    MixedPrecision,
    MixedPrecisionPolicy,
    ShardedOptimStateDictConfig,
    ShardedStateDictConfig,
    ShardingStrategy,
    StateDictSettings,
    StateDictType,
)
from .wrap import wrap_submodules

__all__ = ["FullyShardedDataParallel"]

_WRAPPED = "_fsdp_wrapped_module."
_HYBRID = (ShardingStrategy.HYBRID_SHARD, ShardingStrategy._HYBRID_SHARD_ZERO2)
_CONFIGS = {
    StateDictType.FULL_STATE_DICT: (FullStateDictConfig, FullOptimStateDictConfig),
    StateDictType.SHARDED_STATE_DICT: (ShardedStateDictConfig, ShardedOptimStateDictConfig),
    StateDictType.LOCAL_STATE_DICT: (LocalStateDictConfig, LocalOptimStateDictConfig),
}


def clean(name):
    """The name that a parameter has without wrappers."""
    return name.replace(_WRAPPED, "").replace("_checkpoint_wrapped_module.", "")


class FullyShardedDataParallel(Wrapper):
    """Runs `module` with its parameters, gradients and optimizer state cut over the processes.

    Parameters keep their names and are DTensors, cut along their first dimension (PyTorch makes flat ones of them
    without use_orig_params). Optimizers are made after wrapping.

    Args:
        module (Module).
        process_group (ProcessGroup, or two of them for the hybrid strategies), device_mesh (DeviceMesh): whose processes.
        sharding_strategy (ShardingStrategy): FULL_SHARD by default.
        auto_wrap_policy (callable): which submodules are wrapped on their own; see fsdp.wrap.
        mixed_precision (MixedPrecision): the dtypes.
        ignored_modules, ignored_states: modules and parameters that stay whole.
        param_init_fn (callable): fills a module whose parameters are on meta.
        sync_module_states (bool): whether parameters and buffers become rank 0's.
        cpu_offload, backward_prefetch, forward_prefetch, limit_all_gathers, use_orig_params: without effect here.

    Source: Zhao et al., "PyTorch FSDP", VLDB 2023, arXiv:2304.11277.
    """

    def __init__(self, module, process_group=None, sharding_strategy=None, cpu_offload=None, auto_wrap_policy=None,
                 backward_prefetch=None, mixed_precision=None, ignored_modules=None, param_init_fn=None,
                 device_id=None, sync_module_states=False, forward_prefetch=False, limit_all_gathers=True,
                 use_orig_params=False, ignored_states=None, device_mesh=None):  # fmt: skip
        super().__init__()
        strategy = sharding_strategy or ShardingStrategy.FULL_SHARD
        if device_id is not None and flambeau.device(device_id).type != "cpu":
            raise ValueError(
                f"FullyShardedDataParallel: device_id is {device_id}; computes on CPUs."
            )
        states = list(ignored_states or ())
        skipped = {
            m
            for top in [*(ignored_modules or ()), *(s for s in states if isinstance(s, Module))]
            for m in top.modules()
        }
        ignored = {s for s in states if not isinstance(s, Module)}
        ignored |= {p for m in skipped for p in m._parameters.values() if p is not None}
        if any(p.is_meta for p in module.parameters()):
            if param_init_fn is None:
                raise ValueError(
                    "FullyShardedDataParallel: parameters are on meta; param_init_fn fills them."
                )
            for m in module.modules():
                if any(p is not None and p.is_meta for p in m._parameters.values()):
                    param_init_fn(m)
        mesh = _mesh_of(process_group, strategy, device_mesh)
        if sync_module_states:
            everyone = mesh.get_group() if mesh.ndim == 1 else None
            for t in [*module.parameters(), *module.buffers()]:
                if not isinstance(t, DTensor):
                    broadcast(t.detach(), group=everyone, group_src=0)
        self.mixed_precision = mixed = mixed_precision or MixedPrecision()
        if auto_wrap_policy is not None:
            options = {
                "sharding_strategy": strategy, "mixed_precision": mixed_precision, "process_group": process_group,
                "device_mesh": device_mesh, "ignored_states": states + list(ignored_modules or ()),
            }  # fmt: skip
            wrap_submodules(
                module,
                auto_wrap_policy,
                lambda child, **more: FullyShardedDataParallel(child, **{**options, **more}),
                skipped,
            )
        self.sharding_strategy, self.process_group = strategy, mesh.get_group(mesh.ndim - 1)
        self.rank, self.world_size = self.process_group.rank(), self.process_group.size()
        self._fsdp_wrapped_module = module
        if mixed.buffer_dtype is not None:
            for m in module.modules():
                for name, b in m._buffers.items():
                    if b is not None and b.is_floating_point():
                        m._buffers[name] = b.to(mixed.buffer_dtype)
        policy = MixedPrecisionPolicy(
            mixed.param_dtype, mixed.reduce_dtype, None,
            mixed.cast_forward_inputs or mixed.cast_root_forward_inputs,
        )  # fmt: skip
        if strategy is ShardingStrategy.NO_SHARD:
            mesh = _no_shards(mesh)
        reshard = strategy in (ShardingStrategy.FULL_SHARD, ShardingStrategy.HYBRID_SHARD)
        owned = below(self, lambda child: "_sharded" in child.__dict__)
        owned = [m for m in owned if m not in skipped]
        self._group_of = shard(self, owned, mesh, policy, reshard, lambda p: 0, ignored)
        self._settings = None
        self._register_load_state_dict_pre_hook(self._load_names)

    _inner = "_fsdp_wrapped_module"
    module = property(attrgetter(_inner), doc="The wrapped module.")

    def forward(self, *args, **kwargs):
        """The module's forward."""
        return self._fsdp_wrapped_module(*args, **kwargs)

    @staticmethod
    def fsdp_modules(module, root_only=False):
        """The wrapped modules in `module`, or those of them that are in no other."""
        found = [m for m in module.modules() if isinstance(m, FullyShardedDataParallel)]
        if root_only:
            inside = {n for m in found for n in m.modules() if n is not m}
            found = [m for m in found if m not in inside]
        return found

    def check_is_root(self):
        """Whether its parameters were cut last: no wrapped module of this program holds it, as far as it knows."""
        return True

    @contextlib.contextmanager
    def no_sync(self):
        """A context in which gradients are added up here and not averaged."""
        found = [m._group_of for m in self.fsdp_modules(self)]
        for group in found:
            group.syncs = False
        try:
            yield
        finally:
            for group in found:
                group.syncs = True

    def clip_grad_norm_(self, max_norm, norm_type=2.0):
        """nn.utils.clip_grad_norm_ of all processes' parts; the norm before."""
        total = flambeau.nn.utils.clip_grad_norm_(self.parameters(), max_norm, norm_type)
        return total.full_tensor() if isinstance(total, DTensor) else total

    def named_parameters(self, *args, **kwargs):
        """The parameters by their names without wrappers."""
        for name, p in super().named_parameters(*args, **kwargs):
            yield clean(name), p

    def named_buffers(self, *args, **kwargs):
        """The buffers by their names without wrappers."""
        for name, b in super().named_buffers(*args, **kwargs):
            yield clean(name), b

    @staticmethod
    @contextlib.contextmanager
    def summon_full_params(module, recurse=True, writeback=True, rank0_only=False, offload_to_cpu=False,
                           with_grads=False):  # fmt: skip
        """A context in which parameters are whole, and in which what is written to them stays (writeback)."""
        if with_grads:
            raise NotImplementedError("summon_full_params: with_grads is not offered.")
        found = FullyShardedDataParallel.fsdp_modules(module)
        groups_ = [m._group_of for m in (found if recurse else found[:1])]
        summoned = []  # (group, its DTensors, whole parameters)
        for group in groups_:
            parts = group.parameters
            with flambeau.no_grad():
                whole = [Parameter(p.full_tensor(), p.requires_grad) for p in parts]
            summoned.append((group, parts, whole))
            for (m, name), i in zip(group.places, group.index, strict=True):
                m._parameters[name] = whole[i]
        try:
            yield
        finally:
            for group, parts, whole in summoned:
                for (m, name), i in zip(group.places, group.index, strict=True):
                    m._parameters[name] = parts[i]
                if writeback:
                    with flambeau.no_grad():
                        for p, w, dim in zip(parts, whole, group.dims, strict=True):
                            p._local_tensor.copy_(own_part(w, dim, group.group))

    def apply(self, fn):
        """fn of each module, with whole parameters."""
        with self.summon_full_params(self):
            return super().apply(fn)

    def register_comm_hook(self, state, hook):
        """Not offered."""
        raise NotImplementedError("FullyShardedDataParallel.register_comm_hook: not offered.")

    # -- state

    @staticmethod
    def set_state_dict_type(
        module, state_dict_type, state_dict_config=None, optim_state_dict_config=None
    ):
        """What state_dict() and optim_state_dict() give from now on; the settings before."""
        configs = _CONFIGS[state_dict_type]
        settings = StateDictSettings(
            state_dict_type, state_dict_config or configs[0](), optim_state_dict_config or configs[1]()
        )  # fmt: skip
        before = FullyShardedDataParallel.get_state_dict_type(module)
        for m in FullyShardedDataParallel.fsdp_modules(module):
            m._settings = settings
        return before

    @staticmethod
    def get_state_dict_type(module):
        """The settings in force: whole tensors at first."""
        for m in FullyShardedDataParallel.fsdp_modules(module):
            if m._settings is not None:
                return m._settings
        return StateDictSettings(
            StateDictType.FULL_STATE_DICT, FullStateDictConfig(), FullOptimStateDictConfig()
        )

    @staticmethod
    @contextlib.contextmanager
    def state_dict_type(
        module, state_dict_type, state_dict_config=None, optim_state_dict_config=None
    ):
        """A context of set_state_dict_type."""
        of = FullyShardedDataParallel
        before = of.set_state_dict_type(module, state_dict_type, state_dict_config, optim_state_dict_config)  # fmt: skip
        try:
            yield
        finally:
            of.set_state_dict_type(
                module, before.state_dict_type, before.state_dict_config, before.optim_state_dict_config
            )  # fmt: skip

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Names without wrappers -> tensors: whole ones, DTensors, or this process's parts; see state_dict_type."""
        settings = self.get_state_dict_type(self)
        kind = settings.state_dict_type
        found = super().state_dict(prefix=prefix, keep_vars=keep_vars)
        metadata = getattr(found, "_metadata", None)
        made = type(found)() if destination is None else destination
        only_0 = getattr(settings.state_dict_config, "rank0_only", False) and groups.get_rank() != 0
        for name, value in found.items():
            if isinstance(value, DTensor):
                if kind is StateDictType.FULL_STATE_DICT:
                    value = value.full_tensor().detach()
                elif kind is StateDictType.LOCAL_STATE_DICT:
                    value = value.to_local().detach()
            if not only_0:
                made[prefix + clean(name[len(prefix) :])] = value
        if metadata is not None and destination is None:
            made._metadata = metadata
        return made

    def _load_names(self, state_dict, prefix, *rest):
        """Names without wrappers as this module has them."""
        for name in list(state_dict):
            if name.startswith(prefix) and not name.startswith(prefix + _WRAPPED):
                state_dict[prefix + _WRAPPED + name[len(prefix) :]] = state_dict.pop(name)

    @staticmethod
    def optim_state_dict(model, optim, optim_state_dict=None, group=None):
        """The optimizer's state by names of parameters: whole tensors, or DTensors; see state_dict_type."""
        settings = FullyShardedDataParallel.get_state_dict_type(model)
        whole = settings.state_dict_type is StateDictType.FULL_STATE_DICT
        names = {id(p): clean(name) for name, p in model.named_parameters()}
        given = optim.state_dict() if optim_state_dict is None else optim_state_dict
        order = [names[id(p)] for g in optim.param_groups for p in g["params"]]
        numbers = [i for g in given["param_groups"] for i in g["params"]]
        name_of = dict(zip(numbers, order, strict=True))

        def value_of(value):
            return value.full_tensor() if whole and isinstance(value, DTensor) else value

        state = {
            name_of[i]: {key: value_of(value) for key, value in entry.items()}
            for i, entry in given["state"].items()
        }
        found = {
            "state": state,
            "param_groups": [
                {**g, "params": [name_of[i] for i in g["params"]]} for g in given["param_groups"]
            ],
        }
        only_0 = getattr(settings.optim_state_dict_config, "rank0_only", False)
        return {} if only_0 and groups.get_rank() != 0 else found

    @staticmethod
    def optim_state_dict_to_load(model, optim, optim_state_dict, is_named_optimizer=False,
                                 load_directly=False, group=None):  # fmt: skip
        """What optim.load_state_dict takes, from optim_state_dict's result."""
        if is_named_optimizer:
            raise NotImplementedError(
                "optim_state_dict_to_load: is_named_optimizer is not offered."
            )
        named = {clean(name): p for name, p in model.named_parameters()}
        names = {id(p): name for name, p in named.items()}
        number_of = {
            names[id(p)]: i
            for i, p in enumerate(p for g in optim.param_groups for p in g["params"])
        }

        def value_of(name, value):
            p = named[name]
            if isinstance(p, DTensor) and isinstance(value, flambeau.Tensor) and value.ndim:
                if not isinstance(value, DTensor):
                    value = distribute_tensor(value.view(p.shape), p.device_mesh, p.placements, src_data_rank=None)  # fmt: skip
            return value

        found = {
            "state": {
                number_of[name]: {key: value_of(name, value) for key, value in entry.items()}
                for name, entry in optim_state_dict["state"].items()
            },
            "param_groups": [
                {**g, "params": [number_of[name] for name in g["params"]]}
                for g in optim_state_dict["param_groups"]
            ],
        }
        if load_directly:
            optim.load_state_dict(found)
        return found

    @staticmethod
    def full_optim_state_dict(model, optim, optim_input=None, rank0_only=True, group=None):
        """optim_state_dict with whole tensors; with rank0_only the other processes get an empty dict."""
        of = FullyShardedDataParallel
        config = FullOptimStateDictConfig(rank0_only=rank0_only)
        with of.state_dict_type(model, StateDictType.FULL_STATE_DICT, None, config):
            return of.optim_state_dict(model, optim)

    @staticmethod
    def shard_full_optim_state_dict(full_optim_state_dict, model, optim_input=None, optim=None):
        """optim_state_dict_to_load of a dict with whole tensors."""
        return FullyShardedDataParallel.optim_state_dict_to_load(
            model, optim, full_optim_state_dict
        )

    @staticmethod
    def scatter_full_optim_state_dict(
        full_optim_state_dict, model, optim_input=None, optim=None, group=None
    ):
        """shard_full_optim_state_dict of the dict that rank 0 has."""
        everyone = [None] * groups.get_world_size(group)
        all_gather_object(everyone, full_optim_state_dict if groups.get_rank(group) == 0 else None, group)  # fmt: skip
        return FullyShardedDataParallel.optim_state_dict_to_load(model, optim, everyone[0])


def _mesh_of(process_group, strategy, device_mesh):
    if device_mesh is not None:
        if strategy in _HYBRID and device_mesh.ndim != 2:
            raise ValueError(
                f"FullyShardedDataParallel: {strategy} needs a mesh of two dimensions."
            )
        return device_mesh
    if isinstance(process_group, tuple):
        inner, outer = process_group
        mesh = DeviceMesh.from_group(inner, "cpu")
        mesh.mesh = mesh.mesh[None]
        mesh._groups, mesh._coordinate = [outer, inner], [outer.rank(), inner.rank()]
        return mesh
    if strategy in _HYBRID:
        raise ValueError(
            f"FullyShardedDataParallel: {strategy} needs a device_mesh of two dimensions, or two groups."
        )
    return DeviceMesh.from_group(groups.chosen(process_group, "FullyShardedDataParallel"), "cpu")


def _no_shards(mesh):
    """Nothing is cut: a mesh of this process alone, repeated over all."""
    everyone = mesh.get_group(0) if mesh.ndim == 1 else groups.group.WORLD
    alone = groups.ProcessGroup(
        [groups.get_rank()], None, everyone.backend, everyone.seconds, everyone.store, "alone"
    )
    made = DeviceMesh.from_group(alone, "cpu")
    made.mesh = made.mesh[None]
    made._groups, made._coordinate = [everyone, alone], [everyone.rank(), 0]
    return made
