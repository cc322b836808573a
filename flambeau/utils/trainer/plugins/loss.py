"""LossMonitor."""

from .monitor import Monitor


class LossMonitor(Monitor):
    """The loss of each iteration, in trainer.stats["loss"]."""

    stat_name = "loss"

    def _get_value(self, iteration, input, target, output, loss):
        return loss.item()
