"""lstm_cell and its like are the modules' steps, with weights given."""

import numpy
import pytest

import flambeau
from flambeau import nn

CELLS = {
    "lstm_cell": (nn.LSTMCell, {}),
    "gru_cell": (nn.GRUCell, {}),
    "rnn_tanh_cell": (nn.RNNCell, {}),
    "rnn_relu_cell": (nn.RNNCell, {"nonlinearity": "relu"}),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("bias", [True, False])
def test_a_cell_is_the_module_with_its_weights_given(name, bias):
    make, options = CELLS[name]
    module = make(3, 5, bias=bias, **options)
    x, h, c = flambeau.randn(2, 3), flambeau.randn(2, 5), flambeau.randn(2, 5)
    state = (h, c) if name == "lstm_cell" else h
    got = getattr(flambeau, name)(x, state, *module.parameters())
    want = module(x, state)
    if name != "lstm_cell":
        got, want = (got,), (want,)
    for one, other in zip(got, want, strict=True):
        numpy.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())
    (first, *_) = flambeau.autograd.grad(got[0].sum(), list(module.parameters()))
    assert first.shape == module.weight_ih.shape and first.abs().sum() > 0


def test_shapes_that_do_not_fit_are_refused():
    x, h, w = flambeau.ones(2, 3), flambeau.ones(2, 5), flambeau.ones(15, 3)
    with pytest.raises(RuntimeError, match=r"gru_cell: w_ih \(15, 3\) and w_hh \(15, 3\)"):
        flambeau.gru_cell(x, h, w, w)
    with pytest.raises(RuntimeError, match="gru_cell: each state must be"):
        flambeau.gru_cell(x, h[:1], w, flambeau.ones(15, 5))
    with pytest.raises(RuntimeError, match="rnn_tanh_cell: .* must have 2 dims"):
        flambeau.rnn_tanh_cell(x[0], h, w, w)
    with pytest.raises(RuntimeError, match="lstm_cell: hx holds 3 tensors"):
        flambeau.lstm_cell(x, (h, h, h), w, w)


def test_a_cell_takes_tensors():
    x, w = flambeau.ones(2, 3), flambeau.ones(3, 3)
    with pytest.raises(TypeError, match="rnn_tanh_cell: hx must be a Tensor, not list"):
        flambeau.rnn_tanh_cell(x, [1], w, w)
    with pytest.raises(TypeError, match="gru_cell: w_hh must be a Tensor, not list"):
        flambeau.gru_cell(x, x, w, [0, 0])


@pytest.mark.parametrize("far", (-90.0, -1e3, 1e3, -1e38, float("-inf"), float("inf")))
@pytest.mark.parametrize("make, gates", ((nn.LSTM, (0, 1, 3)), (nn.GRU, (0, 1))))
def test_gates_far_out_have_their_limits_for_gradients(make, gates, far):
    module = make(2, 3)
    for gate in gates:
        grads = []
        for bias in (far, 80.0 if far > 0 else -80.0):
            with flambeau.no_grad():
                module.bias_ih_l0.zero_()[3 * gate] = bias
            x = flambeau.linspace(-1, 1, 8).reshape(2, 2, 2).requires_grad_()
            inputs = (x, *module.parameters())
            first = flambeau.autograd.grad(module(x)[0].sum(), inputs, create_graph=True)
            second = flambeau.autograd.grad(first[0].square().sum(), inputs)
            grads.append((*first, *second))
        for got, want in zip(*grads, strict=True):
            flambeau.testing.assert_close(got, want)
