"""Schedules that rise and fall: CyclicLR and OneCycleLR, with the momentum against the rate."""

import math
from copy import deepcopy

from ..examples import shows_rate
from .scheduler import LRScheduler, set_option


def _need_momentum(schedule, optimizer):
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            f"{type(schedule).__name__}: {type(optimizer).__name__} has neither momentum nor betas to cycle. "
            "Pass cycle_momentum=False."
        )


def _each_group(name, optimizer, value):
    """`value` as a list with one element a group."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(
            f"scheduler: {name} has {len(value)} values for {groups} parameter groups. Give one "
            "number, or one for each group."
        )
    return list(value)


def _set_momentum(group, momentum):
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


@shows_rate("CyclicLR(optimizer, 0.1, 1.0, step_size_up=2)", "0.1")
class CyclicLR(LRScheduler):
    """Triangles between base_lr and max_lr; a step is a batch.

    Args:
        step_size_up, step_size_down (int): batches of the rising and of the falling half.
        mode (str): "triangular"; "triangular2", each triangle half as high as the last;
            "exp_range", the height times gamma**batch.
        scale_fn (callable): the height's factor, in the place of mode; of the number of the cycle,
            or of the batch if scale_mode is "iterations".
        cycle_momentum (bool): the momentum goes from max_momentum to base_momentum and back.

    Source: Smith, 2015, arXiv:1506.01186.
    """

    def __init__(
        self, optimizer, base_lr, max_lr, step_size_up=2000, step_size_down=None, mode="triangular",
        gamma=1.0, scale_fn=None, scale_mode="cycle", cycle_momentum=True, base_momentum=0.8,
        max_momentum=0.9, last_epoch=-1,
    ):  # fmt: skip
        self.optimizer = optimizer
        base_lrs = _each_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                set_option(group, "lr", rate)
        self.max_lrs = _each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                f"CyclicLR: mode is {mode!r}; it must be 'triangular', 'triangular2' or "
                "'exp_range', or scale_fn must be given."
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = "iterations" if scale_fn is None and mode == "exp_range" else scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            _need_momentum(self, optimizer)
            self.use_beta1 = "betas" in optimizer.defaults
            self.base_momentums = _each_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = _each_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                for group, high, low in zip(
                    optimizer.param_groups, self.max_momentums, self.base_momentums, strict=True
                ):
                    _set_momentum(group, high)
                    group["max_momentum"] = high
                    group["base_momentum"] = low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x):
        """The factor of the height in cycle, or at batch, x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self):
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                _set_momentum(group, high - (high - low) * height)
        return [
            low + (high - low) * height
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self):
        """As the base; of a scale function None, of a callable object its attributes."""
        state = super().state_dict()
        function = state.pop("_scale_fn_custom")
        is_object = function is not None and not hasattr(function, "__code__")
        state["_scale_fn_custom"] = function.__dict__.copy() if is_object else None
        return state

    def load_state_dict(self, state_dict):
        """Go on from what state_dict() gave."""
        state_dict = dict(state_dict)
        attributes = deepcopy(state_dict.pop("_scale_fn_custom", None))
        super().load_state_dict(state_dict)
        if attributes is not None:
            self._scale_fn_custom.__dict__.update(attributes)


@shows_rate("OneCycleLR(optimizer, 1.0, total_steps=8)", "0.5559840141227016")
class OneCycleLR(LRScheduler):
    """One rise from max_lr / div_factor to max_lr and one fall to far below; a step is a batch.

    Args:
        max_lr (float or list): the highest rate.
        total_steps (int): batches in all; or give `epochs` and `steps_per_epoch`.
        pct_start (float): the share of the batches in which the rate rises.
        anneal_strategy (str): "cos" or "linear".
        cycle_momentum (bool): the momentum goes from max_momentum to base_momentum and back.
        div_factor (float): initial rate = max_lr / div_factor.
        final_div_factor (float): last rate = initial rate / final_div_factor.
        three_phase (bool): fall back to the initial rate first, as long as the rise took.

    Source: Smith, Topin, 2017, arXiv:1708.07120.
    """

    def __init__(
        self, optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3,
        anneal_strategy="cos", cycle_momentum=True, base_momentum=0.85, max_momentum=0.95,
        div_factor=25.0, final_div_factor=1e4, three_phase=False, last_epoch=-1,
    ):  # fmt: skip
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(
                f"OneCycleLR: pct_start is {pct_start}; it must be a float from 0 to 1."
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy is {anneal_strategy!r}; it must be 'cos' or 'linear'."
            )
        self._anneal_func_type = anneal_strategy
        rise = float(pct_start * self.total_steps) - 1
        if three_phase:
            back = float(2 * pct_start * self.total_steps) - 2
            phases = [
                (rise, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
                (back, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                (self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]
        else:
            phases = [
                (rise, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
                (self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"),
            ]
        names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
        self._schedule_phases = [dict(zip(names, phase, strict=True)) for phase in phases]
        max_lrs = _each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            _need_momentum(self, optimizer)
            self.use_beta1 = "betas" in optimizer.defaults
            highs = _each_group("max_momentum", optimizer, max_momentum)
            lows = _each_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                for group, high, low in zip(optimizer.param_groups, highs, lows, strict=True):
                    _set_momentum(group, high)
                    group["max_momentum"] = high
                    group["base_momentum"] = low
        super().__init__(optimizer, last_epoch)

    def _between(self, start, end, share):
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self):
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR.step: was called {step} times, but total_steps is {self.total_steps}. "
                "Give total_steps as many as there are."
            )
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        share = (step - start) / (end - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                first, last = group[phase["start_momentum"]], group[phase["end_momentum"]]
                _set_momentum(group, self._between(first, last, share))
        return rates


def _total_steps(total_steps, epochs, steps_per_epoch):
    if total_steps is not None:
        if total_steps <= 0 or not isinstance(total_steps, int):
            raise ValueError(
                f"OneCycleLR: total_steps is {total_steps}; it must be an int of 1 or more."
            )
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("OneCycleLR: needs total_steps, or epochs and steps_per_epoch.")
    for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"OneCycleLR: {name} is {value}; it must be an int of 1 or more.")
    return epochs * steps_per_epoch
