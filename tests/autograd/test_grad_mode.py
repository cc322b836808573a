"""no_grad and its relatives, as contexts and as decorators."""

import pytest

import flambeau
from flambeau.autograd import grad_mode


@pytest.fixture
def x():
    return flambeau.ones(2, requires_grad=True)


def test_contexts_switch_recording_and_restore_it(x):
    with grad_mode.no_grad():
        assert not (x * 2).requires_grad
        with grad_mode.enable_grad():
            assert (x * 2).requires_grad
        assert not flambeau.is_grad_enabled()
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), grad_mode.no_grad():
        1 / 0
    assert flambeau.is_grad_enabled()


def test_set_grad_enabled_acts_at_once(x):
    grad_mode.set_grad_enabled(False)
    assert not flambeau.is_grad_enabled()
    grad_mode.set_grad_enabled(True)
    with grad_mode.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert flambeau.is_grad_enabled()


def test_decorators(x):
    @grad_mode.no_grad()
    def with_brackets():
        return x * 2

    @grad_mode.no_grad
    def without_brackets():
        return x * 2

    @grad_mode.set_grad_enabled(False)
    def by_mode():
        return x * 2

    @grad_mode.inference_mode
    def in_inference():
        return x * 2, grad_mode.is_inference_mode_enabled()

    assert flambeau.is_grad_enabled()
    assert not with_brackets().requires_grad
    assert not without_brackets().requires_grad
    assert not by_mode().requires_grad
    assert not in_inference()[0].requires_grad
    assert in_inference()[1] is True
    assert not grad_mode.is_inference_mode_enabled()
    assert with_brackets.__name__ == "with_brackets"


def test_inference_mode_off_records(x):
    with grad_mode.inference_mode():
        assert not (x * 2).requires_grad
    with grad_mode.inference_mode(False):
        assert (x * 2).requires_grad


def test_a_decorated_generator_leaves_its_consumer_alone():
    seen = []

    @grad_mode.no_grad()
    def generator():
        seen.append(flambeau.is_grad_enabled())
        received = yield 1
        seen.append(flambeau.is_grad_enabled())
        try:
            yield received
        except KeyError:
            seen.append(flambeau.is_grad_enabled())
            yield "caught"
        return "end"

    iterator = generator()
    assert next(iterator) == 1
    assert flambeau.is_grad_enabled()
    assert iterator.send("hello") == "hello"
    assert iterator.throw(KeyError()) == "caught"
    with pytest.raises(StopIteration) as stop:
        next(iterator)
    assert stop.value.value == "end"
    assert seen == [False, False, False]


def test_views_of_normal_tensors_under_inference_mode():
    base = flambeau.ones(3, requires_grad=True) * 1
    with flambeau.inference_mode():
        view = base.view(-1)
        assert not view.is_inference() and view.requires_grad and view.is_leaf
        assert (base @ base).is_inference()
    with pytest.raises(RuntimeError, match="under inference_mode"):
        view.add_(1)
    base.mul_(2)
    with pytest.raises(RuntimeError, match="under inference_mode"):
        view.grad_fn


def test_inference_tensors_outside():
    with flambeau.inference_mode():
        x = flambeau.ones(3)
        y = x.sum()
    assert y.is_inference() and x.view(-1).is_inference()
    w = flambeau.ones(3, requires_grad=True)
    assert (w + x).requires_grad
    with pytest.raises(RuntimeError, match="cannot be saved for backward"):
        w * x
    with pytest.raises(RuntimeError, match="was made in inference_mode"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="not counted"):
        x._version


def test_views_of_inference_tensors_are_not_followed_outside():
    with flambeau.inference_mode():
        x = flambeau.ones(2, 3, requires_grad=True)
    for view in (x.view(-1), x.T, x[0], x.split(1)[0], x.as_strided((2,), (1,))):
        assert view.is_inference() and view.is_leaf and not view.requires_grad
    assert (x * 2).requires_grad


@pytest.mark.parametrize(
    "write",
    [
        lambda x, out: flambeau.mul(x, x, out=out),
        lambda x, out: flambeau.cumsum(x, 0, out=out),
        lambda x, out: flambeau.cat([x], out=out),
        lambda x, out: flambeau.matmul(x, x, out=out),
        lambda x, out: flambeau.zeros(2, 2, out=out),
    ],
)
def test_an_inference_tensor_is_no_out_outside(write):
    with flambeau.inference_mode():
        out = flambeau.ones(2, 2)
        write(flambeau.ones(2, 2), out)
    with pytest.raises(RuntimeError, match="cannot be written outside of it"):
        write(flambeau.ones(2, 2), out)


def test_a_leaf_is_resized_in_inference_mode():
    with flambeau.inference_mode():
        x = flambeau.ones(1, 2, 3, requires_grad=True)
        assert x.resize_(1, 2).shape == (1, 2) and x.requires_grad
    with pytest.raises(RuntimeError, match="requires grad"):
        x.resize_(2)
