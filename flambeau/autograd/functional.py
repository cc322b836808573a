"""Derivatives of functions: products with Jacobian and Hessian, and these matrices themselves.

Every function here takes func and its inputs, a tensor or a tuple of tensors, and answers in the same
form. create_graph=True makes the answer differentiable again; strict=True turns an output that does
not depend on an input into an error instead of a zero.
"""

from ..ops.core import operators as fl
from .grad_mode import enable_grad, set_grad_enabled

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _grad(outputs, inputs, grad_outputs=None, create_graph=False):
    """autograd.grad with None for what does not depend, and for outputs outside the graph."""
    from . import grad

    grad_outputs = grad_outputs if grad_outputs is not None else (None,) * len(outputs)
    pairs = [
        (out, g) for out, g in zip(outputs, grad_outputs) if out is not None and out.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    outputs, grad_outputs = zip(*pairs)
    return grad(
        outputs, inputs, grad_outputs, allow_unused=True, create_graph=create_graph, retain_graph=True
    )  # fmt: skip


def _as_tuple(values, what, function):
    """(is it a tuple, the tuple of tensors)."""
    many = isinstance(values, tuple)
    tensors = values if many else (values,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, fl.Tensor):
            place = f"item {i} of {what}" if many else what
            raise TypeError(
                f"{function}: {place} is {type(tensor).__name__}; it takes a Tensor or a tuple of "
                "Tensors."
            )
    return many, tensors


def _fresh(inputs, create_graph, need_graph=True):
    """Inputs that begin a graph of their own, but stay connected to the caller's with create_graph."""
    if create_graph:
        return tuple(
            x.view_as(x) if x.requires_grad else x.detach().requires_grad_(need_graph)
            for x in inputs
        )
    return tuple(x.detach().requires_grad_(need_graph) for x in inputs)


def _answer(tensors, many, create_graph):
    if not create_graph:
        tensors = tuple(tensor.detach() for tensor in tensors)
    return tensors if many else tensors[0]


def _require_dependence(function, tensors, what, strict):
    if not strict:
        return
    for i, tensor in enumerate(tensors):
        if tensor is None or not tensor.requires_grad:
            raise RuntimeError(
                f"{function}: {what} {i} does not depend on the inputs, which strict=True refuses."
            )


def _zeros_for_none(grads, inputs, function, strict, what="output"):
    filled = []
    for i, (grad, x) in enumerate(zip(grads, inputs)):
        if grad is None:
            if strict:
                raise RuntimeError(
                    f"{function}: the {what} does not depend on input {i}, which strict=True "
                    "refuses."
                )
            grad = fl.zeros_like(x)
        filled.append(grad)
    return tuple(filled)


def _check_vectors(v, others, function, what):
    if len(v) != len(others):
        raise RuntimeError(
            f"{function}: v has {len(v)} tensors for {len(others)} {what}. Give one for each."
        )
    for i, (one, other) in enumerate(zip(v, others)):
        if tuple(one.shape) != tuple(other.shape):
            raise RuntimeError(
                f"{function}: v[{i}] has shape {tuple(one.shape)}, but it goes with "
                f"{tuple(other.shape)}. They must be equal."
            )


def _vectors(v, tensors, many, function, what):
    """v as a tuple that fits `tensors`; without v, 1 for a single number."""
    if v is None:
        if many or len(tensors) != 1 or tensors[0].numel() != 1:
            raise RuntimeError(
                f"{function}: v may be left away only where there is one {what} of one element."
            )
        return tuple(fl.ones_like(tensor) for tensor in tensors)
    _, v = _as_tuple(v, "v", function)
    _check_vectors(v, tensors, function, f"{what}s")
    return v


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v @ J): the product of the vector v with the Jacobian J."""
    with enable_grad():
        many_in, inputs = _as_tuple(inputs, "inputs", "vjp")
        inputs = _fresh(inputs, create_graph)
        many_out, outputs = _as_tuple(func(*inputs), "what the function returned", "vjp")
        _require_dependence("vjp", outputs, "Output", strict)
        v = _vectors(v, outputs, many_out, "vjp", "output")
    with set_grad_enabled(create_graph):
        products = _zeros_for_none(_grad(outputs, inputs, v, create_graph), inputs, "vjp", strict)
    return _answer(outputs, many_out, create_graph), _answer(products, many_in, create_graph)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), J @ v): the product of the Jacobian J with the vector v.

    v @ J is linear in v, so its derivative with respect to v, along the given vector, is J @ v.
    """
    with enable_grad():
        many_in, inputs = _as_tuple(inputs, "inputs", "jvp")
        v = _vectors(v, inputs, many_in, "jvp", "input")
        inputs = _fresh(inputs, create_graph)
        many_out, outputs = _as_tuple(func(*inputs), "what the function returned", "jvp")
        _require_dependence("jvp", outputs, "Output", strict)
        cotangents = tuple(fl.zeros_like(out).requires_grad_(True) for out in outputs)
        products = _grad(outputs, inputs, cotangents, create_graph=True)
        _zeros_for_none(products, inputs, "jvp", strict)
    with set_grad_enabled(create_graph):
        tangents = _grad(products, cotangents, v, create_graph)
        tangents = _zeros_for_none(tangents, outputs, "jvp", False)
    return _answer(outputs, many_out, create_graph), _answer(tangents, many_out, create_graph)


