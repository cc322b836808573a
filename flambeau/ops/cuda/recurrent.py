"""Sequences of a long short-term memory on GPUs: a product and a cell for each step."""

from ... import _core
from .launch import launch
from .rules import rule


def _steps(rows, batch, counts, backwards):
    """(first row, rows) of each step, in the order in which they are taken."""
    counts = [batch] * (rows // batch if batch else 0) if counts is None else list(counts)
    found, at = [], 0
    for n in counts:
        found.append((at, n))
        at += n
    return found[::-1] if backwards else found


def _cell(name, key, n, sizes, tensors):
    def write():
        from ...kernels.gpu import recurrent

        return getattr(recurrent, f"write_{name}")(*key)

    index = tensors[0].device.index
    pointers = [0 if t is None else t for t in tensors]
    launch(f"lstm_{name}", (f"lstm_{name}", *key), write, index, n, [sizes, pointers])


@rule("_lstm")
def lstm(inputs, h, c, weight, bias, counts, backwards, keep):
    B, H = h.shape
    rows, dtype, device = inputs.shape[0], h.dtype, h.device
    made = lambda *sizes: _core.empty(sizes, dtype=dtype, device=device)
    inputs = inputs.contiguous()
    h, c = h.clone().contiguous(), c.clone().contiguous()
    output = made(rows, H)
    gates = had_h = had_c = None
    if keep:
        gates, had_h, had_c = made(rows, 4 * H), made(rows, H), made(rows, H)
    turned = weight.t()
    key = dtype.name, bias is not None, bool(keep)
    for at, n in _steps(rows, B, counts, backwards):
        of = lambda t, at=at, n=n: None if t is None else t.narrow(0, at, n)
        product = _core.mm(h.narrow(0, 0, n), turned)
        tensors = [of(inputs), product, bias, h, c, of(output), of(gates), of(had_h), of(had_c)]
        _cell("forward", key, n * H, [n, H], tensors)
    return output, h, c, gates, had_h, had_c


@rule("_lstm_backward")
def lstm_backward(grad_output, h, c, weight, gates, had_c, counts, backwards):
    B, H = h.shape
    rows = gates.shape[0]
    grad_output = grad_output.contiguous()
    grad_h, grad_c = h.clone().contiguous(), c.clone().contiguous()
    grad_gates = _core.empty_like(gates)
    for at, n in reversed(_steps(rows, B, counts, backwards)):
        of = lambda t, at=at, n=n: t.narrow(0, at, n)
        tensors = [of(grad_output), of(gates), of(had_c), grad_h, grad_c, of(grad_gates)]
        _cell("backward", (h.dtype.name,), n * H, [n, H], tensors)
        grad_h.narrow(0, 0, n).copy_(_core.mm(of(grad_gates), weight))
    return grad_gates, grad_h, grad_c
