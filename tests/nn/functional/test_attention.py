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


@pytest.mark.parametrize("masked", [None, "rows", "one head", "each head", "causal"])
@pytest.mark.parametrize("T", [0, 1, 5])
@pytest.mark.parametrize(
    "batch, heads, groups", [((2,), 6, 3), ((), 4, 1), ((2, 3), 4, 4), ((1,), 0, 2)]
)
def test_grouped_queries_are_heads_with_copies_of_keys(batch, heads, groups, T, masked):
    S = 9
    query = flambeau.randn(*batch, heads, T, 4, requires_grad=True)
    key = flambeau.randn(*batch, groups, S, 4, requires_grad=True)
    value = flambeau.randn(*batch, groups, S, 3, requires_grad=True)
    mask = {
        "rows": flambeau.randn(T, S),
        "one head": flambeau.rand(*batch, 1, T, S) > 0.3,
        "each head": flambeau.randn(*batch, heads, T, S),
    }.get(masked)
    attend = flambeau.nn.functional.scaled_dot_product_attention
    options = {"attn_mask": mask, "is_causal": masked == "causal"}
    results = [
        attend(query, key, value, enable_gqa=True, **options),
        attend(query, *(t.repeat_interleave(heads // groups, -3) for t in (key, value)), **options),
    ]
    assert results[0].shape == results[1].shape
    for ours, copied in zip(
        *((r, *flambeau.autograd.grad((r * r).sum(), (query, key, value))) for r in results),
        strict=True,
    ):
        assert flambeau.allclose(ours, copied, atol=1e-5)
