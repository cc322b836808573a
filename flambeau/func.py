"""Functions of functions: torch.func. Gradients, Jacobians and batches of pure functions.

Everything runs on the same autograd as `.backward()`; `vmap` calls the function once for each slice and
stacks what comes out.
"""

import functools

import flambeau

from .nn.utils import stateless
from .rearranging import rearrange

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]


def functional_call(
    module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """module(*args, **kwargs) computed with the given tensors in the place of its own.

    Args:
        parameter_and_buffer_dicts (dict, or sequence of dicts): path -> tensor.
        args, kwargs, tie_weights, strict: as nn.utils.stateless.functional_call takes them.
    """
    return stateless.functional_call(
        module, parameter_and_buffer_dicts, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _map(fn, tree):
    """`tree`, made of tuples, lists and dicts, with fn applied to its leaves."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_map(fn, item) for item in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(_map(fn, item) for item in tree)
    if isinstance(tree, dict):
        return {key: _map(fn, item) for key, item in tree.items()}
    return fn(tree)


def _tensors(tree):
    found = []
    _map(lambda leaf: found.append(leaf) if isinstance(leaf, flambeau.Tensor) else None, tree)
    return found


def _rebuilt(tree, values):
    """`tree` with its tensors replaced, in order."""
    values = iter(values)
    return _map(lambda leaf: next(values) if isinstance(leaf, flambeau.Tensor) else leaf, tree)


def _inputs(tree):
    """(`tree` as inputs of a new derivative, whether an outer derivative is being taken of it)."""
    outer = flambeau.is_grad_enabled() and any(t.requires_grad for t in _tensors(tree))

    def fresh(leaf):
        if not isinstance(leaf, flambeau.Tensor):
            return leaf
        if leaf.requires_grad and outer:
            return leaf.view_as(leaf)
        leaf = leaf.detach()
        return (
            leaf.requires_grad_() if leaf.dtype.is_floating_point or leaf.dtype.is_complex else leaf
        )

    return _map(fresh, tree), outer


def _gradients(outputs, inputs, cotangents, graph):
    """Gradients of every tensor of inputs; zeros where the outputs do not depend on it."""
    wanted = [t for t in inputs if t.requires_grad]
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if pairs and wanted:
        found = flambeau.autograd.grad(
            [o for o, _ in pairs],
            wanted,
            [c for _, c in pairs],
            retain_graph=True,
            create_graph=graph,
            allow_unused=True,
        )
    else:
        found = [None] * len(wanted)
    by_id = {id(t): g for t, g in zip(wanted, found, strict=True)}
    return [g if (g := by_id.get(id(t))) is not None else flambeau.zeros_like(t) for t in inputs]


def _finished(tree, outer):
    return (
        tree if outer else _map(lambda t: t.detach() if isinstance(t, flambeau.Tensor) else t, tree)
    )


def _chosen(args, argnums):
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(
                f"func: argnums names argument {n}, but {len(args)} were given by position."
            )
    return [n % len(args) for n in numbers]


def _exchanged(args, numbers, values):
    args = list(args)
    for n, value in zip(numbers, values, strict=True):
        args[n] = value
    return args


def grad_and_value(func, argnums=0, has_aux=False):
    """A function that returns (the gradient of func, its value); func returns one number.

    Args:
        argnums (int or tuple of int): the arguments with respect to which to differentiate.
        has_aux (bool): func returns (number, more); the value then is (number, more) as well.
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers = _chosen(args, argnums)
        inputs, outer = _inputs([args[n] for n in numbers])
        with flambeau.enable_grad():
            output = func(*_exchanged(args, numbers, inputs), **kwargs)
            value, aux = output if has_aux else (output, None)
            if not isinstance(value, flambeau.Tensor) or value.dim() != 0:
                got = f"shape {tuple(value.shape)}" if isinstance(value, flambeau.Tensor) else value
                raise RuntimeError(
                    f"grad: the function must return one number, a 0-dim Tensor, not {got}."
                )
            grads = _gradients([value], _tensors(inputs), [flambeau.ones_like(value)], outer)
        grads = _rebuilt(inputs, grads)
        grads = grads[0] if isinstance(argnums, int) else tuple(grads)
        value = _finished(value, outer)
        return grads, ((value, _finished(aux, outer)) if has_aux else value)

    return wrapper


def grad(func, argnums=0, has_aux=False):
    """A function that returns the gradient of func, which returns one number; see grad_and_value."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapper


def vjp(func, *primals, has_aux=False):
    """(func(*primals), a function of cotangents that gives their products with the Jacobian)."""
    inputs, outer = _inputs(list(primals))
    with flambeau.enable_grad():
        output = func(*inputs)
    output, aux = output if has_aux else (output, None)
    flat = _tensors(output)

    def pull_back(*cotangents):
        given = _tensors(cotangents)
        graph = outer or any(c.requires_grad for c in given)
        grads = _gradients(flat, _tensors(inputs), given, graph)
        result = tuple(_rebuilt(inputs, grads))
        return result[0] if len(result) == 1 else result

    value = _finished(output, outer)
    return (value, pull_back, _finished(aux, outer)) if has_aux else (value, pull_back)


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(func(*primals), the product of its Jacobian with the tangents), by differentiating the vjp.

    strict=True refuses an output that does not depend on the primals, instead of a tangent of zeros.
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp: primals and tangents must both be tuples.")
    if len(primals) != len(tangents):
        raise RuntimeError("jvp: primals and tangents must be nested alike.")
    inputs, outer = _inputs(list(primals))
    given = _tensors(tangents)
    outer = outer or any(t.requires_grad for t in given)
    with flambeau.enable_grad():
        output = func(*inputs)
        output, aux = output if has_aux else (output, None)
        flat = _tensors(output)
        if strict and not all(o.requires_grad for o in flat):
            raise RuntimeError(
                "jvp: the output does not depend on the inputs, which strict=True refuses."
            )
        weights = [flambeau.zeros_like(o).requires_grad_() for o in flat]
        pulled = _gradients(flat, _tensors(inputs), weights, True)
        pushed = _gradients(pulled, weights, given, outer)
    result = _finished(output, outer), _finished(_rebuilt(output, pushed), outer)
    return (*result, _finished(aux, outer)) if has_aux else result


def linearize(func, *primals):
    """(func(*primals), the function of tangents that approximates func near primals)."""
    return func(*primals), lambda *tangents: jvp(func, primals, tangents)[1]


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """A function that returns the Jacobian of func: out.shape + in.shape, one backward for each output element."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        numbers = _chosen(args, argnums)
        inputs, outer = _inputs([args[n] for n in numbers])
        sources = _tensors(inputs)
        with flambeau.enable_grad():
            output = func(*_exchanged(args, numbers, inputs), **kwargs)
            output, aux = output if has_aux else (output, None)

            def jacobian(out):
                rows = []
                for i in range(out.numel()):
                    unit = flambeau.zeros(out.numel(), dtype=out.dtype, device=out.device)
                    unit[i] = 1
                    rows.append(_gradients([out], sources, [unit.reshape(out.shape)], outer))
                made = [
                    flambeau.stack([row[k] for row in rows]).reshape(*out.shape, *t.shape)
                    if rows
                    else flambeau.zeros(*out.shape, *t.shape, dtype=t.dtype)
                    for k, t in enumerate(sources)
                ]
                made = _finished(_rebuilt(inputs, made), outer)
                return made[0] if isinstance(argnums, int) else tuple(made)

            result = _map(jacobian, output)
        return (result, _finished(aux, outer)) if has_aux else result

    return wrapper


def jacfwd(func, argnums=0, has_aux=False, *, chunk_size=None, randomness="error"):
    """The Jacobian, as jacrev gives it."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func, argnums=0):
    """A function that returns the second derivatives of func: out.shape + in.shape + in.shape."""
    return jacfwd(jacrev(func, argnums), argnums)


class _Dim:
    """The dimension of one leaf; None: it is not mapped over."""

    def __init__(self, dim):
        self.dim = dim


def _leaves(tree):
    found = []
    _map(lambda leaf: found.append(leaf.dim), tree)
    return found


def _broadcast_dims(dims, tree):
    """One dim for each leaf of tree: dims is a tree of the same form, or one number for a whole branch."""
    if dims is None or isinstance(dims, int):
        return _map(lambda leaf: _Dim(dims), tree)
    if isinstance(tree, dict):
        return {key: _broadcast_dims(dims[key], item) for key, item in tree.items()}
    if isinstance(tree, (tuple, list)):
        if len(dims) != len(tree):
            raise ValueError(f"vmap: dims {dims} do not fit a structure of {len(tree)} parts.")
        return type(tree)(_broadcast_dims(d, item) for d, item in zip(dims, tree, strict=True))
    raise ValueError(f"vmap: dims {dims} do not fit {type(tree).__name__}.")


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """A function that applies func to each slice of its inputs and stacks the results.

    Args:
        in_dims (int, None or a tree of them): the dimension that is sliced; None hands an input over whole.
        out_dims (int or a tree): where the new dimension of each output stands.
        randomness (str): "error" refuses random operators in func, "same" gives every slice the same
            numbers, "different" gives each its own.
        chunk_size (int, optional): accepted; the slices run one by one anyway.
    """
    if randomness not in ("error", "same", "different"):
        raise RuntimeError(
            f"vmap: randomness is {randomness!r}; it must be 'error', 'same' or 'different'."
        )
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"vmap: chunk_size is {chunk_size}; it must be 1 or more, or None.")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        dims = _broadcast_dims(in_dims, tuple(args))
        pairs = []

        def collect(tree, tree_dims):
            if isinstance(tree, dict):
                return {key: collect(item, tree_dims[key]) for key, item in tree.items()}
            if isinstance(tree, (tuple, list)):
                return type(tree)(collect(t, d) for t, d in zip(tree, tree_dims, strict=True))
            pairs.append((tree, tree_dims.dim))
            return len(pairs) - 1

        form, named = collect(tuple(args), dims), collect(kwargs, _broadcast_dims(0, kwargs))
        sizes = {t.shape[d] for t, d in pairs if d is not None and isinstance(t, flambeau.Tensor)}
        if not sizes:
            raise ValueError(
                "vmap: no input has a dim to map over. in_dims must be an int for one tensor or "
                "more."
            )
        if len(sizes) > 1:
            raise ValueError(
                f"vmap: the dims mapped over have sizes {sorted(sizes)}; they must be equal."
            )

        def slice_of(place, i):
            value, dim = pairs[place]
            return (
                value.select(dim, i)
                if dim is not None and isinstance(value, flambeau.Tensor)
                else value
            )

        generator = flambeau.random.default_generator
        before = generator.get_state()
        results = []
        for i in range(sizes.pop()):
            if randomness == "same":
                generator.set_state(before)
            results.append(
                func(
                    *_map(lambda p, i=i: slice_of(p, i), form),
                    **_map(lambda p, i=i: slice_of(p, i), named),
                )
            )
            if randomness == "error" and not flambeau.equal(generator.get_state(), before):
                raise RuntimeError(
                    "vmap: a random operator was called, and whether slices share its numbers is "
                    "not said. Pass randomness='same' or 'different'."
                )
        if not results:
            raise ValueError("vmap: cannot map over a dimension of size 0.")
        first = results[0]
        leaves = []
        _map(leaves.append, first)
        for leaf in leaves:
            if out_dims is not None and not isinstance(leaf, flambeau.Tensor):
                raise ValueError(
                    f"vmap: the function returned {type(leaf).__name__}; only Tensors can be stacked."
                )
        columns = zip(*(_tensors(r) for r in results), strict=True)
        flat_dims = _leaves(_broadcast_dims(out_dims, first))
        return _rebuilt(
            first, [flambeau.stack(c, d) for c, d in zip(columns, flat_dims, strict=False)]
        )

    return wrapper


def functionalize(func, *, remove="mutations"):
    """func itself: writes in place need no rewriting here."""
    return func


def debug_unwrap(tensor, *, recurse=True):
    """The tensor itself: nothing is wrapped here."""
    return tensor


def stack_module_state(models):
    """(parameters, buffers) of models of one form, each stacked along a new first dimension."""
    if not models:
        raise RuntimeError("stack_module_state: needs one module or more; the list is empty.")

    def stacked(named):
        each = [dict(named(model)) for model in models]
        return {
            name: flambeau.stack([one[name] for one in each])
            .detach()
            .requires_grad_(value.requires_grad)
            for name, value in each[0].items()
        }

    return stacked(lambda m: m.named_parameters()), stacked(lambda m: m.named_buffers())


def replace_all_batch_norm_modules_(root):
    """root with running statistics taken out of its batch normalizations."""
    for module in root.modules():
        if isinstance(module, flambeau.nn.modules.batchnorm._BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
