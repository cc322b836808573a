"""Lists, sequences and indices far longer than any table that a small example fills."""

import pytest

import flambeau
from flambeau import nn

LENGTHS = (65, 129, 257, 300, 1025)

# ------------------------------------------------------------------------------- lists of sizes


@pytest.mark.parametrize("n", LENGTHS)
def test_a_tensor_splits_into_any_number_of_parts(n):
    x = flambeau.arange(float(n), requires_grad=True)
    for parts in (x.split([1] * n), x.split_with_sizes([1] * n), flambeau.split(x, 1), x.unbind()):
        assert len(parts) == n
        assert flambeau.stack([part.reshape(()) for part in parts]).equal(x)
    (grad,) = flambeau.autograd.grad(sum(i * part for i, part in enumerate(x.split([1] * n))), x)
    assert grad.equal(flambeau.arange(float(n)))


def test_split_refuses_parts_that_do_not_fit():
    x = flambeau.arange(6)
    for wrong in ([2, 5], [2**63 - 1, 2**63 - 1, 8], [7, -1], [3, 2]):
        with pytest.raises(RuntimeError, match="split: "):
            x.split(wrong)


# ------------------------------------------------------------------------------------ sequences


def by_cells(module, cell, x):
    """The outputs of a recurrent module of one layer, step by step."""
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in module.state_dict().items()})
    state, outputs = None, []
    for step in x:
        state = cell(step, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return flambeau.stack(outputs)


@pytest.mark.parametrize("n", LENGTHS[:3])
@pytest.mark.parametrize("kind", ("RNN", "LSTM", "GRU"))
def test_recurrent_modules_run_any_number_of_steps(kind, n):
    flambeau.manual_seed(n)
    module = getattr(nn, kind)(3, 4).double()
    cell = getattr(nn, kind + "Cell")(3, 4).double()
    x = flambeau.randn(n, 2, 3, dtype=flambeau.float64, requires_grad=True)
    output = module(x)[0]
    expected = by_cells(module, cell, x)
    flambeau.testing.assert_close(output, expected)
    weight = flambeau.randn_like(output)
    flambeau.testing.assert_close(
        flambeau.autograd.grad((output * weight).sum(), x),
        flambeau.autograd.grad((expected * weight).sum(), x),
    )


@pytest.mark.parametrize("kind", ("RNN", "LSTM", "GRU"))
def test_packed_sequences_of_any_number_and_length(kind):
    flambeau.manual_seed(0)
    module = getattr(nn, kind)(2, 3, batch_first=True, bidirectional=True)
    lengths = list(range(1, 101))
    x = flambeau.randn(100, 100, 2)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, got = nn.utils.rnn.pad_packed_sequence(module(packed)[0], batch_first=True)
    assert got.tolist() == lengths
    for i in (0, 64, 99):
        flambeau.testing.assert_close(
            output[i, : lengths[i]], module(x[i : i + 1, : lengths[i]])[0][0]
        )
