"""State dicts of models and optimizers by the names that parameters have without wrappers."""

import dataclasses

import flambeau

from .. import groups
from ..collectives import broadcast
from ..fsdp.wrapper import clean
from ..objects import broadcast_object_list
from ..tensor.api import distribute_tensor
from ..tensor.dtensor import DTensor

__all__ = [
    "StateDictOptions", "get_model_state_dict", "get_optimizer_state_dict", "get_state_dict",
    "set_model_state_dict", "set_optimizer_state_dict", "set_state_dict",
]  # fmt: skip


@dataclasses.dataclass
class StateDictOptions:
    """How state dicts are made and taken.

    Attributes:
        full_state_dict: whole tensors instead of DTensors. With cpu_offload too, only rank 0 gets them.
        ignore_frozen_params: without parameters that require no gradient.
        keep_submodule_prefixes: with `submodules`, whether names begin at the model; only True.
        strict: whether loading needs all names, and no others.
        broadcast_from_rank0: only rank 0 gives what is loaded, whole.
        flatten_optimizer_state_dict: {"state.NAME.KEY": value} instead of nested dicts.
    """

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False
    dsd_fqn_modifiers: str = "_fqn_modifiers"

    def __post_init__(self):
        if not self.keep_submodule_prefixes:
            raise NotImplementedError(
                "StateDictOptions: keep_submodule_prefixes=False is not offered."
            )


def _bare(model):
    """The model without DistributedDataParallel around it."""
    from ...nn.parallel import DistributedDataParallel

    return model.module if isinstance(model, DistributedDataParallel) else model


def _given(value, options):
    """A tensor of a state dict as the options want it."""
    if options.full_state_dict and isinstance(value, DTensor):
        return value.full_tensor().detach()
    return value


def _kept_here(options):
    return not (options.full_state_dict and options.cpu_offload and groups.is_initialized()
                and groups.get_rank() != 0)  # fmt: skip


def _tensors(model, options):
    """{name: parameter or persistent buffer} of the model."""
    model = _bare(model)
    found = {clean(name): p for name, p in model.named_parameters(remove_duplicate=False)
             if p.requires_grad or not options.ignore_frozen_params}  # fmt: skip
    for prefix, module in model.named_modules():
        for name, b in module._buffers.items():
            if b is not None and name not in module._non_persistent_buffers_set:
                found[clean(f"{prefix}.{name}" if prefix else name)] = b
    return found


def get_model_state_dict(model, *, submodules=None, options=None):
    """{name: tensor} of a model: DTensors where it is cut, or whole tensors; see StateDictOptions."""
    options = options or StateDictOptions()
    wanted = None
    if submodules is not None:
        inside = {id(t) for m in submodules for t in [*m.parameters(), *m.buffers()]}
        wanted = lambda t: id(t) in inside
    found = {
        name: _given(t.detach(), options)
        for name, t in _tensors(model, options).items()
        if wanted is None or wanted(t)
    }
    return found if _kept_here(options) else {}


class _Keys:
    """missing_keys and unexpected_keys of a load."""

    def __init__(self, missing, unexpected):
        self.missing_keys, self.unexpected_keys = missing, unexpected


def _loaded(value, like, options):
    """What is written into `like`: from rank 0 if only it has it, cut if `like` is."""
    if options.broadcast_from_rank0 and groups.is_initialized():
        whole = flambeau.empty(tuple(like.shape), dtype=like.dtype)
        if groups.get_rank() == 0:
            whole.copy_(value.full_tensor() if isinstance(value, DTensor) else value)
        broadcast(whole, src=0)
        value = whole
    if isinstance(like, DTensor) and not isinstance(value, DTensor):
        value = distribute_tensor(value.detach(), like.device_mesh, like.placements, src_data_rank=None)  # fmt: skip
    return value


def _put(model, empty, value):
    """A value in the place of a tensor on meta, which has no memory to be written."""
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for key, t in table.items():
                if t is empty:
                    parameter = isinstance(t, flambeau.nn.Parameter)
                    value = value.detach()
                    table[key] = (
                        flambeau.nn.Parameter(value, t.requires_grad) if parameter else value
                    )


def set_model_state_dict(model, model_state_dict, *, options=None):
    """Loads get_model_state_dict's result, or whole tensors; gives missing_keys and unexpected_keys.

    Raises:
        RuntimeError: names are missing or unexpected, with options.strict.
    """
    options = options or StateDictOptions()
    there = _tensors(model, options)
    names = [list(model_state_dict)]
    if options.broadcast_from_rank0 and groups.is_initialized():
        broadcast_object_list(names, src=0)
    names = set(names[0])
    missing = [name for name in there if name not in names]
    unexpected = [name for name in names if name not in there]
    if options.strict and (missing or unexpected):
        raise RuntimeError(
            f"set_model_state_dict: missing names {missing}, unexpected names {unexpected}; strict=False passes over them."
        )
    with flambeau.no_grad():
        for name, t in there.items():
            if name in names:
                value = _loaded(model_state_dict.get(name), t, options)
                t.copy_(value) if not t.is_meta else _put(model, t, value)
    return _Keys(missing, unexpected)


