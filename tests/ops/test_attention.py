"""Attention without its matrix of weights against the same written out."""

import math
import subprocess
import sys

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.nn.functional import scaled_dot_product_attention
from flambeau.ops.attention import attend, attention_weights
from flambeau.ops.random import dropout_of
from tests.at_level import at_lower_levels, run_at_level

KINDS = ["none", "causal", "visible", "added", "one row"]
SIZES = [
    *((1, 1, 1, 1, (1,)), (3, 5, 4, 4, (2,)), (65, 65, 32, 32, (2, 3)), (100, 257, 64, 48, (2,))),
    *(
        (257, 100, 8, 8, (5,)),
        (7, 96, 33, 65, (6,)),
        (128, 97, 64, 64, ()),
        (40, 1025, 16, 3, (1, 2)),
        (300, 2, 128, 64, (3,)),
        (5, 1, 16, 7, (2,)),
        # Causal blocks that begin and end within groups of keys.
        (700, 700, 16, 8, (1,)),
        (150, 120, 16, 16, (2,)),
        (120, 150, 8, 16, (2,)),
    ),
]


def problem(T, S, E, V, batch, kind, dtype):
    torch.manual_seed(T + S)
    q, k, v = (torch.randn(*batch, *size, dtype=dtype) for size in ((T, E), (S, E), (S, V)))
    masks = {
        "visible": lambda: torch.rand(T, S) > 0.4,
        "added": lambda: torch.randn(*batch, T, S, dtype=dtype).index_fill(
            -2, torch.tensor([0]), -math.inf
        ),
        "one row": lambda: torch.rand(*[1] * len(batch), 1, S) > 0.3,
    }
    return q, k, v, masks.get(kind, lambda: None)(), kind == "causal", 1 / math.sqrt(E)


def compare(T, S, E, V, batch, kind, dtype, tolerance):
    q, k, v, mask, causal, scale = problem(T, S, E, V, batch, kind, dtype)
    results = []
    for way in (attend, lambda q, k, v, *rest: attention_weights(q, k, *rest) @ v):
        inputs = [x.clone().requires_grad_() for x in (q, k, v)]
        result = way(*inputs, mask, causal, scale)
        torch.manual_seed(0)
        results.append([result, *torch.autograd.grad(result, inputs, torch.randn_like(result))])
    for ours, plain in zip(*results, strict=True):
        assert (ours - plain).abs().max() <= tolerance * max(1, plain.abs().max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES)
def test_results_and_gradients(sizes, kind):
    compare(*sizes, kind, torch.float32, 2e-5)
    compare(*sizes, kind, torch.float64, 1e-13)


def compare_bfloat16(T, S, E, V, batch, kind, p=0.0, scale=None):
    """Against float64, with the errors of weights and of their slopes rounded to 8 bits."""
    *operands, causal, usual = problem(T, S, E, V, batch, kind, torch.float32)
    scale = usual if scale is None else scale
    q, k, v, mask = (
        x.bfloat16() if x is not None and x.dtype != torch.bool else x for x in operands
    )
    draw = (7, 3)
    inputs = [x.clone().requires_grad_() for x in (q, k, v)]
    torch.manual_seed(0)
    given = torch.randn(*batch, T, V).bfloat16()
    result = scaled_dot_product_attention(*inputs, mask, 0.0, causal, scale)
    if p:
        result = _Dropout(p, q, draw).attend(*inputs, mask, causal, scale)
    assert result.dtype == torch.bfloat16
    ours = [result, *torch.autograd.grad(result, inputs, given)]
    exact = [x.double().requires_grad_() for x in (q, k, v)]
    seen = mask.double() if mask is not None and mask.dtype == torch.bfloat16 else mask
    weights = attention_weights(exact[0], exact[1], seen, causal, scale)
    factors = dropout_of(torch.ones(weights.shape), p, draw).double() if p else 1.0
    plain = (weights * factors) @ exact[2]
    wanted = [plain, *torch.autograd.grad(plain, exact, given.double())]
    least = (
        1 if min(T, S) == 1 else 0.1
    )  # a row of one key has slopes of 0: what its rounded result leaves
    for x, y in zip(ours, wanted, strict=True):
        assert (x.double() - y).abs().max() <= 0.015 * max(y.abs().max(), least)


