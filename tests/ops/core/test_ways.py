"""Native ways: the same results, errors and histories as the operators they lead into."""

import itertools
import sys

import pytest

import flambeau

REDUCTIONS = ("amax", "amin", "argmax", "argmin", "prod", "any", "all", "count_nonzero")
MOMENTS = ("var", "std", "norm", "logsumexp")


def variants(x):
    yield x
    yield x.mT
    yield x[:, ::2]
    yield x[1:]
    yield x.unsqueeze(1).expand(-1, 3, -1)


@pytest.mark.parametrize("name", REDUCTIONS + MOMENTS)
def test_way_agrees_with_a_recorded_call(name):
    """A recorded call goes to the operator written in Python."""
    function = getattr(flambeau, name)
    x = flambeau.randn(6, 8)
    for t in variants(x):
        recorded = t.detach().requires_grad_(True)
        for dim in range(t.dim()):
            args = (2, dim) if name == "norm" else (dim,)
            ours, theirs = function(t, *args), function(recorded, *args)
            assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
            assert flambeau.allclose(ours, theirs.detach(), rtol=1e-5)


@pytest.mark.parametrize("name", ("max", "min"))
def test_way_gives_named_pairs(name):
    pair = getattr(flambeau, name)(flambeau.tensor([[1.0, 3.0], [2.0, 0.0]]), 1)
    assert type(pair).__name__ == name and pair.__match_args__ == ("values", "indices")
    assert pair.indices.dtype is flambeau.int64


def test_way_takes_keepdim_and_tuples():
    x = flambeau.randn(2, 3, 4)
    for keepdim, dim in itertools.product((False, True), ((0, 1), (2, 0), (1, 2))):
        assert flambeau.equal(
            flambeau.amax(x, dim, keepdim),
            flambeau.amax(x.clone().requires_grad_(), list(dim), keepdim=keepdim).detach(),
        )


@pytest.mark.parametrize("name", ("amax", "argmax", "prod", "var", "logsumexp"))
def test_way_leaves_errors_to_the_operator(name):
    function = getattr(flambeau, name)
    with pytest.raises(IndexError, match="out of range"):
        function(flambeau.ones(2, 3), 2)
    with pytest.raises(TypeError):
        function([1.0, 2.0], 0)
    with pytest.raises(TypeError):
        function(flambeau.ones(2), 0, nonsense=1)


def test_way_of_small_integers_and_bools():
    x = flambeau.tensor([[3, -1], [2, 5]], dtype=flambeau.int8)
    assert flambeau.prod(x).dtype is flambeau.int64 and flambeau.prod(x).item() == -30
    assert flambeau.amax(x, 0).tolist() == [3, 5] and flambeau.amax(x).dtype is flambeau.int8
    assert flambeau.any(x.to(flambeau.uint8)).dtype is flambeau.uint8
    with pytest.raises(NotImplementedError):
        flambeau.argmax(x > 0)


@pytest.mark.parametrize("dtype", ("float32", "float64", "float16", "bfloat16"))
@pytest.mark.parametrize("name", ("softmax", "log_softmax"))
def test_softmax_ways_agree_with_recorded_calls(name, dtype):
    function = getattr(flambeau, name)
    x = flambeau.randn(5, 7).to(getattr(flambeau, dtype))
    for t in variants(x):
        for dim in range(-t.dim(), t.dim()):
            before = t.clone()
            ours = function(t, dim)
            assert flambeau.equal(t, before)
            theirs = function(t.detach().requires_grad_(), dim=dim).detach()
            assert ours.dtype == t.dtype and ours.shape == t.shape and ours.is_contiguous()
            assert flambeau.allclose(ours, theirs, rtol=1e-2 if t.element_size() == 2 else 1e-5)
    with pytest.raises(IndexError):
        function(x, 2)
    with pytest.raises(NotImplementedError):
        function(flambeau.ones(2, 3, dtype=flambeau.int64), 0)


