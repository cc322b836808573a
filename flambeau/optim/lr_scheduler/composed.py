"""Schedules made of schedules: one after the other, or all at once."""

from bisect import bisect_right

from ..optimizer import Optimizer
from .scheduler import LRScheduler, plain, set_option


def _check(schedulers, optimizer, who):
    """That there are schedules, of kinds that can be composed, all for one optimizer."""
    if len(schedulers) < 1:
        raise ValueError(f"{who}: needs one scheduler or more; the list is empty.")
    for i, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(
                f"{who}: item {i} of the list is {type(scheduler).__name__}, not a scheduler with "
                "an optimizer."
            )
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            raise ValueError(
                f"{who}: item {i} of the list is ReduceLROnPlateau, whose step() needs a metric. "
                "Step it on its own."
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{who}: item {i} of the list, {type(scheduler).__name__}, is for another "
                "optimizer. All must be for one."
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
    """schedulers[i] from epoch milestones[i - 1] to milestones[i], each from its own beginning.

    Args:
        schedulers (list of LRScheduler): one after the other, all for this optimizer.
        milestones (list of int): epochs at which the next one begins; one less than schedulers.
        optimizer, last_epoch: as of LambdaLR.

    Example:
        >>> from flambeau.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> first, then = ConstantLR(optimizer, 0.5), ExponentialLR(optimizer, 0.1)
        >>> SequentialLR(optimizer, [first, then], [2]).get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"SequentialLR: optimizer is {type(optimizer).__name__}, not an Optimizer."
            )
        _check(schedulers, optimizer, type(self).__name__)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones "
                f"between them, not {len(milestones)}."
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
        inner._step_count = 0  # it begins once more with what holds it
    if hasattr(scheduler, "last_epoch"):
        scheduler.last_epoch -= 1


class ChainedScheduler(_Composed):
    """All schedules at once: their factors multiply.

    Args:
        schedulers (list of LRScheduler): all for one optimizer; each step steps them in this order.
        optimizer (Optimizer, optional): theirs, to be checked.

    Example:
        >>> from flambeau.optim.lr_scheduler import ChainedScheduler, ConstantLR
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> ChainedScheduler([ConstantLR(optimizer, 0.5), ConstantLR(optimizer, 0.5)]).get_last_lr()
        [0.25]
    """

    def __init__(self, schedulers, optimizer=None):
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__}: needs one scheduler or more; the list is empty."
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
