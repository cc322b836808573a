"""out=: what is written where, and what is refused, for operators of every kind."""

import pytest

import flambeau as torch

KINDS = {
    "pointwise": lambda x, out: torch.exp(x, out=out),
    "reduction": lambda x, out: torch.sum(x, 1, keepdim=True, out=out),
    "scan": lambda x, out: torch.cumsum(x, 0, out=out),
    "product": lambda x, out: torch.mm(x, x, out=out),
    "pick": lambda x, out: torch.take(x, torch.arange(9).view(3, 3), out=out),
    "join": lambda x, out: torch.cat([x, x], out=out),
    "creation": lambda x, out: torch.full((3, 3), 2.0, out=out),
    "random": lambda x, out: torch.randperm(9, out=out),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def fresh(kind, x):
    torch.manual_seed(1)
    out = torch.empty(0, dtype=torch.int64 if kind == "random" else x.dtype)
    return KINDS[kind](x, out)


@kinds
def test_out_returns_the_given_tensor_resized(kind):
    out = fresh(kind, torch.rand(3, 3))
    torch.manual_seed(1)
    again = torch.empty(0, dtype=out.dtype)
    assert KINDS[kind](torch.rand(3, 3), again) is again and again.shape == out.shape


@kinds
def test_out_in_a_strided_view_leaves_its_neighbours_alone(kind):
    x = torch.rand(3, 3)
    expected = fresh(kind, x)
    wide = torch.full((*expected.shape[:-1], 2 * expected.shape[-1]), 7, dtype=expected.dtype)
    torch.manual_seed(1)
    KINDS[kind](x, wide[..., ::2])
    assert torch.equal(wide[..., ::2], expected)
    assert (wide[..., 1::2] == 7).all()


@kinds
def test_out_with_elements_in_one_place_is_refused(kind):
    x = torch.rand(3, 3)
    expected = fresh(kind, x)
    out = torch.zeros(1, dtype=expected.dtype).expand(expected.shape)
    with pytest.raises(
        RuntimeError,
        match=r": elements of the tensor written to, .*, share memory",
    ):
        KINDS[kind](x, out)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "random"])
def test_out_that_requires_grad_is_refused(kind):
    out = torch.empty_like(fresh(kind, torch.rand(3, 3))).requires_grad_()
    with pytest.raises(
        RuntimeError, match=": autograd does not record writes to out=, and out requires grad"
    ):
        KINDS[kind](torch.rand(3, 3), out)
    with torch.no_grad():
        KINDS[kind](torch.rand(3, 3), out)


@kinds
def test_out_of_a_lesser_dtype_is_refused(kind):
    if kind in ("creation", "reduction", "scan"):
        pytest.skip("computed in the dtype of out, as in PyTorch")
    dtype = torch.bool if kind == "random" else torch.int64
    with pytest.raises(RuntimeError, match="dtype|cast|not implemented"):
        KINDS[kind](torch.rand(3, 3), torch.empty(0, dtype=dtype))


@pytest.mark.parametrize("kind", ["reduction", "scan", "product"])
def test_out_over_a_part_of_the_input_is_as_if_apart(kind):
    memory = torch.rand(12)
    x = memory[:9].view(3, 3)
    expected = fresh(kind, x.clone())
    out = memory[1 : 1 + expected.numel()].view(expected.shape)
    assert torch.equal(KINDS[kind](x, out), expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, i: torch.gather(x, 0, i, out=x[1:2]),
        lambda x, i: torch.take(x, i, out=x[1:2]),
        lambda x, i: torch.index_select(x, 0, i, out=x),
        lambda x, i: torch.masked_select(x, x > 0, out=x),
        lambda x, i: torch.kthvalue(x, 2, out=(x, i)),
        lambda x, i: torch.sort(x, out=(x, i)),
        lambda x, i: torch.cat([x, x[1:]], out=x),
        lambda x, i: torch.gather(x, 0, i, out=i.view(torch.float32)[:1]),
    ],
)
def test_out_over_what_is_picked_from_is_refused(call):
    with pytest.raises(
        RuntimeError,
        match=": input and the tensor written to share elements",
    ):
        call(torch.rand(3), torch.tensor([1]))


