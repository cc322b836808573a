"""Derivatives of pure functions: grad, vjp, jvp, jacrev, jacfwd, hessian, linearize.

Inputs become leaves of a new graph (or views of themselves where an outer derivative is being taken); inside
vmap that graph holds the values of all slices, so a gradient with respect to an unmapped input is one for
each slice.
"""

import functools

from .. import _core
from ..autograd.grad_mode import enable_grad
from ..ops.batching import Level, active
from ..ops.batching.values import full, inward, outward, unbatched
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp"]

Tensor = _core.Tensor


def _differentiable(tensor):
    return tensor.dtype.is_floating_point or tensor.dtype.is_complex


class _Inputs:
    """Inputs of a new derivative: `tree` for the function, `values` for autograd."""

    def __init__(self, name, tree):
        self.levels = tuple(level.number for level in active())
        leaves, self.form = tree_flatten(tree)
        recording = _core.is_grad_enabled()
        self.values, made = [], []
        self.outer = False
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise ValueError(
                    f"{name}: an input to differentiate by is a {type(leaf).__name__}; it must be a Tensor."
                )
            if not _differentiable(leaf):
                raise RuntimeError(
                    f"{name}: an input to differentiate by is {leaf.dtype}; derivatives take floating and complex "
                    "dtypes. Convert it with .float()."
                )
            value = full(leaf, self.levels)
            if recording and value.requires_grad:
                self.outer = True
                value = value.view_as(value)
            else:
                value = value.detach().requires_grad_()
            self.values.append(value)
            made.append(_core._batch(value, self.levels))
        self.recording = recording
        self.tree = tree_unflatten(made, self.form)

    def needs_graph(self, outputs):
        """Whether gradients of outputs depend on more than these inputs, by what may be differentiated again."""
        return self.recording and (self.outer or _core._reaches_beyond(outputs, self.values))

    def gradients(self, outputs, cotangents, graph):
        """The gradient of each input, as a value that may be batched at other levels; zeros where there is none."""
        pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
        found = [None] * len(self.values)
        if pairs and self.values:
            roots, grads = zip(*pairs)
            found = _core._run_backward(roots, grads, True, graph, self.values, True)
        return [
            _core.zeros_like(v) if g is None else g for v, g in zip(self.values, found, strict=True)
        ]

    def rebuilt(self, gradients, graph):
        """Gradients in the form of the inputs, batched as the function's results are."""
        return tree_unflatten(
            [outward(g if graph else g.detach(), self.levels) for g in gradients], self.form
        )

    def depends(self, output):
        """The value of an output that may depend on the inputs: those do on every active level."""
        value, levels = unbatched(output)
        return value if levels == self.levels else None


def _finished(tree, graph):
    if graph:
        return tree
    return tree_map(lambda t: t.detach() if isinstance(t, Tensor) else t, tree)


def _chosen(name, args, argnums):
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not isinstance(argnums, int) and not numbers:
        raise RuntimeError(f"{name}: argnums is empty; it must name an argument.")
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(
                f"{name}: argnums names argument {n}, but {len(args)} were given by position."
            )
    numbers = [n % len(args) for n in numbers]
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"{name}: argnums {argnums} name an argument more than once.")
    return numbers


def _exchanged(args, numbers, values):
    args = list(args)
    for n, value in zip(numbers, values, strict=True):
        args[n] = value
    return args


def _split_aux(name, output, has_aux):
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(
            f"{name}: with has_aux=True the function must return a tuple (output, aux), not "
            f"{type(output).__name__}."
        )
    return output


def _tensors(name, tree):
    leaves, form = tree_flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{name}: the function must return Tensors, but returned a {type(leaf).__name__}."
            )
    return leaves, form


