"""Launching the kernels of flambeau/kernels/gpu on tensors."""

import functools

from ... import _core

_functions = {}


def function(name, key, write, index, arch=None, shared_bytes=0):
    """The function of a kernel on device `index`, compiled when first asked for; `shared_bytes`: the most of a launch."""
    found = _functions.get((key, index))
    if found is None:
        from ...kernels import gpu

        text = gpu.text_of(name, "\n".join(map(str, key)), write, arch or gpu.ARCH)
        found = _functions[key, index] = _core._cuda_function(text, index, shared_bytes)
    return found


@functools.cache
def has_tensor_cores(index):
    """Whether device `index` multiplies fragments of matrices as kernels/gpu/tensor_cores.py asks for."""
    return _core._cuda_properties(index)[3]["major"] >= 8


@functools.cache
def is_hopper(index):
    """Whether device `index` has the instructions of sm_90a, which no later one has."""
    facts = _core._cuda_properties(index)[3]
    return (facts["major"], facts["minor"]) == (9, 0)


def report(tensor, name):
    """(address, number of the call): where a kernel reports an index that is out of range."""
    return _core._cuda_report(tensor.device.index, name)


def launch(name, key, write, index, n, arguments, threads=256):
    """Runs a kernel whose threads take element after element of n."""
    if n:
        blocks = _core._cuda_blocks_for(n, threads, index)
        found = function(name, key, write, index)
        _core._cuda_launch(found, name, index, blocks, threads, 0, arguments)


def on_meta(function, *arguments):
    """What a function of the core says of these arguments without their elements: it checks, and gives shapes."""
    return function(*[_without_elements(a) for a in arguments])


def _without_elements(value):
    if isinstance(value, _core.Tensor):
        return value.to("meta") if value.is_cuda else value
    if isinstance(value, (list, tuple)):
        return type(value)(_without_elements(v) for v in value)
    return value


def made_like(found, device):
    """A tensor on the device, with the sizes, strides and dtype of one on meta; of a tuple each."""
    if isinstance(found, tuple):
        return tuple(made_like(f, device) for f in found)
    return _core.empty_strided(found.shape, found.stride(), dtype=found.dtype, device=device)
