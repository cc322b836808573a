"""Layers that are more than a call of their function."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn


def test_adaptive_softmax_is_a_distribution():
    layer = nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10], div_value=2.0)
    x, target = torch.randn(6, 16), torch.tensor([0, 4, 5, 9, 10, 19])
    output, loss = layer(x, target)
    table = layer.log_prob(x)
    np.testing.assert_allclose(table.exp().sum(1).detach().numpy(), np.ones(6), rtol=1e-5)
    picked = table.gather(1, target.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(output.detach().numpy(), picked.detach().numpy(), rtol=1e-5)
    assert abs(loss.item() + output.mean().item()) < 1e-6
    assert layer.predict(x).tolist() == table.argmax(1).tolist()
    with pytest.raises(
        RuntimeError, match="AdaptiveLogSoftmaxWithLoss: target holds classes from 1 to 20"
    ):
        layer(x, target + 1)
    with pytest.raises(
        ValueError,
        match=r"AdaptiveLogSoftmaxWithLoss: cutoffs \[5, 4\] must be ints that rise from 1 or more to 19 or less",
    ):
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 4])


def test_linear_cross_entropy_is_both():
    layer = nn.LinearCrossEntropyLoss(4, 3, bias=True)
    x, target = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    both = nn.functional.cross_entropy(layer.linear(x), target)
    assert abs(layer(x, target).item() - both.item()) < 1e-6


def test_data_parallel_calls_its_module():
    layer = nn.DataParallel(nn.Linear(2, 3))
    x = torch.ones(1, 2)
    assert list(layer.state_dict()) == ["module.weight", "module.bias"]
    assert bool((layer(x) == layer.module(x)).all())


def test_multihead_attention_masks():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(2, 4, 8)
    future = torch.ones(4, 4, dtype=torch.bool).triu(1)
    out, weights = attention(x, x, x, attn_mask=future)
    assert out.shape == (2, 4, 8) and bool((weights.triu(1) == 0).all())
    padding = torch.tensor([[False] * 4, [False, False, True, True]])
    _, weights = attention(x, x, x, key_padding_mask=padding, average_attn_weights=False)
    assert weights.shape == (2, 2, 4, 4) and bool((weights[1, :, :, 2:] == 0).all())


def test_batch_norm_statistics_by_average():
    norm = nn.BatchNorm1d(1, momentum=None)
    for value in (1.0, 3.0):
        norm(torch.tensor([[value - 1], [value + 1]]))
    assert norm.running_mean.item() == 2.0 and norm.num_batches_tracked.item() == 2
    norm.eval()
    before = norm.running_mean.item()
    norm(torch.zeros(2, 1))
    assert norm.running_mean.item() == before


def test_embedding_padding_row():
    table = nn.Embedding(4, 2, padding_idx=-1)
    assert table.padding_idx == 3 and table.weight[3].tolist() == [0.0, 0.0]
    table(torch.tensor([3, 1])).sum().backward()
    assert table.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]
    frozen = nn.Embedding.from_pretrained(torch.ones(2, 3))
    assert not frozen.weight.requires_grad


def test_transposed_convolution_output_size():
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2)
    x = torch.ones(1, 1, 4, 4)
    assert layer(x, output_size=(10, 9)).shape == (1, 1, 10, 9)
    with pytest.raises(
        ValueError,
        match=r"ConvTranspose2d: output_size \[12, 9\] must be from \[9, 9\] to \[10, 10\] for an input of \(4, 4\)",
    ):
        layer(x, output_size=(12, 9))


def test_attention_backends_are_accepted():
    from flambeau.nn.attention import SDPBackend, sdpa_kernel

    q = torch.ones(1, 2, 3)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
        assert nn.functional.scaled_dot_product_attention(q, q, q).shape == (1, 2, 3)
    with pytest.raises(AssertionError), sdpa_kernel("math"):
        pass


def test_optimizer_and_model_are_copied_and_pickled_together():
    import copy
    import pickle

    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    for duplicate in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        model2, optimizer2, scheduler2 = duplicate((model, optimizer, scheduler))
        assert optimizer2.param_groups[0]["params"][0] is model2.weight
        assert scheduler2.optimizer is optimizer2
        model2(torch.ones(1, 2)).sum().backward()
        before = model2.weight.detach().clone()
        optimizer2.step()
        scheduler2.step()
        assert bool((model2.weight != before).all())
        assert optimizer.param_groups[0]["lr"] == 0.1


def test_linear_cross_entropy_refuses_what_does_not_fit():
    with pytest.raises(
        RuntimeError,
        match=r"LinearCrossEntropyLoss: weight \(3,\) must be \(2,\), one for each class",
    ):
        nn.LinearCrossEntropyLoss(3, 2, weight=torch.ones(3))
    with pytest.raises(RuntimeError, match="label_smoothing"):
        nn.LinearCrossEntropyLoss(3, 2, label_smoothing=2.0)
    with pytest.raises(
        ValueError, match="linear_cross_entropy: input has a batch of 4, but target one of 5"
    ):
        nn.LinearCrossEntropyLoss(3, 2)(torch.rand(4, 3), torch.rand(5, 2))
