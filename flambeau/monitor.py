"""Counters and events of a program, handed to whoever listens: torch.monitor.

with Stat("loss", [Aggregation.MEAN], timedelta(minutes=1)) as loss:   # an Event a minute
    loss.add(0.3)

handle = register_event_handler(print)                                 # each Event, as it is logged
"""

import enum
import threading
import time
from datetime import datetime, timedelta

__all__ = [
    "Aggregation", "Event", "EventHandlerHandle", "Stat", "TensorboardEventHandler", "log_event",
    "register_event_handler", "unregister_event_handler",
]  # fmt: skip

STAT_EVENT = "torch.monitor.Stat"


class Aggregation(enum.Enum):
    """What is told of the numbers of a Stat."""

    VALUE = 1
    MEAN = 2
    COUNT = 3
    SUM = 4
    MAX = 5
    MIN = 6


class Event:
    """Something that happened.

    Args:
        name (str): what, such as "torch.monitor.Stat".
        timestamp (datetime): when.
        data (dict of str to int, float, bool or str).
    """

    def __init__(self, name, timestamp, data):
        if not isinstance(timestamp, datetime):
            raise TypeError(
                f"monitor.Event: timestamp must be a datetime, not {type(timestamp).__name__}."
            )
        for key, value in data.items():
            if not isinstance(key, str) or not isinstance(value, (int, float, bool, str)):
                raise TypeError(
                    f"monitor.Event: data maps str to int, float, bool or str, not {key!r} to {value!r}."
                )
        self.name, self.timestamp, self.data = name, timestamp, dict(data)


class EventHandlerHandle:
    """A registered handler, to unregister it by."""

    def __init__(self, callback):
        self._callback = callback


_handlers = []


def register_event_handler(callback):
    """callback(event) from now on, for each Event; gives a handle."""
    handle = EventHandlerHandle(callback)
    _handlers.append(handle)
    return handle


def unregister_event_handler(handler):
    """No more events for the callback of this handle."""
    _handlers.remove(handler)


def log_event(event):
    """Hands an event to all handlers."""
    for handle in list(_handlers):
        handle._callback(event)


class Stat:
    """Numbers of a program, told together as an Event once a window of time, or of numbers, is full.

    Args:
        name (str): what they are.
        aggregations (list of Aggregation): what is told of them.
        window_size (timedelta): tell when so much time has passed, at the next number.
        max_samples (int, optional): tell, once, within a window, when there are so many.

    Example:
        >>> from datetime import timedelta
        >>> from flambeau import monitor
        >>> handle = monitor.register_event_handler(lambda event: print(event.data))
        >>> loss = monitor.Stat("loss", [monitor.Aggregation.MEAN], timedelta(hours=1), max_samples=2)
        >>> loss.add(1.0); loss.add(2.0)
        {'loss.mean': 1.5}
        >>> monitor.unregister_event_handler(handle)
    """

    def __init__(self, name, aggregations, window_size, max_samples=2**63 - 1):
        if not isinstance(window_size, timedelta):
            raise TypeError(
                f"monitor.Stat: window_size must be a timedelta, not {type(window_size).__name__}."
            )
        self.name, self._aggregations = name, list(aggregations)
        self._window_s, self._most = window_size.total_seconds(), max_samples
        self._lock = threading.Lock()
        self._values, self._begun, self._is_told = [], time.monotonic(), False

    @property
    def count(self):
        """How many numbers there are in the current window."""
        with self._lock:
            return len(self._values)

    def add(self, v):
        """Another number."""
        with self._lock:
            full = self._close_window()
            if not self._is_told:
                self._values.append(v)
            if len(self._values) >= self._most:
                full.append(self._take())
                self._is_told = True
        self._log(full)

    def get(self):
        """{Aggregation: number} of the numbers in the current window."""
        with self._lock:
            return {kind: _aggregated(kind, self._values) for kind in self._aggregations}

    def _close_window(self):
        """What is to be told of a window whose time is over."""
        if time.monotonic() - self._begun < self._window_s:
            return []
        found = [self._take()] if self._values else []
        self._begun, self._is_told = time.monotonic(), False
        return found

    def _take(self):
        values, self._values = self._values, []
        return values

    def _log(self, windows):
        for values in windows:
            data = {
                f"{self.name}.{kind.name.lower()}": _aggregated(kind, values)
                for kind in self._aggregations
            }
            log_event(Event(STAT_EVENT, datetime.now(), data))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with self._lock:
            full = [self._take()] if self._values else []
        self._log(full)


def _aggregated(kind, values):
    if kind is Aggregation.COUNT:
        return len(values)
    if not values:
        return 0
    if kind is Aggregation.VALUE:
        return values[-1]
    if kind is Aggregation.MEAN:
        return sum(values) / len(values)
    return {Aggregation.SUM: sum, Aggregation.MAX: max, Aggregation.MIN: min}[kind](values)


class TensorboardEventHandler:
    """A handler that writes the numbers of Stats to a SummaryWriter.

    Args:
        writer (utils.tensorboard.SummaryWriter).
    """

    def __init__(self, writer):
        self._writer = writer

    def __call__(self, event):
        if event.name == STAT_EVENT:
            for key, value in event.data.items():
                self._writer.add_scalar(key, value, walltime=event.timestamp.timestamp())


for _name in ("VALUE", "MEAN", "COUNT", "SUM", "MAX", "MIN"):
    globals()[_name] = Aggregation[_name]