def _optimizers(optimizers):
    return [optimizers] if isinstance(optimizers, flambeau.optim.Optimizer) else list(optimizers)


def _init_optim_state(optimizer):
    """Gives an optimizer that has made no step its state, by one that changes nothing."""
    if optimizer.state or any(p.grad is not None for g in optimizer.param_groups for p in g["params"]):  # fmt: skip
        return
    rates = [g.get("lr") for g in optimizer.param_groups]
    decays = [g.get("weight_decay") for g in optimizer.param_groups]
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.requires_grad:
                p.grad = flambeau.zeros_like(p)
        for name in ("lr", "weight_decay"):
            if name in group:
                group[name] = flambeau.tensor(0.0) if isinstance(group[name], flambeau.Tensor) else 0.0  # fmt: skip
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    for group, lr, decay in zip(optimizer.param_groups, rates, decays, strict=True):
        for name, value in (("lr", lr), ("weight_decay", decay)):
            if name in group:
                group[name] = value


def get_optimizer_state_dict(model, optimizers, *, submodules=None, options=None):
    """{"state": {name: ...}, "param_groups": [...]} by names of parameters.

    An optimizer that has made no step gets its state first, so that a checkpoint can be loaded into it.
    """
    if submodules is not None:
        raise NotImplementedError("get_optimizer_state_dict: submodules is not offered.")
    options = options or StateDictOptions()
    names = {id(p): clean(name) for name, p in _bare(model).named_parameters()}
    state, param_groups = {}, []
    for optimizer in _optimizers(optimizers):
        _init_optim_state(optimizer)
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p in optimizer.state:
                    state[names[id(p)]] = {k: _given(v, options) for k, v in optimizer.state[p].items()}  # fmt: skip
            param_groups.append({**group, "params": [names[id(p)] for p in group["params"]]})
    found = {"state": state, "param_groups": param_groups}
    if not _kept_here(options):
        return {}
    if options.flatten_optimizer_state_dict:
        flat = {f"state.{n}.{k}": v for n, entry in state.items() for k, v in entry.items()}
        for group in param_groups:
            for n in group["params"]:
                flat |= {f"param_groups.{n}.{k}": v for k, v in group.items() if k != "params"}
        return flat
    return found


def _nested(flat):
    """The nested form of a flattened dict."""
    state, groups_of = {}, {}
    for path, value in flat.items():
        kind, _, rest = path.partition(".")
        name, _, key = rest.rpartition(".")
        (state if kind == "state" else groups_of).setdefault(name, {})[key] = value
    return state, groups_of


def set_optimizer_state_dict(model, optimizers, optim_state_dict, *, options=None):
    """Loads get_optimizer_state_dict's result, or one with whole tensors."""
    options = options or StateDictOptions()
    given = [optim_state_dict]
    if options.broadcast_from_rank0 and groups.is_initialized():
        broadcast_object_list(given, src=0)
    given = given[0]
    named = {clean(name): p for name, p in _bare(model).named_parameters()}
    names = {id(p): name for name, p in named.items()}
    flat = "param_groups" not in given
    state, of_groups = _nested(given) if flat else (given["state"], None)
    for optimizer in _optimizers(optimizers):
        made = {"state": {}, "param_groups": []}
        number = 0
        for group in optimizer.param_groups:
            here = [names[id(p)] for p in group["params"]]
            if flat:
                taken = of_groups.get(here[0], {}) if here else {}
            else:
                taken = next((g for g in given["param_groups"] if set(here) & set(g["params"])), {})
            numbers = list(range(number, number + len(here)))
            number += len(here)
            made["param_groups"].append({**{k: v for k, v in group.items() if k != "params"},
                                         **{k: v for k, v in taken.items() if k != "params"},
                                         "params": numbers})  # fmt: skip
            for i, name in zip(numbers, here, strict=True):
                if name in state:
                    made["state"][i] = {k: _cut_like(v, named[name]) for k, v in state[name].items()}  # fmt: skip
        optimizer.load_state_dict(made)


def _cut_like(value, parameter):
    if (isinstance(value, flambeau.Tensor) and not isinstance(value, DTensor)
            and isinstance(parameter, DTensor) and value.shape == parameter.shape):  # fmt: skip
        return distribute_tensor(value, parameter.device_mesh, parameter.placements, src_data_rank=None)  # fmt: skip
    return value


def get_state_dict(model, optimizers, *, submodules=None, options=None):
    """(get_model_state_dict, get_optimizer_state_dict)."""
    return (
        get_model_state_dict(model, submodules=submodules, options=options),
        get_optimizer_state_dict(model, optimizers, submodules=submodules, options=options),
    )


def set_state_dict(model, optimizers, *, model_state_dict, optim_state_dict, options=None):
    """set_model_state_dict and set_optimizer_state_dict; gives missing_keys and unexpected_keys."""
    found = set_model_state_dict(model, model_state_dict, options=options)
    if optim_state_dict:
        set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return found