class _Dropout:
    """bfloat16 with dropout, or float32 where the machine does not multiply pairs."""

    def __init__(self, p, query, draw):
        self.rest = p, draw

    def attend(self, q, k, v, mask, causal, scale):
        result = attend(q, k, v, mask, causal, scale, *self.rest)
        if result is not None:
            return result
        wide = (x.float() for x in (q, k, v))
        mask = mask.float() if mask is not None and mask.dtype == q.dtype else mask
        return attend(*wide, mask, causal, scale, *self.rest).to(q.dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [*SIZES, (1, 300, 64, 64, (5,)), (129, 700, 40, 24, (1, 2))])
def test_bfloat16(sizes, kind):
    compare_bfloat16(*sizes, kind)
    compare_bfloat16(*sizes, kind, p=0.3)


@pytest.mark.parametrize("scale", [-0.5, 0.0, 3.0])
def test_bfloat16_with_any_scale(scale):
    compare_bfloat16(33, 50, 16, 8, (2,), "visible", scale=scale)
    # Dropout tells whether another way is taken: it would draw other numbers.
    compare_bfloat16(33, 50, 16, 8, (2,), "visible", p=0.3, scale=scale)
    q, k, v, mask, *_ = problem(3, 50, 16, 8, (2,), "visible", torch.float32)
    way = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask, False, scale)
    assert (way is not None) == _core._attends_bfloat16()


def test_bfloat16_of_views_and_its_second_derivatives():
    x = torch.randn(2, 70, 3, 4, 16).bfloat16()
    q, k, v = (x[:, :, i].transpose(1, 2).detach().requires_grad_() for i in range(3))
    result = scaled_dot_product_attention(q, k, v, is_causal=True)
    copies = [x.detach().contiguous().requires_grad_() for x in (q, k, v)]
    again = scaled_dot_product_attention(*copies, is_causal=True)
    assert torch.equal(result, again)
    wide = [x.detach().float().requires_grad_() for x in (q, k, v)]
    seconds = []
    for inputs in ([q, k, v], wide):
        out = scaled_dot_product_attention(*inputs, is_causal=True)
        (grad,) = torch.autograd.grad(out.float().square().sum(), inputs[:1], create_graph=True)
        seconds.append(torch.autograd.grad(grad.float().square().sum(), inputs))
    for half, full in zip(*seconds, strict=True):
        assert (half.float() - full).abs().max() <= 0.05 * full.abs().max()


@at_lower_levels
def test_lower_instruction_sets(level):
    program = """
from tests.ops.test_attention import *
for sizes in SIZES:
    for kind in KINDS:
        compare(*sizes, kind, torch.float32, 2e-5)
        compare(*sizes, kind, torch.float64, 1e-13)
        test_dropout_draws_the_numbers_of_the_written_out_way(sizes, kind)
    compare_bfloat16(*sizes, "added")
"""
    run_at_level(level, program)


@pytest.mark.parametrize("kind", ["none", "causal", "visible"])
def test_first_and_second_derivatives(kind):
    q, k, v, mask, causal, scale = problem(4, 5, 3, 2, (2,), kind, torch.float64)
    inputs = [x.requires_grad_() for x in (q, k, v)]
    assert attend(*inputs, mask, causal, scale) is not None
    assert gradcheck(lambda *x: attend(*x, mask, causal, scale), inputs)
    assert gradgradcheck(lambda *x: attend(*x, mask, causal, scale), inputs)


def dropped(p, draw):
    """Attention with dropout of its weights: without their matrix, and written out."""
    return (
        lambda *problem: attend(*problem, p, draw),
        lambda q, k, v, *rest: dropout_of(attention_weights(q, k, *rest), p, draw) @ v,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES)
def test_dropout_draws_the_numbers_of_the_written_out_way(sizes, kind):
    *problem_, causal, scale = problem(*sizes, kind, torch.float32)
    q, k, v, mask = problem_
    results = []
    for way in dropped(0.3, (-5, 2**40 + 3)):
        inputs = [x.clone().requires_grad_() for x in (q, k, v)]
        result = way(*inputs, mask, causal, scale)
        torch.manual_seed(0)
        given = torch.randn_like(result)
        again = torch.autograd.grad(
            way(*inputs, mask, causal, scale), inputs, given, create_graph=True
        )
        results.append([result, *torch.autograd.grad(result, inputs, given), *again])
    for ours, plain in zip(*results, strict=True):
        assert (ours - plain).abs().max() <= 2e-5 * max(1, plain.abs().max())


