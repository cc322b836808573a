"""Schedules made of schedules: one after the other, or all at once."""

from bisect import bisect_right

from ..optimizer import Optimizer
from .scheduler import LRScheduler, plain, set_option


def _check(schedulers, optimizer, who):
    """That there are schedules, of kinds that can be composed, all for one optimizer."""
    if len(schedulers) < 1:
        raise ValueError(f"{who} expects at least one scheduler, but got no scheduler.")
    for i, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{who} at index {i} should have `optimizer` as its attribute.")
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            raise ValueError(
                f"{who} does not support `ReduceLROnPlateau` scheduler as it requires additional "
                "kwargs to be specified when calling `step`, but got one at index "
                f"{i} in the given schedulers sequence."
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{who} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(scheduler).__name__} at index {i} has another."
            )


class _Composed(LRScheduler):
    """Schedules in self._schedulers; their states are part of the state."""

    def state_dict(self):
        """Everything but the optimizer, and the states of the schedules."""
        state = {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("optimizer", "_schedulers")
        }
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict):
        """Go on from what state_dict() gave."""
        state_dict = dict(state_dict)
        saved = state_dict.pop("_schedulers")
        for scheduler, state in zip(self._schedulers, saved, strict=True):
            scheduler.load_state_dict(state)
        super().load_state_dict(state_dict)


class SequentialLR(_Composed):
    """schedulers[i] from epoch milestones[i - 1] to milestones[i], each from its own beginning."""

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        _check(schedulers, optimizer, type(self).__name__)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Each schedule took its first step when it was made; only one may keep it.
        for scheduler in schedulers:
            _take_back(scheduler)
        self._start(schedulers[bisect_right(milestones, 0)])

    def _start(self, scheduler):
        """Let a schedule begin, from the initial rates."""
        for group in self.optimizer.param_groups:
            set_option(group, "lr", plain(group["initial_lr"]))
        scheduler._initial_step()
        self._last_lr = scheduler.get_last_lr()

    def step(self):
        """Go to the next epoch."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            if isinstance(scheduler, _Composed):
                self._start(scheduler)
            else:
                scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _take_back(scheduler):
    """Let a schedule's first step be undone, through all levels of composition."""
    for inner in getattr(scheduler, "_schedulers", ()):
        _take_back(inner)
    if hasattr(scheduler, "last_epoch"):
        scheduler.last_epoch -= 1
        scheduler._step_count = 0


class ChainedScheduler(_Composed):
    """All schedules at once: their factors multiply."""

    def __init__(self, schedulers, optimizer=None):
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler to be chained, "
                "but got no scheduler."
            )
        optimizer = optimizer or schedulers[0].optimizer
        _check(schedulers, optimizer, type(self).__name__)
        self._schedulers = schedulers
        self.optimizer = optimizer
        self._last_lr = [plain(rate) for rate in self._rates()]

    def step(self):
        """Go to the next epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = [plain(rate) for rate in self._rates()]
