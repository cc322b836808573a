"""The engine's run as Python calls it."""

import threading

from .. import _core

_DEEPEST = 40  # backwards inside each other on one stack; the next goes to a thread of its own


def run_backward(*task):
    """_core._run_backward(*task); deep inside others on a fresh stack, so that theirs does not overflow."""
    if _core._backward_depth() < _DEEPEST:
        return _core._run_backward(*task)
    recording, outcome = _core.is_grad_enabled(), []

    def run():
        _core._set_grad_enabled(recording)
        try:
            outcome.append(_core._run_backward(*task))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
