"""Questions about symbolic sizes. Sizes are numbers here, so all of them are known."""

__all__ = ["free_symbols", "free_unbacked_symbols", "guard_or_false", "guard_or_true", "guard_size_oblivious",
           "has_free_symbols", "is_concrete_bool", "is_concrete_int", "statically_known_true"]  # fmt: skip


def free_symbols(val):
    """The symbols in sizes: none."""
    return set()


free_unbacked_symbols = free_symbols


def has_free_symbols(val):
    """Whether there are any: False."""
    return False


def is_concrete_int(a):
    """Whether a size is known: True."""
    return True


is_concrete_bool = is_concrete_int


def guard_size_oblivious(expr):
    """bool(expr)."""
    return bool(expr)


guard_or_false = guard_or_true = statically_known_true = guard_size_oblivious