def test_dropout_is_one_draw_of_the_generator_on_every_way():
    q, k, v = (torch.randn(2, 3, 20, 8) for _ in range(3))
    results = []
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        torch.manual_seed(1)
        operands = (x.to(dtype) for x in (q, k, v))
        results.append(scaled_dot_product_attention(*operands, dropout_p=0.25))
        after = torch.rand(3)
        torch.manual_seed(1)
        torch.empty(3).uniform_()
        assert torch.equal(torch.rand(3), after)
    for result in results[1:]:
        assert torch.allclose(result.float(), results[0], atol=0.03)
    torch.manual_seed(1)
    ones = torch.ones(2, 3, 20, 5)
    kept = scaled_dot_product_attention(q, k, torch.eye(20).expand(2, 3, 20, 20), dropout_p=0.25)
    assert 0.2 < (kept == 0).float().mean() < 0.3
    assert (scaled_dot_product_attention(q, k, ones, dropout_p=1.0) == 0).all()
    with pytest.raises(RuntimeError, match="probability"):
        scaled_dot_product_attention(q, k, v, dropout_p=1.5)


def test_dropout_gives_the_same_bits_for_any_number_of_threads():
    before = torch.get_num_threads()
    q, k, v = (torch.randn(5, 130, 16, requires_grad=True) for _ in range(3))
    results = set()
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            torch.manual_seed(3)
            result = scaled_dot_product_attention(q, k, v, dropout_p=0.2, is_causal=True)
            grads = torch.autograd.grad(result.square().sum(), (q, k, v))
            results.add(b"".join(x.detach().numpy().tobytes() for x in (result, *grads)))
    finally:
        torch.set_num_threads(before)
    assert len(results) == 1


def test_dropout_under_vmap_says_whether_slices_share_their_numbers():
    x = torch.randn(4, 6, 8)
    drop = lambda x: scaled_dot_product_attention(x, x, x, dropout_p=0.5)
    with pytest.raises(RuntimeError, match="randomness"):
        torch.vmap(drop)(x)
    same = torch.vmap(drop, randomness="same")(x[:1].expand(4, 6, 8))
    assert torch.allclose(same[0], same[3])
    different = torch.vmap(drop, randomness="different")(x[:1].expand(4, 6, 8))
    assert not torch.allclose(different[0], different[3])


def test_views_of_heads_and_shared_keys():
    x = torch.randn(2, 30, 3 * 4 * 8)
    q, k, v = (part.view(2, 30, 4, 8).transpose(1, 2) for part in x.chunk(3, -1))
    plain = attention_weights(q, k, None, True, 0.5) @ v
    assert torch.allclose(attend(q, k, v, None, True, 0.5), plain, atol=1e-6)
    shared = attention_weights(q, k[:, :1], None, False, 0.5) @ v[:1, :1]
    assert torch.allclose(attend(q, k[:, :1], v[:1, :1], None, False, 0.5), shared, atol=1e-6)
    turned = attend(q.mT.contiguous().mT, k, v, None, True, 0.5)
    assert torch.allclose(turned, plain, atol=1e-6)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_scores_that_are_not_finite_take_the_plain_way(value):
    for place in range(3):
        inputs = [torch.randn(2, 70, 4) for _ in range(3)]
        inputs[place][1, 3, 2] = value
        ours = scaled_dot_product_attention(*inputs, scale=0.5)
        plain = attention_weights(*inputs[:2], None, False, 0.5) @ inputs[2]
        assert torch.equal(ours.isnan(), plain.isnan())
        assert torch.allclose(ours.nan_to_num(), plain.nan_to_num(), atol=1e-6)


def test_rows_that_see_nothing_give_zero_and_no_gradient():
    q, k, v = (torch.randn(2, 5, 4, requires_grad=True) for _ in range(3))
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[2] = False
    result = scaled_dot_product_attention(q, k, v, mask)
    assert (result[:, 2] == 0).all() and (result[:, 1] != 0).any()
    result.sum().backward()
    assert (q.grad[:, 2] == 0).all() and q.grad.isfinite().all() and k.grad.isfinite().all()


