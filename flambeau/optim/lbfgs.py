"""L-BFGS."""

import flambeau

from .._core import _is_sparse
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer
from .options import number, options

__all__ = ["LBFGS"]


def _value(loss):
    return loss.item() if isinstance(loss, flambeau.Tensor) else float(loss)


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes of the gradient.

    Args:
        params (iterable): parameters; groups are not supported.
        lr (float): first step length of each direction.
        max_iter (int): directions a step().
        max_eval (int): evaluations of the closure a step(); max_iter * 5 // 4 if None.
        tolerance_grad (float): stop where no element of the gradient is larger.
        tolerance_change (float): stop where neither the parameters nor the loss change by more.
        line_search_fn (str): "strong_wolfe", or None for the step length lr itself.

    step(closure) needs the closure, which computes loss and gradients again.
    Source: Nocedal, Wright, "Numerical Optimization", algorithm 7.4.

    Example:
        >>> x = torch.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((x - 1) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> _ = optimizer.step(closure)
        >>> x.detach()
        tensor([1.0000, 1.0000])
    """

    def __init__(
        self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9,
        history_size=100, line_search_fn=None,
    ):  # fmt: skip
        if isinstance(lr, flambeau.Tensor) and lr.numel() != 1:
            raise ValueError(f"LBFGS: lr is a tensor of {lr.numel()} elements; it must have one.")
        if not lr >= 0.0:
            raise ValueError(f"LBFGS: lr is {lr}; it must be 0 or more.")
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(params, options(locals()))
        if len(self.param_groups) != 1:
            raise ValueError(
                f"LBFGS: takes one group of parameters, and there are {len(self.param_groups)}."
            )
        self._params = self.param_groups[0]["params"]

    def __setstate__(self, state):
        super().__setstate__(state)
        self._params = self.param_groups[0]["params"]

    def _flat_grad(self):
        pieces = []
        for parameter in self._params:
            grad = parameter.grad
            if grad is None:
                piece = flambeau.zeros_like(parameter).reshape(-1)
            else:
                piece = (grad.to_dense() if _is_sparse(grad) else grad).reshape(-1)
            pieces.append(flambeau.view_as_real(piece).reshape(-1) if piece.is_complex() else piece)
        return flambeau.cat(pieces, 0)

    def _move(self, length, direction):
        """Add length * direction to the parameters."""
        offset = 0
        for parameter in self._params:
            if parameter.is_complex():
                parameter = flambeau.view_as_real(parameter)
            n = parameter.numel()
            piece = direction[offset : offset + n].reshape(parameter.shape)
            parameter.add_(piece, alpha=length)
            offset += n

    def _evaluate_at(self, closure, places, length, direction):
        """(loss, gradient) at `places` + length * direction; the parameters end where they were."""
        self._move(length, direction)
        loss = _value(closure())
        grad = self._flat_grad()
        for parameter, place in zip(self._params, places, strict=True):
            parameter.copy_(place)
        return loss, grad

    def step(self, closure):
        """Take up to max_iter steps; `closure` computes the loss and the gradients.

        Returns what the closure returned before the first of them.
        """
        with flambeau.no_grad():
            return self._step(flambeau.enable_grad()(closure))

    def _step(self, closure):
        group = self.param_groups[0]
        lr = number(group["lr"])
        tolerance_change = group["tolerance_change"]
        line_search = group["line_search_fn"]
        if line_search not in (None, "strong_wolfe"):
            raise RuntimeError(
                f"LBFGS: line_search_fn is {line_search!r}; it must be 'strong_wolfe' or None."
            )
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        original_loss = closure()
        loss = _value(original_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        optimal = grad.abs().max() <= group["tolerance_grad"]
        if optimal:
            return original_loss

        direction, t = state.get("d"), state.get("t")
        previous_grad, previous_loss = state.get("prev_flat_grad"), state.get("prev_loss")
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = grad.neg()
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                self._remember(state, grad - previous_grad, direction * t, group["history_size"])
                direction = self._direction(state, grad, group["history_size"])
            previous_grad = grad.clone()
            previous_loss = loss

            first = state["n_iter"] == 1
            t = min(1.0, 1.0 / grad.abs().sum()) * lr if first else lr
            slope = grad.dot(direction)
            if slope > -tolerance_change:
                break
            taken = 0
            if line_search is not None:
                places = [parameter.clone() for parameter in self._params]
                along = direction

                def evaluate(length, places=places, along=along):
                    return self._evaluate_at(closure, places, length, along)

                start = Point(0, loss, grad.clone(), slope)
                found, taken = strong_wolfe(evaluate, direction, start, t)
                loss, grad, t = found.loss, found.grad, found.t
                self._move(t, direction)
                optimal = grad.abs().max() <= group["tolerance_grad"]
            else:
                self._move(t, direction)
                if iteration != group["max_iter"]:
                    loss = _value(closure())
                    grad = self._flat_grad()
                    optimal = grad.abs().max() <= group["tolerance_grad"]
                    taken = 1
            evaluations += taken
            state["func_evals"] += taken
            if (
                evaluations >= group["max_eval"]
                or optimal
                or (direction * t).abs().max() <= tolerance_change
                or abs(loss - previous_loss) < tolerance_change
            ):
                break
        state.update(d=direction, t=t, prev_flat_grad=previous_grad, prev_loss=previous_loss)
        return original_loss

    @staticmethod
    def _remember(state, change, step, history_size):
        """Keep a pair (change of gradient, step) if it has positive curvature."""
        curvature = change.dot(step)
        if curvature <= 1e-10:
            return
        if len(state["old_dirs"]) == history_size:
            for kept in ("old_dirs", "old_stps", "ro"):
                state[kept].pop(0)
        state["old_dirs"].append(change)
        state["old_stps"].append(step)
        state["ro"].append(1.0 / curvature)
        state["H_diag"] = curvature / change.dot(change)

    @staticmethod
    def _direction(state, grad, history_size):
        """-(approximate inverse Hessian) @ grad, by the two-loop recursion."""
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        n = len(changes)
        alphas = state.setdefault("al", [None] * history_size)
        q = grad.neg()
        for i in reversed(range(n)):
            alphas[i] = steps[i].dot(q) * ro[i]
            q.add_(changes[i], alpha=-alphas[i])
        r = q * state["H_diag"]
        for i in range(n):
            beta = changes[i].dot(r) * ro[i]
            r.add_(steps[i], alpha=alphas[i] - beta)
        return r
