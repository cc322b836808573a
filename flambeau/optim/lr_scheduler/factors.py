"""Schedules that multiply the rate by a factor of the epoch."""

from bisect import bisect_right
from collections import Counter
from copy import deepcopy

from ..examples import shows_rate
from .scheduler import LRScheduler


class _Functions(LRScheduler):
    """One function of the epoch for each group."""

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        self.optimizer = optimizer
        groups = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            self.lr_lambdas = [lr_lambda] * groups
        elif len(lr_lambda) != groups:
            raise ValueError(
                f"{type(self).__name__}: lr_lambda has {len(lr_lambda)} functions for {groups} "
                "parameter groups. Give one function, or one for each group."
            )
        else:
            self.lr_lambdas = list(lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self):
        """As the base; of functions nothing, of callable objects their attributes."""
        state = {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("optimizer", "lr_lambdas")
        }
        state["lr_lambdas"] = [
            None if hasattr(function, "__code__") else function.__dict__.copy()
            for function in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict):
        """Go on from what state_dict() gave."""
        state_dict = dict(state_dict)
        saved = deepcopy(state_dict.pop("lr_lambdas"))
        super().load_state_dict(state_dict)
        for function, attributes in zip(self.lr_lambdas, saved, strict=True):
            if attributes is not None:
                function.__dict__.update(attributes)


@shows_rate("LambdaLR(optimizer, lambda step: 1 / (1 + step))", "0.2")
class LambdaLR(_Functions):
    """The initial rate times lr_lambda(epoch); one function, or one a group.

    Args:
        optimizer (Optimizer): whose groups' lr is set.
        lr_lambda (callable or list): epoch -> factor of the initial rate; a list has one a group.
        last_epoch (int): -1 to begin; of a run that goes on, the epoch before the next one.
    """

    def get_lr(self):
        self._warn_outside_step()
        return [
            base * function(self.last_epoch)
            for base, function in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]


@shows_rate("MultiplicativeLR(optimizer, lambda step: 0.5)", "0.0625")
class MultiplicativeLR(_Functions):
    """The present rate times lr_lambda(epoch); one function, or one a group.

    Args:
        lr_lambda (callable or list): epoch -> factor of the present rate; a list has one a group.
        optimizer, last_epoch: as of LambdaLR.
    """

    _multiplies = True

    def get_lr(self):
        self._warn_outside_step()
        if self.last_epoch <= 0:
            return self._rates()
        return [
            rate * function(self.last_epoch)
            for rate, function in zip(self._rates(), self.lr_lambdas, strict=True)
        ]


class _Multiplied(LRScheduler):
    """Rates times a factor each epoch.

    A subclass says by _factor() that of the last epoch, None where the rates stay, and by _all_factors() that of
    all epochs so far.
    """

    _multiplies = True

    def _factor(self):
        raise NotImplementedError

    def _all_factors(self):
        raise NotImplementedError

    def get_lr(self):
        self._warn_outside_step()
        factor, rates = self._factor(), self._rates()
        return rates if factor is None else [rate * factor for rate in rates]

    def _get_closed_form_lr(self):
        factor = self._all_factors()
        return [base * factor for base in self.base_lrs]


@shows_rate("StepLR(optimizer, 2)", "0.010000000000000002")
class StepLR(_Multiplied):
    """times gamma every step_size epochs.

    Args:
        step_size (int): epochs from one fall to the next.
        gamma (float): the factor of each fall.
        optimizer, last_epoch: as of LambdaLR.
    """

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return None
        return self.gamma

    def _all_factors(self):
        return self.gamma ** (self.last_epoch // self.step_size)


@shows_rate("MultiStepLR(optimizer, [2, 3])", "0.010000000000000002")
class MultiStepLR(_Multiplied):
    """times gamma at each of the epochs `milestones`.

    Args:
        milestones (list of int): epochs; one that stands twice counts twice.
        gamma (float): the factor at each.
        optimizer, last_epoch: as of LambdaLR.
    """

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch not in self.milestones:
            return None
        return self.gamma ** self.milestones[self.last_epoch]

    def _all_factors(self):
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return self.gamma**passed


@shows_rate("ConstantLR(optimizer, 0.5)", "0.5")
class ConstantLR(_Multiplied):
    """times `factor` for the first total_iters epochs.

    Args:
        factor (float): in [0, 1].
        total_iters (int): epochs until the initial rate is back.
        optimizer, last_epoch: as of LambdaLR.
    """

    def __init__(self, optimizer, factor=1.0 / 3, total_iters=5, last_epoch=-1):
        if factor > 1.0 or factor < 0:
            raise ValueError(f"ConstantLR: factor is {factor}; it must be from 0 to 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0:
            return self.factor
        if self.last_epoch != self.total_iters:
            return None
        return 1.0 / self.factor

    def _all_factors(self):
        return self.factor if self.last_epoch < self.total_iters else 1


@shows_rate("LinearLR(optimizer, 0.5, total_iters=4)", "1.0")
class LinearLR(_Multiplied):
    """times a factor that goes in a line from start_factor to end_factor in total_iters epochs.

    Args:
        start_factor (float): of the first epoch, above 0.
        end_factor (float): from epoch total_iters on, at most 1.
        total_iters (int): epochs that the way takes.
        optimizer, last_epoch: as of LambdaLR.
    """

    def __init__(
        self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1
    ):
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError(
                f"LinearLR: start_factor is {start_factor}; it must be above 0, and 1 or less."
            )
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError(f"LinearLR: end_factor is {end_factor}; it must be from 0 to 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0:
            return self.start_factor
        if self.last_epoch > self.total_iters:
            return None
        slope = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * slope
        return 1.0 + slope / before

    def _all_factors(self):
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * share


@shows_rate("ExponentialLR(optimizer, 0.5)", "0.0625")
class ExponentialLR(_Multiplied):
    """times gamma every epoch.

    Args:
        gamma (float): the factor of each epoch.
        optimizer, last_epoch: as of LambdaLR.
    """

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0:
            return None
        return self.gamma

    def _all_factors(self):
        return self.gamma**self.last_epoch


@shows_rate("PolynomialLR(optimizer, 8)", "0.5")
class PolynomialLR(_Multiplied):
    """times (1 - epoch / total_iters) ** power, 0 from total_iters on.

    Args:
        total_iters (int): epochs until the rate is 0.
        power (float): of the polynomial.
        optimizer, last_epoch: as of LambdaLR.
    """

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0 or self.last_epoch > self.total_iters:
            return None
        left = 1.0 - self.last_epoch / self.total_iters
        left_before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return (left / left_before) ** self.power

    def _all_factors(self):
        done = min(self.total_iters, self.last_epoch)
        return (1.0 - done / self.total_iters) ** self.power
