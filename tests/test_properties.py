"""Any layout gives what its contiguous copy gives, forward and backward; no size and no value ends a process."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import flambeau
import flambeau.nn.functional as F
from flambeau.ops.core.declare import POINTWISE
from tests.strategies import dtypes, floating, shapes, views

REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError)


def outcome(function, tensors, graded):
    """What a call gives, and the gradients of a sum of it; or the type of its refusal."""
    tensors = [
        t.detach().requires_grad_(graded and (t.is_floating_point() or t.is_complex()))
        for t in tensors
    ]
    try:
        results = function(*tensors)
    except REFUSALS as error:
        return type(error), ()
    results = results if isinstance(results, (tuple, list)) else (results,)
    results = [r for r in results if isinstance(r, flambeau.Tensor)]
    tracked = [r for r in results if r.requires_grad]
    inputs = [t for t in tensors if t.requires_grad]
    grads = ()
    if tracked and inputs:
        # Weights that differ from place to place, the same for both layouts.
        weights = [
            flambeau.arange(1.0, r.numel() + 1).reshape(r.shape).remainder(7).to(r.dtype) - 3
            for r in tracked
        ]
        try:
            grads = flambeau.autograd.grad(tracked, inputs, weights, allow_unused=True)
        except NotImplementedError as error:  # said of the operator, whatever the layout is
            assert "has no derivative" in str(error)
    return [r.detach() for r in results], grads


def same(one, other, dtype):
    assert one.shape == other.shape and one.dtype == other.dtype
    # Sums may be taken in another order.
    tolerance = {"float16": 1e-2, "bfloat16": 6e-2, "float64": 1e-9}.get(dtype, 1e-4)
    flambeau.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def check_layouts(function, tensors, dtype, graded=True):
    copies = [t.clone(memory_format=flambeau.contiguous_format) for t in tensors]
    results, grads = outcome(function, tensors, graded)
    expected, expected_grads = outcome(function, copies, graded)
    if isinstance(expected, type) or isinstance(results, type):
        assert results is expected
        return
    for one, other in zip(results, expected, strict=True):
        same(one, other, dtype)
    for one, other in zip(grads, expected_grads, strict=True):
        if one is not None:
            same(one, other, dtype)


# ------------------------------------------------------------------------------- pointwise operators


def pointwise(name):
    operator = POINTWISE[name]
    return operator, operator.spec.n_inputs


@settings(max_examples=300)
@given(st.data(), st.sampled_from(sorted(POINTWISE)), shapes, dtypes, st.booleans())
def test_pointwise_operators_of_any_layout(data, name, shape, dtype, special):
    operator, n = pointwise(name)
    tensors = [data.draw(views(shape, dtype, special)) for _ in range(n)]
    check_layouts(operator, tensors, dtype)


@settings(max_examples=100)
@given(st.data(), st.sampled_from(sorted(POINTWISE)), shapes, dtypes)
def test_pointwise_operators_broadcast(data, name, shape, dtype):
    operator, n = pointwise(name)
    assume(n > 1)
    tensors = [data.draw(views(shape, dtype))]
    for _ in range(n - 1):
        drop = data.draw(st.integers(0, len(shape)))
        smaller = tuple(1 if data.draw(st.booleans()) else size for size in shape[drop:])
        tensors.append(data.draw(views(smaller, dtype)))
    check_layouts(operator, tensors, dtype)


# --------------------------------------------------------------- operators along dimensions, and views


def indices(x, dim, n=3):
    return flambeau.arange(n) % max(x.shape[dim], 1)


PLAIN = (
    "sum mean prod amax max min argmax all any var logsumexp nansum count_nonzero median nanmedian "
    "cumsum cumprod cummax logcumsumexp softmax log_softmax flip unbind"
).split()
ALONG = {
    **{name: lambda x, d, name=name: getattr(x, name)(d) for name in PLAIN},
    "std_mean": lambda x, d: flambeau.std_mean(x, d),
    "norm": lambda x, d: x.norm(2, d),
    "norm inf": lambda x, d: x.norm(math.inf, d),
    "mode": lambda x, d: x.mode(d).values,
    "kthvalue": lambda x, d: x.kthvalue(1, d).values,
    "topk": lambda x, d: x.topk(min(2, x.shape[d]), d).values,
    "sort": lambda x, d: x.sort(d).values,
    "argsort": lambda x, d: x.argsort(d, stable=True),
    "roll": lambda x, d: x.roll(2, d),
    "diff": lambda x, d: x.diff(dim=d),
    "unique": lambda x, d: x.unique(dim=d),
    "unique_consecutive": lambda x, d: x.unique_consecutive(dim=d),
    "index_select": lambda x, d: x.index_select(d, indices(x, d)),
    "index_fill": lambda x, d: x.index_fill(d, indices(x, d), 2),
    "index_add": lambda x, d: x.index_add(d, indices(x, d), x.index_select(d, indices(x, d))),
    "index_copy": lambda x, d: x.index_copy(
        d, indices(x, d)[:1], x.index_select(d, indices(x, d)[:1])
    ),
    "index_reduce": lambda x, d: x.index_reduce(
        d, indices(x, d), x.index_select(d, indices(x, d)), "amax"
    ),
    "gather": lambda x, d: x.gather(d, flambeau.zeros(x.shape, dtype=flambeau.int64)),
    "scatter_add": lambda x, d: x.scatter_add(d, flambeau.zeros(x.shape, dtype=flambeau.int64), x),
    "scatter_reduce": lambda x, d: x.scatter_reduce(
        d, flambeau.zeros(x.shape, dtype=flambeau.int64), x, "amax"
    ),
    "repeat_interleave": lambda x, d: x.repeat_interleave(2, d),
    "cat": lambda x, d: flambeau.cat([x, x], d),
    "stack": lambda x, d: flambeau.stack([x, x], d),
    "split": lambda x, d: x.split(2, d),
    "tensor_split": lambda x, d: x.tensor_split(3, d),
    "chunk": lambda x, d: x.chunk(2, d),
    "unfold": lambda x, d: x.unfold(d, min(2, x.shape[d]), 1),
    "narrow": lambda x, d: x.narrow(d, 0, x.shape[d] // 2),
    "select": lambda x, d: x.select(d, -1),
    "renorm": lambda x, d: x.renorm(2, d, 1.0),
    "trapezoid": lambda x, d: flambeau.trapezoid(x, dim=d),
    "quantile": lambda x, d: x.quantile(0.3, d),
    "normalize": lambda x, d: F.normalize(x, dim=d),
    "glu": lambda x, d: F.glu(x, d),
    "fft": lambda x, d: flambeau.fft.fft(x, dim=d),
    "getitem": lambda x, d: x[(slice(None),) * d + (indices(x, d),)],
    "index_put": lambda x, d: x.index_put(
        (None,) * d + (indices(x, d)[:1],), x.index_select(d, indices(x, d)[:1])
    ),
}


@settings(max_examples=300)
@given(st.data(), st.sampled_from(sorted(ALONG)), shapes, dtypes)
def test_operators_along_a_dimension_of_any_layout(data, name, shape, dtype):
    assume(shape)
    dim = data.draw(st.integers(0, len(shape) - 1))
    x = data.draw(views(shape, dtype))
    check_layouts(lambda x: ALONG[name](x, dim), [x], dtype)


WHOLE = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "prod": lambda x: x.prod(),
    "max": lambda x: x.max(),
    "argmin": lambda x: x.argmin(),
    "aminmax": lambda x: x.aminmax(),
    "median": lambda x: x.median(),
    "norm": lambda x: x.norm(),
    "var": lambda x: x.var(),
    "nonzero": lambda x: x.nonzero(),
    "unique": lambda x: x.unique(),
    "flatten": lambda x: x.flatten(),
    "reshape": lambda x: x.reshape(-1),
    "squeeze": lambda x: x.squeeze(),
    "T": lambda x: x.T if x.dim() == 2 else x.permute(*range(x.dim() - 1, -1, -1)),
    "clone": lambda x: x.clone(),
    "to": lambda x: x.to(flambeau.float32),
    "tril": lambda x: x.tril(),
    "diagonal": lambda x: x.diagonal(),
    "diag_embed": lambda x: x.diag_embed(),
    "diag": lambda x: x.diag(),
    "trace": lambda x: x.trace(),
    "rot90": lambda x: x.rot90(),
    "masked_fill": lambda x: x.masked_fill(x == x, 1),
    "masked_select": lambda x: x.masked_select(x == x),
    "masked_scatter": lambda x: x.masked_scatter(x == x, x),
    "where": lambda x: flambeau.where(x == x, x, -x),
    "take": lambda x: x.take(flambeau.zeros(2, dtype=flambeau.int64)),
    "put": lambda x: x.put(flambeau.zeros(1, dtype=flambeau.int64), x.reshape(-1)[:1]),
    "bincount": lambda x: x.bincount(),
    "histc": lambda x: x.histc(4, -2, 2),
    "cov": lambda x: x.cov(),
    "pdist": lambda x: F.pdist(x),
    "cdist": lambda x: flambeau.cdist(x, x),
    "matmul": lambda x: x @ x.mT if x.dim() > 1 else x @ x,
    "einsum": lambda x: flambeau.einsum("...i,...i->...", x, x),
    "kron": lambda x: flambeau.kron(x, flambeau.ones(2, dtype=x.dtype)),
    "pad": lambda x: F.pad(x, (1, 1)),
    "pad reflect": lambda x: F.pad(x, (1, 1), mode="reflect"),
    "max_pool1d": lambda x: F.max_pool1d(x, 2, ceil_mode=True, padding=1),
    "max_pool2d": lambda x: F.max_pool2d(x, 2, padding=1, return_indices=True),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2, padding=1),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 3),
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x, 3),
    "interpolate": lambda x: F.interpolate(x, size=3),
    "interpolate linear": lambda x: F.interpolate(x, size=3, mode="linear"),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]),
    "rms_norm": lambda x: F.rms_norm(x, x.shape[-1:]),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "native_batch_norm": lambda x: flambeau.native_batch_norm(
        x, None, None, None, None, True, 0.1, 1e-5
    )[0],
    "group_norm": lambda x: F.group_norm(x, 1),
    "instance_norm": lambda x: F.instance_norm(x),
    "cross_entropy": lambda x: F.cross_entropy(
        x, flambeau.zeros((x.shape[0], *x.shape[2:]), dtype=flambeau.int64)
    ),
    "embedding": lambda x: F.embedding(flambeau.zeros(2, 2, dtype=flambeau.int64), x),
    "embedding_bag": lambda x: F.embedding_bag(flambeau.zeros(2, 2, dtype=flambeau.int64), x),
    "linear": lambda x: F.linear(x, x) if x.dim() == 2 else F.linear(x, x.reshape(-1)[:0]),
    "conv1d": lambda x: F.conv1d(x, x[:2, :, :1], padding=1),
    "conv2d": lambda x: F.conv2d(x, x[:1, :, :2, :2], padding=1),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x, x.transpose(0, 1)[:, :, :1], stride=2),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "sum_to_size": lambda x: x.sum_to_size([1] * x.dim()),
    "expand": lambda x: x.expand(2, *x.shape),
    "repeat": lambda x: x.repeat(2, *[1] * max(x.dim() - 1, 0)),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 1),
    "unfold": lambda x: F.unfold(x, 2, padding=1),
    "pinv": lambda x: flambeau.linalg.pinv(x),
    "lstsq": lambda x: flambeau.linalg.lstsq(x, x).solution,
    "matrix_exp": lambda x: flambeau.linalg.matrix_exp(x),
    "logdet": lambda x: x.logdet(),
}


# Their gradients of singular matrices are refused.
NOT_GRADED = ("pinv", "lstsq", "logdet")


@settings(max_examples=300)
@given(st.data(), st.sampled_from(sorted(WHOLE)), shapes, dtypes)
def test_whole_operators_of_any_layout(data, name, shape, dtype):
    x = data.draw(views(shape, dtype))
    check_layouts(WHOLE[name], [x], dtype, graded=name not in NOT_GRADED)


# --------------------------------------------------------------------------------- each size 0 and 1


@pytest.mark.parametrize("name", sorted(ALONG) + sorted(WHOLE))
def test_every_size_may_be_0_or_1(name):
    """Forward and backward either answer or refuse; gradients have the shape of what they belong to."""
    calls = [lambda x, d=d: ALONG[name](x, d) for d in range(3)] if name in ALONG else []
    calls += [WHOLE[name]] if name in WHOLE else []
    for sizes in ((), (3,), (4, 3), (2, 3, 4), (2, 3, 4, 4)):
        for d in range(len(sizes) or 1):
            for size in (0, 1):
                shape = tuple(size if i == d else n for i, n in enumerate(sizes))
                for call in calls:
                    x = flambeau.ones(shape)
                    _, grads = outcome(call, [x], name not in NOT_GRADED)
                    for grad in grads:
                        assert grad is None or grad.shape == x.shape


@settings(max_examples=60)
@given(st.data(), floating, st.sampled_from((65, 129, 257, 1025)))
def test_long_rows_of_any_layout(data, dtype, n):
    x = data.draw(views((3, n), dtype))
    for call in (WHOLE["layer_norm"], WHOLE["rms_norm"], WHOLE["norm"], WHOLE["matmul"]):
        check_layouts(call, [x], dtype)
    for name in ("sum", "softmax", "cumsum", "sort", "topk", "logsumexp", "var", "flip"):
        check_layouts(lambda x: ALONG[name](x, 1), [x], dtype)
