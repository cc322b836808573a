"""The slow engine's reductions and row functions: NumPy over all outputs, element after element."""

from ..schedules import reductions
from ..schedules.reduce import limit_of
from ..schedules.row_plan import Plan
from ..types import DTYPES, compute_dtype
from .pointwise import convert, evaluate, numpy_dtype, read, write


def interpret_reduce(reduction, inputs, in_dtypes, as_dtype, out_dtypes, index0=0):
    """The outputs of a reduction of arrays (n_out, n_red), then parameters of any shape () arrays."""
    import numpy as np

    n_in = reduction.n_in
    as_dtypes = reduction._states(in_dtypes, as_dtype)[0]
    with np.errstate(all="ignore"):
        values = [
            convert(read(np.asarray(x), d), d, a)
            for x, d, a in zip(inputs[:n_in], in_dtypes, as_dtypes)
        ]
        params = [read(np.asarray(x), d) for x, d in zip(inputs[n_in:], in_dtypes[n_in:])]
        found = _reduce(reduction, values, list(as_dtypes), params, list(in_dtypes[n_in:]), index0)
        return [
            write(np.broadcast_to(x, len(values[0])), d, out)
            for (x, d), out in zip(found, out_dtypes)
        ]


def _reduce(reduction, values, as_dtypes, params, param_dtypes, index0=0):
    """[(values, dtype)] of the outputs of a reduction along the last dimension of `values`."""
    import numpy as np

    computed = [compute_dtype(d) for d in as_dtypes]
    outer = reduction._states(as_dtypes, None)[2]
    n_out, n_red = values[0].shape
    state = [np.full(n_out, limit_of(v, d), numpy_dtype(d)) for v, d in zip(reduction.init, outer)]
    dtypes = [*outer, *computed, *param_dtypes]
    for i in range(n_red):
        elements = [v[:, i] for v in values]
        index = np.full(n_out, index0 + i)
        made = evaluate(reduction.algebra.step_roots, [*state, *elements, *params], dtypes, index)
        state = [convert(x, d, o) for (x, d), o in zip(made, outer)]
    return evaluate(
        reduction.finish_roots,
        [*state, np.full(n_out, n_red), *params],
        [*outer, "int64", *param_dtypes],
        None,
    )


def interpret_rows(rows, inputs, in_dtypes, kinds, out_dtypes, as_dtype=None, row0=0):
    """The outputs of a row function; 'v' inputs (n_rows, row_len) or (row_len,), 'x' (n_rows,) or ()."""
    import numpy as np

    out_kinds, in_kinds = kinds[: rows.n_out], kinds[rows.n_out :]
    plan = Plan(rows.expressions, in_kinds)
    as_dtypes = [as_dtype if as_dtype and DTYPES[d].kind in "fc" else d for d in in_dtypes]
    dtypes = {i: compute_dtype(d) for i, d in enumerate(as_dtypes)}
    known = {}
    with np.errstate(all="ignore"):
        for i, (x, kind) in enumerate(zip(inputs, in_kinds)):
            value = convert(read(np.asarray(x), in_dtypes[i]), in_dtypes[i], as_dtypes[i])
            known[i] = value if kind == "v" else value.reshape(-1, 1)
        n_rows = max(known[i].shape[0] if known[i].ndim == 2 else 1 for i in known)
        row_len = next(known[i].shape[-1] for i, kind in enumerate(in_kinds) if kind == "v")
        whole = (n_rows, row_len)
        for s in plan.specials:
            known[s.index], dtypes[s.index] = _special(s, known, dtypes, whole, row0)
        index = (row0 * row_len + np.arange(n_rows * row_len)).reshape(whole)
        results = []
        made = evaluate(plan.roots, known, dtypes, index)
        for (x, d), kind, out in zip(made, out_kinds, out_dtypes):
            if kind == "v":
                results.append(write(np.broadcast_to(x, whole), d, out))
            else:
                results.append(write(np.broadcast_to(x.reshape(-1), n_rows), d, out))
        return results


def _special(s, known, dtypes, whole, row0):
    """(values, dtype) of one word that sees more than its element."""
    import numpy as np

    n_rows, row_len = whole
    if s.op == "position":
        return np.arange(row_len)[None, :], "int64"
    if s.op == "length":
        return np.full((1, 1), row_len), "int64"
    if s.op == "row_number":
        return row0 + np.arange(n_rows)[:, None], "int64"
    made = evaluate(s.args, known, dtypes, None)
    if s.op == "pick":
        (values, dtype), (at, _) = made
        at = np.broadcast_to(at, (n_rows, 1))
        inside = (at >= 0) & (at < row_len)
        picked = np.take_along_axis(np.broadcast_to(values, whole), np.where(inside, at, 0), 1)
        return np.where(inside, picked, np.zeros((), picked.dtype)), dtype
    name, part = s.attr
    reduction = getattr(reductions, name)
    values = [np.broadcast_to(x, whole) for x, _ in made[: reduction.n_in]]
    as_dtypes = [d for _, d in made[: reduction.n_in]]
    params = [x.reshape(-1) for x, _ in made[reduction.n_in :]]
    value, dtype = _reduce(
        reduction, values, as_dtypes, params, [d for _, d in made[reduction.n_in :]]
    )[part]
    if DTYPES[dtype].kind in "fc":
        inner = reduction._states(as_dtypes, None)[1]
        narrow = inner[min(part, len(inner) - 1)]
        value, dtype = convert(value, dtype, narrow), compute_dtype(narrow)
    return value.reshape(-1, 1), dtype
