"""TimeMonitor."""

import time

from .monitor import Monitor


class TimeMonitor(Monitor):
    """Milliseconds from one iteration to the next, in trainer.stats["time"]; 0 for the first."""

    stat_name, default_unit, default_precision = "time", "ms", 0
    last_time = None

    def _get_value(self, *args):
        before, self.last_time = self.last_time, time.perf_counter()
        return 0 if before is None else 1000 * (self.last_time - before)
