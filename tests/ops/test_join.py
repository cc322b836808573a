"""Several tensors into one, or brought to one shape."""

import itertools

import numpy
import pytest

import flambeau


def test_broadcasting(random):
    assert flambeau.broadcast_shapes((2, 1), (3,), (1, 1, 1)) == (1, 2, 3)
    assert flambeau.broadcast_shapes() == ()
    with pytest.raises(RuntimeError):
        flambeau.broadcast_shapes((2,), (3,))
    a, b = flambeau.broadcast_tensors(random(2, 1), random(3))
    assert a.shape == b.shape == (2, 3)
    assert a.stride() == (1, 0)
    assert flambeau.broadcast_to(random(3), (2, 3)).shape == (2, 3)


def test_atleast():
    x = flambeau.arange(3)
    assert flambeau.atleast_1d(flambeau.tensor(1)).shape == (1,)
    assert flambeau.atleast_2d(x).shape == (1, 3)
    assert flambeau.atleast_3d(x).shape == (1, 3, 1)
    assert [t.shape for t in flambeau.atleast_2d(x, flambeau.tensor(1))] == [(1, 3), (1, 1)]
    assert isinstance(flambeau.atleast_1d([x, x]), tuple)


@pytest.mark.parametrize("name", ["hstack", "vstack", "dstack", "column_stack"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
def test_stacks(agrees, random, name, shape):
    a, b = random(*shape), random(*shape)
    agrees(getattr(flambeau, name)([a, b]), getattr(numpy, name)([a.numpy(), b.numpy()]))


def test_block_diag(agrees, random):
    import scipy.linalg

    blocks = [random(2, 3), random(1, 1), random(3)]
    agrees(
        flambeau.block_diag(*blocks), scipy.linalg.block_diag(*[block.numpy() for block in blocks])
    )
    assert flambeau.block_diag().shape == (1, 0)


@pytest.mark.parametrize("indexing", ["ij", "xy"])
def test_meshgrid(agrees, random, indexing):
    vectors = [random(2), random(3), random(4)]
    expected = numpy.meshgrid(*[v.numpy() for v in vectors], indexing=indexing)
    agrees(flambeau.meshgrid(*vectors, indexing=indexing), list(expected))
    agrees(flambeau.meshgrid(vectors, indexing=indexing), list(expected))


def test_products_and_combinations(agrees):
    a, b = flambeau.tensor([1, 2, 3]), flambeau.tensor([4, 5])
    agrees(flambeau.cartesian_prod(a, b), numpy.array(list(itertools.product([1, 2, 3], [4, 5]))))
    agrees(flambeau.cartesian_prod(a), numpy.array([1, 2, 3]))
    agrees(flambeau.combinations(a), numpy.array(list(itertools.combinations([1, 2, 3], 2))))
    pairs = list(itertools.combinations_with_replacement([1, 2, 3], 2))
    agrees(flambeau.combinations(a, with_replacement=True), numpy.array(pairs))
    assert flambeau.combinations(a, r=4).shape == (0, 4)


@pytest.mark.parametrize("operator, shape", [(flambeau.stack, (3, 3, 4)), (flambeau.cat, (9, 4))])
def test_parts_are_written_into_out_whatever_its_layout(operator, shape):
    parts = [flambeau.rand(3, 4) for _ in range(3)]
    expected = operator(parts)
    backwards = flambeau.empty(shape[::-1]).permute(*range(len(shape) - 1, -1, -1))
    for out in (
        flambeau.empty(shape),
        backwards,
        flambeau.empty(0),
        flambeau.empty(shape, dtype=flambeau.float64),
    ):
        version = out._version
        assert operator(parts, out=out) is out
        assert flambeau.equal(out.float(), expected) and out._version > version
    with pytest.raises(RuntimeError, match="out requires grad"):
        operator(parts, out=flambeau.empty(shape).requires_grad_())
    parts[1].requires_grad_()
    for out in (flambeau.zeros(shape), flambeau.empty(0)):
        with pytest.raises(RuntimeError, match="an input requires grad"):
            operator(parts, out=out)
        assert not out.any()


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 40)])
@pytest.mark.parametrize("name", ["cat", "stack"])
def test_out_in_the_middle_of_its_memory(name, shape):
    # Both wrote to the beginning of the memory that out= is a part of.
    parts = [flambeau.full(shape, float(i + 1)) for i in range(3)]
    want = getattr(flambeau, name)(parts)
    memory = flambeau.zeros(want.numel() + 7)
    out = memory[5:-2].view(want.shape)
    assert getattr(flambeau, name)(parts, out=out) is out
    assert flambeau.equal(out, want)
    assert memory[:5].abs().sum() == 0 and memory[-2:].abs().sum() == 0


