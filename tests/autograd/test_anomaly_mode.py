"""A failing backward names the line of forward that it belongs to."""

import pytest

import flambeau
from flambeau.autograd import Function, detect_anomaly, set_detect_anomaly


class Fails(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, grad_output):
        raise RuntimeError("on purpose")


def call_it(x):
    return Fails.apply(x)


def test_the_forward_line_is_shown():
    x = flambeau.ones(2, requires_grad=True)
    reported = pytest.warns(UserWarning, match="(?s)FailsBackward.*call_it")
    with reported, detect_anomaly(), pytest.raises(RuntimeError, match="on purpose"):
        call_it(x).sum().backward()


class GivesNaN(Fails):
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * float("nan")


def test_a_nan_in_a_gradient_is_an_error():
    x = flambeau.ones(2, requires_grad=True)
    reported = pytest.warns(UserWarning, match="GivesNaN")
    with (
        reported,
        detect_anomaly(),
        pytest.raises(
            RuntimeError,
            match="GivesNaNBackward: its gradient number 0 holds NaN, found by anomaly mode",
        ),
    ):
        GivesNaN.apply(x).sum().backward()
    with detect_anomaly(check_nan=False):
        GivesNaN.apply(x).sum().backward()


def test_set_detect_anomaly_is_a_switch_and_a_context():
    before = flambeau._core._anomaly()
    with set_detect_anomaly(True):
        assert flambeau._core._anomaly()[0]
    assert flambeau._core._anomaly() == before
    set_detect_anomaly(True)
    assert flambeau._core._anomaly()[0]
    set_detect_anomaly(False)
