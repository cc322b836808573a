"""The fused sequences of an LSTM, against its steps and against a loop of cells."""

import itertools
import os

import numpy
import pytest

import flambeau
from flambeau import nn
from flambeau.nn.modules.lstm import lstm_sequence
from flambeau.nn.modules.recurrences import lstm_step, run_steps
from tests.at_level import at_lower_levels, run_at_level
from tests.nn.sequences import check_derivatives, check_steps, results
from tests.on_threads import on_threads


def operands(counts, batch, units, bias, dtype):
    generator = numpy.random.default_rng(units)
    rows = sum(counts)
    shapes = [(rows, 4 * units), (batch, units), (batch, units), (4 * units, units)]
    made = [flambeau.from_numpy(generator.standard_normal(s).astype(dtype)) for s in shapes]
    made[3] = made[3] / units**0.5
    return [*made, flambeau.from_numpy(generator.standard_normal(4 * units).astype(dtype))][
        : 5 if bias else 4
    ]


def fused(inputs, h, c, weight, *bias, counts, backwards):
    weights = {"weight_hh": weight} | ({"bias_hh": bias[0]} if bias else {})
    return lstm_sequence(inputs, h, c, weights, counts, backwards)


def stepwise(inputs, h, c, weight, *bias, counts, backwards):
    weights = {"weight_hh": weight} | ({"bias_hh": bias[0]} if bias else {})
    steps = inputs.split(h.size(0) if counts is None else counts)
    outputs, final = run_steps(lstm_step, steps, (h, c), weights, counts, backwards)
    return flambeau.cat(outputs), *final


@pytest.mark.parametrize("units", [1, 3, 16, 65, 257])
def test_a_sequence_is_its_steps(units):
    check_steps(operands, fused, stepwise, units)


@pytest.mark.parametrize("counts", [None, [3, 3, 1]])
@pytest.mark.parametrize("backwards", [False, True])
def test_derivatives(counts, backwards):
    check_derivatives(operands, fused, counts, backwards)


def test_layers_are_loops_of_cells():
    for bidirectional, batch_first in itertools.product((False, True), (False, True)):
        layer = nn.LSTM(4, 6, 2, batch_first=batch_first, bidirectional=bidirectional).double()
        input = flambeau.rand(5, 3, 4, dtype=flambeau.float64)
        output, (h, c) = layer(input.transpose(0, 1) if batch_first else input)
        if batch_first:
            output = output.transpose(0, 1)
        rows, place = input, 0
        for number in range(2):
            sides = []
            for suffix in ("", "_reverse")[: 1 + bidirectional]:
                cell = nn.LSTMCell(rows.size(-1), 6).double()
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                state = {name: getattr(layer, f"{name}_l{number}{suffix}") for name in names}
                cell.load_state_dict(state)
                made, pair = [], None
                for t in reversed(range(5)) if suffix else range(5):
                    pair = cell(rows[t], pair)
                    made.append(pair[0])
                sides.append(flambeau.stack(made[::-1] if suffix else made))
                assert flambeau.allclose(h[place], pair[0]) and flambeau.allclose(c[place], pair[1])
                place += 1
            rows = flambeau.cat(sides, -1)
        assert flambeau.allclose(output, rows)


def test_values_at_the_ends_of_the_gates():
    big = flambeau.tensor([[1e4, 1e4, 1e4, 1e4], [-1e4, -1e4, -1e4, -1e4], [0.0, 0.0, 1e-6, 0.0]])
    weights = {"weight_hh": flambeau.zeros(4, 1)}
    output, _, c = lstm_sequence(
        big, flambeau.zeros(3, 1), flambeau.ones(3, 1), weights, None, False
    )
    assert c[0].item() == 2.0 and c[1].item() == 0.0
    assert abs(output[0].item() - numpy.tanh(2.0)) < 1e-6 and output[1].item() == 0.0
    assert abs(c[2].item() - (0.5 + 0.5e-6)) < 1e-7
    nothing = flambeau.tensor([[float("nan"), 0.0, 0.0, 0.0]])
    output = lstm_sequence(
        nothing, flambeau.zeros(1, 1), flambeau.zeros(1, 1), weights, None, False
    )
    assert output[0].isnan().all()


def test_slices_of_a_vmap_and_gradients_by_sample():
    layer, inputs = nn.LSTM(3, 4), flambeau.rand(6, 5, 2, 3)
    mapped = flambeau.vmap(lambda x: layer(x)[0])(inputs)
    assert flambeau.allclose(mapped, flambeau.stack([layer(x)[0] for x in inputs]), atol=1e-6)
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(parameters, x):
        return flambeau.func.functional_call(layer, parameters, (x,))[0].sum()

    made = flambeau.vmap(flambeau.func.grad(loss), (None, 0))(parameters, inputs)
    for name, parameter in layer.named_parameters():
        layer(inputs[1])[0].sum().backward()
        assert flambeau.allclose(made[name][1], parameter.grad, atol=1e-4)
        layer.zero_grad()


@pytest.mark.parametrize("counts", [None, [65, 64, 40, 9]])
def test_sequences_are_the_same_for_any_number_of_threads(counts):
    rows = counts or [65] * 4
    for given in (operands(rows, 65, 130, True, "float32"), halves(rows, 65, 130)):
        first, *others = on_threads(lambda given=given: results(fused, given, counts, False))
        for result in others:
            assert all((a == b).all() for a, b in zip(result, first, strict=True))


