"""Who is told of every call of an operator and of every node of a backward, in all threads.

An observer has enter(operator, args, kwargs), called before; leave(operator, result), called behind, with None where
the call raised. Those that also have node(node, grad_outputs, grad_inputs) see the calls as well that an operator written
in Python consists of, which then takes no short way. The core calls the functions of the same names here.
"""

from ... import _core

_observers = ()


def exchange(observers):
    """Who is told from now on, a tuple; returns who was."""
    global _observers
    before, _observers = _observers, observers
    _core._watch_observers(bool(observers), any(hasattr(one, "node") for one in observers))
    return before


def add(observer):
    """Tells one more, the innermost."""
    exchange((*_observers, observer))


def remove(observer):
    """Tells it no longer."""
    exchange(tuple(one for one in _observers if one is not observer))


def enter(operator, args, kwargs):
    """Tells all; returns who they were, for leave()."""
    told = _observers
    for one in told:
        one.enter(operator, args, kwargs)
    return told


def leave(told, operator, result):
    """Tells all that entered, whatever one of them raises."""
    failure = None
    for one in reversed(told):
        try:
            one.leave(operator, result)
        except BaseException as error:
            failure = error
    if failure is not None:
        raise failure


def node(node, grad_outputs, grad_inputs):
    for one in _observers:
        if hasattr(one, "node"):
            one.node(node, grad_outputs, grad_inputs)