def _rows(output, inputs, create_graph, strict, function):
    """For each input, the gradients of every element of `output`: (*output.shape, *input.shape)."""
    rows = [[] for _ in inputs]
    flat = output.reshape(-1)
    for i in range(flat.numel()):
        grads = _grad((flat[i],), inputs, None, create_graph)
        if strict and create_graph:
            for k, grad in enumerate(grads):
                if grad is not None and not grad.requires_grad:
                    raise RuntimeError(
                        f"{function}: the jacobian does not depend on input {k}, which strict=True "
                        "with create_graph=True refuses."
                    )
        for k, grad in enumerate(_zeros_for_none(grads, inputs, function, strict)):
            rows[k].append(grad)
    return tuple(
        fl.stack(row, 0).view(tuple(output.shape) + tuple(x.shape))
        if row
        else output.new_zeros(tuple(output.shape) + tuple(x.shape))
        for row, x in zip(rows, inputs)
    )


def _all_rows(output, inputs, create_graph, strict, function):
    """For one output the Jacobian by each input, all rows at once."""
    if not output.requires_grad or output.numel() == 0:
        return _rows(output, inputs, create_graph, strict, function)
    from . import grad

    units = fl.eye(output.numel(), dtype=output.dtype, device=output.device)
    found = grad(
        output,
        inputs,
        units.reshape(output.numel(), *output.shape),
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
        is_grads_batched=True,
    )
    return tuple(
        fl.zeros((*output.shape, *x.shape), dtype=x.dtype, device=x.device)
        if g is None
        else g.reshape(*output.shape, *x.shape)
        for x, g in zip(inputs, found, strict=True)
    )


def _check_vectorized(function, vectorize, strict):
    if vectorize and strict:
        raise RuntimeError(
            f"{function}: strict=True looks at each row on its own, which vectorize=True does not compute. "
            "Give one of them."
        )


def jacobian(
    func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"
):
    """The Jacobian of func at inputs: for output y and input x a tensor (*y.shape, *x.shape).

    With a tuple of inputs, or of outputs, the answer is a tuple over them; with both, over outputs and
    then inputs. vectorize=True computes all rows in one walk through the graph, which is quicker and takes more
    memory. strategy is accepted; rows are computed either way.
    """
    _check_vectorized("jacobian", vectorize, strict)
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(
            f"jacobian: strategy is {strategy!r}; it must be 'reverse-mode' or 'forward-mode'."
        )
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError(
            "jacobian: create_graph=True does not go with strategy='forward-mode'. Use "
            "'reverse-mode'."
        )
    with enable_grad():
        many_in, inputs = _as_tuple(inputs, "inputs", "jacobian")
        inputs = _fresh(inputs, create_graph)
        many_out, outputs = _as_tuple(func(*inputs), "what the function returned", "jacobian")
        _require_dependence("jacobian", outputs, "Output", strict)
        rows = _all_rows if vectorize else _rows
        blocks = [rows(output, inputs, create_graph, strict, "jacobian") for output in outputs]
    if not create_graph:
        blocks = [tuple(block.detach() for block in row) for row in blocks]
    blocks = tuple(row if many_in else row[0] for row in blocks)
    return blocks if many_out else blocks[0]


def _single_number(outputs, many, function):
    if many or not isinstance(outputs, fl.Tensor) or outputs.numel() != 1:
        raise RuntimeError(
            f"{function}: the function must return one number, so that it has a gradient; reduce "
            "its result with sum()."
        )
    return outputs.reshape(())


def hessian(
    func, inputs, create_graph=False, strict=False, vectorize=False,
    outer_jacobian_strategy="reverse-mode",
):  # fmt: skip
    """The second derivatives of func, which gives one number: for inputs x, y a tensor (*x.shape, *y.shape).

    vectorize: as `jacobian` has it.
    """
    _check_vectorized("hessian", vectorize, strict)
    many, tensors = _as_tuple(inputs, "inputs", "hessian")

    def gradient(*xs):
        out = func(*xs)
        out = _single_number(out, isinstance(out, tuple), "hessian")
        _require_dependence("hessian", (out,), "Output", strict)
        if not out.requires_grad:
            return tuple(fl.zeros_like(x) for x in xs)
        return _zeros_for_none(_grad((out,), xs, None, create_graph=True), xs, "hessian", strict)

    blocks = jacobian(
        gradient, tensors, create_graph=create_graph, strict=strict, vectorize=vectorize
    )
    return blocks if many else blocks[0][0]


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v @ H): the product of the vector v with the Hessian H of a func that gives one number."""
    with enable_grad():
        many_in, inputs = _as_tuple(inputs, "inputs", "vhp")
        v = _vectors(v, inputs, many_in, "vhp", "input")
        inputs = _fresh(inputs, create_graph)
        outputs = func(*inputs)
        output = _single_number(outputs, isinstance(outputs, tuple), "vhp")
        _require_dependence("vhp", (output,), "Output", strict)
        gradient = _zeros_for_none(
            _grad((output,), inputs, None, create_graph=True), inputs, "vhp", strict
        )
        _require_dependence("vhp", gradient, "The gradient for input", strict)
    with set_grad_enabled(create_graph):
        products = _zeros_for_none(
            _grad(gradient, inputs, v, create_graph), inputs, "vhp", strict, "gradient"
        )
    return _answer((outputs,), False, create_graph), _answer(products, many_in, create_graph)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), H @ v). H is symmetric, so this is `vhp`, which needs one pass less than J @ v would."""
    return vhp(func, inputs, v, create_graph, strict)