def test_out_of_pickers_must_have_the_exact_dtype():
    x, wide = torch.rand(2, 2), torch.empty(2, 2, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="gather: out is float64 but the result is float32"):
        torch.gather(x, 0, torch.zeros(2, 2, dtype=torch.int64), out=wide)
    with pytest.raises(
        RuntimeError, match="complex: out is complex128 but the result is complex64"
    ):
        torch.complex(x, x, out=torch.empty(2, 2, dtype=torch.complex128))


def test_out_of_a_wrong_size_is_resized_with_a_warning():
    with pytest.warns(UserWarning, match="was resized"):
        assert torch.exp(torch.rand(3), out=torch.empty(2)).shape == (3,)


def test_out_of_several_results():
    A = torch.rand(3, 3)
    P, L, U = torch.empty(3, 3), torch.empty(3, 3), torch.empty(3, 3)
    torch.lu_unpack(*torch.linalg.lu_factor(A), out=(P, L, U))
    torch.testing.assert_close(P @ L @ U, A)
    parts = torch.empty(1, 3), torch.empty(2, 3)
    torch.split_with_sizes_copy(A, [1, 2], out=parts)
    assert torch.equal(torch.cat(parts), A)


def test_writing_through_an_expanded_tensor_is_refused():
    for write in ("uniform_", "normal_", "random_"):
        with pytest.raises(
            RuntimeError, match="elements of the tensor written to, .* share memory"
        ):
            getattr(torch.zeros(1).expand(3), write)()
    with pytest.raises(RuntimeError, match="elements of the tensor written to, .* share memory"):
        torch.zeros(1).expand(3).copy_(torch.rand(3))


def test_out_is_refused_before_anything_is_written():
    x, out = torch.ones(3, requires_grad=True), torch.zeros(3)
    with pytest.raises(RuntimeError, match="out="):
        torch.add(x, 1, out=out)
    assert out.tolist() == [0, 0, 0] and out._version == 0


@pytest.mark.parametrize("wide", [torch.float32, torch.float64])
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_a_wider_out_of_halves(half, wide):
    x = (torch.arange(1.0, 200) / 7).to(half)
    for call in (
        lambda out: torch.mul(x, x, out=out),
        lambda out: torch.exp(x / 8, out=out),
        lambda out: torch.addcmul(x, x, x, value=0.3, out=out),
        lambda out: torch.atan2(x, x + 1, out=out),
    ):
        # Rounded as without out=.
        assert torch.equal(call(torch.empty(0, dtype=wide)), call(None).to(wide))
    for name in ("sum", "mean"):
        # Added up in the digits that are wanted.
        function, out = getattr(torch, name), torch.empty(0, dtype=wide)
        assert torch.equal(function(x, 0, out=out), function(x.to(wide), 0))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.bool, torch.float64])
@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "nansum"])
def test_sums_are_computed_in_the_dtype_of_out(name, dtype):
    call, x = getattr(torch, name), torch.tensor([1.7, 2.9, 1.1])
    out = torch.zeros(0, dtype=dtype)
    assert call(x, 0, out=out) is out
    assert torch.equal(out, call(x, 0, dtype=dtype))
    assert torch.equal(call(x, 0, dtype=None, out=torch.zeros(0, dtype=dtype)), out)
    assert torch.allclose(call(x, 0, dtype=torch.float32, out=torch.zeros(0)), call(x, 0))


def test_out_of_norm_comes_before_dtype_by_place():
    x, out = torch.ones(4, 2), torch.zeros(2, dtype=torch.float64)
    assert torch.norm(x, 2, 0, False, out, torch.float64) is out and out.tolist() == [2, 2]
    assert torch.norm(x, 2, 0, False, None, torch.float64).dtype is torch.float64
    assert x.norm(2, 0, False, torch.float64).dtype is torch.float64
    with pytest.raises(TypeError, match="norm: takes 6"):
        torch.norm(x, 2, 0, False, None, None, 1)
