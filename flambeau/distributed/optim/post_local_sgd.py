"""An optimizer after whose steps parameters are averaged now and then."""

from operator import attrgetter

from ...optim import Optimizer

__all__ = ["PostLocalSGDOptimizer"]


class PostLocalSGDOptimizer(Optimizer):
    """Steps with `optim`, then lets `averager` (a ModelAverager) count the step.

    Source: Lin et al., "Don't Use Large Mini-Batches, Use Local SGD", ICLR 2020, arXiv:1808.07217.
    """

    def __init__(self, optim, averager):
        self.optim, self.averager = optim, averager
        self.param_groups = optim.param_groups
        self._make_hook_tables()

    state = property(attrgetter("optim.state"), doc="The inner optimizer's state.")

    def __repr__(self):
        return repr(self.optim)

    def state_dict(self):
        """The inner optimizer's, with the step of the averager."""
        return {**self.optim.state_dict(), "step": self.averager.step}

    def load_state_dict(self, state_dict):
        """Takes state_dict's result."""
        self.averager.step = state_dict.get("step", 0)
        self.optim.load_state_dict({k: v for k, v in state_dict.items() if k != "step"})

    def step(self, closure=None):
        """A step, and the mean where it is time."""
        loss = self.optim.step(closure)
        self.averager.average_parameters(self.optim.param_groups)
        return loss

    def zero_grad(self, set_to_none=True):
        """The inner optimizer's."""
        self.optim.zero_grad(set_to_none)

    def add_param_group(self, param_group):
        """The inner optimizer's."""
        self.optim.add_param_group(param_group)