def test_any_number_of_threads_gives_the_same_bits():
    before = torch.get_num_threads()
    problems = [
        problem(300, 300, 32, 32, batch, "causal", dtype)
        for batch in ((1,), (2, 5))
        for dtype in (torch.float32, torch.bfloat16)
    ]
    results = []
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            torch.manual_seed(3)
            bits = []
            for q, k, v, *rest in problems:
                inputs = [x.detach().requires_grad_() for x in (q, k, v)]
                mask, causal, scale = rest
                result = scaled_dot_product_attention(*inputs, mask, 0.2, causal, scale)
                grads = torch.autograd.grad(result.square().sum(), inputs)
                bits += [x.detach().float().numpy().tobytes() for x in (result, *grads)]
            results.append(bits)
    finally:
        torch.set_num_threads(before)
    assert all(bits == results[0] for bits in results)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_memory_is_linear_in_the_length(dtype):
    program = f"""
import resource, flambeau as torch
x = torch.randn(1, 2, 12_000, 8).to(torch.{dtype}).requires_grad_()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).sum().backward()
# The matrix of weights alone would take 1.1 GB.
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_module_without_weights_is_the_one_with():
    torch.manual_seed(0)
    module = torch.nn.MultiheadAttention(32, 4, batch_first=True)
    x = torch.randn(3, 20, 32)
    padding = torch.zeros(3, 20, dtype=torch.bool)
    padding[:, 15:] = True
    causal = torch.nn.Transformer.generate_square_subsequent_mask(20)
    for options in ({}, {"key_padding_mask": padding}, {"attn_mask": causal}):
        with_weights, _ = module(x, x, x, **options)
        without, none = module(x, x, x, need_weights=False, **options)
        assert none is None
        assert torch.allclose(with_weights, without, atol=1e-5)


def test_batched_by_vmap_and_pushed_forward():
    inputs = [torch.randn(5, 2, 3, 7, 4) for _ in range(3)]

    def causal(q, k, v):
        return scaled_dot_product_attention(q, k, v, is_causal=True)

    def slope(q, k, v):
        return torch.func.grad(lambda q: causal(q, k, v).square().sum())(q)

    for function in (causal, slope):
        one_by_one = torch.stack([function(*slices) for slices in zip(*inputs, strict=True)])
        assert torch.allclose(torch.vmap(function)(*inputs), one_by_one, atol=1e-5)
    shared = torch.vmap(causal, in_dims=(0, None, None))(inputs[0], inputs[1][0], inputs[2][0])
    assert torch.allclose(shared[3], causal(inputs[0][3], inputs[1][0], inputs[2][0]), atol=1e-6)
    q, k, v = (x[0].double() for x in inputs)
    tangent = torch.func.jvp(lambda q: causal(q, k, v), (q,), (torch.ones_like(q),))[1]
    step = 1e-6
    numeric = (causal(q + step, k, v) - causal(q - step, k, v)) / (2 * step)
    assert torch.allclose(tangent, numeric, atol=1e-8)


@pytest.mark.parametrize("hidden", [-1e30, torch.finfo(torch.float32).min])
def test_gradients_of_rows_that_a_large_number_hides(hidden):
    # Programs add finfo.min in place of -inf: a row of nothing else has equal weights, not weights of 1.
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, n, 8, requires_grad=True) for n in (3, 40, 40))
    mask = torch.zeros(2, 3, 40)
    mask[0, 1], mask[1, 2, 7:] = hidden, hidden
    given = torch.randn(2, 3, 8)
    got = torch.autograd.grad(attend(q, k, v, mask, False, 0.3), (q, k, v), given)
    expected = torch.autograd.grad(attention_weights(q, k, mask, False, 0.3) @ v, (q, k, v), given)
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e)


@pytest.mark.parametrize("hidden", [-1e9, -1e15, -1e30, -1e36, torch.finfo(torch.bfloat16).min])
@pytest.mark.parametrize("T", [1, 3])
def test_bfloat16_of_rows_that_a_large_number_hides(T, hidden):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, n, 8).bfloat16().requires_grad_() for n in (T, 40, 40))
    mask = torch.zeros(2, T, 40).bfloat16()
    mask[0, -1], mask[1, 0, 7:] = hidden, hidden
    result = scaled_dot_product_attention(q, k, v, mask)
    grads = torch.autograd.grad(result, (q, k, v), torch.ones_like(result))
    exact = [x.detach().double().requires_grad_() for x in (q, k, v)]
    # Beside the number itself the scores of a row without a key are nothing.
    seen = mask.masked_fill(mask != 0, -math.inf).double()
    seen[0, -1] = 0.0
    exact[0].data[0, -1] = 0.0
    plain = attention_weights(exact[0], exact[1], seen, False, 1 / math.sqrt(8)) @ exact[2]
    wanted = torch.autograd.grad(plain, exact, torch.ones_like(plain))
    assert (result.double() - plain).abs().max() <= 0.01 * plain.abs().max()
    assert (grads[2].double() - wanted[2]).abs().max() <= 0.01 * wanted[2].abs().max()
    assert all(torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("T", [1, 3])
def test_bfloat16_of_scores_far_out(T):
    q, k, v = (torch.ones(1, n, 16).bfloat16() for n in (T, 40, 40))
    q[0, -1, 3], k[0, :, 3], v[0, 0] = 1e37, torch.arange(40, 0, -1).bfloat16(), 2.0
    for scale in (None, 1e-3):
        result = scaled_dot_product_attention(q, k, v, scale=scale)
        assert (result[0, -1] == 2.0).all()


@pytest.mark.parametrize(
    "sizes", [(5, 7), (1, 7), (3, 1, 1), (2, 1, 5, 7), (2, 3, 5, 1), (4, 1, 1, 5, 7)]
)
def test_masks_spread_over_heads_and_batches_or_make_more_of_them(sizes):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 4) for n in (5, 7, 7))
    for mask in (torch.randn(sizes), torch.rand(sizes) > 0.3):
        full = mask.expand(*torch.broadcast_shapes(mask.shape, (2, 3, 5, 7)))
        batch = full.shape[:-2]
        q_, k_, v_ = (x.expand(*batch, *x.shape[-2:]) for x in (q, k, v))
        got = scaled_dot_product_attention(q, k, v, mask)
        assert torch.equal(got, scaled_dot_product_attention(q_, k_, v_, full))
        plain = attention_weights(q_, k_, full, False, 0.5) @ v_
        assert torch.allclose(got, plain, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_the_native_way_gives_what_the_implementation_does(shape, dtype):
    sizes = ((5, 16), (7, 16), (7, 6))
    query, key, value = (torch.randn(*shape, *s).to(dtype) for s in sizes)
    masks = [
        None,
        torch.rand(5, 7) > 0.3,
        torch.randn(5, 7).to(dtype),
        torch.randn(7).to(dtype),
    ]
    if shape:
        masks.append(torch.rand(*[1] * (len(shape) - 1), shape[-1], 1, 7) > 0.3)
    for mask in masks:
        for causal in (False, True)[: 2 - (mask is not None)]:
            for scale in (None, 0.5):
                given = dict(attn_mask=mask, is_causal=causal, scale=scale)
                leaves = [
                    t.clone().requires_grad_(i != 1) for i, t in enumerate((query, key, value))
                ]
                straight = scaled_dot_product_attention(query, key, value, **given)
                recorded = scaled_dot_product_attention(*leaves, **given)
                tracked = (
                    mask if mask is None or mask.dtype == torch.bool else mask.requires_grad_()
                )
                written = scaled_dot_product_attention(
                    query, key, value, **{**given, "attn_mask": tracked}
                )
                tolerance = 3e-2 if dtype == torch.bfloat16 else 1e-5
                assert torch.equal(straight, recorded)
                assert torch.allclose(straight, written.to(dtype), atol=tolerance, rtol=tolerance)
                recorded.sum().backward()
                assert leaves[1].grad is None
                assert leaves[0].grad.shape == query.shape
                if tracked is not None:
                    tracked.requires_grad_(False)
    with pytest.raises(RuntimeError, match="not both"):
        scaled_dot_product_attention(query, key, value, masks[1], is_causal=True)
