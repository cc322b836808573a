"""flex_attention against attention with masks and biases, and block masks."""

import pytest

import flambeau as torch
from flambeau.nn.attention.flex_attention import (
    AuxRequest,
    BlockMask,
    and_masks,
    create_block_mask,
    create_mask,
    flex_attention,
    noop_mask,
    or_masks,
)
from flambeau.nn.functional import scaled_dot_product_attention


def operands(length=300, heads=2, key_heads=2):
    torch.manual_seed(1)
    make = lambda h: torch.randn(2, h, length, 8, requires_grad=True)
    return make(heads), make(key_heads), make(key_heads)


def causal(b, h, q, k):
    return q >= k


def window(b, h, q, k):
    return (q - k).abs() < 40 + h


def test_masks_and_scores_are_attentions():
    q, k, v = operands()
    mask = create_block_mask(causal, None, None, 300, 300)
    got = flex_attention(q, k, v, block_mask=mask)
    wanted = scaled_dot_product_attention(q, k, v, is_causal=True)
    assert torch.allclose(got, wanted, atol=1e-5)
    slopes = torch.tensor([0.5, 0.25], requires_grad=True)
    got = flex_attention(q, k, v, lambda s, b, h, i, j: s + slopes[h] * (j - i), mask, scale=0.3)
    places = torch.arange(300.0)
    bias = slopes.view(2, 1, 1) * (places - places[:, None]) + torch.zeros(300, 300).masked_fill(
        ~create_mask(causal, None, None, 300, 300)[0, 0], -torch.inf
    )
    wanted = scaled_dot_product_attention(q, k, v, bias, scale=0.3)
    assert torch.allclose(got, wanted, atol=1e-5)
    for a, b in zip(
        torch.autograd.grad(got.square().sum(), (q, k, v, slopes)),
        torch.autograd.grad(wanted.square().sum(), (q, k, v, slopes)),
        strict=True,
    ):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-3)


def test_groups_lengths_rows_without_pairs_and_extras():
    q, k, v = operands(65, 4, 2)
    got = flex_attention(q, k, v, enable_gqa=True)
    wanted = scaled_dot_product_attention(q, k, v, enable_gqa=True)
    assert torch.allclose(got, wanted, atol=1e-5)
    with pytest.raises(ValueError, match="4 heads of queries and 2 of keys"):
        flex_attention(q, k, v)
    none = create_block_mask(lambda b, h, i, j: i > 10, None, None, 65, 65)
    result, lse = flex_attention(q, k, v, block_mask=none, enable_gqa=True, return_lse=True)
    assert (
        (result[:, :, :11] == 0).all()
        and (lse[:, :, :11] == -torch.inf).all()
        and result.isfinite().all()
    )
    result.sum().backward()
    assert q.grad.isfinite().all()
    _, aux = flex_attention(q, k, v, enable_gqa=True, return_aux=AuxRequest(lse=True))
    assert aux.lse.shape == (2, 4, 65) and aux.max_scores is None
    with pytest.raises(ValueError, match="made for 64 queries; there are 65"):
        flex_attention(
            q, k, v, block_mask=create_block_mask(causal, None, None, 64, 65), enable_gqa=True
        )
    half = flex_attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), enable_gqa=True)
    assert half.dtype == torch.bfloat16 and torch.allclose(half.float(), wanted, atol=0.05)


def test_block_masks_know_their_blocks():
    mask = create_block_mask(causal, None, None, 384, 384)
    assert (
        mask.shape == (1, 1, 384, 384) and mask.numel() == 147456 and mask.BLOCK_SIZE == (128, 128)
    )
    assert mask.kv_num_blocks.tolist() == [[[1, 1, 1]]] and mask.full_kv_num_blocks.tolist() == [
        [[0, 1, 2]]
    ]
    assert mask.to_dense()[0, 0].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert mask.sparsity() == pytest.approx(100 / 3) and "BLOCK_SIZE=(128, 128)" in repr(mask)
    assert mask.q_num_blocks.shape == (1, 1, 3) and len(mask.as_tuple()) == 13
    each = create_block_mask(window, 2, 3, 256, 128, BLOCK_SIZE=(32, 64))
    assert each[1, :2].kv_indices.shape[:2] == (1, 2) and each[-1].shape == (1, 3, 256, 128)
    both, either = and_masks(causal, window), or_masks(causal, window)
    places = [create_mask(m, 1, 1, 90, 90) for m in (causal, window, both, either, noop_mask)]
    assert torch.equal(places[2], places[0] & places[1]) and torch.equal(
        places[3], places[0] | places[1]
    )
    assert places[4].all()
    again = BlockMask.from_kv_blocks(mask.kv_num_blocks, mask.kv_indices, mask_mod=causal)
    assert again.seq_lengths == (384, 384) and again.to("cpu").mask_mod is causal
    reference = pytest.importorskip("torch.nn.attention.flex_attention")
    theirs = reference.create_block_mask(window, 2, 3, 256, 128, device="cpu", BLOCK_SIZE=(32, 64))
    for name in ("kv_num_blocks", "full_kv_num_blocks", "q_num_blocks", "full_q_num_blocks"):
        assert getattr(each, name).tolist() == getattr(theirs, name).tolist(), name
    assert each.to_dense().tolist() == theirs.to_dense().tolist()
