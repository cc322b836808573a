"""A failing backward names the line of forward that it belongs to."""

import pytest

import flambeau
from flambeau.autograd import detect_anomaly, set_detect_anomaly
from tests.autograd.functions import Same


class Fails(Same):
    @staticmethod
    def backward(ctx, grad_output):
        raise RuntimeError("on purpose")


def anomaly(**options):
    with pytest.warns(UserWarning, match="detect_anomaly: every operator"):
        return detect_anomaly(**options)


def call_it(x):
    return Fails.apply(x)


def test_the_forward_line_is_shown():
    x = flambeau.ones(2, requires_grad=True)
    mode = anomaly()
    reported = pytest.warns(UserWarning, match="(?s)FailsBackward.*call_it")
    with reported, mode, pytest.raises(RuntimeError, match="on purpose"):
        call_it(x).sum().backward()


class GivesNaN(Fails):
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * float("nan")


def test_a_nan_in_a_gradient_is_an_error():
    x = flambeau.ones(2, requires_grad=True)
    mode = anomaly()
    reported = pytest.warns(UserWarning, match="GivesNaN")
    with (
        reported,
        mode,
        pytest.raises(
            RuntimeError,
            match="GivesNaNBackward: its gradient number 0 holds NaN, found by anomaly mode",
        ),
    ):
        GivesNaN.apply(x).sum().backward()
    with anomaly(check_nan=False):
        GivesNaN.apply(x).sum().backward()


def test_set_detect_anomaly_is_a_switch_and_a_context():
    before = flambeau._core._anomaly()
    with set_detect_anomaly(True):
        assert flambeau._core._anomaly()[0]
    assert flambeau._core._anomaly() == before
    set_detect_anomaly(True)
    assert flambeau._core._anomaly()[0]
    set_detect_anomaly(False)


def test_a_node_made_by_a_backward_leads_to_both_lines():
    class Outer(Same):
        @staticmethod
        def backward(ctx, grad_output):
            return call_it(grad_output)

    with anomaly(), pytest.warns(UserWarning) as reported:
        x = flambeau.ones(2, requires_grad=True)
        (g,) = flambeau.autograd.grad(Outer.apply(x).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="does not require grad"):
            g.sum().backward()
        (g,) = flambeau.autograd.grad(Outer.apply(x).sum() * x.sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="on purpose"):
            g.sum().backward()
    texts = [str(w.message) for w in reported]
    assert "call_it" in texts[0] and "FailsBackward" in texts[0]
    assert "OuterBackward" in texts[1] and "test_a_node_made_by" in texts[1]
