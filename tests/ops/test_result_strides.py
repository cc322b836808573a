"""The layout of results: the order of the operands' dimensions, without gaps, as in PyTorch."""

import itertools

import pytest

import flambeau as torch

X = {
    "dense": torch.zeros(2, 3, 4),
    "with gaps": torch.zeros(2, 3, 8)[:, :, ::2],
    "expanded": torch.zeros(3, 4).expand(2, 3, 4),
    "of one in two dims": torch.zeros(1, 1, 4, 12)[:, :, :, ::2],
}
OPERATORS = {
    "exp": lambda of, x, **out: of.exp(x, **out),
    "a row behind": lambda of, x, **out: of.add(x, of.zeros(x.size(-1)), **out),
    "a row in front": lambda of, x, **out: of.add(of.zeros(x.size(-1)), x, **out),
    "lerp": lambda of, x, **out: of.lerp(x, x, 0.5, **out),
}


def _orders():
    for name, x in X.items():
        for order in itertools.permutations(range(x.dim())):
            yield pytest.param(x.permute(order), id=f"{name} {order}")


@pytest.mark.parametrize("x", list(_orders()))
@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_as_pytorchs(operator, x):
    result, out = operator(torch, x), torch.empty(0)
    assert operator(torch, x, out=out).stride() == result.stride()
    oracle = pytest.importorskip("torch")
    same = oracle.zeros(200).as_strided(tuple(x.shape), x.stride())
    assert result.stride() == operator(oracle, same).stride()


def test_out_keeps_a_layout_that_fits():
    x, out = torch.rand(2, 3).t(), torch.empty(3, 2)
    assert torch.exp(x, out=out).stride() == (2, 1)
    assert torch.exp(x, out=torch.empty(0)).stride() == (1, 3)
    assert torch.cumsum(x, 0, out=torch.empty(0)).shape == (3, 2)


def test_clones_of_expanded_tensors_keep_the_order_of_dims():
    x = torch.zeros(3, 4).expand(2, 3, 4).permute(0, 2, 1)
    assert x.clone().stride() == torch.empty_like(x).stride() == (12, 1, 4)
    assert x.contiguous().stride() == (12, 3, 1)


LAYOUTS = {
    "contiguous": ((4, 6, 5), (30, 5, 1)),
    "transposed": ((4, 6, 5), (30, 1, 6)),
    "matrix transposed": ((6, 5), (1, 6)),
    "permuted": ((6, 4, 5), (1, 30, 6)),
    "gaps": ((4, 6, 5), (60, 10, 2)),
    "gaps transposed": ((4, 6, 5), (60, 1, 12)),
    "expanded": ((4, 6, 5), (0, 5, 1)),
    "expanded transposed": ((4, 6, 5), (0, 1, 6)),
    "channels last": ((2, 3, 4, 5), (60, 1, 15, 3)),
    "channels last of 3 dims": ((2, 3, 4, 5, 2), (120, 1, 30, 6, 3)),
    "vector with gaps": ((6,), (2,)),
}


def _along(of, x, dim=0):
    return of.arange(x.numel()).reshape(x.shape) % x.size(dim)


def _slices(of, x, dim=0):
    return of.arange(x.size(dim))


