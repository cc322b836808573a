"""Attention on GPUs without its matrix of weights, forwards and backwards."""

from ... import _core
from .launch import function, has_tensor_cores, is_hopper
from .rules import rule

_MANY_ROWS = 64  # from which on tiles of 128 rows are worth it


def fits(query, value):
    """Whether a kernel takes rows of these widths."""
    from ...kernels.gpu import attention

    return attention.rows_of(query.dtype.name, query.size(-1), value.size(-1)) > 0


def _matrices(tensor):
    """A stack (*B, rows, elements) as (batches, heads, rows, elements), without a copy where it may be."""
    while tensor.dim() < 4:
        tensor = tensor.unsqueeze(0)
    return tensor if tensor.dim() == 4 else tensor.flatten(0, -4)


def _in_vectors(tensor):
    """Whether rows lie in memory as vectors of 16 bytes."""
    *further, step = tensor.stride()
    return step == 1 and not (tensor.data_ptr() % 16 or any(s % 8 for s in further))


class _Call:
    def __init__(self, query, key, value, mask, causal, scale):
        self.given = {"query": query, "key": key, "value": value, "mask": mask}
        self.of = {name: None if t is None else _matrices(t) for name, t in self.given.items()}
        self.real = _core.float64 if query.dtype is _core.float64 else _core.float32
        self.causal, self.scale = causal, scale
        self.query = self.of["query"]
        B, H, T, E = self.query.shape
        self.sizes = [H, T, self.of["key"].shape[2], E, self.of["value"].shape[3]]
        self.heads = B * H

    def row_facts(self):
        """(batches, heads, T, 1)"""
        return _core.empty(*self.query.shape[:3], 1, dtype=self.real, device=self.query.device)

    def launch(self, kind, **tensors):
        from ...kernels.gpu import attention, attention_cores

        of = {**self.of, **{name: _matrices(t) for name, t in tensors.items()}}
        named = [of[name] for name in attention.POINTERS[kind]]
        strides = [s for t in named for s in (t.stride() if t is not None else (0, 0, 0, 0))]
        dtype, mask = self.query.dtype.name, self.of["mask"]
        _, T, S, E, V = self.sizes
        index = self.query.device.index
        by_cores = dtype in ("float16", "bfloat16") and has_tensor_cores(index)
        by_cores = by_cores and attention_cores.rows_of(E, V) > 0
        if by_cores and is_hopper(index) and self.suits_hopper(named):
            self.launch_on_hopper(kind, named, strides)
            return
        step = 16 if by_cores else 8
        wide = [-(-n // step) * step for n in (E, V)]
        shown = None if mask is None else mask.dtype.name
        if by_cores:
            kernels, arch, rows = attention_cores, "sm_80", attention_cores.rows_of(E, V)
        else:
            kernels, arch, rows = attention, None, attention.rows_of(dtype, E, V)
        name = "attention_cores" if by_cores else "attention"
        key = (name, kind, dtype, shown, self.causal, *wide)
        found = function(f"{name}_{kind}", key, lambda: kernels.write(*key[1:]), index, arch)
        blocks = -(-(T if kind in ("forward", "query") else S) // rows), self.heads
        arguments = [self.sizes, [0 if t is None else t for t in named], strides, float(self.scale)]
        _core._cuda_launch(found, "attention", index, blocks, rows * step // 8, 0, arguments)

    def suits_hopper(self, named):
        """Whether the kernels of attention_hopper take it: many rows, no mask, vectors of 16 bytes."""
        from ...kernels.gpu import attention_hopper

        _, T, S, E, V = self.sizes
        widths = [attention_hopper.width_of(n) for n in (E, V)]
        halves = [t for t in named if t is not None and t.dtype is self.query.dtype]
        return (
            all(widths) and self.of["mask"] is None and self.scale > 0
            and min(T, S) >= _MANY_ROWS and all(map(_in_vectors, halves))
        )  # fmt: skip

    def launch_on_hopper(self, kind, named, strides):
        from ...kernels.gpu import attention_hopper as kernels

        _, T, S, E, V = self.sizes
        index = self.query.device.index
        widths = kernels.width_of(E), kernels.width_of(V)
        shared = kernels.shared_bytes(kind, *widths)
        key = (kind, self.query.dtype.name, self.causal, *widths)
        write = lambda: kernels.write(*key)
        name = f"attention_{kind}"
        found = function(name, ("attention_hopper", *key), write, index, "sm_90a", shared)
        blocks = -(-(T if kind in ("forward", "query") else S) // kernels.TILE), self.heads
        arguments = [self.sizes, [0 if t is None else t for t in named], strides, float(self.scale)]
        _core._cuda_launch(found, "attention", index, blocks, kernels.THREADS, shared, arguments)


@rule("_attend")
def attend(query, key, value, mask, causal, scale, *_):
    call = _Call(query, key, value, mask, causal, scale)
    result = _core.empty(*query.shape[:-1], value.size(-1), dtype=query.dtype, device=query.device)
    norms = call.row_facts()
    call.launch("forward", result=result, norms=norms)
    return result, norms


@rule("_attend_backward")
def attend_backward(
    query, key, value, mask, causal, scale, _p, _seed, _call, result, norms, grad_output
):
    call = _Call(query, key, value, mask, causal, scale)
    if not _in_vectors(grad_output):  # one number for all, say
        grad_output = grad_output.contiguous()
    delta = (grad_output.to(call.real) * result.to(call.real)).sum(-1, keepdim=True)
    facts = {"grad_output": grad_output, "norms": norms, "delta": delta}
    made = []
    for kind in ("query", "key", "value"):
        given = call.given[kind]
        out = _core.empty(given.shape, dtype=given.dtype, device=given.device)
        call.launch(kind, **facts, **{"grad_" + kind: out})
        made.append(out)
    return tuple(made)
