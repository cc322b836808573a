"""Parts of a batch on several devices, and modules copied to them. The CPU is the one device there is."""

import copy

import flambeau

from ...types import NoSuchDevice

__all__ = ["gather", "parallel_apply", "replicate", "scatter", "scatter_kwargs"]


def _devices(name, wanted):
    """Devices as they are given, each of which must be the CPU."""
    found = []
    for one in wanted:
        device = flambeau.device("cuda", one) if isinstance(one, int) else flambeau.device(one)
        if device.type not in ("cpu", "meta"):
            raise NoSuchDevice(
                f"{name}: device '{device}' is not available: flambeau computes on the CPU."
            )
        found.append(device)
    if not found:
        raise RuntimeError(f"{name}: name one device or more.")
    return found


def scatter(inputs, target_gpus, dim=0):
    """Nested inputs in parts, one for each device: tensors cut along dim, anything else given to all.

    Returns:
        list: one of the shape of `inputs` for each part; fewer than devices if a tensor has fewer rows.
    """
    devices = _devices("scatter", target_gpus)

    def parts(value):
        if isinstance(value, flambeau.Tensor):
            chunks = value.chunk(len(devices), dim)
            return [chunk.to(device) for chunk, device in zip(chunks, devices)]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return [type(value)(*args) for args in zip(*map(parts, value))]
        if isinstance(value, (tuple, list)) and value:
            return [type(value)(args) for args in zip(*map(parts, value))]
        if isinstance(value, dict) and value:
            return [type(value)(args) for args in zip(*map(parts, value.items()))]
        return [value for _ in devices]

    return parts(inputs)


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """(scatter of positional arguments, scatter of keyword arguments), as many of one as of the other."""
    some = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    longest = max(len(some), len(named))
    some += [()] * (longest - len(some))
    named += [{}] * (longest - len(named))
    return tuple(some), tuple(named)


def gather(outputs, target_device, dim=0):
    """Results of several devices as one, on one device: tensors one behind the other along dim."""
    (device,) = _devices("gather", ["cpu" if target_device == -1 else target_device])

    def whole(values):
        first = values[0]
        if isinstance(first, flambeau.Tensor):
            values = [value.reshape(1) if value.dim() == 0 else value for value in values]
            return flambeau.cat([value.to(device) for value in values], dim)
        if first is None:
            return None
        if isinstance(first, dict):
            if any(value.keys() != first.keys() for value in values):
                raise ValueError("gather: the results are dicts with different keys.")
            return type(first)((key, whole([value[key] for value in values])) for key in first)
        parts = map(whole, zip(*values))
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)

    return whole(list(outputs))


def replicate(network, devices, detach=False):
    """The module once for each device; parameters of the copies are part of the graph of the module's.

    Args:
        detach (bool): let the copies have tensors of their own without history.
    """
    made = []
    for device in _devices("replicate", devices):
        memo = {}
        for tensor in [*network.parameters(), *network.buffers()]:
            moved = tensor.to(device)
            memo[id(tensor)] = moved.detach() if detach else moved.view_as(moved)
        made.append(_copied(network, memo))
    return made


def _copied(module, memo):
    """A module whose tensors are those of memo; the classes and everything else are the module's."""
    twin = module.__new__(type(module))
    twin.__dict__ = dict(module.__dict__)
    twin._parameters = {}
    twin._buffers = {
        name: None if value is None else memo[id(value)] for name, value in module._buffers.items()
    }
    twin._modules = {
        name: None if child is None else _copied(child, memo)
        for name, child in module._modules.items()
    }
    for name, value in module._parameters.items():
        # With a history it is no Parameter, so it stands among the plain attributes.
        twin.__dict__[name] = None if value is None else memo[id(value)]
    twin._non_persistent_buffers_set = copy.copy(module._non_persistent_buffers_set)
    return twin


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """[module(*input) for each], one after the other: kernels use all threads by themselves.

    Args:
        modules (sequence of Module), inputs (sequence): as many of both.
        kwargs_tup (sequence of dict, optional), devices (sequence, optional).
    """
    if len(modules) != len(inputs):
        raise AssertionError(
            f"parallel_apply: {len(modules)} modules are given {len(inputs)} inputs."
        )
    if devices is not None:
        _devices("parallel_apply", devices)
    found = []
    for module, input, kwargs in zip(
        modules, inputs, kwargs_tup or [{}] * len(modules), strict=True
    ):
        args = input if isinstance(input, (tuple, list)) else (input,)
        found.append(module(*args, **kwargs))
    return found