@pytest.mark.parametrize("dtype", ("float32", "float64", "bfloat16"))
def test_norm_ways_agree_with_recorded_calls(dtype):
    F = flambeau.nn.functional
    dtype = getattr(flambeau, dtype)
    x, w, b = (flambeau.randn(*s).to(dtype) for s in ((4, 3, 5), (3, 5), (3, 5)))
    recorded = x.detach().requires_grad_()
    close = (
        {"rtol": 2e-2, "atol": 2e-2} if dtype is flambeau.bfloat16 else {"rtol": 1e-5, "atol": 1e-6}
    )
    for shape, weight, bias in (
        ((3, 5), w, b),
        ([3, 5], None, None),
        ((3, 5), w, None),
        ((5,), None, None),
        (x.shape[-1:], w[0], b[0]),
    ):
        for eps in (1e-5, 0.1):
            ours = F.layer_norm(x, shape, weight, bias, eps)
            theirs = F.layer_norm(recorded, shape, weight, bias, eps).detach()
            assert ours.dtype == dtype and flambeau.allclose(ours, theirs, **close)
        ours, theirs = (F.rms_norm(t, shape, weight).detach() for t in (x, recorded))
        assert flambeau.allclose(ours, theirs, **close)
    with pytest.raises(RuntimeError, match="normalized_shape"):
        F.layer_norm(x, (4,))
    with pytest.raises(RuntimeError, match="weight"):
        F.layer_norm(x, (5,), w, b)


@pytest.mark.parametrize("reduction", ("mean", "sum", "none"))
def test_loss_ways_agree_with_recorded_calls(reduction):
    F = flambeau.nn.functional
    x = flambeau.randn(6, 4)
    target = flambeau.tensor([0, 3, -100, 2, 1, 3])
    recorded = x.clone().requires_grad_()
    for arguments in ({}, {"ignore_index": 3}, {"weight": None}):
        arguments["reduction"] = reduction
        known = target.clamp(0, 3) if "ignore_index" in arguments else target
        for loss in (F.cross_entropy, F.nll_loss):
            ours, theirs = loss(x, known, **arguments), loss(recorded, known, **arguments)
            assert flambeau.allclose(ours, theirs.detach(), rtol=1e-5)
    smoothed = {"label_smoothing": 0.2, "reduction": reduction}
    assert flambeau.allclose(
        F.cross_entropy(x, target, **smoothed),
        F.cross_entropy(recorded, target, **smoothed).detach(),
        rtol=1e-5,
    )


def test_loss_ways_leave_errors_to_the_operators():
    F = flambeau.nn.functional
    x = flambeau.randn(2, 3)
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(IndexError, match=": target 3 .*is no class"):
            loss(x, flambeau.tensor([0, 3]))
        with pytest.raises(ValueError, match=": reduction is 'middle'"):
            loss(x, flambeau.tensor([0, 1]), reduction="middle")
        with pytest.raises((RuntimeError, ValueError)):
            loss(x, flambeau.tensor([0, 1, 2]))


@pytest.mark.parametrize("shape", ((3000, 40), (40, 3000), (300000, 4), (5, 70, 600)))
def test_any_number_of_threads_gives_the_same_bits(shape):
    F = flambeau.nn.functional
    x = flambeau.randn(*shape)
    target = flambeau.randint(0, shape[1], (shape[0], *shape[2:]))
    rows = flambeau.randint(0, shape[0], (shape[0],))

    def results():
        for dim in range(x.dim()):
            for name in ("sum", "amax", "argmax", "prod", "var", "logsumexp", "softmax", "cumsum"):
                yield getattr(flambeau, name)(x, dim)
        yield x.sum()
        yield F.nll_loss(x, target)
        yield F.cross_entropy(x, target)
        yield F.layer_norm(x, shape[-1:])
        yield F.batch_norm(x, None, None, training=True)
        yield flambeau.index_add(flambeau.zeros_like(x), 0, rows, x)
        yield flambeau.index_select(x, 0, rows)

    threads = flambeau.get_num_threads()
    try:
        flambeau.set_num_threads(1)
        alone = list(results())
        for n in (2, 3):
            flambeau.set_num_threads(n)
            for one, several in zip(alone, results(), strict=True):
                assert flambeau.equal(one, several)
    finally:
        flambeau.set_num_threads(threads)


F = flambeau.nn.functional


