"""Whether indices are checked where a sparse tensor is made."""

import functools

from ..ops.sparse import construct


class check_sparse_tensor_invariants:
    """Switches the check of indices on, or off, for a with statement or a function; enable() does so for good.

    Args:
        enable (bool): what holds inside.

    Example:
        >>> with torch.sparse.check_sparse_tensor_invariants():
        ...     torch.sparse_coo_tensor([[5]], [1.0], (3,))
        Traceback (most recent call last):
        RuntimeError: sparse_coo_tensor: an index of dim 0 is 5, but the size there is 3: (3,).
    """

    def __init__(self, enable=True):
        self.state = enable
        self.saved_state = None

    @staticmethod
    def is_enabled():
        """Whether indices are checked now where nothing else is said."""
        return construct.checks_by_default()

    @staticmethod
    def enable():
        """Checks from now on."""
        construct.set_checks_by_default(True)

    @staticmethod
    def disable():
        """No longer checks."""
        construct.set_checks_by_default(False)

    def __enter__(self):
        if self.saved_state is not None:
            raise RuntimeError(
                "check_sparse_tensor_invariants: one object is entered once. Make another inside."
            )
        self.saved_state = self.is_enabled()
        construct.set_checks_by_default(self.state)

    def __exit__(self, *exception):
        construct.set_checks_by_default(self.saved_state)
        self.saved_state = None

    def __call__(self, function):
        @functools.wraps(function)
        def checked(*args, **kwargs):
            with type(self)(self.state):
                return function(*args, **kwargs)

        return checked
