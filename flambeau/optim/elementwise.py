"""Optimizers whose step is one rule, applied to each parameter and what is kept for it."""

from .optimizer import Optimizer
from .options import begin, count_step, with_gradients


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

    # advance(self, state, group) counts a step; what it returns is `at` below: parameters for which it is the same
    # share one pass. Without one it is the number of the step.
    advance = None

    def step_at(self, group, at):
        """(the rule, its numbers by name) for parameters that have come to `at`."""
        raise NotImplementedError

    def update(self, group):
        self.update_pairs(group, with_gradients(group))

    def update_pairs(self, group, pairs):
        """One step of the parameters in (parameter, gradient) pairs."""
        if not pairs:
            return
        known, parameters, grads, states = self.state, [], [], []
        for parameter, grad in pairs:
            state = known[parameter]
            if not state:
                self.begin(state, parameter, group)
            parameters.append(parameter)
            grads.append(grad)
            states.append(state)
        lists = [parameters, grads]
        for name in self.kept(group):
            lists.append([state[name] for state in states])
        if self.advance is None:
            found = [count_step(state) for state in states]
        else:
            found = [self.advance(state, group) for state in states]
        for at, some in _by_value(found, lists):
            rule, numbers = self.step_at(group, at)
            rule.run(some, numbers, group["differentiable"])


def _by_value(values, lists):
    """(value, the lists at the places that have it) for each different one of `values`; as a rule there is one."""
    if values.count(values[0]) == len(values):
        return [(values[0], lists)]
    places = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    return [(v, [[one[i] for i in at] for one in lists]) for v, at in places.items()]
