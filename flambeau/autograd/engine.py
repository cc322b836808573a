"""A backward that runs deep inside others: on a stack of its own."""

import sys
import threading

from .. import _core


def on_fresh_stack(*task):
    """_core._run_backward(*task) in a new thread, so that the stacks of those around it do not overflow."""
    # Every thread counts its Python frames from 0: the depth of all of them together is bounded here, at ten times the
    # limit of one, since a backward inside a backward takes few frames.
    depth = getattr(threading.current_thread(), "backwards_around", 0) + _core._backward_depth()
    if depth > 10 * sys.getrecursionlimit():
        raise RecursionError(
            f"backward: {depth} backwards run inside each other, more than ten times Python's recursion limit. "
            "A hook or a backward that calls backward() needs a case in which it does not."
        )
    recording, outcome = _core.is_grad_enabled(), []

    def run():
        _core._set_grad_enabled(recording)
        try:
            outcome.append(_core._run_backward(*task))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.backwards_around = depth
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