def grad_and_value(func, argnums=0, has_aux=False):
    """A function that returns (the gradient of func, its value); func returns one number.

    Args:
        argnums (int or tuple of int): the arguments with respect to which to differentiate.
        has_aux (bool): func returns (number, more); the value then is (number, more) as well.

    Example:
        >>> torch.func.grad_and_value(lambda x: x**2)(torch.tensor(3.0))
        (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers = _chosen("grad", args, argnums)
        inputs = _Inputs("grad", [args[n] for n in numbers])
        with enable_grad():
            output = func(*_exchanged(args, numbers, inputs.tree), **kwargs)
            value, aux = _split_aux("grad", output, has_aux)
            if not isinstance(value, Tensor) or value.dim() != 0:
                got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else value
                raise RuntimeError(
                    f"grad: the function must return one number, a 0-dim Tensor, not {got}."
                )
            if value.dtype.is_complex:
                raise RuntimeError(
                    "grad: the function returned a complex number, which has no gradient. Return its "
                    "abs() or real part, or take the vjp."
                )
            root = inputs.depends(value)
            roots = [] if root is None else [root]
            graph = inputs.needs_graph(roots)
            gradients = inputs.gradients(roots, [_core.ones_like(r) for r in roots], graph)
        gradients = inputs.rebuilt(gradients, graph)
        gradients = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        value = _finished(value, graph)
        return gradients, ((value, _finished(aux, graph)) if has_aux else value)

    return wrapper


def grad(func, argnums=0, has_aux=False):
    """A function that returns the gradient of func, which returns one number; see grad_and_value.

    Example:
        >>> torch.func.grad(lambda x: x ** 3)(torch.tensor(2.))
        tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapper


class _Pullback:
    """The graph of one call of a function, from which products with its Jacobian are taken."""

    def __init__(self, name, func, primals, has_aux=False):
        self.name = name
        self.inputs = _Inputs(name, list(primals))
        with enable_grad():
            output = func(*self.inputs.tree)
            self.output, self.aux = _split_aux(name, output, has_aux)
            self.leaves, self.form = _tensors(name, self.output)
        self.values = [self.inputs.depends(leaf) for leaf in self.leaves]
        self.graph = self.inputs.needs_graph([v for v in self.values if v is not None])

    def products(self, cotangents, graph):
        """Gradients of the inputs (values) for a cotangent of each output."""
        pairs = [
            (v, inward(c, self.inputs.levels))
            for v, c in zip(self.values, cotangents, strict=True)
            if v is not None
        ]
        roots, grads = zip(*pairs) if pairs else ((), ())
        with enable_grad():
            return self.inputs.gradients(roots, grads, graph)

    def linearized(self):
        """tangents -> the tangent of each output: the derivative of the products by the cotangent."""
        with enable_grad():
            weights = [
                None if v is None else _core.zeros_like(v).requires_grad_(_differentiable(v))
                for v in self.values
            ]
            roots = [v for v in self.values if v is not None]
            given = [w for w in weights if w is not None]
            pulled = self.inputs.gradients(roots, given, True)

        def push(tangents, graph):
            pairs = [
                (p, inward(t, self.inputs.levels))
                for p, t in zip(pulled, tangents, strict=True)
                if p.requires_grad
            ]
            wanted = [w for w in weights if w is not None and w.requires_grad]
            found = ()
            if pairs and wanted:
                roots, grads = zip(*pairs)
                with enable_grad():
                    found = _core._run_backward(roots, grads, True, graph, wanted, True)
            found = iter(found or [None] * len(wanted))
            made = []
            for leaf, weight in zip(self.leaves, weights, strict=True):
                g = next(found) if weight is not None and weight.requires_grad else None
                if g is None:
                    made.append(_core.zeros_like(leaf))
                else:
                    made.append(outward(g if graph else g.detach(), self.inputs.levels))
            return tree_unflatten(made, self.form)

        return push


def vjp(func, *primals, has_aux=False):
    """(func(*primals), a function of cotangents that gives a tuple of their products with the Jacobian).

    The function may be called inside vmap: the graph is walked once for all cotangents.

    Example:
        >>> value, pull = torch.func.vjp(torch.sin, torch.tensor([0.0]))
        >>> pull(torch.tensor([2.0]))
        (tensor([2.]),)
    """
    pull = _Pullback("vjp", func, primals, has_aux)

    def pull_back(*cotangents, retain_graph=True, create_graph=None):
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        leaves, form = tree_flatten(given)
        if form != pull.form:
            raise RuntimeError(
                f"vjp: the cotangents must be nested like the output, {pull.form}, not {form}."
            )
        for cotangent, leaf in zip(leaves, pull.leaves, strict=True):
            if cotangent.shape != leaf.shape:
                raise RuntimeError(
                    f"vjp: a cotangent has shape {tuple(cotangent.shape)}, but the output it is for has "
                    f"{tuple(leaf.shape)}. They must be equal."
                )
        recording = _core.is_grad_enabled()
        graph = recording and (pull.graph or any(c.requires_grad for c in leaves))
        if create_graph is not None:
            graph = create_graph
        return tuple(pull.inputs.rebuilt(pull.products(leaves, graph), graph))

    value = _finished(pull.output, pull.graph)
    if has_aux:
        return value, pull_back, _finished(pull.aux, pull.graph)
    return value, pull_back


