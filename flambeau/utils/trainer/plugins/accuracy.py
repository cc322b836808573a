"""AccuracyMonitor."""

from .monitor import Monitor


class AccuracyMonitor(Monitor):
    """The percentage of samples whose largest output (dim 1) is at the target's class, in stats["accuracy"]."""

    stat_name, default_unit, default_precision = "accuracy", "%", 2

    def _get_value(self, iteration, input, target, output, loss):
        return 100.0 * (output.argmax(1) == target).float().mean().item()