def recorded_calls():
    x = flambeau.randn(4, 5)
    target = flambeau.tensor([0, 4, -100, 2])
    weight, bias = flambeau.randn(5), flambeau.randn(5)
    index = flambeau.tensor([[0, 1], [4, 4], [2, 0], [3, 3]])
    yield "softmax", flambeau.softmax, (x, 1)
    yield "softmax of columns", flambeau.softmax, (x, 0)
    yield "log_softmax", flambeau.log_softmax, (x, -1)
    yield "layer_norm", F.layer_norm, (x, (5,))
    yield "layer_norm, affine", F.layer_norm, (x, (5,), weight, bias)
    yield "rms_norm", F.rms_norm, (x, (5,), None, 1e-3)
    yield "rms_norm, weighted", F.rms_norm, (x, (5,), weight)
    yield "cross_entropy", F.cross_entropy, (x, target)
    yield "nll_loss", F.nll_loss, (x, target)
    yield "index_select", flambeau.index_select, (x, 1, flambeau.tensor([3, 3, 0]))
    yield "gather", flambeau.gather, (x, 1, index)
    yield "embedding", flambeau.embedding, (x, flambeau.tensor([3, 3, 0]))
    yield "F.embedding", lambda w: F.embedding(flambeau.tensor([3, 3, 0]), w, 3), (x,)
    yield "x[i]", lambda x: x[flambeau.tensor([[0, -1]])], (x,)
    yield "mse_loss", F.mse_loss, (x, flambeau.randn(4, 5))
    yield "mse_loss, sum", lambda x: F.mse_loss(x, x.detach() + 1, reduction="sum"), (x,)
    yield "amax", flambeau.amax, (x, (0, 1))
    yield "amin", flambeau.amin, (x.round(), 1, True)
    yield "max", lambda x: flambeau.max(x, 1).values, (x,)
    yield "min of all", flambeau.min, (x,)
    yield "var", flambeau.var, (x, 0)
    yield "std", flambeau.std, (x,)
    yield "norm", flambeau.norm, (x, 2, 1)
    yield "logsumexp", flambeau.logsumexp, (x, 1)


def gradients(function, args, create_graph=False):
    args = [
        a.detach().double().requires_grad_()
        if isinstance(a, flambeau.Tensor) and a.is_floating_point()
        else a
        for a in args
    ]
    result = function(*args)
    leaves = [a for a in args if isinstance(a, flambeau.Tensor) and a.requires_grad]
    factor = flambeau.linspace(1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
    first = flambeau.autograd.grad((result * factor).sum(), leaves, create_graph=create_graph)
    if not create_graph:
        return [result.detach(), *first]
    total = sum((g * g).sum() for g in first)
    return flambeau.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else []


@pytest.fixture
def implementation():
    """Calls a function while ways are shut: somebody watches what operators are made of."""

    def call(function, *args):
        flambeau._core._record_events(True)
        try:
            return function(*args)
        finally:
            flambeau._core._record_events(False)
            flambeau._core._take_events()

    return call


@pytest.mark.parametrize("case", range(24))
@pytest.mark.parametrize("second", (False, True))
def test_recorded_ways_agree_with_the_implementation(case, second, implementation):
    name, function, args = list(recorded_calls())[case]
    ours = gradients(function, args, second)
    theirs = implementation(gradients, function, args, second)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        if a is None or b is None:
            assert (a is None or not a.any()) and (b is None or not b.any()), name
            continue
        assert a.dtype == b.dtype and flambeau.allclose(a, b, rtol=1e-9, atol=1e-12), name


def test_a_recorded_way_shows_what_it_keeps_and_notices_writes():
    x = flambeau.randn(3, 4, requires_grad=True)
    y = x.softmax(1)
    node = y.grad_fn
    assert type(node).__name__ == "SoftmaxBackward0" and node._saved_dim == 1
    assert flambeau.equal(node._saved_result, y)
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="backward of Softmax: its saved result"):
        y.sum().backward()
    loss = F.cross_entropy(x, flambeau.tensor([0, 1, 2]))
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        loss.backward()


def test_losses_of_nothing_that_counts():
    x = flambeau.randn(2, 3, requires_grad=True)
    F.nll_loss(x, flambeau.tensor([-100, -100])).backward()
    assert x.grad.eq(0).all()
    with pytest.raises(IndexError):
        F.cross_entropy(x, flambeau.tensor([0, 3]))


@pytest.mark.parametrize("name", ("max", "min", "amax", "sum", "argmax", "prod", "all"))
def test_reductions_of_all_enter_no_python(name):
    x = flambeau.randn(6, 8)
    for call in (getattr(flambeau, name), getattr(flambeau.Tensor, name)):
        call(x)
        entered = []
        sys.setprofile(lambda frame, event, arg: entered.append(event == "call"))
        try:
            call(x)
        finally:
            sys.setprofile(None)
        assert not any(entered)
