"""Every operator under vmap against the stacked loop, also in derivatives; what vmap refuses, and how it says so.

A rule that is missing warns, and warnings are errors here.
"""

import re

import numpy as np
import pytest

import flambeau as fl
from flambeau import func
from flambeau.ops.core.declare import POINTWISE

from ..meta_calls import CALLS, operands

TEXTS = [text.strip() for text in CALLS.replace("\n", "|").split("|") if text.strip()]

# No result of fixed shape, or running statistics that slices share. Random ones are compared by shape.
REFUSED = ("nonzero", "masked_select", "unique", "batch_norm(image, c, var, c, c, True")
RANDOM = re.compile(
    r"rand|dropout|bernoulli|multinomial|normal\(|poisson\(|binomial|rrelu|fractional|gumbel|lowrank|gamma\(|dirichlet"
)


def tensors_of(result):
    if isinstance(result, fl.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [t for item in result for t in tensors_of(item)]
    return []


def slices_of(tensor):
    """Three tensors like it, different where their values may be."""
    if tensor.dtype.is_floating_point or tensor.dtype.is_complex:
        return [tensor, tensor * 0.5, tensor * 0.75]
    return [tensor, tensor.clone(), tensor.clone()]


def assert_close(got, want, where):
    assert got.shape == want.shape and got.dtype is want.dtype, where
    np.testing.assert_allclose(
        got.detach().numpy(), want.detach().numpy(), rtol=3e-3, atol=3e-4, err_msg=where
    )


@pytest.fixture(scope="module")
def tensors():
    return operands()


def call_of(text):
    code = compile(f"fl.{text}", text, "eval")

    def call(names):
        return tensors_of(eval(code, {"fl": fl}, names))

    return call


@pytest.mark.parametrize("text", TEXTS)
def test_vmap_is_the_stacked_loop(text, tensors):
    if text.startswith(REFUSED):
        pytest.skip("has a test of its own, or none")
    call = call_of(text)
    names = [name for name in tensors if name in set(re.findall(r"\w+", text))]
    parts = {name: slices_of(tensors[name]) for name in names}
    random = RANDOM.search(text) is not None
    loop = [call({name: parts[name][k] for name in names}) for k in range(3)]
    if not loop[0]:
        return
    want = [fl.stack(column) for column in zip(*loop, strict=True)]
    randomness = "different" if random else "error"
    # All mapped, each over another dim; then the first alone.
    for mapped in (names, names[:1]):
        if mapped != names:
            fixed = {name: parts[name][0] for name in names}
            loop = [call({**fixed, mapped[0]: parts[mapped[0]][k]}) for k in range(3)]
            want = [fl.stack(column) for column in zip(*loop, strict=True)]
        dims = {name: k % 2 * parts[name][0].dim() for k, name in enumerate(mapped)}
        stacked = [fl.stack(parts[name], dims[name]) for name in mapped]
        rest = {name: parts[name][0] for name in names if name not in mapped}

        def function(*slices, mapped=mapped, rest=rest):
            return call({**rest, **dict(zip(mapped, slices, strict=True))})

        got = func.vmap(function, tuple(dims.values()), randomness=randomness)(*stacked)
        for g, w in zip(got, want, strict=True):
            assert g.shape == w.shape and g.dtype is w.dtype, text
            if not random and "empty" not in text:
                assert_close(g, w, text)


@pytest.mark.parametrize("text", TEXTS)
def test_gradients_inside_and_outside_of_vmap(text, tensors):
    if text.startswith(REFUSED) or RANDOM.search(text):
        pytest.skip("has a test of its own, or none")
    call = call_of(text)
    names = [name for name in tensors if name in set(re.findall(r"\w+", text))]
    name = next((n for n in names if tensors[n].dtype is fl.float32), None)
    if name is None:
        return
    rest = {n: tensors[n] for n in names}

    def loss(x):
        made = [t for t in call({**rest, name: x}) if t.dtype is fl.float32 and t.requires_grad]
        return sum(((t * t.detach().cos()).sum() for t in made), x.sum() * 0)

    try:
        want = fl.stack([func.grad(loss)(x) for x in slices_of(tensors[name])])
    except (RuntimeError, NotImplementedError):
        return  # it has no derivative
    stacked = fl.stack(slices_of(tensors[name]))
    assert_close(func.vmap(func.grad(loss))(stacked), want, text)
    assert_close(func.grad(lambda x: func.vmap(loss)(x).sum())(stacked), want, text)
    # Two cotangents in one walk through the graph.
    x = tensors[name].detach().requires_grad_()
    made = [t for t in call({**rest, name: x}) if t.dtype is fl.float32 and t.requires_grad]
    if made:
        cotangents = [fl.stack([t.detach().cos(), t.detach().sin()]) for t in made]
        both = fl.autograd.grad(
            made, x, cotangents, is_grads_batched=True, retain_graph=True, allow_unused=True
        )[0]
        singles = [
            fl.autograd.grad(
                made, x, [c[k] for c in cotangents], retain_graph=True, allow_unused=True
            )[0]
            for k in range(2)
        ]
        if both is None:
            assert singles == [None, None]
        else:
            assert_close(both, fl.stack(singles), text)


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_pointwise_operators_under_nested_vmaps(name):
    operator = POINTWISE[name]
    count = operator.spec.n_inputs
    low, high = operator.domain or (-2, 2)
    rng = np.random.default_rng(0)
    shapes = [(2, 3, 4), (3, 4), (4,)]
    inputs = []
    for k in range(count):
        values = rng.uniform(max(low, -3), min(high, 3), shapes[k % 3])
        dtype = fl.int64 if operator.integers else fl.float32
        inputs.append(fl.from_numpy(np.asarray(values, "float64")).to(dtype))
    try:
        want = operator(*inputs)
    except (RuntimeError, NotImplementedError, TypeError):
        return  # it takes other dtypes
    # The levels are the first two dims of the result: inputs lack some of them.
    outer = tuple(0 if t.dim() == 3 else None for t in inputs)
    inner = tuple(0 if t.dim() >= 2 else None for t in inputs)
    got = func.vmap(func.vmap(operator, inner), outer)(*inputs) if 0 in outer else None
    if got is not None:
        np.testing.assert_array_equal(got.numpy(), want.numpy())


@pytest.mark.parametrize("text", ["nonzero(x)", "masked_select(x, b)", "unique(x)"])
def test_results_whose_shape_depends_on_values_are_refused(text, tensors):
    names = [name for name in ("x", "b") if name in re.findall(r"\w+", text)]
    call = call_of(text)
    with pytest.raises(RuntimeError, match="the shape of its result depends on the values"):
        func.vmap(lambda *slices: call(dict(zip(names, slices, strict=True))))(
            *(fl.stack(slices_of(tensors[name])) for name in names)
        )


def test_masks_that_all_slices_share_select_alike():
    x, mask = fl.rand(3, 4), fl.tensor([True, False, True, True])
    assert fl.equal(fl.vmap(lambda t: t[mask])(x), x[:, mask])
    assert fl.equal(fl.vmap(lambda t: t.masked_select(mask))(x), x[:, mask])
    assert fl.equal(fl.vmap(func.grad(lambda t: t[mask].sum()))(x), mask.float().expand(3, 4))


def test_values_whose_slices_lie_between_each_other():
    x = fl.rand(4, 2, 3)
    got = fl.vmap(fl.view_as_complex, in_dims=-1)(x)
    assert fl.equal(got, fl.view_as_complex(x.movedim(-1, 0).contiguous()))
    assert fl.equal(fl.vmap(lambda t: t.view(8), in_dims=-1)(x), x.movedim(-1, 0).reshape(3, 8))


def test_raw_results_get_the_levels_of_all_operands():
    x, weight = fl.rand(2, 5, 4), fl.rand(3, 4)
    norm = lambda t, w: fl.nn.functional.batch_norm(t, None, None, w, None, True)
    got = fl.vmap(lambda t: fl.vmap(lambda w: norm(t, w))(weight))(x)
    want = fl.stack([fl.stack([norm(t, w) for w in weight]) for t in x])
    assert_close(got, want, "batch_norm")


def stacked_loop(function, *stacks):
    return fl.stack([function(*slices) for slices in zip(*stacks)])


def test_lines_between_ends_of_each_slice():
    start, end = fl.tensor([0.0, 1.0, 5.0]), fl.tensor([1.0, 1.0, -5.0])
    for make in (
        lambda a, b: fl.linspace(a, b, 7),
        lambda a, b: fl.linspace(a, 3, 1),
        lambda a, b: fl.linspace(a, b, 5, dtype=fl.int64),
        lambda a, b: fl.logspace(a, b, 4, base=2.0),
        lambda a, b: fl.linspace(2, b, 0),
    ):
        assert_close(fl.vmap(make)(start, end), stacked_loop(make, start, end), "linspace")
    with pytest.raises(RuntimeError, match="vmap: linspace: requires_grad= is not taken"):
        fl.vmap(lambda a: fl.linspace(a, 1, 3, requires_grad=True))(start)


def test_counts_have_one_length_in_all_slices():
    x, weight = fl.tensor([[0, 2, 2], [1, 0, 2]]), fl.rand(2, 3)
    for count in (fl.bincount, lambda t, w: fl.bincount(t, w), lambda t, w: fl.bincount(t, w, 5)):
        assert_close(fl.vmap(count)(x, weight), stacked_loop(count, x, weight), "bincount")
    assert fl.vmap(lambda t: fl.bincount(t, minlength=4))(fl.tensor([[0], [3]])).shape == (2, 4)
    with pytest.raises(RuntimeError, match="the shape of its result depends on the values"):
        fl.vmap(fl.bincount)(fl.tensor([[0, 1], [0, 2]]))


def test_repeats_of_each_slice_have_one_sum():
    x, repeats = fl.rand(2, 3, 2), fl.tensor([[1, 0, 3], [2, 2, 0]])
    for repeat in (
        lambda t, n: t.repeat_interleave(n, 0),
        lambda t, n: fl.repeat_interleave(n),
        lambda t, n: fl.repeat_interleave(n, output_size=4),
        lambda t, n: t[:, 0].repeat_interleave(n),
    ):
        assert_close(fl.vmap(repeat)(x, repeats), stacked_loop(repeat, x, repeats), "repeats")
    with pytest.raises(RuntimeError, match="the shape of its result depends on the values"):
        fl.vmap(fl.repeat_interleave)(fl.tensor([[1, 1], [2, 2]]))
    with pytest.raises(RuntimeError, match="output_size is 3, but the repeats sum to 4"):
        fl.vmap(lambda n: fl.repeat_interleave(n, output_size=3))(repeats)


@pytest.mark.parametrize("reduction", ("none", "sum", "mean"))
def test_ctc_losses_of_slices_are_samples_of_one_batch(reduction):
    ctc = fl.nn.functional.ctc_loss
    scores = fl.randn(2, 6, 3, 5).log_softmax(-1)
    labels, lengths = fl.tensor([[[1, 2], [3, 4], [1, 1]]] * 2), fl.tensor([[2, 1, 2], [1, 2, 1]])
    whole = lambda s, t, n: ctc(s, t, (6, 6, 6), n, reduction=reduction)
    got = fl.vmap(whole)(scores, labels, lengths)
    assert_close(got, stacked_loop(whole, scores, labels, lengths), "ctc_loss")
    # Labels one after another, and a single sample.
    flat = labels.flatten(1)
    assert_close(
        fl.vmap(whole)(scores, flat, lengths),
        stacked_loop(whole, scores, flat, lengths),
        "ctc_loss of one vector",
    )
    single = lambda s: ctc(s[:, 0], labels[0, 0], (6,), (2,), reduction=reduction)
    assert_close(fl.vmap(single)(scores), stacked_loop(single, scores), "ctc_loss of one")
    slopes = lambda s: func.grad(lambda t: whole(t, labels[0], lengths[0]).sum())(s)
    assert_close(fl.vmap(slopes)(scores), stacked_loop(slopes, scores), "gradient of ctc_loss")


def test_hashes_and_histograms_along_dims_of_slices():
    x = fl.randn(3, 4, 5)
    for make in (
        lambda t: fl.hash_tensor(t, 1),
        lambda t: fl.hash_tensor(t, -1, keepdim=True),
        lambda t: fl.hash_tensor(t[0, 0]),
        lambda t: fl.histogram(t, 4).hist,
        lambda t: fl.histogram(t, 4, weight=t.abs(), density=True).bin_edges,
        lambda t: fl.histogram(t, fl.tensor([-1.0, 0.0, 1.0])).hist,
        lambda t: fl.histogram(t * 0, 3).bin_edges,
    ):
        assert fl.equal(fl.vmap(make)(x), stacked_loop(make, x))
    with pytest.raises(RuntimeError, match="the range of a slice is not finite"):
        fl.vmap(lambda t: fl.histogram(t, 2))(x / 0)