REDUCE = ("sum", "prod", "mean", "amax", "amin")
# What PyTorch lays out anew, with the last dim innermost.
ROW_MAJOR = {
    "masked_fill": lambda of, x: x.masked_fill(x > 0.5, 0.0),
    "masked_fill of a tensor": lambda of, x: x.masked_fill(x > 0.5, of.tensor(0.0)),
    "masked_fill of ints": lambda of, x: x.long().masked_fill(x > 0.5, 1),
    "masked_fill, small mask": lambda of, x: x.masked_fill(x[..., :1] > 0.5, 0.0),
    "masked_fill, large mask": lambda of, x: x.masked_fill(of.ones(2, *x.shape) > 0, 0.0),
    "masked_fill, small input": lambda of, x: x.select(0, 0).masked_fill(x > 0.5, 0.0),
    "tril": lambda of, x: x.tril(),
    "triu": lambda of, x: x.triu(1),
    "scatter": lambda of, x: x.scatter(0, _along(of, x), x),
    "scatter, last dim": lambda of, x: x.scatter(-1, _along(of, x, -1), x),
    "scatter of a number": lambda of, x: x.scatter(0, _along(of, x), 2.0),
    "scatter, reduce": lambda of, x: x.scatter(0, _along(of, x), 2.0, reduce="add"),
    "scatter_add": lambda of, x: x.scatter_add(0, _along(of, x), x),
    "scatter_add of nothing": lambda of, x: x.scatter_add(0, _along(of, x).narrow(0, 0, 0), x),
    "index_add": lambda of, x: x.index_add(0, _slices(of, x), x),
    "index_add, last dim": lambda of, x: x.index_add(-1, _slices(of, x, -1), x),
    "index_copy": lambda of, x: x.index_copy(0, _slices(of, x), x),
    "masked_scatter": lambda of, x: x.masked_scatter(x > 0.5, x),
    "masked_scatter, small mask": lambda of, x: x.masked_scatter(x[..., :1] > 0.5, x),
    "repeat once": lambda of, x: x.repeat((1,) * x.dim()),
    "repeat once, more dims": lambda of, x: x.repeat((1,) * (x.dim() + 1)),
    "repeat": lambda of, x: x.repeat((2,) * x.dim()),
    "tile once": lambda of, x: x.tile((1,)),
    "rot90 by 360 degrees": lambda of, x: x.rot90(4),
    "renorm": lambda of, x: x.renorm(2, 0, 1.0),
    "bernoulli": lambda of, x: of.bernoulli(x),
    "bernoulli of a number": lambda of, x: of.bernoulli(x, 0.5),
    "rrelu": lambda of, x: of.nn.functional.rrelu(x),
    "rrelu, training": lambda of, x: of.nn.functional.rrelu(x, training=True),
    "logsigmoid": lambda of, x: of.nn.functional.logsigmoid(x),
    "power of a number": lambda of, x: 2**x,
    "power of a number, function": lambda of, x: of.pow(2.5, x),
    **{
        f"scatter_reduce {reduce} {also_self}": lambda of, x, r=reduce, i=also_self: (
            x.scatter_reduce(0, _along(of, x), x, r, include_self=i)
        )
        for reduce in REDUCE
        for also_self in (True, False)
    },
    **{
        f"index_reduce {reduce} {also_self}": lambda of, x, r=reduce, i=also_self: x.index_reduce(
            0, _slices(of, x), x, r, include_self=i
        )
        for reduce in REDUCE[1:]
        for also_self in (True, False)
    },
}
KEPT = {
    "pow": lambda of, x: x**2.5,
    "power of a tensor": lambda of, x: x**x,
    "sort": lambda of, x: x.sort(0),
    "sort, last dim": lambda of, x: x.sort(-1, descending=True),
    "argsort": lambda of, x: x.argsort(0),
    "msort": lambda of, x: x.msort(),
    "topk": lambda of, x: x.topk(2, 0),
    "batch_norm": lambda of, x: of.nn.functional.batch_norm(x, None, None, training=True),
    "batch_norm, eval": lambda of, x: of.nn.functional.batch_norm(
        x, of.zeros(x.size(1)), of.ones(x.size(1))
    ),
    "instance_norm": lambda of, x: of.nn.functional.instance_norm(x),
    "group_norm": lambda of, x: of.nn.functional.group_norm(x, 1),
    "layer_norm": lambda of, x: of.nn.functional.layer_norm(x, x.shape[-1:]),
    "index_fill": lambda of, x: x.index_fill(0, of.arange(1), 2.0),
    "index_fill, last dim": lambda of, x: x.index_fill(-1, of.arange(1), 2.0),
    "index_put": lambda of, x: x.index_put((of.arange(1),), of.tensor(1.0)),
    "put": lambda of, x: x.put(of.arange(2), of.ones(2)),
    "cumsum": lambda of, x: x.cumsum(0),
    "softmax": lambda of, x: x.softmax(0),
    "dropout": lambda of, x: of.dropout(x, 0.5, True),
    "leaky_relu": lambda of, x: of.nn.functional.leaky_relu(x, 0.2),
    "where": lambda of, x: of.where(x > 0.5, x, 0.0),
    "clone": lambda of, x: x.clone(),
    "double": lambda of, x: x.double(),
    "rand_like": lambda of, x: of.rand_like(x),
    "poisson": lambda of, x: of.poisson(x),
    "roll": lambda of, x: x.roll(1, 0),
    "flip": lambda of, x: x.flip(0),
    "sum": lambda of, x: x.sum(-1, keepdim=True),
    "diff": lambda of, x: x.diff(),
    "cat": lambda of, x: of.cat([x, x]),
}


