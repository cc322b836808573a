"""The fused sequences of a gated recurrent unit, against its steps and against a loop of cells."""

import itertools
import os

import numpy
import pytest

import flambeau
from flambeau import nn
from flambeau.nn.modules.gru import gru_sequence
from flambeau.nn.modules.recurrences import gru_step, run_steps
from tests.at_level import at_lower_levels, run_at_level
from tests.nn.sequences import check_derivatives, check_steps, results
from tests.on_threads import on_threads


def operands(counts, batch, units, bias, dtype):
    generator = numpy.random.default_rng(units)
    shapes = [(sum(counts), 3 * units), (batch, units), (3 * units, units), (3 * units,)]
    made = [flambeau.from_numpy(generator.standard_normal(s).astype(dtype)) for s in shapes]
    made[2] = made[2] / units**0.5
    return made if bias else made[:3]


def fused(inputs, h, weight, *bias, counts, backwards):
    weights = {"weight_hh": weight} | ({"bias_hh": bias[0]} if bias else {})
    return gru_sequence(inputs, h, weights, counts, backwards)


def stepwise(inputs, h, weight, *bias, counts, backwards):
    weights = {"weight_hh": weight} | ({"bias_hh": bias[0]} if bias else {})
    steps = inputs.split(h.size(0) if counts is None else counts)
    outputs, final = run_steps(gru_step, steps, (h,), weights, counts, backwards)
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
        layer = nn.GRU(4, 6, 2, batch_first=batch_first, bidirectional=bidirectional).double()
        input = flambeau.rand(5, 3, 4, dtype=flambeau.float64)
        output, h = layer(input.transpose(0, 1) if batch_first else input)
        if batch_first:
            output = output.transpose(0, 1)
        rows, place = input, 0
        for number in range(2):
            sides = []
            for suffix in ("", "_reverse")[: 1 + bidirectional]:
                cell = nn.GRUCell(rows.size(-1), 6).double()
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                state = {name: getattr(layer, f"{name}_l{number}{suffix}") for name in names}
                cell.load_state_dict(state)
                made, last = [], None
                for t in reversed(range(5)) if suffix else range(5):
                    last = cell(rows[t], last)
                    made.append(last)
                sides.append(flambeau.stack(made[::-1] if suffix else made))
                assert flambeau.allclose(h[place], last)
                place += 1
            rows = flambeau.cat(sides, -1)
        assert flambeau.allclose(output, rows)


def test_values_at_the_ends_of_the_gates():
    big = flambeau.tensor([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4], [0.0, 1e4, 3.0]])
    weights = {"weight_hh": flambeau.ones(3, 1)}
    output, h = gru_sequence(big, flambeau.full((3, 1), 2.0), weights, None, False)
    assert output.flatten().tolist() == h.flatten().tolist() == [1.0, -1.0, 2.0]
    nothing = flambeau.tensor([[float("nan"), 0.0, 0.0]])
    assert gru_sequence(nothing, flambeau.zeros(1, 1), weights, None, False)[0].isnan().all()


def test_slices_of_a_vmap():
    layer, inputs = nn.GRU(3, 4), flambeau.rand(6, 5, 2, 3)
    mapped = flambeau.vmap(lambda x: layer(x)[0])(inputs)
    assert flambeau.allclose(mapped, flambeau.stack([layer(x)[0] for x in inputs]), atol=1e-6)


@pytest.mark.parametrize("counts", [None, [65, 64, 40, 9]])
def test_sequences_are_the_same_for_any_number_of_threads(counts):
    given = operands(counts or [65] * 4, 65, 130, True, "float32")
    first, *others = on_threads(lambda: results(fused, given, counts, False))
    for result in others:
        assert all((a == b).all() for a, b in zip(result, first, strict=True))


PROGRAM = """
import test_gru as t
for units in (1, 16, 65):
    t.test_a_sequence_is_its_steps(units)
"""


@at_lower_levels
def test_sequences_at_lower_instruction_sets(level):
    run_at_level(level, PROGRAM, os.path.dirname(__file__))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("batch, units", [(1, 40), (4, 33), (12, 20), (15, 64), (20, 16)])
def test_sequences_in_short_pieces_are_the_whole_one(kind, batch, units):
    """One to three steps of small batches read the weights where they lie."""
    layer = getattr(nn, kind)(9, units)
    x = flambeau.randn(6, batch, 9, requires_grad=True)
    whole, _ = layer(x)
    (expected,) = flambeau.autograd.grad(whole.sum(), x)
    for piece in (1, 2, 3):
        state, parts = None, []
        for begin in range(0, 6, piece):
            part, state = layer(x[begin : begin + piece], state)
            parts.append(part)
        joined = flambeau.cat(parts)
        assert flambeau.allclose(joined, whole, atol=1e-5)
        (found,) = flambeau.autograd.grad(joined.sum(), x)
        assert flambeau.allclose(found, expected, atol=1e-5)
