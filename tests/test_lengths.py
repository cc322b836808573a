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


# ------------------------------------------------------------------------------------ dimensions


def test_more_than_64_dimensions():
    n = 70
    grids = flambeau.meshgrid(*[flambeau.tensor([float(i)]) for i in range(n)], indexing="ij")
    assert all(grid.shape == (1,) * n and grid.item() == i for i, grid in enumerate(grids))
    x = flambeau.arange(6.0).reshape(2, *[1] * (n - 2), 3)
    assert (x + x.transpose(0, -1).contiguous().transpose(0, -1)).equal(2 * x)
    assert x.squeeze().shape == (2, 3) and x.flatten().equal(flambeau.arange(6.0))
    assert x[..., 1].shape == (2, *[1] * (n - 2)) and x.permute(*range(n)).equal(x)
    with pytest.raises(RuntimeError, match="at most 64"):
        x.sum(0)
    with pytest.raises(RuntimeError, match="at most 128 dimensions"):
        flambeau.ones((1,) * 129)


# --------------------------------------------------------------------------------------- indices


def test_a_tensor_without_dimensions_is_named_by_one_index_only():
    x, many = flambeau.tensor(3.0), flambeau.zeros(300, dtype=flambeau.int64)
    assert x.index_fill(0, many, -8.5).item() == x.clone().index_fill_(0, many, -8.5).item() == -8.5
    assert x.index_fill(0, many[:0], -8.5).item() == 3
    for call in (
        lambda: x.index_select(0, many),
        lambda: x.index_select(0, many[:0]),
        lambda: x.index_add(0, many, flambeau.ones(300)),
        lambda: x.index_copy(0, many, flambeau.ones(300)),
    ):
        with pytest.raises((IndexError, RuntimeError)):
            call()
    with pytest.raises(IndexError, match="index 1 "):
        x.index_fill(0, many + 1, 0)


@pytest.mark.parametrize("n", (300, 100_000))
def test_long_indices(n):
    places = flambeau.arange(n) % 7
    x = flambeau.arange(14.0).reshape(7, 2)
    taken = x[places]
    assert taken.equal(x.index_select(0, places)) and taken[-1].equal(x[(n - 1) % 7])
    assert taken[:, 0].equal(x[:, 0].take(places))
    counts = flambeau.zeros(7).index_add(0, places, flambeau.ones(n))
    assert counts.equal(places.bincount().to(flambeau.float32))
    assert flambeau.zeros(7).scatter_add(0, places, flambeau.ones(n)).equal(counts)
    bag = flambeau.nn.functional.embedding_bag(places.reshape(1, n), x, mode="sum")
    flambeau.testing.assert_close(bag[0], counts @ x)


@pytest.mark.parametrize("n", LENGTHS)
def test_lists_of_tensors_of_any_number(n):
    pieces = [flambeau.full((2,), float(i), requires_grad=True) for i in range(n)]
    for join in (flambeau.cat, flambeau.stack, flambeau.hstack, flambeau.vstack):
        grads = flambeau.autograd.grad(join(pieces).sum(), pieces)
        assert len(grads) == n and all(grad.tolist() == [1, 1] for grad in grads)
    assert flambeau.block_diag(*[piece.detach() for piece in pieces]).shape == (n, 2 * n)
    norm = flambeau.nn.utils.clip_grad_norm_(pieces, 1.0)
    assert norm.item() == 0  # none of them has a gradient


@pytest.mark.parametrize("n", LENGTHS)
def test_deep_modules_and_wide_layers(n):
    net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(n)])
    net(flambeau.ones(1, 2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    optimizer = flambeau.optim.Adam(net.parameters())
    optimizer.step()
    wide = nn.Linear(n, n)
    assert wide(flambeau.ones(3, n)).shape == (3, n)
