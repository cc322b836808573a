"""SparseAdam: Adam for tables of which a step touches few rows."""

import functools
import math

from .._core import _is_sparse
from ..kernels import sqrt
from .optimizer import Optimizer
from .options import (
    check_betas,
    check_lr,
    number,
    options,
    refuse_complex,
    with_gradients,
    zeros_like,
)
from .rule import Rule
from .touched import step_rows

__all__ = ["SparseAdam"]


@functools.cache
def _rule(maximize):
    # new1 and new2 are 1 - beta1 and 1 - beta2, which float32 would round.
    def sparse_adam(param, grad, exp_avg, exp_avg_sq, *, new1, new2, eps, step_size):
        grad = -grad if maximize else grad
        exp_avg = exp_avg + new1 * (grad - exp_avg)
        exp_avg_sq = exp_avg_sq + new2 * (grad * grad - exp_avg_sq)
        return param - step_size * (exp_avg / (sqrt(exp_avg_sq) + eps)), exp_avg, exp_avg_sq

    return Rule(sparse_adam, "param exp_avg exp_avg_sq")


class SparseAdam(Optimizer):
    """Adam that leaves rows without a gradient, and their moments, as they are.

    Gradients must be sparse, as those of Embedding(sparse=True): a step takes time by the rows they name.

    Args:
        params (iterable): parameters or groups.
        lr (float or Tensor): the step size.
        betas (pair of float): weights of the past in the averages of gradient and its square.
        eps (float): added to the root, in units of the gradient.
        maximize (bool): climb instead of descending.

    Example:
        >>> table = torch.nn.Embedding(10, 2, sparse=True)
        >>> optimizer = torch.optim.SparseAdam(table.parameters())
        >>> table(torch.tensor([1, 3])).sum().backward()
        >>> optimizer.step()
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        check_lr(self, lr)
        if not eps > 0.0:
            raise ValueError(f"SparseAdam: epsilon is {eps}; it must be above 0.")
        check_betas(self, betas)
        super().__init__(params, options(locals()))
        for group in self.param_groups:
            for parameter in group["params"]:
                refuse_complex(parameter, "SparseAdam", ValueError)
                if _is_sparse(parameter):
                    raise ValueError(
                        "SparseAdam: a parameter is sparse; gradients are to be, parameters not."
                    )

    def update(self, group):
        beta1, beta2 = map(number, group["betas"])
        for parameter, grad in with_gradients(group, sparse=True):
            if not _is_sparse(grad):
                raise RuntimeError(
                    "SparseAdam: a gradient is strided; it must be sparse. Use Adam for that parameter, or "
                    "sparse=True in the embedding."
                )
            state = self.state[parameter]
            if not state:
                state.update(
                    step=0, exp_avg=zeros_like(parameter), exp_avg_sq=zeros_like(parameter)
                )
            state["step"] += 1
            step = state["step"]
            size = number(group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
            step_rows(
                _rule(bool(group["maximize"])),
                [parameter, None, state["exp_avg"], state["exp_avg_sq"]],
                grad,
                new1=1 - beta1,
                new2=1 - beta2,
                eps=group["eps"],
                step_size=size,
            )
