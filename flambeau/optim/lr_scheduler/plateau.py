"""ReduceLROnPlateau."""

from ... import _core
from ..optimizer import Optimizer
from .scheduler import EPOCH_DEPRECATION_WARNING, LRScheduler, plain, set_option


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a metric has not improved for `patience` epochs.

    Args:
        mode (str): "min" if the metric is to fall, "max" if it is to rise.
        threshold, threshold_mode: an improvement is one by more than this, "rel" or "abs".
        cooldown (int): epochs after a reduction in which nothing is counted.
        min_lr (float or list): no rate goes below.
        eps (float): a smaller change of the rate is not made.

    step(metrics) is called with the metric.

    Example:
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
        >>> for _ in range(4):
        ...     schedule.step(5.0)
        >>> schedule.get_last_lr()
        [0.1]
    """

    def __init__(
        self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel",
        cooldown=0, min_lr=0, eps=1e-8,
    ):  # fmt: skip
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor is {factor}; it must be below 1.")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"ReduceLROnPlateau: optimizer is {type(optimizer).__name__}, not an Optimizer."
            )
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode is {mode!r}; it must be 'min' or 'max'.")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: threshold_mode is {threshold_mode!r}; it must be 'rel' or 'abs'."
            )
        self.factor = factor
        self.optimizer = optimizer
        groups = len(optimizer.param_groups)
        if isinstance(min_lr, (list, tuple)):
            if len(min_lr) != groups:
                raise ValueError(
                    f"ReduceLROnPlateau: min_lr has {len(min_lr)} values for {groups} parameter "
                    "groups. Give one number, or one for each group."
                )
            self.default_min_lr = None
            self.min_lrs = list(min_lr)
        else:
            self.default_min_lr = min_lr
            self.min_lrs = [min_lr] * groups
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = [plain(group["lr"]) for group in optimizer.param_groups]
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.mode_worse = float("inf") if mode == "min" else float("-inf")
        self._reset()

    def _reset(self):
        """Forget what the metric was."""
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self):
        """Whether a reduction was made just now."""
        return self.cooldown_counter > 0

    def is_better(self, a, best):
        """Whether a is an improvement over best."""
        change = -self.threshold if self.mode == "min" else self.threshold
        limit = best * (1.0 + change) if self.threshold_mode == "rel" else best + change
        return a < limit if self.mode == "min" else a > limit

    def step(self, metrics, epoch=None):
        """Look at the metric of one epoch and reduce the rate if it is time."""
        current = float(metrics)
        if epoch is not None:
            _core._warn(EPOCH_DEPRECATION_WARNING)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(self.last_epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = [plain(rate) for rate in self._rates()]

    def _reduce_lr(self, epoch):
        groups = self.optimizer.param_groups
        missing = len(groups) - len(self.min_lrs)
        if missing > 0:
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"ReduceLROnPlateau: there are {len(groups)} parameter groups now, but min_lr "
                    f"has {len(self.min_lrs)} values. Set min_lrs for the new groups."
                )
            self.min_lrs += [self.default_min_lr] * missing
        for group, lowest in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, lowest)
            if old - new > self.eps:
                set_option(group, "lr", new)