def halves(counts, batch, units, state_dtype="bfloat16"):
    inputs, h, c, weight = operands(counts, batch, units, False, "float32")
    kind = getattr(flambeau, state_dtype)
    return [inputs.bfloat16(), h.to(kind), c.to(kind), weight.bfloat16()]


def fused_and_widened(*given, **options):
    return [t.float() for t in fused(*given, **options)]


@pytest.mark.parametrize("units", [1, 3, 16, 65, 130])
@pytest.mark.parametrize("state", ["bfloat16", "float32"])
def test_sequences_of_bfloat16_are_those_of_float32(units, state):
    cases = [(None, 1, 5), (None, 65, 2), (None, 7, 3), ([5, 5, 3, 1], 5, 0)]
    for (counts, batch, steps), backwards in itertools.product(cases, (True, False)):
        given = halves(counts or [batch] * steps, batch, units, state)
        made = fused(*given, counts=counts, backwards=backwards)
        assert [t.dtype for t in made] == [given[1].dtype] * 3
        got = results(fused_and_widened, given, counts, backwards)
        expected = results(fused, [t.float() for t in given], counts, backwards)
        for value, wanted in zip(got, expected, strict=True):
            assert ((value - wanted).abs() <= 0.02 * max(1.0, wanted.abs().max().item())).all()


def test_layers_of_bfloat16_and_under_autocast():
    input = flambeau.randn(6, 5, 7)
    layer = nn.LSTM(7, 9, 2, bidirectional=True)
    expected = [t.detach() for t in flatten(layer(input))]
    with flambeau.autocast("cpu", dtype=flambeau.bfloat16):
        made = [flatten(layer(input))]
        with flambeau.no_grad():
            made.append(flatten(layer(input)))
    made.append(flatten(layer.bfloat16()(input.bfloat16())))
    for got in made:
        for value, wanted in zip(got, expected, strict=True):
            assert value.dtype is flambeau.bfloat16 and value.shape == wanted.shape
            assert flambeau.allclose(value.float(), wanted, atol=0.02)


@pytest.mark.parametrize("sizes", [(6, 3, 7), (1, 1, 7), (5, 7)])
@pytest.mark.parametrize("given", [None, "float32", "bfloat16"])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"num_layers": 2, "batch_first": True}])
def test_autocast_lowers_what_an_lstm_gives_back(sizes, given, options):
    layer, input = nn.LSTM(7, 9, **options), flambeau.randn(*sizes).requires_grad_()
    _, state = layer(input)
    if given:
        state = [flambeau.zeros_like(part, dtype=getattr(flambeau, given)) for part in state]
    with flambeau.autocast("cpu"):
        made = flatten(layer(input, state if given else None))
    for value, wanted in zip(made, flatten(layer(input)), strict=True):
        assert value.dtype is flambeau.bfloat16 and value.shape == wanted.shape
        assert flambeau.allclose(value.float(), wanted, atol=0.02)
    sum(part.sum() for part in made).backward()
    assert input.grad.dtype is flambeau.float32
    assert all(p.grad.dtype is flambeau.float32 for p in layer.parameters())


@pytest.mark.parametrize(
    ("kind", "dtype", "lowered", "options", "expected"),
    [
        ("GRU", "float32", "bfloat16", {}, "float32"),
        ("RNN", "float32", "bfloat16", {}, "bfloat16"),
        ("LSTM", "float32", "bfloat16", {"proj_size": 3}, "bfloat16"),
        ("LSTM", "float64", "bfloat16", {}, "float64"),
        ("LSTM", "float32", "float16", {}, "float32"),
    ],
)
def test_what_other_layers_give_back_under_autocast(kind, dtype, lowered, options, expected):
    layer = getattr(nn, kind)(7, 9, **options).to(getattr(flambeau, dtype))
    with flambeau.autocast("cpu", dtype=getattr(flambeau, lowered)):
        output, _ = layer(flambeau.randn(6, 3, 7, dtype=layer.weight_ih_l0.dtype))
    assert output.dtype is getattr(flambeau, expected)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("packed", [False, True])
def test_autocast_takes_inputs_that_it_made(kind, packed):
    layer, input = getattr(nn, kind)(7, 9), flambeau.randn(6, 3, 7).bfloat16().float()
    pack = lambda data: nn.utils.rnn.pack_padded_sequence(data, [6, 4, 2]) if packed else data
    expected, _ = layer(pack(input))
    with pytest.raises(ValueError, match="but the weights are"):
        layer(pack(input.bfloat16()))
    with flambeau.autocast("cpu", dtype=flambeau.bfloat16):
        made, _ = layer(pack(input.bfloat16()))
    if packed:
        made, expected = made.data, expected.data
    assert made.dtype is flambeau.bfloat16
    assert flambeau.allclose(made.float(), expected, atol=0.02)
    made.sum().backward()
    assert all(p.grad.dtype is flambeau.float32 for p in layer.parameters())


def flatten(made):
    return made[0], *made[1]


def test_second_derivatives_in_bfloat16():
    given = [t.requires_grad_() for t in halves([3] * 4, 3, 4, "float32")]
    output, _, _ = fused(*given, counts=None, backwards=False)
    (grad,) = flambeau.autograd.grad(output.square().sum(), given[3], create_graph=True)
    second = flambeau.autograd.grad(grad.float().square().sum(), given)
    assert all(t.isfinite().all() and t.abs().max() > 0 for t in second)


PROGRAM = """
import test_lstm as t
for units in (1, 16, 65):
    t.test_a_sequence_is_its_steps(units)
t.test_sequences_of_bfloat16_are_those_of_float32(65, "float32")
"""


@at_lower_levels
def test_sequences_at_lower_instruction_sets(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))
