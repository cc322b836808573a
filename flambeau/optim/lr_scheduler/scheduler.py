"""LRScheduler, the base of schedules."""

import functools
import warnings
import weakref

import flambeau

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


class LRScheduler:
    """Sets the learning rate of every group of an optimizer, once an epoch or once a step.

    A subclass defines get_lr(), the rates at `last_epoch`, computed from the present ones so that
    several schedules of one optimizer multiply; and where it can, _get_closed_form_lr(), the rates
    computed from the epoch alone.

    Args:
        optimizer (Optimizer): its groups' "lr" are set; "initial_lr" keeps where they started.
        last_epoch (int): -1 to begin; otherwise the epoch to go on from.
    """

    _inside_step = False

    def __init__(self, optimizer, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", plain(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    "param 'initial_lr' is not specified in "
                    f"param_groups[{i}] when resuming scheduler with last_epoch >= 0.\n"
                    "This typically happens when a scheduler is made for a new optimizer: load "
                    "the optimizer's state first."
                )
        self.base_lrs = [plain(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _count_steps(optimizer)
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        self.step()

    def state_dict(self):
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict):
        """Go on from what state_dict() gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self):
        """The rates that this schedule set last."""
        return self._last_lr

    def get_lr(self):
        """The rates at `last_epoch`; subclasses define it."""
        raise NotImplementedError

    def _warn_outside_step(self):
        if not self._inside_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, "
                "please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _rates(self):
        """The present rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self, epoch=None):
        """Go to the next epoch, or to the given one, and set the rates."""
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", True):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. "
                "In PyTorch 1.1.0 and later, you should call them in the opposite order: "
                "`optimizer.step()` before `lr_scheduler.step()`. Failure to do this will result "
                "in PyTorch skipping the first value of the learning rate schedule.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(
                "The epoch parameter in `scheduler.step()` was not necessary and is being "
                "deprecated where possible. Please use `scheduler.step()` to step the scheduler.",
                UserWarning,
                stacklevel=2,
            )
        self._update_lr(epoch)

    def _update_lr(self, epoch=None):
        self._inside_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                rates = self.get_lr() if closed is None else closed()
        finally:
            del self._inside_step
        self._set_rates(rates)

    def _set_rates(self, rates):
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_option(group, "lr", rate)
        self._last_lr = [plain(rate) for rate in self._rates()]


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
