"""Tables of what is done by an operator's name, filled by decorators."""


def registering(table):
    """The decorator @rule(*names) that puts a function into `table` under each name."""

    def rule(*names):
        """Registers a function for the operators of these names."""

        def register(function):
            table.update(dict.fromkeys(names, function))
            return function

        return register

    return rule
