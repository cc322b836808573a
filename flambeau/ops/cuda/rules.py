"""The table of rules."""

import functools

from ..core.no_derivative import no_grad

RULES = {}


def rule(*names):
    """Registers a function, which runs without history, as the rule of these names."""

    def register(function):
        @functools.wraps(function)
        def without_history(*arguments, **named):
            with no_grad():
                return function(*arguments, **named)

        RULES.update(dict.fromkeys(names, without_history))
        return without_history

    return register
