"""Attention."""

import pytest

import flambeau


@pytest.mark.parametrize("dtype", [flambeau.bfloat16, flambeau.float16])
def test_attention_in_half_precision_is_rounded_once(dtype):
    # Large scores, rounded before their exponentials were taken, were wrong by a third.
    generator = flambeau.Generator().manual_seed(0)
    query, key, value = (
        (6 * flambeau.randn(2, 5, 8, generator=generator)).to(dtype) for _ in range(3)
    )
    attend = flambeau.nn.functional.scaled_dot_product_attention
    got = attend(query, key, value)
    assert got.dtype == dtype
    expected = attend(query.double(), key.double(), value.double())
    error = (got.double() - expected).abs() / (1 + expected.abs())
    assert error.max() < flambeau.finfo(dtype).eps


@pytest.mark.parametrize("p", [0.0, -1.0, float("nan")])
def test_attention_drops_nothing_below_a_probability_above_zero(p):
    x = flambeau.ones(2, 3, 4)
    got = flambeau.nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=p)
    assert flambeau.equal(got, x)


def test_masks_of_integers_are_refused():
    x = flambeau.ones(2, 3, 4)
    with pytest.raises(RuntimeError, match="attn_mask is torch.int64; it must be bool"):
        flambeau.nn.functional.scaled_dot_product_attention(
            x, x, x, attn_mask=flambeau.ones(3, 3, dtype=flambeau.int64)
        )


def test_grouped_queries_without_heads_are_refused():
    query, key = flambeau.ones(1, 4, 3, 4), flambeau.ones(1, 0, 3, 4)
    with pytest.raises(RuntimeError, match="no heads"):
        flambeau.nn.functional.scaled_dot_product_attention(query, key, key, enable_gqa=True)


@pytest.mark.parametrize("p", [1.5, float("inf")])
def test_dropout_that_is_no_probability_is_refused(p):
    x = flambeau.ones(1, 1, 2, 4)
    with pytest.raises(RuntimeError, match="dropout_p is .*a probability"):
        flambeau.nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=p)
