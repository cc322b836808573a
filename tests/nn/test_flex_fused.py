"""flex_attention, compiled into tiles and by tiles of queries, against the whole matrix of scores."""

import pytest

import flambeau as torch
from flambeau.nn.attention import flex_attention as module
from flambeau.nn.attention import fused, tiles
from flambeau.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from flambeau.nn.attention.tracing import Indexing, Trace, Untraceable

INF = float("inf")
DOCUMENTS = (torch.arange(700) // 37).repeat(2, 1)
TENSORS = {
    "slopes": torch.tensor([0.5, -0.25, 0.125, 1.0]),
    "table": torch.linspace(-1, 1, 4 * 1400).sin().view(4, 1400),
}
MASKS = {
    "causal": lambda b, h, q, k: q >= k,
    "window": lambda b, h, q, k: (q - k).abs() <= 9 + h,
    "documents": lambda b, h, q, k: (DOCUMENTS[b, q] == DOCUMENTS[b][k]) & (q >= k),
    "prefix": lambda b, h, q, k: (k < 5) | (q >= k),
    "blind rows": lambda b, h, q, k: (q >= k) & (q % 3 != 1),
}


def mods(slopes, table):
    return {
        "slopes": lambda s, b, h, q, k: s + slopes[h] * (k - q),
        "relative": lambda s, b, h, q, k: s + table[h, q - k + 700],
        "two tables": lambda s, b, h, q, k: s * table[h][k] + table[h, 2 * k] + slopes[h],
        "soft cap": lambda s, b, h, q, k: 2 * torch.tanh(s / 2),
        "square": lambda s, b, h, q, k: (s * s).masked_fill((q + k) % 7 == 0, -1.0),
    }


def dense(query, key, value, score_mod, mask_mod):
    """(result, log-sum-exp) by the whole matrix."""
    sharing = query.size(1) // key.size(1)
    key, value = (t.repeat_interleave(sharing, 1) for t in (key, value))
    scores = query @ key.mT * query.size(-1) ** -0.5
    places = tiles.places_of(*scores.shape)
    if score_mod:
        scores = score_mod(scores, *places)
    if mask_mod:
        scores = torch.where(mask_mod(*places), scores, -INF)
    blind = (scores == -INF).all(-1, keepdim=True)
    weights = scores.masked_fill(blind, 0.0).softmax(-1).masked_fill(blind, 0.0)
    return weights @ value, scores.masked_fill(blind, 0.0).logsumexp(-1).masked_fill(
        blind[..., 0], -INF
    )


def problem(queries, keys, dtype=torch.float64):
    torch.manual_seed(3)
    make = lambda heads, length, size: torch.randn(
        2, heads, length, size, dtype=dtype, requires_grad=True
    )
    return make(4, queries, 8), make(2, keys, 8), make(2, keys, 5)


def compare(queries, keys, mod=None, mask=None, block=128, dtype=torch.float64):
    operands = problem(queries, keys, dtype)
    results = []
    for compute in (dense, flex_attention):
        tensors = [t.to(dtype).requires_grad_() for t in TENSORS.values()]
        score_mod = mod and mods(*tensors)[mod]
        if compute is dense:
            if mod == "two tables":  # as places broadcast it
                score_mod = lambda s, b, h, q, k: (
                    s * tensors[1][h, k] + tensors[1][h, 2 * k] + tensors[0][h]
                )
            mask_mod = MASKS.get(mask)
            if mask == "documents":
                mask_mod = lambda b, h, q, k: (DOCUMENTS[b, q] == DOCUMENTS[b, k]) & (q >= k)
            result, lse = dense(*operands, score_mod, mask_mod)
        else:
            blocks = mask and create_block_mask(MASKS[mask], 2, 4, queries, keys, BLOCK_SIZE=block)
            result, lse = flex_attention(
                *operands, score_mod, blocks, enable_gqa=True, return_lse=True
            )
        seen = lse.masked_fill(lse == -INF, 0.0)
        total = (
            result * torch.arange(result.numel()).view(result.shape).cos()
        ).sum() + seen.sin().sum()
        grads = torch.autograd.grad(total, (*operands, *tensors), allow_unused=True)
        results.append((result, lse, *grads))
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    for a, b in zip(*results, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture
def compiled(monkeypatch):
    """No call may fall back on tiles of queries."""

    def refuse(*args):
        raise AssertionError("not compiled")

    monkeypatch.setattr(module, "attend_by_tiles", refuse)


@pytest.mark.parametrize("mask", MASKS)
def test_masks(compiled, mask):
    compare(65, 65, mask=mask)
    compare(129, 300, mask=mask, block=(16, 48))
    compare(1, 1, mask=mask, dtype=torch.float32)


@pytest.mark.parametrize("mod", mods(None, None))
def test_changes_of_scores_and_gradients_of_their_tensors(compiled, mod):
    compare(130, 67, mod)
    compare(65, 129, mod, "causal", dtype=torch.float32)


@pytest.mark.parametrize("mod", ["slopes", "relative"])
def test_functions_without_a_compiled_form_go_by_tiles(monkeypatch, mod):
    def untraceable(*args):
        raise Untraceable

    monkeypatch.setattr(fused.Trace, "expression", untraceable)
    monkeypatch.setattr(tiles, "PAIRS_AT_ONCE", 2 * 4 * 67 * 16)  # 16 queries a tile
    compare(65, 67, mod, "documents")


def test_what_the_language_has_no_word_for_is_called_under_vmap():
    q, k, v = problem(9, 9)
    odd = lambda s, b, h, i, j: torch.stack([s, s * 2]).sum(0)
    wanted = flex_attention(q, k, v, lambda s, b, h, i, j: s * 3, enable_gqa=True)
    assert torch.allclose(flex_attention(q, k, v, odd, enable_gqa=True), wanted)
    with pytest.raises(Untraceable), Indexing():
        trace = Trace("float64")
        odd(trace.score, *trace.places)


def test_second_derivatives():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 1, 3, 2, dtype=torch.float64, requires_grad=True) for _ in range(3))
    slopes = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    mask = create_block_mask(MASKS["causal"], None, None, 3, 3)

    def attention(q, k, v, slopes):
        return flex_attention(q, k, v, lambda s, b, h, i, j: s * s + slopes[h] * (i - j), mask)

    assert torch.autograd.gradcheck(attention, (q, k, v, slopes))
    assert torch.autograd.gradgradcheck(attention, (q, k, v, slopes))


