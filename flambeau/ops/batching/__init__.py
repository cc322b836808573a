"""vmap: how operators treat batched tensors, which stand for all slices at once.

A batched tensor (csrc/autograd/batch.h) has the sizes of one slice; its value has a dimension more for
each level of vmap in front. While a vmap is active the door of operators looks for batched arguments:

    pointwise operators, views, sum and mean,     go to their values in the core
    products, cat, stack, copies                  (csrc/dispatch/batched.cpp);
    an operator with a rule                       goes by that: `Operator.batch_rule`, called like the
                                                  operator itself; the rules stand here by family;
    a composite                                   is called as it is: its parts have rules;
    a primitive                                   is lifted (lift.py): forward and backward are called once,
                                                  with batched tensors; their parts have rules;
    anything else, which none of ours is,         runs slice by slice and says so once (fallback.py).

Autograd follows the values, so derivatives and vmap nest in any order; a batched gradient that comes into
a backward of what was not batched goes through the same operators.

Read: levels.py, values.py, lift.py, fallback.py, then the rules. Loaded by the first vmap.
"""

from ... import _core
from . import fallback, lift
from .levels import Level, active
from .values import arguments_of

__all__ = ["Level", "active"]


def unruled(operator, args, kwargs):
    """What the core asks where an operator has no rule and is no composite."""
    if operator.is_primitive:
        if kwargs.get("out") is not None:
            raise RuntimeError(
                f"vmap: {operator.__name__}: out= is not taken inside. Use the result."
            )
        names, _, _ = operator.parameters
        given = arguments_of(operator, args, kwargs)
        return lift.call(
            operator.implementation,
            operator.backward,
            _core._function_type("Batched" + _core._backward_name(operator.__name__)),
            tuple(given[name] for name in names),
        )
    return fallback.call(operator, args, kwargs)


# These go to the values in the core, or look at nothing but sizes.
for _name in (
    "_take_layout view reshape expand permute transpose t select _slice narrow unsqueeze squeeze diagonal unfold view_as_real "
    "view_as_complex detach flatten unbind split chunk mm bmm matmul mv dot _addmv _addmm linear sum mean "
    "sum_to_size item tolist contiguous clone to copy_ fill_ zero_ __getitem__ __setitem__ _check_inplace cat stack "
    "_run_backward _gradient_edge _is_dense _is_sparse _layout_of _storage_is_shared _is_array_scalar _storage_id _unbatch _fills_at_once"
).split():
    getattr(_core, _name).batch_rule = True
for _name in ("reshape", "permute"):  # whose functions take one sequence, their methods ints too
    _core._functions[_name].batch_rule = True

from . import (  # noqa: E402
    convolutions,  # noqa: F401
    creation,  # noqa: F401
    indexing,  # noqa: F401
    linear_algebra,  # noqa: F401
    losses,  # noqa: F401
    reductions,  # noqa: F401
    resampling,  # noqa: F401
    rows,  # noqa: F401
)
