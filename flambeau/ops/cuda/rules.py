"""The table of rules, and what makes results for them."""

RULES = {}


def rule(*names):
    """Registers a function as the rule of these names."""

    def register(function):
        RULES.update(dict.fromkeys(names, function))
        return function

    return register