def test_second_derivatives_of_operands_that_depend_on_each_other():
    torch.manual_seed(0)
    x = torch.randn(1, 1, 3, 2, dtype=torch.float64, requires_grad=True)

    def attention(x):
        key = x * 2
        return flex_attention(x, key, x, lambda s, b, h, i, j: s + key[b, h, j, 0] * x[b, h, i, 1])

    assert torch.autograd.gradcheck(attention, x)
    assert torch.autograd.gradgradcheck(attention, x)


def test_unused_blocks_are_never_asked():
    # Beyond the diagonal the table ends: only full and empty blocks, whose mask is not computed.
    table = torch.zeros(256)
    q, k, v = (torch.randn(1, 1, 256, 4) for _ in range(3))
    lists = (
        torch.ones(1, 1, 2, dtype=torch.int32),
        torch.tensor([[[[0, 1], [1, 0]]]], dtype=torch.int32),
    )
    mask = BlockMask.from_kv_blocks(torch.zeros_like(lists[0]), lists[1], *lists)
    change = lambda s, b, h, i, j: s + table[(i // 128 - j // 128) * 256]
    got = flex_attention(q, k, v, change, mask)
    for half in (slice(0, 128), slice(128, 256)):
        wanted = flex_attention(q[:, :, half], k[:, :, half], v[:, :, half])
        assert torch.allclose(got[:, :, half], wanted, atol=1e-6)
    with pytest.raises(IndexError, match="score_mod or mask_mod reads a tensor"):
        flex_attention(q, k, v, change)


def test_the_same_bits_for_any_number_of_threads():
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            q, k, v = problem(200, 200, torch.float32)
            slopes = TENSORS["slopes"].clone().requires_grad_()
            got = flex_attention(q, k, v, mods(slopes, None)["slopes"], enable_gqa=True)
            results.append((got, *torch.autograd.grad(got.square().sum(), (q, k, v, slopes))))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_nan_and_infinite_scores_stay_in_their_rows():
    q, k, v = (torch.randn(1, 1, 70, 4) for _ in range(3))
    q[0, 0, 3] = float("nan")
    q[0, 0, 40, 0] = INF
    got, wanted = flex_attention(q, k, v), dense(q, k, v, None, None)[0]
    assert torch.allclose(got, wanted, atol=1e-5, equal_nan=True) and got[0, 0, 3].isnan().all()


def test_lengths_dtypes_and_parts_are_checked():
    q, k, v = (torch.randn(2, 4, 64, 8) for _ in range(3))
    mask = create_block_mask(MASKS["window"], 2, 4, 64, 64, BLOCK_SIZE=16)
    with pytest.raises(ValueError, match="made for 64 keys; there are 60"):
        flex_attention(q, k[:, :, :60], v[:, :, :60], block_mask=mask)
    adjusted = mask._adjust(40, 64)
    wanted = flex_attention(q, k, v, block_mask=mask)[:, :, :40]
    assert torch.equal(flex_attention(q[:, :, :40], k, v, block_mask=adjusted), wanted)
    part = mask[:1]
    with pytest.raises(RuntimeError, match="a part of another one"):
        flex_attention(q[:1], k[:1], v[:1], block_mask=part)
    part.mask_mod = MASKS["window"]
    assert torch.equal(
        flex_attention(q[:1], k[:1], v[:1], block_mask=part),
        flex_attention(q, k, v, block_mask=mask)[:1],
    )
    one = create_block_mask(MASKS["causal"], 2, None, 64, 64)
    assert torch.allclose(
        flex_attention(q, k[:1], v[:1], block_mask=one),
        flex_attention(q, k[:1].expand_as(k), v[:1].expand_as(v), block_mask=one),
    )
    with pytest.raises(ValueError, match="takes floating operands"):
        flex_attention(q.long(), k.long(), v.long())
    with pytest.raises(ValueError, match="both given"):
        flex_attention(q, k, v, return_lse=True, return_aux=module.AuxRequest(lse=True))
    empty = flex_attention(q, k[:, :, :0], v[:, :, :0])
    assert empty.shape == q.shape and (empty == 0).all()


def test_blocks_of_masks_are_found_without_the_mask():
    causal = create_block_mask(MASKS["causal"], None, None, 1 << 13, 1 << 13)
    assert causal.shape == (1, 1, 1 << 13, 1 << 13)
    assert causal.kv_num_blocks.sum() == 64 and causal.full_kv_num_blocks.sum() == 64 * 63 // 2
    picture = create_block_mask(MASKS["causal"], None, None, 384, 384).to_string()
    assert picture == "(0, 0)\n░░    \n██░░  \n████░░"
    by_tiles = lambda b, h, q, k: torch.stack([q >= k, q >= k]).any(0)
    other = create_block_mask(by_tiles, None, None, 300, 200, BLOCK_SIZE=(32, 64))
    same = create_block_mask(MASKS["causal"], None, None, 300, 200, BLOCK_SIZE=(32, 64))
    for name in (
        "kv_num_blocks",
        "kv_indices",
        "full_kv_num_blocks",
        "full_kv_indices",
        "q_indices",
    ):
        assert torch.equal(getattr(other, name), getattr(same, name))


def test_under_vmap_and_in_long_rows():
    q, k, v = (torch.randn(3, 2, 2, 20, 4) for _ in range(3))
    change = lambda s, b, h, i, j: s + slopes[h] * (i - j)
    slopes = torch.tensor([0.5, 0.1])
    got = torch.func.vmap(lambda q, k, v: flex_attention(q, k, v, change))(q, k, v)
    wanted = torch.stack([flex_attention(*each, change) for each in zip(q, k, v, strict=True)])
    assert torch.allclose(got, wanted, atol=1e-5)
    compare(3, 700, "relative", "prefix")  # more than one tile of keys


@pytest.mark.parametrize(
    "make",
    [
        lambda x: lambda s, b, h, q, k: s * x + (q - k) * (x * 0.3),
        lambda x: lambda s, b, h, q, k: x * torch.tanh(s / x),
        lambda x: lambda s, b, h, q, k: torch.where(q - k <= int(x * 10), s, -x),
        lambda x: lambda s, b, h, q, k: s.masked_fill(q < k, -x).clamp(-3 * x, 4.5 * x),
    ],
)
def test_numbers_are_parameters_of_one_kernel(compiled, make):
    q, k, v = problem(9, 9, torch.float32)
    fused._addresses.clear()
    for x in (0.5, 0.7, 1.3):
        mod = make(x)
        got = flex_attention(q, k, v, mod, enable_gqa=True)
        assert torch.allclose(got, dense(q, k, v, mod, None)[0], atol=1e-5)
        assert torch.allclose(
            *(
                torch.autograd.grad(o.square().sum(), q)[0]
                for o in (got, dense(q, k, v, mod, None)[0])
            ),
            atol=1e-4,
        )
    assert len(fused._addresses) == 2  # forward and gradient


def test_numbers_keep_the_dtype_they_are_given_in_pytorch():
    trace = Trace("float32")
    with Indexing():
        b, h, q, k = trace.places
        for made, dtype in (
            (trace.score * 0.3, "float32"), (trace.score + 5, "float32"), (q * 0.3, "float32"),
            (q + 5, "int64"), (trace.score.double() * 0.3, "float64"), (q.int() - 7, "int32"),
            ((q > k) * 3, "int64"),
        ):  # fmt: skip
            assert trace.dtype_of(made.expression)[0] == dtype


def test_more_numbers_than_a_kernel_has_parameters(compiled):
    q, k, v = problem(9, 9)

    def mod(s, b, h, i, j):
        for n in range(20):
            s = s * (1 + 0.01 * n) + 0.1 * n
        return s

    got = flex_attention(q, k, v, mod, enable_gqa=True)
    assert torch.allclose(got, dense(q, k, v, mod, None)[0])


def test_compiled_kernels_are_bounded(monkeypatch):
    monkeypatch.setattr(fused, "MOST_ADDRESSES", 3)
    q = torch.randn(1, 1, 3, 2)
    for n in range(3, 9):
        flex_attention(q, q, q, lambda s, b, h, i, j: s + (i // n))
    assert len(fused._addresses) == 3


def test_options_of_kernels_by_name():
    q = torch.randn(1, 1, 3, 2)
    known = {"BLOCK_M": 32, "num_warps": 4, "BACKEND": "TRITON", "fwd_num_stages": 2}
    assert torch.equal(flex_attention(q, q, q, kernel_options=known), flex_attention(q, q, q))
    with pytest.raises(ValueError, match="kernel_options has no 'BLOCK_X'"):
        flex_attention(q, q, q, kernel_options={"BLOCK_X": 32})
    with pytest.raises(ValueError, match="BACKEND is 'FASTEST'"):
        flex_attention(q, q, q, kernel_options={"BACKEND": "FASTEST"})


def test_operands_without_a_size_weigh_all_keys_alike():
    q, v = torch.randn(2, 1, 3, 0), torch.arange(12.0).view(1, 1, 3, 4).repeat(2, 1, 1, 1)
    assert torch.allclose(flex_attention(q, q, v), v.mean(2, keepdim=True).expand_as(v))


@pytest.mark.parametrize(
    "queries, keys, block", [(1, 7, 128), (33, 5, (8, 16)), (131, 257, 128), (17, 17, 3)]
)
def test_masks_of_odd_lengths_and_their_second_derivatives(queries, keys, block):
    q = torch.randn(1, 2, queries, 2, dtype=torch.float64, requires_grad=True)
    k = torch.randn(1, 2, keys, 2, dtype=torch.float64, requires_grad=True)
    mask = create_block_mask(MASKS["window"], None, 2, queries, keys, BLOCK_SIZE=block)
    results = []
    for out in (flex_attention(q, k, k, block_mask=mask), dense(q, k, k, None, MASKS["window"])[0]):
        first = torch.autograd.grad(out.square().sum(), (q, k), create_graph=True)
        second = torch.autograd.grad(first[0].square().sum() + first[1].sum(), (q, k))
        results.append((out, *first, *second))
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b)
