"""torch.futures: values that come later."""

import pickle

import pytest

from flambeau.futures import Future, collect_all, wait_all


def test_a_value_is_set_once():
    future = Future()
    future.set_result(1)
    for again in (lambda: future.set_result(2), lambda: future.set_exception(ValueError("x"))):
        with pytest.raises(RuntimeError, match="done already"):
            again()
    assert future.wait() == future.value() == 1
    with pytest.raises(AssertionError, match="takes an Exception, not str"):
        Future().set_exception("no exception")


def test_what_a_callback_raises_comes_out_of_wait():
    future = Future()
    takes_nothing = future.then(lambda: 3)
    adds = future.then(lambda done: done + 1)
    passes_on = future.then(lambda done: done.wait())
    future.set_exception(ValueError("lost"))
    for following, cause in (
        (takes_nothing, TypeError),
        (adds, TypeError),
        (passes_on, ValueError),
    ):
        with pytest.raises(RuntimeError, match=f"the callback raised {cause.__name__}") as caught:
            following.wait()
        assert isinstance(caught.value.__cause__, cause)
    with pytest.raises(ValueError, match="lost"):
        future.wait()


def test_several_together_and_callbacks_in_their_order():
    first, second, seen = Future(), Future(), []
    whole = collect_all([first, second])
    first.add_done_callback(lambda done: seen.append(done.value()))
    second.set_result(2)
    assert not whole.done()
    first.set_result(1)
    assert [f.value() for f in whole.wait()] == wait_all([first, second]) == [1, 2] and seen == [1]
    assert collect_all([]).wait() == wait_all([]) == []


def test_a_future_stays_in_its_process():
    with pytest.raises(RuntimeError, match="cannot be pickled"):
        pickle.dumps(Future())