def _check_tangents(name, primals, tangents):
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError(f"{name}: primals and tangents must both be tuples.")
    leaves, form = tree_flatten(primals)
    if not leaves:
        raise RuntimeError(f"{name}: there are no primals; it needs one Tensor or more.")
    given, other = tree_flatten(tangents)
    if form != other:
        raise RuntimeError(f"{name}: primals and tangents must be nested alike.")
    for primal, tangent in zip(leaves, given, strict=True):
        if isinstance(primal, Tensor) and isinstance(tangent, Tensor):
            if primal.shape != tangent.shape:
                raise RuntimeError(
                    f"{name}: a tangent has shape {tuple(tangent.shape)}, but its primal has "
                    f"{tuple(primal.shape)}. They must be equal."
                )
    return given


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(func(*primals), the product of its Jacobian with the tangents), by differentiating the vjp.

    strict=True refuses an output that does not depend on the primals, instead of a tangent of zeros.

    Example:
        >>> torch.func.jvp(torch.sin, (torch.tensor([0.0]),), (torch.tensor([2.0]),))
        (tensor([0.]), tensor([2.]))
    """
    given = _check_tangents("jvp", primals, tangents)
    pull = _Pullback("jvp", func, primals, has_aux)
    if strict and not all(v is not None and v.requires_grad for v in pull.values):
        raise RuntimeError(
            "jvp: the output does not depend on the inputs, which strict=True refuses."
        )
    recording = _core.is_grad_enabled()
    graph = recording and (pull.graph or any(t.requires_grad for t in given))
    pushed = pull.linearized()(given, graph)
    value = _finished(pull.output, graph)
    return (value, pushed, _finished(pull.aux, graph)) if has_aux else (value, pushed)


def linearize(func, *primals):
    """(func(*primals), the function of tangents that approximates func near primals).

    func is called once, however often the tangents change.

    Example:
        >>> value, push = torch.func.linearize(torch.sin, torch.tensor([0.0]))
        >>> push(torch.tensor([2.0]))
        tensor([2.])
    """
    pull = _Pullback("linearize", func, primals)
    push = pull.linearized()

    def tangent_of(*tangents):
        given = _check_tangents("linearize", primals, tangents)
        recording = _core.is_grad_enabled()
        return push(given, recording and (pull.graph or any(t.requires_grad for t in given)))

    return _finished(pull.output, pull.graph), tangent_of


def _units(like, start, count):
    """Unit tensors number start to start + count - 1 of the shape of `like`: (count, *shape)."""
    units = _core.zeros(count, like.numel(), dtype=like.dtype, device=like.device)
    units.diagonal(start).fill_(1)
    return units.reshape(count, *like.shape)


def _by_units(like, chunk_size, along):
    """along(unit tensors, batched at a new level) of all units of `like`'s shape, each result stacked in front."""
    total = like.numel()
    if total == 1:
        unit = _core.ones(like.shape, dtype=like.dtype, device=like.device)
        return [g.unsqueeze(0) for g in along(unit)]
    parts = []
    step = chunk_size or total
    for start in range(0, total, step):
        units = _units(like, start, min(step, total - start))
        with Level(len(units)) as level:
            made = along(_core._batch(units, (level.number,)))
            parts.append([inward(g, (level.number,)) for g in made])
    if len(parts) == 1:
        return parts[0]
    return [_core.cat(column) for column in zip(*parts, strict=True)]


