"""state_dict and load_state_dict: a module's tensors by name, out and in."""

from collections import OrderedDict, namedtuple
from collections.abc import Mapping

import flambeau

from ... import _core
from ..parameter import Parameter, is_lazy
from . import hooks

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict did not find, and what it found no place for."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class State:
    """The part of Module that writes and reads its state."""

    def get_extra_state(self):
        """What state_dict keeps of this module besides tensors; override together with the setter."""
        raise RuntimeError(
            f"{type(self).__name__}: overrides set_extra_state but not get_extra_state. Define "
            "both."
        )

    def set_extra_state(self, state):
        """Take back what get_extra_state gave."""
        raise RuntimeError(
            f"{type(self).__name__}: overrides get_extra_state but not set_extra_state. Define "
            "both."
        )

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """An ordered dict: path -> tensor, for parameters and persistent buffers here and below.

        The tensors share memory with the module's; they are detached unless `keep_vars`.
        """
        if args:
            _core._warn(
                "state_dict: destination, prefix and keep_vars go by name, "
                "state_dict(destination=..., prefix=..., keep_vars=...).",
                FutureWarning,
            )
            destination, prefix, keep_vars = (*args, *(destination, prefix, keep_vars)[len(args) :])
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata

        table = self._module_hooks or hooks.EVERY_MODULE
        for hook in table.state_dict_pre.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook, may_replace in table.state_dict_post.values():
            result = hook(self, destination, prefix, local_metadata)
            if result is None:
                continue
            if not may_replace:
                raise RuntimeError(
                    "state_dict: a post-hook returned a value; it must return None and change the "
                    "dict in place."
                )
            destination = result
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Write this module's own tensors, not its children's, into `destination`."""
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if _has_extra_state(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self):
        state = {name: p for name, p in self._parameters.items() if p is not None}
        transient = self._non_persistent_buffers_set
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in transient:
                state[name] = buffer
        return state

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy the tensors of `state_dict` into this module and everything below it.

        Args:
            state_dict (dict): path -> tensor, as state_dict() gives it.
            strict (bool): raise when a key is missing or has no place.
            assign (bool): let the module hold the given tensors themselves instead of copying. Names
                of one tensor stay so: the last of them that is given stands for all.

        Returns:
            A named tuple (missing_keys, unexpected_keys).

        Raises:
            RuntimeError: listing every missing and unexpected key (if strict) and size mismatch.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                "load_state_dict: takes a dict of names and tensors, not "
                f"{type(state_dict).__name__}. Give it what state_dict() or torch.load() gives."
            )
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, local_state, prefix):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = assign
            module._load_from_state_dict(
                local_state, prefix, local_metadata, True, missing, unexpected, errors
            )
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(
                        child, {k: v for k, v in local_state.items() if k.startswith(below)}, below
                    )
            table = module._module_hooks or hooks.EVERY_MODULE
            for hook in table.load_state_dict_post.values():
                if hook(module, _IncompatibleKeys(missing, unexpected)) is not None:
                    raise AssertionError(
                        "load_state_dict: a post-hook returned a value; it must return None and "
                        "change incompatible_keys in place."
                    )

        shared = _shared(self) if assign else ()
        load(self, state_dict, "")
        load = None  # it refers to itself, and to the tensors
        for tensor, names in shared:
            _share_again(tensor, names)
        if strict:
            if unexpected:
                errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
            if missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        if errors:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(errors)
            )
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Read this module's own tensors, not its children's; problems go into the three lists."""
        table = self._module_hooks or hooks.EVERY_MODULE
        for hook in table.load_state_dict_pre.values():
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = self._own_state()
        for name, current in own.items():
            key = prefix + name
            if key in state_dict:
                problem = self._load_one(name, key, current, state_dict[key], assign)
                if problem is not None:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)

        extra = prefix + EXTRA_STATE
        if _has_extra_state(self, "set_extra_state"):
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)

        if strict:
            for key in state_dict:
                if not key.startswith(prefix) or key == extra:
                    continue
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else own):
                    unexpected_keys.append(key)

    def _load_one(self, name, key, current, given, assign):
        """Put `given` where `current` is; the sentence that says why not, or None."""
        if not isinstance(given, flambeau.Tensor):
            return (
                f"{key}: the checkpoint holds {type(given).__name__} where the model has a Tensor."
            )
        if is_lazy(given):
            if is_lazy(current):
                return None  # as it was
            given.shape  # noqa: B018 (raises, and says what to do)
        if current.dim() == 0 and given.dim() == 1 and given.shape[0] == 1:
            given = given[0]  # files from before tensors of no dimension existed
        if current.shape != given.shape:
            return f"size mismatch for {key}: the checkpoint has {tuple(given.shape)}, the model {tuple(current.shape)}."
        if current.is_meta and not (given.is_meta or assign):
            _core._warn(
                f"load_state_dict: {key} lies on meta, where nothing can be copied to. Pass assign=True "
                "to take the checkpoint's tensors, or materialize the module with to_empty() first."
            )
        try:
            with flambeau.no_grad():
                if not assign:
                    current.copy_(given)
                    return None
                if isinstance(current, Parameter):
                    if isinstance(given, Parameter):
                        given.requires_grad_(current.requires_grad)
                    else:
                        given = Parameter(given, requires_grad=current.requires_grad)
                setattr(self, name, given)
        except Exception as error:
            return f"{key}: writing the checkpoint's {tuple(given.shape)} into the model's {tuple(current.shape)} failed: {error.args}."
        return None


def _shared(module):
    """(tensor, [(module, name), ...]) of each tensor that stands in several places."""
    places = {}
    for owner in module.modules():
        for registry in (owner._parameters, owner._buffers):
            for name, tensor in registry.items():
                if tensor is not None:
                    places.setdefault(id(tensor), (tensor, []))[1].append((owner, name))
    return [(tensor, names) for tensor, names in places.values() if len(names) > 1]


def _share_again(tensor, names):
    """Let all places that held `tensor` hold what was last put into one of them."""
    given = [new for owner, name in names if (new := getattr(owner, name)) is not tensor]
    if given:
        for owner, name in names:
            setattr(owner, name, given[-1])


def _has_extra_state(module, method):
    return getattr(type(module), method) is not getattr(State, method)


def _quoted(keys):
    return ", ".join(f'"{key}"' for key in keys)
