"""Functions of functions: torch.func. Gradients, Jacobians and batches of pure functions.

Everything runs on the same autograd as `.backward()`. vmap calls a function once, with tensors that stand
for all slices (flambeau/ops/batching); derivatives and vmap nest in any order.
"""

from ..lazy_modules import without_inner as _without_inner
from ..rearranging import rearrange
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .mapping import debug_unwrap, vmap
from .models import (
    functional_call,
    functionalize,
    replace_all_batch_norm_modules_,
    stack_module_state,
)

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian",
    "jacfwd", "jacrev", "jvp", "linearize", "rearrange", "replace_all_batch_norm_modules_",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip


def __dir__():
    return _without_inner(globals())
