"""Layers on inputs that are empty in some dimension, and results that must be memory of their own."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_padding_by_nothing_gives_a_copy(mode):
    x = torch.ones(1, 2, 4, 4)
    F.pad(x, (0, 0, 0, 0), mode=mode).fill_(4)
    F.pad(x, (0, 0, -1, -1), mode=mode).fill_(4)
    assert x.sum() == 32


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_only_the_batch_may_be_empty_in_padding(mode):
    assert F.pad(torch.ones(0, 3, 10), (2, 2), mode=mode).shape == (0, 3, 14)
    for shape in ((3, 0, 10), (0, 10)):
        with pytest.raises(RuntimeError, match="only the batch may be empty"):
            F.pad(torch.ones(shape), (2, 2), mode=mode)


def test_losses_without_classes():
    for loss in (F.multi_margin_loss, F.multilabel_margin_loss):
        with pytest.raises(RuntimeError):
            loss(torch.ones(10, 0), torch.ones(10, 0, dtype=torch.int64))
        with pytest.raises(RuntimeError):
            loss(torch.ones(0), torch.ones(10, dtype=torch.int64))
    assert F.multi_margin_loss(torch.ones(0, 10), torch.ones(0, dtype=torch.int64)).isnan()


def test_unfold_needs_channels():
    assert F.unfold(torch.ones(0, 3, 3, 4), (2, 3)).shape == (0, 18, 4)
    with pytest.raises(RuntimeError, match="only the batch may be empty"):
        F.unfold(torch.ones(3, 0, 3, 4), (2, 3))


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_sequences_without_steps(kind, bidirectional):
    with pytest.raises(RuntimeError, match="at least one step"):
        kind(5, 6, bidirectional=bidirectional)(torch.ones(0, 10, 5))
    out, _ = kind(5, 6, bidirectional=bidirectional)(torch.ones(3, 0, 5))
    assert out.shape == (3, 0, 12 if bidirectional else 6)


def test_batch_norm_of_an_empty_batch():
    layer, x = nn.BatchNorm2d(3), torch.ones(0, 3, 2, 2, requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad.tolist() == layer.bias.grad.tolist() == [0, 0, 0]
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.running_var.tolist() == [1, 1, 1]
    assert x.grad.shape == x.shape


def test_group_norm_keeps_the_dtype_of_its_input():
    x = torch.randn(2, 4, 3).bfloat16()
    for weight, bias in ((torch.ones(4), None), (None, torch.ones(4)), (torch.ones(4),) * 2):
        assert F.group_norm(x, 2, weight, bias).dtype == torch.bfloat16


def test_instance_norm_without_eps():
    assert F.instance_norm(torch.tensor([[[1.0, 3.0]]]), eps=0).tolist() == [[[-1, 1]]]


def test_masks_of_unbatched_attention():
    attention, x = nn.MultiheadAttention(4, 4), torch.ones(4, 4)
    with pytest.raises(AssertionError, match="one matrix a head"):
        attention(x, x, x, attn_mask=torch.zeros(5, 4, 4, dtype=torch.bool))
    assert attention(x, x, x, attn_mask=torch.zeros(4, 4, 4, dtype=torch.bool))[0].shape == (4, 4)


def test_pools_without_channels_or_of_other_dtypes():
    for pool in (F.adaptive_max_pool2d, lambda x, n: F.fractional_max_pool2d(x, 2, output_size=n)):
        with pytest.raises(RuntimeError, match="no channels"):
            pool(torch.ones(1, 0, 8, 8), 3)
        assert pool(torch.ones(0, 2, 8, 8), 3).shape == (0, 2, 3, 3)
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        with pytest.raises(NotImplementedError, match="int64"):
            pool(torch.ones(1, 4, 4, dtype=torch.int64), 2)


def test_fractional_pools_to_nothing():
    assert F.fractional_max_pool2d(torch.ones(2, 3, 8, 8), 2, output_size=(0, 1)).shape[2:] == (
        0,
        1,
    )
    for options in ({"kernel_size": (2,)}, {"kernel_size": 2, "output_size": (3,)}):
        with pytest.raises(RuntimeError, match="2 sizes"):
            F.fractional_max_pool2d(torch.ones(2, 3, 8, 8), **{"output_size": 3} | options)


def test_lengths_of_ctc_are_integers():
    scores, labels = torch.zeros(5, 1, 3), torch.ones(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="integers"):
        F.ctc_loss(scores, labels, torch.tensor([5.0]), torch.tensor([2]))


def test_biases_of_attention_may_have_another_dtype():
    attention = nn.MultiheadAttention(4, 2, dtype=torch.float64)
    attention.in_proj_bias = nn.Parameter(attention.in_proj_bias.to(torch.float16))
    x = torch.ones(3, 1, 4, dtype=torch.float64)
    assert attention(x, x, x)[0].dtype == torch.float64


def test_nothing_keeps_the_shape_that_pytorch_gives_it():
    for shape in ((0, 1, 6, 6), (1, 1, 6, 0), (0, 6, 6)):
        assert F.pixel_unshuffle(torch.ones(shape), 3).shape == shape
    query = torch.ones(4, 3, 8, requires_grad=True)
    nothing = torch.ones(4, 4, 0, 8, requires_grad=True)
    attended = F.scaled_dot_product_attention(query, nothing, nothing)
    assert attended.shape == query.shape and not attended.any()
    attended.sum().backward()
    assert query.grad.shape == query.shape and not query.grad.any()
    narrow = torch.ones(4, 4, 6, 0)
    assert F.scaled_dot_product_attention(query[..., :0], narrow, narrow).shape == (4, 3, 0)
    wide = F.scaled_dot_product_attention(query[..., :0], narrow, torch.ones(4, 4, 6, 8))
    assert wide.shape == (4, 4, 3, 8)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0), (2, 3, 4, 0), (0, 3, 0)])
@pytest.mark.parametrize("name", ["batch", "instance", "group", "layer", "rms"])
def test_derivatives_of_norms_of_nothing_are_zero(name, shape):
    if name == "instance" and len(shape) == 2:
        pytest.skip("has no places")
    per_channel = name in ("batch", "instance", "group")
    x = torch.ones(shape, requires_grad=True)
    weight, bias = (
        torch.ones(3 if per_channel else shape[-1], requires_grad=True) for _ in range(2)
    )
    y = {
        "batch": lambda: F.batch_norm(x, None, None, weight, bias, training=True),
        "instance": lambda: F.instance_norm(x, None, None, weight, bias),
        "group": lambda: F.group_norm(x, 3, weight, bias),
        "layer": lambda: F.layer_norm(x, shape[-1:], weight, bias),
        "rms": lambda: F.rms_norm(x, shape[-1:], weight) + bias,
    }[name]()
    inputs = [x, weight, bias]
    found = [y]
    for _ in range(3):
        total = sum((g * g).sum() for g in found)
        if not total.requires_grad:
            break
        found = torch.autograd.grad(
            total, inputs, create_graph=True, allow_unused=True, materialize_grads=True
        )
        for gradient, input in zip(found, inputs, strict=True):
            assert gradient.shape == input.shape
            assert not gradient.any()