def test_rows_larger_than_the_caches_are_joined_and_rolled():
    array = numpy.random.default_rng(0).integers(0, 255, (90_000, 83), dtype=numpy.uint8)
    x = flambeau.from_numpy(array)
    twice = numpy.concatenate((array, array), 1)
    pieces = numpy.concatenate((array[:, 5:], array[:, :3], array[:, :80]), 1)
    rolled = [(shift, dim, numpy.roll(twice, shift, dim)) for shift, dim in ((7, 1), (1001, 0))]
    before = flambeau.get_num_threads()
    try:
        for threads in (1, 2, 3, 16):
            flambeau.set_num_threads(threads)
            got = flambeau.cat((x, x), 1)
            assert (got.numpy() == twice).all()
            assert (flambeau.cat((x[:, 5:], x[:, :3], x[:, :80]), 1).numpy() == pieces).all()
            for shift, dim, want in rolled:
                assert (got.roll(shift, dim).numpy() == want).all()
            long = flambeau.zeros(got.numel() + 99, dtype=flambeau.uint8)
            part = long[37:-62].copy_(got.view(-1))
            assert (part.clone().numpy() == twice.ravel()).all()
            assert not long[:37].any() and not long[-62:].any()
    finally:
        flambeau.set_num_threads(before)


@pytest.mark.parametrize("dtype", (bool, numpy.uint8, numpy.int16, numpy.float32, numpy.complex128))
@pytest.mark.parametrize("count", (1, 2, 3, 4, 5, 33))
def test_items_are_stacked_side_by_side(dtype, count):
    whole = numpy.random.default_rng(0).integers(0, 255, (70, 41, 2 * count)).astype(dtype)
    x = flambeau.from_numpy(whole)
    for parts, arrays in (
        ([x[..., i].contiguous() for i in range(count)], whole[..., :count]),
        ([x[..., 2 * i] for i in range(count)], whole[..., ::2]),
    ):
        arrays = [arrays[..., i] for i in range(count)]
        for dim in (0, 1, 2, -1):
            assert (flambeau.stack(parts, dim).numpy() == numpy.stack(arrays, dim)).all()
        columns = [part.reshape(-1, 1) for part in parts]
        want = numpy.concatenate([a.reshape(-1, 1) for a in arrays], 1)
        assert (flambeau.cat(columns, 1).numpy() == want).all()


def test_pairs_of_many():
    for n in (0, 1, 2, 65, 257):
        x = numpy.arange(n)
        for again in (False, True):
            choose = itertools.combinations_with_replacement if again else itertools.combinations
            want = numpy.array(list(choose(x, 2)), dtype=x.dtype).reshape(-1, 2)
            got = flambeau.combinations(flambeau.from_numpy(x), 2, again)
            assert got.shape == want.shape and (got.numpy() == want).all()


@pytest.mark.parametrize("kept", list(itertools.product((False, True), repeat=3)))
@pytest.mark.parametrize("count", (1, 2, 3))
def test_expanded_parts_repeat_their_rows(kept, count):
    sizes = [n if keep else 1 for n, keep in zip((3, 4, 5), kept, strict=True)]
    arrays = [
        numpy.broadcast_to(
            numpy.arange(i, i + numpy.prod(sizes)).reshape(sizes).astype("float32"), (3, 4, 5)
        )
        for i in range(count)
    ]
    parts = [flambeau.tensor(a[tuple(slice(n) for n in sizes)]).expand(3, 4, 5) for a in arrays]
    for dim in range(4):
        assert (flambeau.stack(parts, dim).numpy() == numpy.stack(arrays, dim)).all()
        wide = [a[..., None] for a in arrays]
        joined = flambeau.cat([part.unsqueeze(-1) for part in parts], dim)
        assert (joined.numpy() == numpy.concatenate(wide, dim)).all()
    for dim in range(3):
        assert (flambeau.cat(parts, dim).numpy() == numpy.concatenate(arrays, dim)).all()


@pytest.mark.parametrize("sizes", [(2, 4, 3, 5), (3, 2, 6, 1), (2, 3, 2, 4, 5)], ids=str)
def test_stack_of_channels_last_lies_as_what_cat_joins(sizes):
    last = flambeau.channels_last if len(sizes) == 4 else flambeau.channels_last_3d
    parts = [flambeau.randn(*sizes).contiguous(memory_format=last) for _ in range(3)]
    for dim in range(len(sizes) + 1):
        leaves = [t.clone().requires_grad_() for t in parts]
        found = flambeau.stack(leaves, dim)
        assert flambeau.equal(found, flambeau.stack([t.contiguous() for t in parts], dim))
        if dim < len(sizes):
            like = flambeau.cat(parts, dim).unflatten(dim, (3, sizes[dim]))
            assert found.stride() == like.stride()
        weights = flambeau.randn(found.shape)
        (found * weights).sum().backward()
        for leaf, expected in zip(leaves, weights.unbind(dim), strict=True):
            assert flambeau.equal(leaf.grad, expected)
    mixed = flambeau.stack([parts[0], parts[1].contiguous()], 1)
    assert mixed.is_contiguous()
