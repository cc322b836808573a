"""When models that train apart are averaged."""

import abc

from ...groups import chosen
from .utils import average_parameters_or_parameter_groups

__all__ = ["ModelAverager", "PeriodicModelAverager"]


class ModelAverager(abc.ABC):
    """Counts steps, and averages parameters when it is time. step (int): how many calls there were."""

    def __init__(self, process_group=None):
        self.process_group, self.step = chosen(process_group, "ModelAverager"), 0

    @abc.abstractmethod
    def average_parameters(self, params):
        """Counts a step; averages where it is time."""


class PeriodicModelAverager(ModelAverager):
    """Averages every `period` steps, after warmup_steps."""

    def __init__(self, period, warmup_steps=0, process_group=None):
        super().__init__(process_group)
        if period < 1 or warmup_steps < 0:
            raise ValueError(
                f"PeriodicModelAverager: period {period} must be 1 or more and warmup_steps {warmup_steps} 0 or more."
            )
        self.period, self.warmup_steps = period, warmup_steps

    def average_parameters(self, params):
        """Counts a step; every period-th one after warmup_steps, parameters become their mean."""
        if self.step >= self.warmup_steps and (self.step - self.warmup_steps) % self.period == 0:
            average_parameters_or_parameter_groups(params, self.process_group)
        self.step += 1
