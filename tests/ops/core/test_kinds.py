"""Arguments of a wrong type are refused by every operator, from its declaration."""

import numpy
import pytest

import flambeau as torch
from flambeau.nn import functional as F
from flambeau.ops.core.kinds import parameters_of

X = torch.arange(12.0).reshape(3, 4)


def refuses(words, call, *args, **kwargs):
    with pytest.raises(TypeError, match=words):
        call(*args, **kwargs)


@pytest.mark.parametrize("wrong", ["x", 1, 0, 1.5, (), [True], float("nan"), X])
def test_a_flag_is_true_or_false(wrong):
    refuses("sum: keepdim takes True or False", X.sum, 0, keepdim=wrong)
    refuses("mean: keepdim takes", torch.mean, X, 0, wrong)
    refuses("amax: keepdim takes", torch.amax, X, 0, wrong)
    refuses("amax: keepdims takes", torch.amax, X, axis=0, keepdims=wrong)
    refuses("median: keepdim takes", X.median, 0, keepdim=wrong)
    refuses("argsort: descending takes", X.argsort, 0, wrong)
    refuses("dropout: training takes", F.dropout, X, 0.5, wrong)
    refuses("scatter_reduce: include_self takes", X.scatter_reduce, 0, X.long() * 0, X, "sum",
            include_self=wrong)  # fmt: skip
    refuses("empty: requires_grad takes", torch.empty, 3, requires_grad=wrong)
    refuses("rand: requires_grad takes", torch.rand, 3, requires_grad=wrong)
    refuses("cholesky: upper takes", torch.linalg.cholesky, torch.eye(3), upper=wrong)


def test_none_is_a_flag_only_where_it_is_the_default():
    refuses("amax: keepdim takes True or False, but got None", torch.amax, X, 0, None)
    assert X.var(0, unbiased=None).shape == (4,)
    assert X.sort(0, stable=None).values.equal(X)
    assert torch.rand(2, pin_memory=None).shape == (2,)


def test_flags_of_numpy_pass():
    assert X.amax(0, keepdim=numpy.bool_(True)).shape == (1, 4)
    assert X.sum(0, keepdim=numpy.True_).shape == (1, 4)


@pytest.mark.parametrize("wrong", [0.5, "x", True, 1j, (0, 0.5), [True]])
def test_dims_are_ints(wrong):
    for call in (X.sum, X.mean, X.amax, X.logsumexp, X.any):
        with pytest.raises(TypeError):
            call(dim=wrong)
    with pytest.raises(TypeError):
        torch.flip(X, dims=wrong)
    with pytest.raises(TypeError):
        torch.roll(X, 1, wrong)


def test_lists_and_ints_are_no_substitutes_for_each_other():
    refuses("flip: dims takes a sequence of ints", torch.flip, X, dims=1)
    refuses("split_with_sizes: split_sizes takes a sequence of ints", X.split_with_sizes, 1)
    refuses("diff: dim takes an int", torch.diff, X, 1, [1])
    refuses("aminmax: dim takes an int", X.aminmax, dim=[1])
    refuses("cosine_similarity: dim takes an int", F.cosine_similarity, X, X, [1])
    refuses("sort: dim takes an int", torch.sort, X, [1])
    assert X.flip(1).equal(torch.flip(X, (1,)))


@pytest.mark.parametrize("wrong", [None, True, 1.5])
def test_one_dim_is_an_int(wrong):
    for name in ("sort", "mode"):
        refuses(f"{name}: dim takes an int", getattr(torch, name), X, wrong)
    for name in ("topk", "kthvalue"):
        refuses(f"{name}: dim takes an int", getattr(torch, name), X, 1, wrong)
    refuses("cov: correction takes an int", torch.cov, X, correction=wrong)
    refuses("triu_indices: col takes an int", torch.triu_indices, 2, wrong)


def test_what_is_stable_is_true_or_false():
    refuses("sort: stable takes True or False", torch.sort, X, stable="x")
    refuses("diff: prepend is a int; it must be a Tensor", torch.diff, X, 1, 0, 2)


def test_ints_of_numpy_are_dims():
    assert X.sum(numpy.int64(0)).shape == (4,)
    assert torch.flip(X, [numpy.int32(1)])[0, 0] == 3
    assert X.amax((numpy.int64(0), 1)) == 11


@pytest.mark.parametrize("wrong", [True, "x", 2.5, None])
def test_counts_are_ints(wrong):
    with pytest.raises(TypeError):
        torch.topk(X, wrong)
    with pytest.raises(TypeError):
        torch.nn.functional.group_norm(X, wrong)
    with pytest.raises(TypeError):
        torch.zeros(wrong)


@pytest.mark.parametrize("wrong", ["x", (1,), [2.0], {}])
def test_numbers(wrong):
    refuses("dropout: p takes a number", F.dropout, X, wrong)
    refuses("allclose: atol takes a number", torch.allclose, X, X, 1e-5, wrong)


@pytest.mark.parametrize("wrong", [(), 1, "float32", [torch.float32]])
def test_dtypes(wrong):
    refuses("prod: dtype takes a dtype, or None", torch.prod, X, dtype=wrong)
    assert torch.prod(X, dtype=float).dtype == torch.float64


@pytest.mark.parametrize("wrong", [0, "channels_last", ()])
def test_memory_formats(wrong):
    refuses("memory_format takes a memory format", X.double, wrong)
    refuses("memory_format takes a memory format", torch.empty_like, X, memory_format=wrong)
    refuses("memory_format takes a memory format", torch.randn_like, X, memory_format=wrong)


def test_lists_of_tensors():
    for join in (torch.hstack, torch.vstack, torch.dstack, torch.column_stack):
        refuses("tensors takes a sequence of tensors, but got a Tensor", join, X)


def test_truths_stay_truths():
    assert F.relu(X, inplace=0).equal(X)
    assert F.max_pool1d(X, 2, return_indices=0).shape == (3, 2)


def test_annotations_go_first():
    def operator(n: int, dim: object, eps: float, keepdim=False, *, other=None): ...

    assert parameters_of(operator)[:3] == (("n", "dim", "eps", "keepdim", "other"), "i*nb*", 4)
    assert parameters_of(operator, public=False)[1] == "*****"


@pytest.mark.parametrize(
    "make",
    [
        lambda dtype: torch.arange(3, dtype=dtype),
        lambda dtype: torch.eye(2, dtype=dtype),
        lambda dtype: torch.zeros(2, dtype=dtype),
        lambda dtype: torch.ones(2).cumsum(0, dtype=dtype),
    ],
)
def test_python_types_stand_for_dtypes(make):
    assert make(float).dtype is torch.float64
    assert make(int).dtype is torch.int64
    with pytest.raises(TypeError, match="dtype"):
        make(str)


def test_what_python_says_of_a_type_is_said_of_the_argument():
    for call, words in (
        (lambda: torch.norm(torch.ones(2), torch), "^norm: p is of a type .* module"),
        (lambda: torch.float_power(torch.ones(2), torch), "^float_power: exponent is .* module"),
    ):
        with pytest.raises(TypeError, match=words):
            call()
