"""Optimizers whose step is one rule, applied to each parameter and what is kept for it."""

from .optimizer import Optimizer
from .options import alike, begin, count_step, with_gradients


class Elementwise(Optimizer):
    """Collects parameters, gradients and states of a group; a subclass says what is kept and which rule runs.

    keeps: the names of the state's tensors, in the order in which the rule takes them behind param and grad.
    """

    keeps = ()

    def kept(self, group):
        """`keeps`, where options decide it."""
        return self.keeps

    def begin(self, state, parameter, group):
        """Fills the state of a parameter that was never updated: step 0 and zeros."""
        begin(state, parameter, *self.kept(group))

    def advance(self, state, group):
        """Counts a step. What it returns is `at` below: parameters for which it is the same share one pass."""
        return count_step(state)

    def step_at(self, group, at):
        """(the rule, its numbers by name) for parameters that have come to `at`."""
        raise NotImplementedError

    def update(self, group):
        self.update_pairs(group, with_gradients(group))

    def update_pairs(self, group, pairs):
        """One step of the parameters in (parameter, gradient) pairs."""
        names, found, rows = self.kept(group), [], []
        for parameter, grad in pairs:
            state = self.state[parameter]
            if not state:
                self.begin(state, parameter, group)
            row = parameter, grad, *[state[name] for name in names]
            found.append(self.advance(state, group))
            rows.append(row)
        for at, lists in alike(found, rows):
            rule, numbers = self.step_at(group, at)
            rule.apply(lists, group["differentiable"], **numbers)
