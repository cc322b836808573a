"""What repr() tells of a module."""


def shows(names):
    """An extra_repr: name=value for each of `names`, a text; of "name?" only where the value is true."""
    rules = [(name.rstrip("?"), name.endswith("?")) for name in names.split()]

    def extra_repr(self):
        """What stands in the parentheses of repr()."""
        values = ((name, getattr(self, name), only_true) for name, only_true in rules)
        return ", ".join(f"{name}={value!r}" for name, value, only in values if value or not only)

    return extra_repr
