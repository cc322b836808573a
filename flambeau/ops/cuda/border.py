"""Borders on GPUs: of one value by a copy, of what is inside by an index for each dim."""

from ... import _core
from ..core import operators as fl
from .launch import made_like, on_meta
from .rules import rule


@rule("_add_constant_border")
def add_constant_border(input, pad, value):
    out = made_like(on_meta(_core._add_constant_border, input, pad, value), input.device)
    out.fill_(value)
    inside = out
    for k in range(len(pad) // 2):
        dim = input.dim() - 1 - k
        inside = inside.narrow(dim, pad[2 * k], input.shape[dim])
    inside.copy_(input)
    return out


def _sources(mode, before, after, size, device):
    """Where each place of a bordered dim comes from."""
    at = fl.arange(-before, size + after, device=device)
    if mode == "replicate":
        return at.clamp(0, size - 1)
    if mode == "circular":
        return at % size
    at = at.abs()
    return fl.where(at >= size, 2 * (size - 1) - at, at)


def _bordered_dims(mode, pad, shape, device):
    """(dim, where each place of it comes from) of the dims that `pad` names; shape: without the borders."""
    for k in range(len(pad) // 2):
        dim = len(shape) - 1 - k
        yield dim, _sources(mode, pad[2 * k], pad[2 * k + 1], shape[dim], device)


@rule("_add_border")
def add_border(input, mode, pad):
    out = made_like(on_meta(_core._add_border, input, mode, pad), input.device)
    for dim, source in _bordered_dims(mode, pad, input.shape, input.device):
        input = _core.indexing.index_select(input, dim, source)
    return out.copy_(input)


@rule("_fold_border")
def fold_border(grad, mode, pad):
    out = made_like(on_meta(_core._fold_border, grad, mode, pad), grad.device)
    for dim, source in _bordered_dims(mode, pad, out.shape, grad.device):
        sizes = list(grad.shape)
        sizes[dim] = out.shape[dim]
        folded = _core.zeros(sizes, dtype=grad.dtype, device=grad.device)
        grad = _core.indexing.index_add_(folded, dim, source, grad.contiguous(), 1, True)
    return out.copy_(grad)
