"""Monitor: a number of each iteration, its running average and its mean over the epoch."""

from .plugin import Plugin


class Monitor(Plugin):
    """Keeps a number for each iteration in trainer.stats[stat_name]; subclasses define stat_name and _get_value.

    Args:
        running_average (bool): keep running_avg, an exponential average.
        epoch_average (bool): keep epoch_mean, the mean over the last whole epoch.
        smoothing (float): what of running_avg stays at each iteration.
        precision (int, optional): decimals to print; default_precision of the class without it.
        number_format (str, optional): a format in place of precision, such as ".2e".
        unit (str, optional): printed behind the number; default_unit of the class without it.
    """

    stat_name, default_unit, default_precision = "value", "", 4

    def __init__(
        self, running_average=True, epoch_average=True, smoothing=0.7, precision=None,
        number_format=None, unit=None,
    ):  # fmt: skip
        super().__init__([(1, "iteration"), (1, "epoch")])
        if number_format is None:
            number_format = f".{self.default_precision if precision is None else precision}f"
        self.smoothing = smoothing
        self.with_running_average = running_average
        self.with_epoch_average = epoch_average
        self.log_format = ":" + number_format
        self.log_unit = self.default_unit if unit is None else unit
        self.log_iter_fields = [self._field("last")]
        if running_average:
            self.log_iter_fields.append(f" ({self._field('running_avg')})")
        self.log_epoch_fields = [self._field("epoch_mean")] if epoch_average else None

    def _field(self, name):
        return f"{{{name}{self.log_format}}}{self.log_unit}"

    def _get_value(self, iteration, input, target, output, loss):
        raise NotImplementedError(f"{type(self).__name__} does not define _get_value.")

    def register(self, trainer):
        self.trainer = trainer
        stats = trainer.stats.setdefault(self.stat_name, {})
        stats["log_format"] = self.log_format
        stats["log_unit"] = self.log_unit
        stats["log_iter_fields"] = self.log_iter_fields
        if self.with_epoch_average:
            stats["log_epoch_fields"] = self.log_epoch_fields
            stats["epoch_stats"] = (0, 0)

    def iteration(self, *args):
        stats = self.trainer.stats[self.stat_name]
        last = stats["last"] = self._get_value(*args)
        if self.with_epoch_average:
            total, count = stats["epoch_stats"]
            stats["epoch_stats"] = (total + last, count + 1)
        if self.with_running_average:
            before = stats.get("running_avg", 0)
            stats["running_avg"] = before * self.smoothing + last * (1 - self.smoothing)

    def epoch(self, idx):
        stats = self.trainer.stats[self.stat_name]
        if self.with_epoch_average:
            total, count = stats["epoch_stats"]
            stats["epoch_mean"] = total / count if count else float("nan")
            stats["epoch_stats"] = (0, 0)
