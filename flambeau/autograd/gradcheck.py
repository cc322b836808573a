"""Gradients against finite differences.

Complex numbers are treated as pairs of real ones throughout. With this convention, which is
autograd's, the gradient of a real number L by z = a + b*i is dL/da + i*dL/db: the pairs (dL/da, dL/db).
"""

import math

from .. import _core
from ..ops.core import operators as fl
from .grad_mode import enable_grad, no_grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A gradient that finite differences do not confirm."""


def _is_differentiable(value):
    return isinstance(value, fl.Tensor) and (
        value.dtype.is_floating_point or value.dtype.is_complex
    )


def _tensors(values):
    values = values if isinstance(values, (tuple, list)) else (values,)
    flat = []
    for value in values:
        flat += _tensors(value) if isinstance(value, (tuple, list)) else [value]
    return flat


def _differentiable_outputs(outputs):
    return [out for out in _tensors(outputs) if _is_differentiable(out) and out.requires_grad]


def _real(tensor):
    """The numbers of a tensor as a vector of real ones."""
    tensor = tensor.detach().resolve_conj() if tensor.dtype.is_complex else tensor.detach()
    if tensor.dtype.is_complex:
        tensor = fl.view_as_real(tensor.contiguous())
    return tensor.reshape(-1)


def _like(vector, tensor):
    """The reverse of `_real`."""
    if tensor.dtype.is_complex:
        return fl.view_as_complex(vector.reshape(*tensor.shape, 2).contiguous())
    return vector.reshape(tensor.shape)


def _form(tensor):
    return tuple(tensor.shape), tensor.dtype


def _outputs_at(func, inputs, forms=None):
    """The differentiable outputs of func, as real vectors detached from the graph; `forms` are those expected."""
    outputs = _differentiable_outputs(func(*inputs))
    found = [_form(out) for out in outputs]
    if forms is not None and found != forms:
        raise AssertionError(
            f"gradcheck: moving an input by eps changed the outputs from {forms} to {found}. Their "
            "shapes and dtypes must not depend on values."
        )
    return [_real(out).clone() for out in outputs]


def _numerical(func, inputs, x, eps, forms=None):
    """[output][coordinate of x]: the derivatives of every output by each coordinate of x, as vectors."""
    values = x.detach()
    original = _real(values).clone()
    columns = []
    for i in range(original.numel()):
        ends = []
        for step in (eps, -eps):
            moved = original.clone()
            moved[i] += step
            with no_grad():
                values.copy_(_like(moved, x))
            ends.append(_outputs_at(func, inputs, forms))
        with no_grad():
            values.copy_(_like(original, x))
        columns.append([(ahead - behind) / (2 * eps) for ahead, behind in zip(*ends)])
    return columns


def _gradients(output, inputs, grad_output):
    from . import grad

    grads = grad([output], inputs, [grad_output], retain_graph=True, allow_unused=True)
    return [g.to_dense() if _core._is_sparse(g) else g for g in grads]


def _analytical(output, inputs):
    """[coordinate of output][input]: one backward pass a coordinate."""
    size = _real(output).numel()
    rows = []
    for i in range(size):
        unit = fl.zeros(size, dtype=_real(output).dtype, device=output.device)
        unit[i] = 1
        grads = _gradients(output, inputs, _like(unit, output))
        rows.append(
            [fl.zeros_like(_real(x)) if g is None else _real(g) for x, g in zip(inputs, grads)]
        )
    return rows


def _check_form(grads, inputs, check_grad_dtypes):
    for i, (grad, x) in enumerate(zip(grads, inputs)):
        if grad is None:
            continue
        if tuple(grad.shape) != tuple(x.shape):
            raise GradcheckError(
                f"gradcheck: the gradient of input {i} has shape {tuple(grad.shape)}, but the "
                f"input {tuple(x.shape)}."
            )
        if check_grad_dtypes and grad.dtype != x.dtype:
            raise GradcheckError(
                f"gradcheck: the gradient of input {i} is {grad.dtype}, but the input {x.dtype}."
            )


def _matrix(rows, height, width, like):
    return (
        fl.stack(rows, 0) if rows else fl.zeros(height, width, dtype=like.dtype, device=like.device)
    )


def _compare(numerical, analytical, i, j, atol, rtol):
    """Both are (coordinates of input i, coordinates of output j)."""
    difference = (numerical - analytical).abs()
    fine = (difference <= atol + rtol * numerical.abs()) | (numerical == analytical)
    if numerical.numel() and not bool(fine.all()):
        raise GradcheckError(
            f"gradcheck: the derivative of output {j} by input {i} is wrong.\nby differences: "
            f"{numerical}\nby backward: {analytical}\n"
        )


def _check_repeated(first, second, j, nondet_tol):
    """Of two runs of backward from output j."""
    for a, b in zip(first, second):
        differ = (a is None) != (b is None)
        if differ or (a is not None and a.numel() and float((a - b).abs().max()) > nondet_tol):
            raise GradcheckError(
                f"gradcheck: two runs of backward from output {j} differ by more than "
                f"nondet_tol={nondet_tol}."
            )


def _check_slow(func, inputs, wanted, outputs, eps, atol, rtol, nondet_tol):
    # All backward passes come first: moving the inputs is a write in place, after which saved ones are stale.
    tables = [_analytical(output, wanted) for output in outputs]
    for j, (output, rows) in enumerate(zip(outputs, tables)):
        for first, second in zip(rows, _analytical(output, wanted)):
            _check_repeated(first, second, j, nondet_tol)
    for i, x in enumerate(wanted):
        columns = _numerical(func, inputs, x, eps, [_form(out) for out in outputs])
        size = _real(x).numel()
        for j, (output, rows) in enumerate(zip(outputs, tables)):
            width = _real(output).numel()
            numerical = _matrix([column[j] for column in columns], size, width, _real(output))
            analytical = _matrix([row[i] for row in rows], width, size, _real(x)).t()
            _compare(numerical.to(analytical.dtype), analytical, i, j, atol, rtol)


def _check_fast(func, inputs, wanted, outputs, eps, atol, rtol, nondet_tol):
    """u @ J @ v for one random u and v each instead of J itself: one backward and two calls a pair."""
    weights = [
        fl.rand(_real(out).numel(), dtype=_real(out).dtype, device=out.device) for out in outputs
    ]
    tables = [_gradients(output, wanted, _like(u, output)) for u, output in zip(weights, outputs)]
    for j, (u, output) in enumerate(zip(weights, outputs)):
        _check_repeated(tables[j], _gradients(output, wanted, _like(u, output)), j, nondet_tol)
    for i, x in enumerate(wanted):
        values = x.detach()
        original = _real(values).clone()
        direction = fl.randn(original.numel(), dtype=original.dtype, device=x.device)
        direction = direction / direction.norm() if original.numel() else direction
        ends = []
        for step in (eps, -eps):
            with no_grad():
                values.copy_(_like(original + step * direction, x))
            ends.append(_outputs_at(func, inputs, [_form(out) for out in outputs]))
        with no_grad():
            values.copy_(_like(original, x))
        for j, (u, grads) in enumerate(zip(weights, tables)):
            numerical = (u * (ends[0][j] - ends[1][j])).sum() / (2 * eps)
            analytical = (
                (fl.zeros_like(original) if grads[i] is None else _real(grads[i])) * direction
            ).sum()
            scale = math.sqrt(max(u.numel(), 1))
            _compare(numerical.reshape(1, 1), analytical.reshape(1, 1), i, j, atol * scale, rtol)


def _check_zero(outputs, wanted):
    """A backward that ignores its grad_output gives something for 0."""
    for output in outputs:
        for grad in _gradients(output, wanted, fl.zeros_like(output)):
            if grad is not None and grad.numel() and not bool((grad == 0).all()):
                raise GradcheckError(
                    "gradcheck: backward gives a gradient where grad_output is zero; it must be "
                    "linear in it."
                )


def _check(func, inputs, eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode):
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    wanted = [x for x in _tensors(inputs) if _is_differentiable(x) and x.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck: no input requires grad, so there is nothing to check. Call "
            "requires_grad_() on one."
        )
    for i, x in enumerate(wanted):
        if x.dtype not in (fl.float64, fl.complex128):
            _core._warn(
                f"gradcheck: input {i} is not float64 or complex128, and differences in lower "
                "precision rarely agree. Convert it with .double()."
            )
        if any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape)):
            raise RuntimeError(
                f"gradcheck: input {i} is expanded (a stride is 0), so its elements cannot be "
                "moved one by one. clone() it."
            )
        x.retain_grad()
    with enable_grad():
        results = func(*inputs)
        outputs = _differentiable_outputs(results)
        if not outputs:
            for x in wanted:
                for column in _numerical_all(func, inputs, x, eps):
                    if any(bool((part != 0).any()) for part in column):
                        raise GradcheckError(
                            "gradcheck: backward gives no gradient, but the differences are not "
                            "zero."
                        )
            return True
        for output in outputs:
            _check_form(
                _gradients(output, wanted, fl.zeros_like(output)), wanted, check_grad_dtypes
            )
        _check_zero(outputs, wanted)
        if fast_mode:
            _check_fast(func, inputs, wanted, outputs, eps, atol, rtol, nondet_tol)
        else:
            _check_slow(func, inputs, wanted, outputs, eps, atol, rtol, nondet_tol)
    return True


def _of_sparse(check, arguments):
    """check(**arguments) of func and inputs some of which are sparse."""
    from ..sparse.gradients import as_sparse_gradcheck

    return as_sparse_gradcheck(check)(arguments.pop("func"), arguments.pop("inputs"), **arguments)


def _numerical_all(func, inputs, x, eps):
    """`_numerical` of every floating output, for a func whose outputs are cut from the graph."""

    def as_if_differentiable(*args):
        return [
            out.detach().requires_grad_()
            for out in _tensors(func(*args))
            if _is_differentiable(out)
        ]

    return _numerical(as_if_differentiable, inputs, x, eps)


def gradcheck(
    func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0,
    check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
    check_batched_forward_grad=False, check_forward_ad=False, check_backward_ad=True,
    fast_mode=False, masked=None,
):  # fmt: skip
    """Whether the gradients of func at inputs agree with central differences of step eps.

    abs(analytical - numerical) <= atol + rtol * abs(numerical) must hold for every element of the
    Jacobian; inputs should be float64. fast_mode compares one random projection of it instead.
    A backward that gives different values when repeated (beyond nondet_tol), that does not scale with
    its grad_output, or whose gradients have another shape than the inputs fails as well.
    Of a sparse input the values are moved; masked=True says that its gradient has no other entries than it.
    Outputs are taken one by one, so that backward meets undefined gradients of the others with either
    value of check_undefined_grad; where all are undefined nothing runs.
    check_forward_ad compares one tangent for each input with a difference, check_batched_grad the results
    of is_grads_batched with those of single calls, check_batched_forward_grad tangents under vmap with
    single ones.

    Raises:
        GradcheckError: they disagree; with raise_exception=False the answer is False instead.

    Example:
        >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradcheck(torch.sin, (x,))
        True
    """
    if _has_sparse(inputs):
        return _of_sparse(gradcheck, locals())
    if not (check_backward_ad or check_forward_ad):
        raise AssertionError(
            "gradcheck: check_backward_ad and check_forward_ad are both False, so there is nothing to check."
        )
    try:
        if check_backward_ad:
            _check(func, inputs, eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
        if check_batched_grad:
            _check_batched(func, inputs, atol, rtol)
        if check_forward_ad or check_batched_forward_grad:
            _check_forward(func, inputs, eps, atol, rtol)
        if check_batched_forward_grad:
            _check_batched_forward(func, inputs, atol, rtol)
        return True
    except GradcheckError:
        if raise_exception:
            raise
        return False


class _Gradients:
    """What backward of func gives, as a function of its inputs and, behind them, `count` grad_outputs."""

    def __init__(self, func, count):
        self.func, self.count = func, count

    def __call__(self, *args):
        from . import grad

        xs, gs = args[: len(args) - self.count], args[len(args) - self.count :]
        wanted = [x for x in _tensors(xs) if _is_differentiable(x) and x.requires_grad]
        outputs = _differentiable_outputs(self.func(*xs))
        grads = grad(outputs, wanted, gs, create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)


def gradgradcheck(
    func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3,
    gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0,
    check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
    check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False, masked=False,
):  # fmt: skip
    """`gradcheck` of what backward of func gives, by its inputs and by the grad_outputs.

    Without grad_outputs random ones are taken; gen_non_contig_grad_outputs makes them non-contiguous.

    Example:
        >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradgradcheck(torch.sin, (x,))
        True
    """
    if _has_sparse(inputs):
        return _of_sparse(gradgradcheck, locals())
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if grad_outputs is None:
        with enable_grad():
            outputs = _differentiable_outputs(func(*inputs))
        grad_outputs = [_random_like(out, gen_non_contig_grad_outputs) for out in outputs]
    else:
        grad_outputs = (
            list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
        )
    return gradcheck(
        _Gradients(func, len(grad_outputs)), (*inputs, *grad_outputs), eps=eps, atol=atol,
        rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )  # fmt: skip


def _random_like(output, strided):
    """A random cotangent that requires grad; `strided`: with gaps between its elements."""
    dtype = output.dtype
    if not strided or output.dim() == 0:
        return fl.randn(output.shape, dtype=dtype, device=output.device).requires_grad_()
    wide = fl.randn((*output.shape, 2), dtype=dtype, device=output.device)
    return wide[..., 0].detach().requires_grad_()


def _has_sparse(inputs):
    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    return any(_core._is_sparse(x) for x in inputs)


def _check_forward(func, inputs, eps, atol, rtol):
    """Along a random direction of each input, the tangent of every output against a central difference."""
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    for place, x in enumerate(inputs):
        if _is_chosen(x):
            _check_along(func, inputs, place, fl.randn_like(x.detach()), eps, atol, rtol)


def _check_along(func, inputs, place, direction, eps, atol, rtol):
    from . import forward_ad

    in_graph = isinstance(func, _Gradients)

    def moved(step):
        # They require grad too: func may be the gradients of something.
        args = [x.detach().requires_grad_() if _is_chosen(x) else x for x in inputs]
        args[place] = (inputs[place].detach() + step * direction).requires_grad_()
        with enable_grad():
            return [out.detach() for out in _tensors(func(*args))]

    with forward_ad.dual_level(), enable_grad():
        duals = [x.detach() if _is_chosen(x) and not in_graph else x for x in inputs]
        duals[place] = forward_ad.make_dual(duals[place], direction.clone())
        tangents = [forward_ad.unpack_dual(out).tangent for out in _tensors(func(*duals))]
    for i, (tangent, ahead, behind) in enumerate(zip(tangents, moved(eps), moved(-eps))):
        if not _is_differentiable(ahead):
            continue
        expected = (ahead - behind) / (2 * eps)
        tangent = fl.zeros_like(expected) if tangent is None else tangent.detach()
        if not fl.allclose(tangent, expected, rtol=rtol, atol=atol * expected.numel() ** 0.5):
            raise GradcheckError(
                f"gradcheck: the forward-mode derivative of output {i} is wrong along one direction of input "
                f"{place}.\nby differences: {expected}\nby tangents: {tangent}"
            )


def _check_batched(func, inputs, atol, rtol):
    """Gradients for two cotangents at once against those for each."""
    from . import grad

    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    wanted = [x for x in inputs if _is_chosen(x)]
    with enable_grad():
        outputs = _differentiable_outputs(func(*inputs))
    for i, output in enumerate(outputs):
        pair = fl.stack([_random_like(output, False).detach() for _ in range(2)])
        options = {"retain_graph": True, "allow_unused": True}
        try:
            both = grad(output, wanted, pair, is_grads_batched=True, **options)
        except RuntimeError as error:
            raise GradcheckError(
                f"gradcheck: gradients of output {i} cannot be computed in a batch: {error}"
            ) from error
        for k in range(2):
            single = grad(output, wanted, pair[k], **options)
            for a, b in zip(both, single):
                if (a is None) != (b is None) or (
                    a is not None and not fl.allclose(a[k], b, rtol=rtol, atol=atol)
                ):
                    raise GradcheckError(
                        f"gradcheck: gradients of output {i} in a batch differ from single ones."
                    )


def _check_batched_forward(func, inputs, atol, rtol):
    """Tangents along two directions under vmap against those along each, input by input."""
    from .. import vmap
    from . import forward_ad

    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    for place, x in enumerate(inputs):
        if not _is_chosen(x):
            continue

        def along(direction):
            with forward_ad.dual_level(), enable_grad():
                args = [i.detach() if isinstance(i, fl.Tensor) else i for i in inputs]
                args[place] = forward_ad.make_dual(x.detach(), direction)  # noqa: B023
                outputs = [out for out in _tensors(func(*args)) if _is_differentiable(out)]
                found = [(out, forward_ad.unpack_dual(out).tangent) for out in outputs]
                return tuple(fl.zeros_like(o) if t is None else t.detach() for o, t in found)

        pair = fl.stack([fl.randn_like(x.detach()) for _ in range(2)])
        both, singles = vmap(along)(pair), [along(direction) for direction in pair]
        for i, batched in enumerate(both):
            for k, single in enumerate(singles):
                if not fl.allclose(batched[k], single[i], rtol=rtol, atol=atol):
                    raise GradcheckError(
                        f"gradcheck: tangents of output {i} under vmap differ from single ones."
                    )


def _is_chosen(x):
    return isinstance(x, fl.Tensor) and _is_differentiable(x) and x.requires_grad
