"""LRScheduler, the base of schedules."""

import functools
import weakref
from copy import deepcopy

import flambeau

from ... import _core
from ..optimizer import Optimizer


def set_option(group, name, value):
    """group[name] = value, into the tensor if it is one."""
    if isinstance(group[name], flambeau.Tensor):
        group[name].fill_(float(value))
    else:
        group[name] = value


def plain(value):
    """A copy of a learning rate that later steps do not change."""
    return value.clone() if isinstance(value, flambeau.Tensor) else value


EPOCH_DEPRECATION_WARNING = (
    "lr_scheduler.step(epoch): the argument is deprecated. Call step() once an epoch without it."
)


class LRScheduler:
    """Sets the learning rate of every group of an optimizer, once an epoch or once a step.

    A subclass defines get_lr(), the rates at `last_epoch`, computed from the present ones so that
    several schedules of one optimizer multiply; and where it can, _get_closed_form_lr(), the rates
    computed from the epoch alone.

    Args:
        optimizer (Optimizer): its groups' "lr" are set; "initial_lr" keeps where they started.
        last_epoch (int): -1 to begin; otherwise the epoch to go on from, last_epoch + 1 being the
            first. The rates are then those of the optimizer's checkpoint; one that still is its
            initial rate is brought to where the schedule is by now.

    Example:
        >>> class Halves(torch.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [rate * 0.5**self.last_epoch for rate in self.base_lrs]
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = Halves(optimizer)
        >>> optimizer.step(), schedule.step()
        (None, None)
        >>> schedule.get_last_lr()
        [0.5]
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _multiplies = False  # whether get_lr() goes from the present rates to the next ones

    def __init__(self, optimizer, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: optimizer is {type(optimizer).__name__}, not an Optimizer."
            )
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", plain(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: with last_epoch={last_epoch} each group needs "
                    f"'initial_lr', and group {i} has none. Load the optimizer's state first."
                )
        self.base_lrs = [plain(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _count_steps(optimizer)
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self):
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict):
        """Go on from what state_dict() gave, with the rates of the checkpoint.

        The optimizer's own state may be loaded before or after.
        """
        self.__dict__.update(deepcopy(state_dict))
        self._take_up_rates()

    def _take_up_rates(self):
        """Undo what making schedules did to the options of the optimizer.

        If it was loaded before the schedules were made, they are those it was loaded with, else the
        rates are the last ones of this schedule. Rates that somebody else has set stay.
        """
        optimizer = self.optimizer
        left = getattr(optimizer, "_scheduled_rates", None)
        if left is None or left != [float(rate) for rate in self._rates()]:
            return
        loaded = getattr(optimizer, "_loaded_options", None)
        if loaded is None or len(loaded) != len(optimizer.param_groups):
            self._set_rates(self._last_lr)
            return
        for group, options in zip(optimizer.param_groups, loaded, strict=True):
            for name in ("lr", "momentum", "betas"):
                if name in options:
                    set_option(group, name, options[name])
        optimizer._scheduled_rates = [float(rate) for rate in self._rates()]

    def get_last_lr(self):
        """The rates that this schedule set last."""
        return self._last_lr

    def get_lr(self):
        """The rates at `last_epoch`; subclasses define it."""
        raise NotImplementedError

    def _warn_outside_step(self):
        if not self._get_lr_called_within_step:
            _core._warn(
                "get_lr: computes the next rate and is called by step(). For the present rate use "
                "get_last_lr()."
            )

    def _rates(self):
        """The present rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self, epoch=None):
        """Go to the next epoch, or to the given one, and set the rates."""
        if self._step_count == 1:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None:
            _core._warn(EPOCH_DEPRECATION_WARNING)
        self._update_lr(epoch)

    def _warn_of_order(self):
        """At the first step after that of the making: the optimizer should have stepped before."""
        if not hasattr(self.optimizer, "_opt_called"):  # a copy of the optimizer has no marks
            return
        if not hasattr(self.optimizer.step, "_marks"):
            text = (
                "optimizer.step was replaced after this schedule was made, so whether it runs before "
                "lr_scheduler.step() is not known. Replace it first, then make the schedule."
            )
        elif not self.optimizer._opt_called:
            # Programs filter by the words up to the colon.
            text = (
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: no step is made at "
                "the first rate. Call optimizer.step() first."
            )
        else:
            return
        _core._warn(text)

    def _update_lr(self, epoch=None):
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                made_later = self._is_initial and self._multiplies and self.last_epoch > 0
                rates = self._rates_of_checkpoint() if made_later else self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                rates = self.get_lr() if closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        self._set_rates(rates)

    def _rates_of_checkpoint(self):
        """The rates to go on with at last_epoch: the present ones, but for those never changed yet."""
        rates = self._rates()
        closed = getattr(self, "_get_closed_form_lr", None)
        if closed is None:
            return rates
        return [
            now if float(rate) == float(base) else rate
            for rate, base, now in zip(rates, self.base_lrs, closed(), strict=True)
        ]

    def _set_rates(self, rates):
        optimizer = self.optimizer
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            set_option(group, "lr", rate)
        self._last_lr = [plain(rate) for rate in self._rates()]
        optimizer._scheduled_rates = [float(rate) for rate in self._last_lr]
        if not self._is_initial:
            optimizer._loaded_options = None  # the checkpoint's are out of date


_LRScheduler = LRScheduler


def _count_steps(optimizer):
    """Let optimizer.step leave a mark, so that a schedule stepped first can warn."""
    if hasattr(optimizer.step, "_marks"):
        return
    step = type(optimizer).step
    reference = weakref.ref(optimizer)

    @functools.wraps(step)
    def marked(*args, **kwargs):
        optimizer = reference()
        optimizer._opt_called = True
        return step(optimizer, *args, **kwargs)

    marked._marks = True
    optimizer._opt_called = False
    optimizer.step = marked
