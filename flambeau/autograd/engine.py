"""A backward that runs deep inside others: on a stack of its own."""

import threading

from .. import _core


def on_fresh_stack(*task):
    """_core._run_backward(*task) in a new thread, so that the stacks of those around it do not overflow."""
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