def _check_chunk(name, chunk_size):
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"{name}: chunk_size is {chunk_size}; it must be 1 or more, or None.")


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """A function that returns the Jacobian of func: out.shape + in.shape.

    One backward for all elements of an output at once, or for chunk_size of them.

    Example:
        >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_chunk("jacrev", chunk_size)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers = _chosen("jacrev", args, argnums)
        call = lambda *given: func(*_exchanged(args, numbers, given), **kwargs)
        pull = _Pullback("jacrev", call, [args[n] for n in numbers], has_aux)
        graph, inputs = pull.graph, pull.inputs

        def jacobian(place):
            value, leaf = pull.values[place], pull.leaves[place]
            if value is None or leaf.numel() == 0:
                lead = [level.size for level in active()]
                made = [
                    _core.zeros(
                        *lead, *leaf.shape, *v.shape[len(lead) :], dtype=v.dtype, device=v.device
                    )
                    for v in inputs.values
                ]
                return [_core._batch(m, inputs.levels) for m in made]

            def along(units):
                with enable_grad():
                    return inputs.gradients([value], [inward(units, inputs.levels)], graph)

            made = _by_units(leaf, chunk_size, along)
            n = len(inputs.levels)
            jacobians = []
            for m in made:  # (elements of the output, *levels, *in)
                m = m.movedim(0, n) if n else m
                m = m.reshape(*m.shape[:n], *leaf.shape, *m.shape[n + 1 :])
                jacobians.append(outward(m if graph else m.detach(), inputs.levels))
            return jacobians

        def shaped(place):
            made = tree_unflatten(jacobian(place), inputs.form)
            return made[0] if isinstance(argnums, int) else tuple(made)

        result = tree_unflatten([shaped(k) for k in range(len(pull.leaves))], pull.form)
        return (result, _finished(pull.aux, graph)) if has_aux else result

    return wrapper


def jacfwd(func, argnums=0, has_aux=False, *, chunk_size=None, randomness="error"):
    """A function that returns the Jacobian of func, as jacrev does, by a pass for every element of the inputs.

    Cheaper than jacrev where there are more outputs than inputs. func is called once; randomness is that
    of vmap, which func then needs not care about.

    Example:
        >>> torch.func.jacfwd(torch.sin)(torch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_chunk("jacfwd", chunk_size)
    if randomness not in ("error", "same", "different"):
        raise RuntimeError(
            f"jacfwd: randomness is {randomness!r}; it must be 'error', 'same' or 'different'."
        )

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers = _chosen("jacfwd", args, argnums)
        call = lambda *given: func(*_exchanged(args, numbers, given), **kwargs)
        pull = _Pullback("jacfwd", call, [args[n] for n in numbers], has_aux)
        push, graph, inputs = pull.linearized(), pull.graph, pull.inputs
        primals = tree_flatten(inputs.tree)[0]
        zeros = [_core.zeros(p.shape, dtype=p.dtype, device=p.device) for p in primals]

        def columns(place):
            """For one input the Jacobian of each output."""

            def along(units):
                tangents = [*zeros[:place], units, *zeros[place + 1 :]]
                return tree_flatten(push(tangents, graph))[0]

            primal = primals[place]
            if primal.numel() == 0:
                return [
                    _core.zeros(*leaf.shape, *primal.shape, dtype=leaf.dtype, device=leaf.device)
                    for leaf in pull.leaves
                ]
            made = _by_units(primal, chunk_size, along)
            # (units, *out) -> (*out, *in)
            return [
                m.movedim(0, -1).reshape(*leaf.shape, *primal.shape)
                for m, leaf in zip(made, pull.leaves, strict=True)
            ]

        by_input = [columns(k) for k in range(len(primals))]

        def shaped(place):
            made = tree_unflatten([of_input[place] for of_input in by_input], inputs.form)
            return made[0] if isinstance(argnums, int) else tuple(made)

        result = tree_unflatten([shaped(k) for k in range(len(pull.leaves))], pull.form)
        return (result, _finished(pull.aux, graph)) if has_aux else result

    return wrapper


def hessian(func, argnums=0):
    """A function that returns the second derivatives of func: out.shape + in.shape + in.shape.

    One backward through the gradient for all of its elements at once.

    Example:
        >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
