"""torch.kl_div, torch.lstm and their like: the forms that PyTorch's core has of functions and layers."""

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F


def _reduced(each, word):
    return each if word == "none" else getattr(each, word)()


@pytest.mark.parametrize("number, word", [(0, "none"), (1, "mean"), (2, "sum")])
def test_losses_take_reductions_as_numbers(number, word):
    a, b, t = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([1.0, -1.0, 1.0, -1.0])
    y = torch.rand(4, 3)
    pairs = [
        (torch.binary_cross_entropy_with_logits(a, y, None, None, number),
         F.binary_cross_entropy_with_logits(a, y, reduction=word)),
        (torch.cosine_embedding_loss(a, b, t, 0.1, number),
         F.cosine_embedding_loss(a, b, t, 0.1, reduction=word)),
        (torch.hinge_embedding_loss(a[:, 0], t, 1.0, number),
         F.hinge_embedding_loss(a[:, 0], t, 1.0, reduction=word)),
        (torch.kl_div(a, y, number), _reduced(F.kl_div(a, y, reduction="none"), word)),
        (torch.margin_ranking_loss(a[:, 0], b[:, 0], t, 0.1, number),
         F.margin_ranking_loss(a[:, 0], b[:, 0], t, 0.1, reduction=word)),
        (torch.poisson_nll_loss(a, y, True, False, 1e-8, number),
         F.poisson_nll_loss(a, y, reduction=word)),
        (torch.triplet_margin_loss(a, b, y, reduction=number),
         F.triplet_margin_loss(a, b, y, reduction=word)),
    ]  # fmt: skip
    for got, expected in pairs:
        assert torch.equal(got, expected)


def test_another_reduction_is_refused():
    a = torch.ones(2)
    with pytest.raises(ValueError, match="kl_div: reduction is 3; it must be 0, 1 or 2"):
        torch.kl_div(a, a, 3)


def test_dropout_in_place():
    x = torch.ones(1000)
    assert torch.dropout_(x, 0.5, True) is x and set(x.tolist()) == {0.0, 2.0}
    assert torch.dropout_(x, 0.5, False) is x
    x = torch.ones(10, 8, 5)
    torch.feature_dropout_(x, 0.5, True)
    assert (x == x[..., :1]).all() and 0 < float(x.mean()) < 2  # whole channels
    x = torch.zeros(1000)
    torch.alpha_dropout_(x, 0.5, True)
    assert len(x.unique()) == 2


@pytest.mark.parametrize("mode, word", [(0, "sum"), (1, "mean"), (2, "max")])
def test_embedding_bag_gives_what_it_counted(mode, word):
    weight, indices = torch.randn(5, 3), torch.tensor([4, 1, 1, 0, 2])
    offsets = torch.tensor([0, 3])
    out, bags, sizes, largest = torch.embedding_bag(weight, indices, offsets, False, mode)
    assert torch.equal(out, F.embedding_bag(indices, weight, offsets, mode=word))
    if mode == 0:
        assert bags.numel() == 0 and sizes.tolist() == [0, 0]
    else:
        assert bags.tolist() == [0, 0, 0, 1, 1] and sizes.tolist() == [3, 2]
    if mode == 2:
        assert torch.equal(weight.gather(0, largest), out)
    with pytest.raises(ValueError, match="embedding_bag: mode is 3"):
        torch.embedding_bag(weight, indices, offsets, False, 3)


@pytest.mark.parametrize("shape", [(4,), (4, 5, 5)])
def test_embedding_bag_takes_a_weight_of_rows(shape):
    with pytest.raises(ValueError, match="embedding_bag: weight is .* but takes rows"):
        F.embedding_bag(torch.tensor([[0, 1]]), torch.ones(shape))


def test_interpolate_takes_what_is_false_for_false():
    x = torch.ones(1, 1, 2, 2)
    assert F.interpolate(x, scale_factor=1.5, recompute_scale_factor=()).shape == (1, 1, 3, 3)


def test_embedding_renorm_shortens_rows_that_are_named():
    weight = torch.full((3, 4), 2.0)
    assert torch.embedding_renorm_(weight, torch.tensor([0, 2]), 1.0, 2.0) is weight
    np.testing.assert_allclose(weight.norm(dim=1).numpy(), [1, 4, 1], rtol=1e-6)


def test_batch_norm_update_stats():
    x, mean, var = torch.randn(6, 3, 2), torch.zeros(3), torch.ones(3)
    batch_mean, batch_var = torch.batch_norm_update_stats(x, mean, var, 0.1)
    flat = x.transpose(0, 1).reshape(3, -1).numpy()
    np.testing.assert_allclose(batch_mean.numpy(), flat.mean(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch_var.numpy(), flat.var(1), rtol=1e-5)
    np.testing.assert_allclose(mean.numpy(), 0.1 * flat.mean(1), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(var.numpy(), 0.9 + 0.1 * flat.var(1, ddof=1), rtol=1e-5)


def test_instance_norm_with_every_argument_in_its_place():
    x, w, b = torch.randn(2, 3, 5), torch.rand(3), torch.rand(3)
    got = torch.instance_norm(x, w, b, None, None, True, 0.1, 1e-5, True)
    assert torch.equal(got, F.instance_norm(x, None, None, w, b))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_recurrences_are_those_of_the_layers(name, bias, bidirectional):
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(name, torch.nn.RNN)
    options = {"nonlinearity": name[4:]} if kind is torch.nn.RNN else {}
    layer = kind(3, 4, 2, bias=bias, bidirectional=bidirectional, **options)
    x, many = torch.randn(5, 2, 3), 4 if bidirectional else 2
    hx = torch.randn(many, 2, 4)
    hx = (hx, torch.randn(many, 2, 4)) if name == "lstm" else hx
    run = getattr(torch, name)
    out, *final = run(x, hx, layer._flat_weights, bias, 2, 0.0, False, bidirectional, False)
    expected, state = layer(x, hx)
    torch.testing.assert_close(out, expected)
    for got, wanted in zip(final, state if name == "lstm" else [state], strict=True):
        torch.testing.assert_close(got, wanted)
    first = run(
        x.transpose(0, 1), hx, layer._flat_weights, bias, 2, 0.0, False, bidirectional, True
    )
    torch.testing.assert_close(first[0].transpose(0, 1), expected)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]))
    got = run(
        packed.data, packed.batch_sizes, hx, layer._flat_weights, bias, 2, 0.0, False, bidirectional
    )
    torch.testing.assert_close(got[0], layer(packed, hx)[0].data)


def test_a_recurrence_counts_its_weights():
    x, h = torch.randn(5, 2, 3), torch.zeros(1, 2, 4)
    with pytest.raises(
        RuntimeError, match="gru: params has 1 tensors; 1 layers and directions take 4 each"
    ):
        torch.gru(x, h, [x], True, 1, 0.0, False, False, False)
