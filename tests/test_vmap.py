"""vmap beyond the operators: structures, writes in place, randomness, nesting, derivatives, users' own rules."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import func

X = torch.arange(12.0).reshape(3, 4)


def test_structures_of_inputs_and_outputs():
    def f(pair, *, scale):
        return {"sum": pair["a"] + pair["b"][0], "product": (pair["a"] * scale,)}

    a, b, scale = X, torch.ones(4, 3), torch.tensor([1.0, 2.0, 3.0])
    out = torch.vmap(f, in_dims=({"a": 0, "b": [1]},), out_dims={"sum": 1, "product": (0,)})(
        {"a": a, "b": [b]}, scale=scale
    )
    assert torch.equal(out["sum"], (a + b.T).T)
    assert torch.equal(out["product"][0], a * scale[:, None])
    assert torch.vmap(lambda x: (x, None), out_dims=(0, None))(X)[1] is None
    assert torch.equal(torch.vmap(lambda x: torch.ones(2))(X), torch.ones(3, 2))
    assert torch.vmap(lambda x: x.sum())(torch.ones(0, 4)).shape == (0,)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_chunks_are_joined(size):
    f = lambda x, y: (x * y, x.sum())
    got = torch.vmap(f, in_dims=(0, 1), out_dims=(1, 0), chunk_size=size)(X, X.T)
    want = torch.vmap(f, in_dims=(0, 1), out_dims=(1, 0))(X, X.T)
    assert all(torch.equal(g, w) for g, w in zip(got, want))


def test_writes_in_place():
    def f(x, y):
        made = torch.zeros_like(x)
        made[1:] += x[1:]
        made[0] = y
        made.mul_(2)[2].fill_(7)
        return made

    got = torch.vmap(f)(X, torch.arange(3.0))
    want = torch.stack([f(x, y) for x, y in zip(X, torch.arange(3.0))])
    assert torch.equal(got, want)
    x = X.clone()
    torch.vmap(lambda t: t.add_(1))(x)
    assert torch.equal(x, X + 1)  # a slice is a view of what was mapped
    shared = torch.zeros(4)
    for write in (
        lambda s, x: s.add_(x),
        lambda s, x: s.copy_(x),
        lambda s, x: s.index_add_(0, torch.tensor([0]), x[:1]),
    ):
        with pytest.raises(
            RuntimeError, match="vmap: .* into a tensor, float32 \\(4,\\), that all slices share"
        ):
            torch.vmap(write, (None, 0))(shared, X)
    with pytest.raises(RuntimeError, match="vmap: add: out= is not taken inside"):
        torch.vmap(lambda x: torch.add(x, x, out=x))(X)


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda x: x if x.sum() > 0 else -x, "vmap: bool: .* Write torch.where"),
        (lambda x: x * x.sum().item(), "vmap: item: "),
        (lambda x: x * float(x[0]), "vmap: float: "),
        (lambda x: x.numpy(), "vmap: numpy: "),
        (lambda x: x.requires_grad_(), "requires_grad: of a mapped tensor"),
        (lambda x: x.resize_(2, 2), "vmap: resize_: "),
    ],
)
def test_what_goes_by_values_is_refused(function, message):
    with pytest.raises(RuntimeError, match=message):
        torch.vmap(function)(X.clone())


@pytest.mark.parametrize(
    "write",
    (
        lambda t: t.t_(), lambda t: t.transpose_(0, 1), lambda t: t.unsqueeze_(1), lambda t: t[:, :1].squeeze_(1),
        lambda t: t.as_strided_((2,), (3,)), lambda t: t.swapaxes_(0, 1),
    ),
)  # fmt: skip
def test_views_in_place(write):
    def f(x):
        made = x * 2
        view = write(made[:])
        view.add_(1)  # reaches what it is a view of
        return view, made

    x = torch.arange(12.0).reshape(2, 2, 3)
    for got, want in zip(torch.vmap(f)(x), zip(*(f(t) for t in x))):
        assert torch.equal(got, torch.stack(want))

    def same(x):
        made = x * 1
        assert write(made) is made or made.shape == (2, 3)
        return made

    assert torch.equal(torch.vmap(same)(x), torch.stack([same(t) for t in x]))
    loss = lambda x: (write((x * x)[:]) ** 2).sum()
    slope = torch.vmap(func.grad(loss))(x)
    assert torch.equal(slope, torch.stack([func.grad(loss)(t) for t in x]))


def test_index_fill_in_place():
    fill = lambda x, value: (x * 1).index_fill_(0, torch.tensor([1]), value)
    got = torch.vmap(fill)(X, torch.arange(3.0))
    assert torch.equal(got, torch.stack([fill(x, v) for x, v in zip(X, torch.arange(3.0))]))
    with pytest.raises(RuntimeError, match="the shape of its result depends on the values"):
        torch.vmap(torch.unique_consecutive)(X)


def test_backward_inside_is_refused():
    x = X.clone().requires_grad_()
    with pytest.raises(RuntimeError, match="backward: inside vmap gradients do not add up"):
        torch.vmap(lambda t: t.sum().backward())(x)


def test_numbers_are_the_same_or_different():
    draws = (
        lambda x: torch.rand(2), lambda x: torch.rand_like(x), lambda x: torch.randint(0, 1000, (4,)),
        lambda x: torch.randperm(50), lambda x: torch.nn.functional.dropout(torch.ones(50)),
        lambda x: torch.nn.functional.dropout2d(torch.ones(1, 60, 2, 2)), lambda x: torch.normal(torch.zeros(4), 1.0),
        lambda x: torch.zeros_like(x).normal_(), lambda x: torch.empty_like(x).exponential_(),
        lambda x: torch.bernoulli(torch.full((40,), 0.5)), lambda x: torch.poisson(torch.full((40,), 9.0)),
        lambda x: torch.multinomial(torch.ones(90), 8), lambda x: x.new_zeros(4).uniform_(),
    )  # fmt: skip
    for draw in draws:
        with pytest.raises(RuntimeError, match="vmap: a random operator was called"):
            torch.vmap(draw)(X)
        same = torch.vmap(draw, randomness="same")(X)
        assert all(torch.equal(row, same[0]) for row in same)
        different = torch.vmap(draw, randomness="different")(X)
        assert different.shape == same.shape and not torch.equal(different[0], different[1])
    with pytest.raises(RuntimeError, match="writes numbers that differ from slice to slice"):
        torch.vmap(lambda x: torch.zeros(2).normal_(), randomness="different")(X)
    with pytest.raises(RuntimeError, match="a parameter of the random operator differs"):
        torch.vmap(lambda x: torch.bernoulli(x / 12), randomness="same")(X)
    nested = torch.vmap(
        lambda x: torch.vmap(lambda y: torch.rand(()), randomness="same")(X), randomness="different"
    )(X)
    assert (
        all(len(set(row.tolist())) == 1 for row in nested) and len(set(nested[:, 0].tolist())) == 3
    )


def test_derivatives_and_vmap_in_any_order():
    f = lambda x, y: (x.sin() * y).sum() * (x * y).sum()
    y = X.flip(0)
    want = torch.stack([func.grad(f)(a, b) for a, b in zip(X, y)])
    np.testing.assert_allclose(torch.vmap(func.grad(f))(X, y).numpy(), want.numpy(), rtol=1e-5)
    total = lambda x: torch.vmap(f)(x, y).sum()
    np.testing.assert_allclose(func.grad(total)(X).numpy(), want.numpy(), rtol=1e-5)
    # Second derivatives: vmap inside and outside.
    hessians = torch.stack([func.hessian(f)(a, b) for a, b in zip(X, y)])
    for made in (
        torch.vmap(func.hessian(f))(X, y),
        torch.vmap(func.jacfwd(func.grad(f)))(X, y),
        torch.vmap(func.jacrev(func.jacfwd(f)))(X, y),
        torch.stack([func.jacrev(func.grad(f))(a, b) for a, b in zip(X, y)]),
    ):
        np.testing.assert_allclose(made.numpy(), hessians.numpy(), rtol=1e-4, atol=1e-4)
    tangents = torch.ones(4)
    pushed = torch.vmap(lambda a, b: func.jvp(lambda t: f(t, b), (a,), (tangents,))[1])(X, y)
    np.testing.assert_allclose(pushed.numpy(), want.sum(1).numpy(), rtol=1e-4)
    _, pull = func.vjp(lambda x: x.cos() * x, X[0])
    units = torch.eye(4)
    np.testing.assert_allclose(
        torch.vmap(pull)(units)[0].numpy(), torch.stack([pull(u)[0] for u in units]).numpy()
    )
    _, push = func.linearize(lambda x: x.cos() * x, X[0])
    np.testing.assert_allclose(
        torch.vmap(push)(units).numpy(), torch.vmap(pull)(units)[0].T.numpy(), rtol=1e-6
    )


def test_gradients_by_what_is_not_mapped_come_by_slice():
    w, b = torch.ones(2, 4), torch.zeros(2)
    loss = lambda w, b, x: torch.nn.functional.linear(x, w, b).square().sum()
    of_w, of_b = torch.vmap(func.grad(loss, (0, 1)), (None, None, 0))(w, b, X)
    for k, x in enumerate(X):
        expected = func.grad(loss, (0, 1))(w, b, x)
        assert torch.equal(of_w[k], expected[0]) and torch.equal(of_b[k], expected[1])
    images, kernel = torch.rand(3, 2, 5, 5), torch.rand(4, 2, 3, 3)
    conv = lambda k, x: torch.nn.functional.conv2d(x.unsqueeze(0), k).sin().sum()
    got = torch.vmap(func.grad(conv), (None, 0))(kernel, images)
    for k, x in enumerate(images):
        np.testing.assert_allclose(
            got[k].numpy(), func.grad(conv)(kernel, x).numpy(), rtol=1e-4, atol=1e-5
        )
    second = torch.vmap(func.hessian(lambda k, x: conv(k.expand(4, 2, 3, 3), x)), (None, 0))
    single = func.hessian(lambda k, x: conv(k.expand(4, 2, 3, 3), x))
    corner = kernel[:1, :1]
    np.testing.assert_allclose(
        second(corner, images).numpy(),
        torch.stack([single(corner, x) for x in images]).numpy(),
        rtol=1e-3, atol=1e-3,
    )  # fmt: skip


def test_a_derivative_reaches_what_the_function_closes_over():
    # What an inner derivative depends on without being its input was lost.
    x = torch.tensor(3.0)
    inner = lambda x: func.grad(lambda y: x * y**2)(torch.tensor(2.0))
    assert func.grad(inner)(x) == 4
    w = torch.tensor(5.0, requires_grad=True)
    slope = func.grad(lambda y: w * y**2)(x)
    (of_w,) = torch.autograd.grad(slope, w)
    assert of_w == 6
    with torch.no_grad():
        assert not func.grad(lambda y: w * y**2)(x).requires_grad
    assert not func.grad(lambda y: y**2)(x).requires_grad


def test_gradients_inside_by_autograd_itself():
    x = X.clone().requires_grad_()
    w = torch.ones(4, requires_grad=True)

    def f(t):
        out = (t * w).sin().sum()
        return torch.autograd.grad(out, t, create_graph=True)[0]

    got = torch.vmap(f)(x)
    np.testing.assert_allclose(got.detach().numpy(), x.cos().detach().numpy(), rtol=1e-6)
    (of_w,) = torch.autograd.grad(got.sum(), w)
    np.testing.assert_allclose(
        of_w.numpy(), (x.cos() - x * x.sin()).sum(0).detach().numpy(), rtol=1e-4
    )


def test_batches_of_cotangents_are_one_walk():
    x = torch.rand(4, requires_grad=True)
    y = (x * 2).sin() * x.sum()
    calls = []
    y.grad_fn.register_hook(lambda *_: calls.append(1))
    units = torch.eye(4)
    (rows,) = torch.autograd.grad(y, x, units, is_grads_batched=True, retain_graph=True)
    assert len(calls) == 1
    want = torch.stack([torch.autograd.grad(y, x, u, retain_graph=True)[0] for u in units])
    np.testing.assert_allclose(rows.numpy(), want.numpy(), rtol=1e-6)
    functional = torch.autograd.functional
    f = lambda a, b: (a.exp() * b).sum(1)
    inputs = torch.rand(2, 3), torch.rand(2, 3)
    for create_graph in (False, True):
        loop = functional.jacobian(f, inputs, create_graph=create_graph)
        fast = functional.jacobian(f, inputs, create_graph=create_graph, vectorize=True)
        for l, v in zip(loop, fast):
            np.testing.assert_allclose(v.detach().numpy(), l.detach().numpy(), rtol=1e-6)
            assert v.requires_grad == create_graph
    g = lambda a: (a**3).sum()
    np.testing.assert_allclose(
        functional.hessian(g, inputs[0], vectorize=True).numpy(),
        functional.hessian(g, inputs[0]).numpy(),
    )
    with pytest.raises(RuntimeError, match="strict=True looks at each row"):
        functional.jacobian(f, inputs, strict=True, vectorize=True)


class Cube(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3, x.sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad, grad_sum):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2 + grad_sum


def test_functions_with_a_generated_rule():
    both = torch.vmap(Cube.apply)(X)
    assert torch.equal(both[0], X**3) and torch.equal(both[1], X.sum(1))
    loss = lambda x: Cube.apply(x)[0].sum() + 2 * Cube.apply(x)[1]
    np.testing.assert_allclose(torch.vmap(func.grad(loss))(X).numpy(), (3 * X**2 + 2).numpy())
    np.testing.assert_allclose(
        torch.vmap(func.hessian(loss))(X).numpy(), (6 * X).diag_embed().numpy()
    )


def test_functions_with_a_rule_of_their_own():
    seen = []

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, factor):
            return x * y * factor

        @staticmethod
        def backward(ctx, grad):
            return grad, grad, None

        @staticmethod
        def vmap(info, in_dims, x, y, factor):
            seen.append((info.batch_size, info.randomness, in_dims, tuple(x.shape), tuple(y.shape)))
            return Scaled.apply(x, y, factor).transpose(0, 1), 1

    y = torch.ones(4)
    out = torch.vmap(lambda x: Scaled.apply(x, y, 2.0), in_dims=1)(X.T)
    assert torch.equal(out, 2 * X)
    assert seen == [(3, "error", (0, None, None), (3, 4), (4,))]

    class Ruleless(Scaled):
        vmap = torch.autograd.Function.vmap

    with pytest.raises(RuntimeError, match="Ruleless: inside vmap it needs to know"):
        torch.vmap(lambda x: Ruleless.apply(x, y, 2.0))(X)

    class Double(Scaled):
        generate_vmap_rule = True

    with pytest.raises(RuntimeError, match="Double: it has a vmap method and generate_vmap_rule"):
        torch.vmap(lambda x: Double.apply(x, y, 2.0))(X)


def test_operators_of_ones_own():
    @torch.library.custom_op("vmaptest::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(x.numpy() * 2)

    with pytest.warns(UserWarning, match="vmap: twice has no batching rule"):
        assert torch.equal(torch.vmap(twice)(X), 2 * X)
    dims = []

    @torch.library.register_vmap("vmaptest::twice")
    def _(info, in_dims, x):
        dims.append((info.batch_size, in_dims))
        return twice(x), in_dims[0]

    assert torch.equal(torch.vmap(twice)(X), 2 * X) and dims == [(3, (0,))]


def test_duals_inside_vmap():
    from flambeau.autograd import forward_ad

    def f(x, t):
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(forward_ad.make_dual(x, t).sin()).tangent

    np.testing.assert_allclose(torch.vmap(f)(X, X).numpy(), (X.cos() * X).numpy(), rtol=1e-6)


def test_what_stands_behind_a_tensor_inside():
    seen = []

    def look(x):
        seen.append((func.debug_unwrap(x), repr(x)))
        return x

    torch.vmap(look)(X)
    value, text = seen[0]
    assert torch.equal(value, X) and text.startswith("mapped (4,) at 1 level of vmap")
    inner = []
    torch.vmap(torch.vmap(lambda x: inner.append(func.debug_unwrap(x, recurse=False).shape) or x))(
        X
    )
    assert inner == [(4,)]
    assert func.debug_unwrap(X) is X


def test_ensembles_ask_for_models_of_one_kind():
    with pytest.raises(RuntimeError, match="some models are in training mode"):
        func.stack_module_state([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).eval()])
    with pytest.raises(RuntimeError, match="must all be of one class"):
        func.stack_module_state([torch.nn.Linear(1, 1), torch.nn.Identity()])


def test_batch_norm_asks_for_statistics_of_each_slice():
    norm = torch.nn.BatchNorm1d(4)
    with pytest.raises(RuntimeError, match="that all slices share"):
        torch.vmap(norm)(torch.rand(3, 5, 4))
    func.replace_all_batch_norm_modules_(norm)
    x = torch.rand(3, 5, 4)
    got = torch.vmap(norm)(x)
    want = torch.stack([norm(part) for part in x])
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_dtypes_promote_as_in_a_slice():
    whole, number = torch.arange(3), torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64)
    # Of each slice the double is 0-dim and gives way to the tensor's dtype.
    got = torch.vmap(lambda n, x: x * n, (0, None))(number, torch.ones(2))
    assert got.dtype is torch.float32
    assert torch.vmap(torch.mul)(whole, number).dtype is torch.float64
    assert torch.vmap(lambda n: torch.ones(2, dtype=torch.int32) + n)(whole).dtype is torch.int32


def test_cycles_through_mapped_tensors_are_collected():
    import gc
    import weakref

    class Box:
        pass

    alive = []

    def f(x):
        box = Box()
        box.mapped = x * 2
        box.mapped.box = box  # the tensor's dict holds what holds the tensor
        alive.append(weakref.ref(box))
        return x

    torch.vmap(f)(X)
    gc.collect()
    assert alive[0]() is None


@pytest.mark.filterwarnings("error")
def test_what_a_tensor_is_can_be_asked_inside():
    seen = []

    def look(x):
        seen.append(
            (x.layout, x.is_sparse, x.is_shared(), x.is_floating_point(), x.stride(), x.device.type)
        )
        return torch.compile(lambda x: x.sin() * x)(x)

    x = torch.randn(3, 4)
    assert torch.equal(torch.vmap(look)(x), x.sin() * x)
    assert seen == [(torch.strided, False, False, True, (1,), "cpu")]


class Pair:
    """A value that maps itself, as dictionaries of tensors of libraries do."""

    def __init__(self, first, second):
        self.first, self.second = first, second
        self.shape = first.shape

    def dim(self):
        return self.first.dim()

    def narrow(self, dim, start, length):
        return Pair(self.first.narrow(dim, start, length), self.second.narrow(dim, start, length))

    def _add_batch_dim(self, *, in_dim, vmap_level):
        add = torch._C._functorch._add_batch_dim
        return Pair(add(self.first, in_dim, vmap_level), add(self.second, in_dim, vmap_level))

    def _maybe_remove_batch_dim(self, funcname, *, vmap_level, batch_size, out_dim):
        remove = torch._C._functorch._remove_batch_dim
        parts = self.first, self.second
        return Pair(*(remove(part, vmap_level, batch_size, out_dim) for part in parts))


def test_values_that_map_themselves():
    pair = Pair(torch.rand(3, 2), torch.rand(3, 4))
    result = torch.vmap(lambda p, x: Pair(p.first * x, p.second.sum()))(pair, torch.arange(3.0))
    torch.testing.assert_close(result.first, pair.first * torch.arange(3.0)[:, None])
    torch.testing.assert_close(result.second, pair.second.sum(1))
    mixed = torch.vmap(lambda p: (p, p.first.sum()))(pair)
    assert mixed[0].first.shape == (3, 2) and mixed[1].shape == (3,)
    chunks = torch.vmap(lambda p: p.first.sum(), chunk_size=2)(pair)
    torch.testing.assert_close(chunks, pair.first.sum(1))


@pytest.mark.parametrize(
    "function", (torch.var, torch.std, torch.var_mean, torch.std_mean), ids=lambda f: f.__name__
)
@pytest.mark.parametrize("options", ({}, {"dim": -1}, {"dim": ()}, {"correction": 0}))
def test_moments_of_numbers(function, options):
    x = torch.tensor([1.0, 2.0, 3.0])
    want = function(x.unsqueeze(1), **{**options, "dim": 1})
    torch.testing.assert_close(
        torch.vmap(lambda x: function(x, **options))(x), want, equal_nan=True
    )
    grid = x.expand(2, 3)
    twice = torch.vmap(torch.vmap(lambda x: function(x, **options)))(grid)
    for got, wanted in zip(twice, want) if isinstance(want, tuple) else ((twice, want),):
        torch.testing.assert_close(got, wanted.expand(2, 3), equal_nan=True)
    taken = isinstance(want, tuple)
    of = (
        (lambda x: function(x, correction=0)[1]) if taken else (lambda x: function(x, correction=0))
    )
    torch.testing.assert_close(torch.vmap(func.grad(of))(x), torch.full((3,), float(taken)))


@pytest.mark.parametrize("beta", [0, 0.5, 1])
@pytest.mark.parametrize("mapped", [0, 1, 2])
@pytest.mark.parametrize(
    "name, shapes",
    [
        ("addmm", [(4, 3), (4, 8), (8, 3)]),
        ("addmv", [(4,), (4, 8), (8,)]),
        ("addr", [(4, 3), (4,), (3,)]),
        ("baddbmm", [(2, 4, 3), (2, 4, 8), (2, 8, 3)]),
        ("addbmm", [(4, 3), (2, 4, 8), (2, 8, 3)]),
    ],
)
def test_sums_with_a_product_of_which_one_part_is_mapped(name, shapes, mapped, beta):
    parts = [torch.randn(*shape) for shape in shapes]
    parts[mapped] = torch.randn(3, *shapes[mapped])

    def total(*parts):
        return getattr(torch, name)(*parts, beta=beta, alpha=2)

    in_dims = tuple(0 if i == mapped else None for i in range(3))
    got = func.vmap(total, in_dims)(*parts)
    want = [total(*parts[:mapped], part, *parts[mapped + 1 :]) for part in parts[mapped]]
    torch.testing.assert_close(got, torch.stack(want))


@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("rows", [0, 4])
@pytest.mark.parametrize("outputs", [0, 3])
@pytest.mark.parametrize("mapped", range(1, 8))
def test_linear_of_nothing(features, rows, outputs, mapped):
    shapes = [(rows, features), (outputs, features), (outputs,)]
    in_dims = tuple(0 if mapped >> i & 1 else None for i in range(3))
    given = [
        torch.randn(*(() if dim is None else (5,)), *shape) for shape, dim in zip(shapes, in_dims)
    ]
    got = func.vmap(torch.nn.functional.linear, in_dims)(*given)
    slices = [[t if d is None else t[i] for t, d in zip(given, in_dims)] for i in range(5)]
    want = torch.stack([torch.nn.functional.linear(*each) for each in slices])
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [0, -1, 2])
@pytest.mark.parametrize("mapped", [1, 2, 3])
def test_embedding_bag_with_padding(mode, padding, mapped):
    indices = torch.tensor([[[0, 1, 2], [3, 0, 0]], [[2, 2, 2], [5, 5, 4]], [[0, 0, 0], [1, 5, 2]]])
    weight = torch.randn(3, 6, 4)
    given = [indices if mapped & 1 else indices[0], weight if mapped & 2 else weight[0]]
    in_dims = [0 if mapped >> i & 1 else None for i in range(2)]

    def bags(indices, weight):
        return torch.nn.functional.embedding_bag(indices, weight, mode=mode, padding_idx=padding)

    def slope(indices, weight):
        return func.grad(lambda w: bags(indices, w).square().sum())(weight)

    for f in (bags, slope):
        got = func.vmap(f, tuple(in_dims))(*given)
        slices = [[t if d is None else t[i] for t, d in zip(given, in_dims)] for i in range(3)]
        torch.testing.assert_close(got, torch.stack([f(*each) for each in slices]))
