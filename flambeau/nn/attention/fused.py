"""Attention whose functions of scores are compiled into its tiles, and its gradient."""

from functools import partial
from typing import NamedTuple

import flambeau

from ... import _core
from ...kernels.derive import simplify
from ...kernels.expression import node
from ...kernels.schedules.scores import Scores
from .block_mask import noop_mask
from .tiles import attend_by_tiles
from .tracing import Indexing, Trace, Untraceable

_addresses = {}  # compiled kernels, by what they are made of, those used last behind
MOST_ADDRESSES = 256  # others are found by their text again


def _address(root, trace, dtype, wanted=None):
    """The kernel of an expression, or with `wanted` that of its gradient; found again without its text."""
    loads = tuple((load.array, *map(id, load.places)) for load in trace.loads)
    arrays = tuple(trace.arrays)
    key = id(root), loads, arrays, dtype, wanted
    found = _addresses.pop(key, None)
    if found is None:
        while len(_addresses) >= MOST_ADDRESSES:
            _addresses.pop(next(iter(_addresses)), None)
        scores = Scores(root, trace.loads, arrays, dtype)
        address = scores.compile() if wanted is None else scores.compile_slope(wanted)
        # The expressions are kept, so that their ids stay theirs.
        found = address, root, tuple(trace.loads)
    _addresses[key] = found
    return found[0]


class Plan(NamedTuple):
    """What a call computes: the operands' functions, traced."""

    score_mod: object
    block_mask: object
    scale: float
    trace: Trace
    changed: object  # the expression of a changed score; None: it stays
    functions: tuple  # addresses of the kernels of full blocks and of partly masked ones
    dtype: str

    def operands(self, query, key, value, tensors, slope=0):
        """What the core takes, with the address of the gradient's kernel."""
        mask = self.block_mask
        if mask is None:
            states, block = None, (0, 0)
        else:
            states, block = mask.states(), mask.BLOCK_SIZE
            states = states[(None,) * (4 - states.dim())]
        return query, key, value, states, (*self.functions, slope, *block), self.scale, tensors


def plan_of(dtype, score_mod, block_mask, scale):
    """The Plan of a call, or None where a function has no form in the kernel language."""
    trace = Trace(dtype)
    changed = visible = None
    mask_mod = noop_mask if block_mask is None else block_mask.mask_mod
    try:
        with Indexing():
            if score_mod is not None:
                result = score_mod(trace.score, *trace.places)
                changed = simplify(node("cast", trace.expression(result), attr=dtype))
            if mask_mod is not noop_mask:
                visible = simplify(trace.expression(mask_mod(*trace.places)))
        trace.finish()
        score = trace.expression(trace.score)
        full = 0 if changed is None else _address(changed, trace, dtype)
        partly = full
        if visible is not None:
            seen = node("where", visible, score if changed is None else changed, float("-inf"))
            partly = _address(seen, trace, dtype)
    except (Untraceable, TypeError, NotImplementedError):
        return None
    return Plan(score_mod, block_mask, scale, trace, changed, (full, partly), dtype)


def compiled_states(mask_mod, sizes, rows, columns, device):
    """What a mask leaves of each block of rows x columns pairs, or None where it cannot be compiled."""
    if device is not None and flambeau.device(device).type != "cpu":
        return None
    trace = Trace("float32")
    try:
        with Indexing():
            visible = simplify(trace.expression(mask_mod(*trace.places)))
        trace.finish()
        address = _address(node("where", visible, 1.0, 0.0), trace, "float32")
    except (Untraceable, TypeError, NotImplementedError):
        return None
    return _core._flex_states((*sizes, rows, columns), address, tuple(trace.tensors))


class FusedAttention(flambeau.autograd.Function):
    """(result, log-sum-exp, largest scores) of query, key and value; tensors of the functions get gradients too."""

    @staticmethod
    def forward(ctx, plan, query, key, value, *tensors):
        arrays = tuple(t.detach() for t in tensors)
        out, norms = _core._flex_attend(*plan.operands(query, key, value, arrays))
        ctx.plan = plan
        ctx.save_for_backward(query, key, value, out, norms, *tensors)
        largest, total = norms.unbind(-1)
        largest = largest.clone()
        ctx.mark_non_differentiable(largest)
        ctx.set_materialize_grads(False)
        return out, largest + total.log(), largest

    @staticmethod
    def backward(ctx, grad, grad_lse, _):
        plan = ctx.plan
        query, key, value, out, norms, *tensors = ctx.saved_tensors
        if grad is None and grad_lse is None:
            return (None,) * (4 + len(tensors))
        if flambeau.is_grad_enabled():
            return None, *_differentiable(plan, query, key, value, tensors, grad, grad_lse)
        if grad is None:
            grad = flambeau.zeros_like(out)
        wanted = tuple(map(int, ctx.needs_input_grad[4:]))
        slope = 0
        if plan.changed is not None:
            slope = _address(plan.changed, plan.trace, plan.dtype, wanted)
        grads = _core._flex_backward(
            *plan.operands(query, key, value, tensors, slope), out, norms, grad, grad_lse, wanted
        )
        parts = iter(grads[3:])
        shares = [
            next(parts).sum(0).view(tensor.shape).to(tensor.dtype) if needed else None
            for tensor, needed in zip(tensors, wanted, strict=True)
        ]
        return None, *grads[:3], *shares


def _differentiable(plan, query, key, value, tensors, grad, grad_lse):
    """The gradients as results of operators, to be differentiated again."""
    sharing = query.size(1) // key.size(1)
    grad_of = partial(flambeau.autograd.grad, create_graph=True, allow_unused=True)
    with flambeau.enable_grad():
        # Names of their own: one may depend on another, or be the same.
        own = [t.view_as(t) for t in (query, key, value)]
        shared = (t.repeat_interleave(sharing, 1) if sharing > 1 else t for t in own[1:])
        out, lse, _ = attend_by_tiles(own[0], *shared, plan.score_mod, plan.block_mask, plan.scale)
        made = [(o, g) for o, g in ((out, grad), (lse, grad_lse)) if g is not None]
        read = plan.trace.tensors
        needed = [t for t in (*own, *read) if t.requires_grad]
        found = iter(grad_of([o for o, _ in made], needed, [g for _, g in made]))
        grads = [next(found) if t.requires_grad else None for t in (*own, *read)]
        # Of a tensor that the functions read and the operands are made of: what came by these is theirs.
        ways = [(t, g) for t, g in zip(own, grads) if g is not None]
        for i, (tensor, total) in enumerate(zip(read, grads[3:]), 3):
            if ways and total is not None:
                (theirs,) = grad_of([t for t, _ in ways], [tensor], [g for _, g in ways])
                grads[i] = total if theirs is None else total - theirs
    return grads


def attend(query, key, value, score_mod, block_mask, scale):
    """(result, log-sum-exp, largest scores), or None where this way does not lead.

    That is: other devices, no elements, functions without a form in the kernel language, batched operands,
    and while a mode wants to see operators.
    """
    if not query.is_cpu or _core._is_overridden():
        return None
    if not (query.numel() and key.numel() and value.numel()):
        return None
    plan = plan_of(str(query.dtype).rpartition(".")[2], score_mod, block_mask, scale)
    if plan is None or any(_core._is_batched(t) for t in (query, key, value, *plan.trace.tensors)):
        return None
    return FusedAttention.apply(plan, query, key, value, *plan.trace.tensors)
