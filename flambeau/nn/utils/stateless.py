"""Calling a module with other parameters than its own."""

import contextlib

__all__ = ["functional_call"]


@contextlib.contextmanager
def _exchanged(module, tensors, tie_weights, strict):
    """`module` with the tensors under the given paths, until the end of the block."""
    places = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for registry in (owner._parameters, owner._buffers):
            for name in registry:
                places[f"{path}.{name}" if path else name] = registry, name
    unexpected = [key for key in tensors if key not in places]
    missing = [key for key in places if key not in tensors] if strict else []
    if (unexpected and strict) or missing:
        raise RuntimeError(
            "Error(s) in loading state_dict for functional_call: "
            f"unexpected key(s) {unexpected}, missing key(s) {missing}."
        )
    wanted = {key: value for key, value in tensors.items() if key in places}
    if tie_weights:
        by_identity = {id(places[key][0][places[key][1]]): value for key, value in wanted.items()}
        for key, (registry, name) in places.items():
            if key not in wanted and id(registry[name]) in by_identity:
                wanted[key] = by_identity[id(registry[name])]
    kept = []
    try:
        for key, value in wanted.items():
            registry, name = places[key]
            kept.append((registry, name, registry[name]))
            registry[name] = value
        yield
    finally:
        for registry, name, value in reversed(kept):
            registry[name] = value


def functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """module(*args, **kwargs) computed with the given tensors in the place of its own.

    Args:
        parameters_and_buffers (dict, or sequence of dicts): path -> tensor.
        tie_weights (bool): what stands for one of several names of a tensor stands for all.
        strict (bool): raise unless exactly the module's tensors are given.
    """
    if isinstance(parameters_and_buffers, (list, tuple)):
        merged = {}
        for part in parameters_and_buffers:
            merged.update(part)
        parameters_and_buffers = merged
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _exchanged(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))
