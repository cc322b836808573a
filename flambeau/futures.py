"""Results that come later: torch.futures, over those of Python."""

import concurrent.futures

__all__ = ["Future", "collect_all", "wait_all"]


class Future(concurrent.futures.Future):
    """A value that is set later, by set_result or set_exception.

    Example:
        >>> from flambeau.futures import Future
        >>> f = Future()
        >>> g = f.then(lambda done: done.wait() + 1)
        >>> f.set_result(3)
        >>> g.wait()
        4
    """

    def __init__(self, *, devices=None):
        super().__init__()

    def done(self):
        """Whether the value, or an exception, is set."""
        return super().done()

    def set_result(self, result):
        """The value is `result`.

        Raises:
            RuntimeError: a value or an exception is there already.
        """
        self._set(super().set_result, result)

    def set_exception(self, result):
        """wait() raises `result`.

        Raises:
            AssertionError: it is no Exception.
            RuntimeError: a value or an exception is there already.
        """
        if not isinstance(result, Exception):
            raise AssertionError(
                f"Future.set_exception: takes an Exception, not {type(result).__name__}."
            )
        self._set(super().set_exception, result)

    @staticmethod
    def _set(put, result):
        try:
            put(result)
        except concurrent.futures.InvalidStateError:
            raise RuntimeError("Future: it is done already; a value is set once.") from None

    def __reduce__(self):
        raise RuntimeError("Future: cannot be pickled. Send what wait() gives.")

    def wait(self):
        """The value, once it is there; raises the exception if there is one."""
        return self.result()

    def value(self):
        """The value, which must be there.

        Raises:
            RuntimeError: it is not.
        """
        if not self.done():
            raise RuntimeError("Future.value: the value is not there yet. wait() waits for it.")
        return self.result()

    def then(self, callback):
        """A Future of callback(self), called when the value is there; waiting for it raises RuntimeError if that raised."""
        following = self._following()

        def run(done):
            try:
                following.set_result(callback(done))
            except Exception as error:
                failure = RuntimeError(f"Future.then: the callback raised {error!r}.")
                failure.__cause__ = error
                following.set_exception(failure)

        self.add_done_callback(run)
        return following

    def _following(self):
        return Future()

    def __class_getitem__(cls, item):
        return cls


def collect_all(futures):
    """A Future of the list of `futures`, once all are done."""
    futures, whole = list(futures), Future()
    left = [len(futures)]

    def one_more(_):
        left[0] -= 1
        if left[0] == 0:
            whole.set_result(futures)

    for future in futures:
        future.add_done_callback(one_more)
    if not futures:
        whole.set_result(futures)
    return whole


def wait_all(futures):
    """The values of `futures`, once all are there."""
    return [future.wait() for future in futures]
