"""backward and grad: the two ways to ask the engine for gradients."""

from .. import _core
from ..types import listed

__all__ = ["backward", "grad"]


def _tuple(values):
    return (values,) if isinstance(values, _core.Tensor) else tuple(listed(values))


def _cotangents(function, outputs, grad_outputs):
    """The gradients to start from, one for each output: what was given, or 1 for a single number."""
    if grad_outputs is None:
        grads = (None,) * len(outputs)
    else:
        grads = _tuple(grad_outputs)
    if len(grads) != len(outputs):
        raise RuntimeError(
            f"{function}: {len(outputs)} tensors were given with {len(grads)} gradients. Give one "
            "gradient for each, or None."
        )
    for i, (output, grad) in enumerate(zip(outputs, grads)):
        if not isinstance(output, _core.Tensor):
            raise TypeError(f"{function}: output {i} is {type(output).__name__}, not a Tensor.")
        if grad is None:
            if output.requires_grad and output.numel() != 1:
                raise RuntimeError(
                    f"{function}: output {i}, {tuple(output.shape)}, is not a single number, so "
                    "its gradient must be given. Pass a tensor of that shape, or reduce it with "
                    "sum() or mean() first."
                )
            continue
        if not isinstance(grad, _core.Tensor):
            raise TypeError(
                f"{function}: gradient {i} is {type(grad).__name__}; it must be a Tensor or None."
            )
        if tuple(grad.shape) != tuple(output.shape):
            raise RuntimeError(
                f"{function}: gradient {i} has shape {tuple(grad.shape)}, but the output it is for "
                f"has {tuple(output.shape)}. They must be equal."
            )
        if grad.dtype.is_complex != output.dtype.is_complex:
            raise RuntimeError(
                f"{function}: gradient {i} is {grad.dtype}, but the output it is for is "
                f"{output.dtype}. Complex ones must be equal."
            )
    return grads


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None,
    inputs=None,
):  # fmt: skip
    """Add the gradients of `tensors` by the leaves of their graph into the leaves' .grad.

    Args:
        tensors (Tensor or sequence): where to start.
        grad_tensors (Tensor or sequence, optional): the gradients of `tensors`; may be left out for single numbers.
        retain_graph (bool): keep what was saved, for another backward; by default as create_graph.
        create_graph (bool): record the gradients, so that they can be differentiated.
        inputs (Tensor or sequence, optional): only these tensors get gradients.

    Example:
        >>> x = torch.tensor([3.0], requires_grad=True)
        >>> torch.autograd.backward(x**2)
        >>> x.grad
        tensor([6.])
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "backward: grad_variables is the old name of grad_tensors, and both were given. "
                "Give grad_tensors."
            )
        grad_tensors = grad_variables
    if inputs is not None:
        inputs = _tuple(inputs)
        if not inputs:
            raise RuntimeError(
                "backward: inputs is empty. Leave it away, to reach all leaves, or name some."
            )
    tensors = _tuple(tensors)
    grads = _cotangents("backward", tensors, grad_tensors)
    retain_graph = create_graph if retain_graph is None else retain_graph
    _core._run_backward(tensors, grads, retain_graph, create_graph, inputs, False)


def grad(
    outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,
    allow_unused=None, is_grads_batched=False, materialize_grads=False,
):  # fmt: skip
    """The gradients of `outputs` by `inputs`, as a tuple; no .grad changes.

    Args:
        grad_outputs (Tensor or sequence, optional): the gradients of `outputs`; may be left out for single numbers.
        retain_graph, create_graph: as in `backward`.
        allow_unused (bool): None for inputs that the outputs do not depend on, which is an error otherwise.
        is_grads_batched (bool): grad_outputs have one more dimension in front, and so do the results:
            one gradient for each of its slices, all from one backward pass.
        materialize_grads (bool): zeros for these.

    Example:
        >>> x = torch.tensor([3.0], requires_grad=True)
        >>> torch.autograd.grad(x**2, x)
        (tensor([6.]),)
    """
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    if _core._is_overridden(*outputs, *inputs):
        from ..overrides import handle_torch_function

        return handle_torch_function(
            grad,
            (*outputs, *inputs),
            outputs,
            inputs,
            grad_outputs=grad_outputs,
            retain_graph=retain_graph,
            create_graph=create_graph,
            only_inputs=only_inputs,
            allow_unused=allow_unused,
            is_grads_batched=is_grads_batched,
            materialize_grads=materialize_grads,
        )
    if not only_inputs:
        raise RuntimeError(
            "grad: only_inputs=False is no longer supported. Use autograd.backward to accumulate "
            "gradients."
        )
    if is_grads_batched:
        return _batched_grad(
            outputs,
            inputs,
            grad_outputs,
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "grad: materialize_grads=True gives zeros for unused inputs, which allow_unused=False "
            "refuses. Leave allow_unused away."
        )
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    if not inputs:
        raise ValueError("grad: inputs is empty; it needs one tensor or more.")
    grads = _cotangents("grad", outputs, grad_outputs)
    if _core._in_vmap() and any(map(_core._is_batched, (*outputs, *inputs))):
        return _grad_of_values(
            outputs,
            inputs,
            grads,
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
    for i, x in enumerate(inputs):
        if isinstance(x, _core.Tensor) and not x.requires_grad:
            raise RuntimeError(
                f"grad: input {i} does not require grad. Call requires_grad_() on it before the "
                "forward pass."
            )
    retain_graph = create_graph if retain_graph is None else retain_graph
    asked = [x for x in inputs if not isinstance(x, _core.Tensor) or x.requires_grad]
    found = ()
    if asked:
        found = _core._run_backward(outputs, grads, retain_graph, create_graph, asked, True)
    remaining = iter(found)
    results = tuple(next(remaining) if x.requires_grad else None for x in inputs)
    if not allow_unused and any(result is None for result in results):
        raise RuntimeError(
            f"grad: input {[r is None for r in results].index(True)} had no part in the outputs. Pass allow_unused=True for None as its "
            "gradient, or materialize_grads=True for zeros."
        )
    if materialize_grads:
        results = tuple(
            _core.zeros_like(x).requires_grad_() if result is None else result
            for x, result in zip(inputs, results)
        )
    return results


def _batched_grad(outputs, inputs, grad_outputs, **options):
    """`grad` for all slices of grad_outputs along their first dimension: one walk through the graph."""
    from ..ops.batching import Level
    from ..ops.batching.values import inward

    if grad_outputs is None:
        raise RuntimeError("grad: is_grads_batched=True needs grad_outputs.")
    batches = _tuple(grad_outputs)
    sizes = {len(batch) for batch in batches if batch is not None}
    if len(sizes) != 1 or 0 in sizes:
        raise RuntimeError(
            "grad: with is_grads_batched=True all grad_outputs need one size in dim 0, of 1 or "
            f"more, but they have {sorted(sizes)}."
        )
    (count,) = sizes
    with Level(count) as level:
        own = (level.number,)
        slices = []
        for batch in batches:
            if batch is not None:
                value, outer = _core._unbatch(batch)
                batch = _core._batch(value, (*outer, *own))
            slices.append(batch)
        found = grad(outputs, inputs, slices, **options)
        return tuple(None if g is None else inward(g, own) for g in found)


def _grad_of_values(outputs, inputs, grads, **options):
    """`grad` inside vmap, where outputs or inputs are mapped: of the tensors with all slices, which have the graph."""
    from ..ops.batching.values import inward, outward, unbatched

    roots, given = [], []
    for output, g in zip(outputs, grads, strict=True):
        value, levels = unbatched(output)
        roots.append(value)
        given.append(_core.ones_like(value) if g is None else inward(g, levels))
    pairs = [unbatched(x) for x in inputs]
    found = grad(roots, [value for value, _ in pairs], given, **options)
    return tuple(
        None if g is None else outward(g, levels)
        for g, (_, levels) in zip(found, pairs, strict=True)
    )