OF_LAYOUTS = {**ROW_MAJOR, **KEPT}
LEAST_DIMS = {
    **dict.fromkeys(("tril", "triu", "renorm", "rot90 by 360 degrees"), 2),
    **dict.fromkeys(("batch_norm", "batch_norm, eval", "group_norm"), 2),
    "instance_norm": 3,
}


def _laid_out(of, shape, strides, **options):
    return ((of.arange(9000) * 7 % 11) / 11).to(**options).as_strided(shape, strides)


def _results(operator, of, x):
    found = operator(of, x)
    return found if isinstance(found, tuple) else (found,)


def _strides(results):
    return [(tuple(t.shape), t.stride()) for t in results]


def _wanted(operator, shape, strides, least=1):
    oracle = pytest.importorskip("torch")
    if len(shape) < least:
        pytest.skip("of more dims")
    return _strides(_results(operator, oracle, _laid_out(oracle, shape, strides)))


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", OF_LAYOUTS)
def test_of_operators_and_layouts(name, layout):
    operator = OF_LAYOUTS[name]
    wanted = _wanted(operator, *layout, LEAST_DIMS.get(name, 1))
    x = _laid_out(torch, *layout)
    assert _strides(_results(operator, torch, x)) == wanted
    recorded = _laid_out(torch, *layout).detach().requires_grad_()
    assert _strides(_results(operator, torch, recorded)) == wanted


def _meta(operator):
    """The operator where all that it makes lies on the meta device."""

    def of_meta(of, x):
        with of.device("meta"):
            return operator(of, x)

    return of_meta


# What looks at values, or chooses by them.
UNKNOWN_ON_META = ("bernoulli",)


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", [n for n in ROW_MAJOR if n not in UNKNOWN_ON_META])
def test_on_the_meta_device(name, layout):
    operator = ROW_MAJOR[name]
    wanted = _wanted(operator, *layout, LEAST_DIMS.get(name, 1))
    x = torch.empty_strided(*layout, device="meta")
    assert _strides(_results(_meta(operator), torch, x)) == wanted


COMPILED = {
    "masked_fill between": lambda of, x: (x * 2).masked_fill(x > 0.5, 0.0).sqrt() + 1,
    "beside another": lambda of, x: (x.exp() + 1, of.nn.functional.logsigmoid(x) * 2),
    "a minimum with what lies across": lambda of, x: (
        of.nn.functional.leaky_relu(x[:1], 0.2),
        of.minimum(of.nn.functional.leaky_relu(x[:1].expand(x.shape)).sqrt(), x),
    ),
    "tril": lambda of, x: (x + 1).tril() * 2,
    "repeat": lambda of, x: (x + 1).repeat((1,) * x.dim()) * 2,
}


@pytest.mark.parametrize("layout", list(LAYOUTS.values())[:-1], ids=list(LAYOUTS)[:-1])
@pytest.mark.parametrize("operator", COMPILED.values(), ids=COMPILED)
def test_of_compiled_functions(operator, layout):
    compiled = torch.compile(lambda x: operator(torch, x))
    wanted = _wanted(operator, *layout)
    x = _laid_out(torch, *layout)
    for _ in range(3):
        found = compiled(x)
        assert _strides(found if isinstance(found, tuple) else (found,)) == wanted
    for result, eager in zip(
        _results(operator, torch, x), _results(lambda _, x: compiled(x), torch, x)
    ):
        assert torch.equal(result, eager) or result.isnan().any()


def test_out_and_self_keep_their_layout():
    x, out = torch.rand(5, 6).t(), torch.empty(5, 6).t()
    assert x.masked_fill_(x > 0.5, 0.0).stride() == (1, 6)
    assert torch.tril(x, out=out).stride() == (1, 6)
    index = torch.arange(6)
    assert torch.index_add(x, 0, index, x, out=out).stride() == (1, 6)
    assert x.index_add_(0, index, x.clone()).stride() == (1, 6)
    assert torch.nn.functional.rrelu(x, inplace=True).stride() == (1, 6)
