"""Where in the program a failing backward began: anomaly detection."""

from .. import _core

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def is_anomaly_enabled():
    """Whether anomaly detection is on."""
    return _core._anomaly()[0]


def is_anomaly_check_nan_enabled():
    """Whether anomaly detection looks for NaNs in gradients, where it is on."""
    return _core._anomaly()[1]


def set_anomaly_enabled(enabled, check_nan=True):
    """Turns anomaly detection on or off; see `set_detect_anomaly`."""
    _core._set_anomaly(bool(enabled), bool(check_nan))


class set_detect_anomaly:
    """Anomaly detection on or off from the moment of the call; as a context, until its end.

    While it is on, every operator remembers the line that called it, an error in backward shows that
    line, and, with check_nan, a gradient that holds a NaN is an error. It slows programs down.

    Example:
        >>> with torch.autograd.set_detect_anomaly(True):
        ...     torch.is_anomaly_enabled()
        True
    """

    def __init__(self, mode, check_nan=True):
        self.previous = _core._anomaly()
        _core._set_anomaly(bool(mode), bool(check_nan))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        _core._set_anomaly(*self.previous)


class detect_anomaly:
    """Anomaly detection for the length of a with statement; it warns, `set_detect_anomaly` does not.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"), torch.autograd.detect_anomaly():
        ...     torch.is_anomaly_enabled()
        True
    """

    def __init__(self, check_nan=True):
        _core._warn(
            "detect_anomaly: every operator now remembers the line that called it, which is slow. Use it to find "
            "an error, not to train."
        )
        self.check_nan = bool(check_nan)

    def __enter__(self):
        self.previous = _core._anomaly()
        _core._set_anomaly(True, self.check_nan)
        return self

    def __exit__(self, *exception):
        _core._set_anomaly(*self.previous)
