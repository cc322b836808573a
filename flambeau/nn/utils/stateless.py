"""Calling a module with other parameters than its own."""

import contextlib
from collections.abc import Mapping

import flambeau

__all__ = ["functional_call"]


def _places(module):
    """path -> (registry, name) of each parameter and buffer, under each of its names.

    A module that contains itself is entered once on each way down.
    """
    places = {}
    _add_places(places, module, "", {id(module)})
    return places


def _add_places(places, owner, prefix, above):
    for registry in (owner._parameters, owner._buffers):
        for name, value in registry.items():
            if value is not None:
                places[prefix + name] = registry, name
    for name, child in owner._modules.items():
        if child is not None and id(child) not in above:
            _add_places(places, child, f"{prefix}{name}.", {*above, id(child)})


def _tied(places, tensors):
    """`tensors` with what is given under one of several names of a tensor under its other names too."""
    names_of = {}
    for key, (registry, name) in places.items():
        names_of.setdefault(id(registry[name]), []).append(key)
    wanted = dict(tensors)
    for names in names_of.values():
        given = [key for key in names if key in tensors]
        if not given:
            continue
        if len({id(tensors[key]) for key in given}) > 1:
            raise ValueError(
                f"functional_call: {', '.join(given)} are names of one tensor, but different "
                "tensors are given for them. Give one, or pass tie_weights=False."
            )
        wanted.update(dict.fromkeys(names, tensors[given[0]]))
    return wanted


def _owner(module, path):
    """(module, name) of what stands at a path."""
    *parts, name = path.split(".")
    for part in parts:
        below = getattr(module, part, None)
        if not isinstance(below, flambeau.nn.Module):
            raise AttributeError(
                f"functional_call: {path!r} leads nowhere: {type(module).__name__} has no "
                f"submodule {part!r}."
            )
        module = below
    return module, name


_ABSENT = object()


def _put(owner, name, value):
    """Let `owner` hold a tensor, None or nothing under `name`; what it held before."""
    for registry in (owner._parameters, owner._buffers):
        if name in registry:
            before = registry[name]
            if value is _ABSENT:
                delattr(owner, name)
            else:
                registry[name] = value
            return before
    before = getattr(owner, name, _ABSENT)
    if before is not _ABSENT and not isinstance(before, flambeau.Tensor):
        raise TypeError(
            f"functional_call: {name!r} of {type(owner).__name__} is {flambeau.typename(before)}, "
            "not a tensor that another could stand for."
        )
    delattr(owner, name) if value is _ABSENT else setattr(owner, name, value)
    return before


@contextlib.contextmanager
def _exchanged(module, tensors, tie_weights, strict):
    """`module` with the tensors under the given paths, until the end of the block.

    What the module then holds under these paths, for it may have assigned other tensors, goes back
    into `tensors`.
    """
    wanted = tensors
    if tie_weights or strict:
        places = _places(module)
        if tie_weights:
            wanted = _tied(places, tensors)
        if strict:
            unexpected = [key for key in wanted if key not in places]
            missing = [key for key in places if key not in wanted]
            if unexpected or missing:
                raise RuntimeError(
                    f"functional_call of {type(module).__name__} with strict=True: "
                    f"unexpected key(s) {unexpected}, missing key(s) {missing}."
                )
    before = []
    try:
        for key, value in wanted.items():
            if value is not None and not isinstance(value, flambeau.Tensor):
                raise TypeError(
                    f"functional_call: the value for {key!r} is {flambeau.typename(value)}, "
                    "not a Tensor."
                )
            owner, name = _owner(module, key)
            before.append((key, owner, name, _put(owner, name, value)))
        yield
    finally:
        for key, owner, name, value in reversed(before):
            after = _put(owner, name, value)
            if key in tensors and after is not _ABSENT:
                tensors[key] = after


def _merged(dicts):
    """The one dict, or all of several in one."""
    if isinstance(dicts, Mapping):
        return dicts
    if not isinstance(dicts, (list, tuple)) or not all(isinstance(d, Mapping) for d in dicts):
        raise ValueError(
            "functional_call: parameters_and_buffers must be a dict or a sequence of dicts, not "
            f"{type(dicts).__name__}."
        )
    merged = {}
    for part in dicts:
        twice = sorted(merged.keys() & part.keys())
        if twice:
            raise ValueError(
                f"functional_call: {', '.join(twice)} stand in several of the dicts. Keep one each."
            )
        merged.update(part)
    return merged


def functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """module(*args, **kwargs) computed with the given tensors in the place of its own.

    Args:
        parameters_and_buffers (dict, or sequence of dicts): path -> tensor. A tensor that the module
            assigns under one of the paths while it computes takes the given one's place in the dict.
        args: the positional arguments; what is not a tuple is the only one.
        tie_weights (bool): what is given for one of several names of a tensor stands for all.
        strict (bool): raise unless exactly the module's tensors are given.

    Raises:
        ValueError: different tensors for names of one, or a key in several of the dicts.
        RuntimeError: strict, and the keys are not the module's.
    """
    tensors = _merged(parameters_and_buffers)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _exchanged(module, tensors, tie_weights, strict):
        return module(*args, **(kwargs or {}))


_functional_call = functional_call  # the name under which some programs import it


def _reparametrize_module(
    module, parameters_and_buffers, *, tie_weights=False, strict=False, stack_weights=False
):
    """A context in which a module holds the given tensors in the place of its own.

    Args: as functional_call's; with stack_weights and without, the module's own come back in the reverse order.
    """
    return _exchanged(module, parameters_and_buffers, tie_weights, strict)
