"""TimeMonitor."""

import time

from .monitor import Monitor


class TimeMonitor(Monitor):
    """Milliseconds from one iteration to the next, in trainer.stats["time"]; 0 for the first."""

    stat_name = "time"

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("unit", "ms")
        kwargs.setdefault("precision", 0)
        super().__init__(*args, **kwargs)
        self.last_time = None

    def _get_value(self, *args):
        before, self.last_time = self.last_time, time.perf_counter()
        return 0 if before is None else 1000 * (self.last_time - before)
