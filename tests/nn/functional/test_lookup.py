"""Rows of a table by index."""

import numpy
import pytest

import flambeau


def test_max_norm_shortens_the_rows_of_padding_too():
    weight = flambeau.tensor([[3.0, 4.0], [6.0, 8.0], [0.3, 0.4]])
    got = flambeau.nn.functional.embedding_bag(
        flambeau.tensor([[0, 1]]), weight, max_norm=1.0, mode="sum", padding_idx=0
    )
    flambeau.testing.assert_close(got, flambeau.tensor([[0.6, 0.8]]))
    flambeau.testing.assert_close(weight.norm(dim=1), flambeau.tensor([1.0, 1.0, 0.5]))


@pytest.mark.parametrize(
    ("dtype", "offsets_dtype"),
    [(flambeau.float32, flambeau.int64), (flambeau.int64, flambeau.float32)],
)
def test_bags_of_numbers_that_are_no_indices(dtype, offsets_dtype):
    with pytest.raises(RuntimeError, match="it must be int64 or int32"):
        flambeau.nn.functional.embedding_bag(
            flambeau.ones(2, dtype=dtype),
            flambeau.ones(4, 5),
            flambeau.zeros(1, dtype=offsets_dtype),
        )


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 64, 100, 132])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_every_width(width, mode):
    random = numpy.random.default_rng(width)
    weight = flambeau.from_numpy(random.standard_normal((50, width)).astype("float32"))
    index = flambeau.from_numpy(random.integers(0, 50, (300, 9)))
    got = flambeau.nn.functional.embedding_bag(index, weight, mode=mode)
    rows = weight.numpy()[index.numpy()]
    expected = {"sum": rows.sum(1), "mean": rows.mean(1), "max": rows.max(1)}[mode]
    numpy.testing.assert_allclose(got.numpy(), expected, rtol=1e-5, atol=1e-5)
    offsets = flambeau.tensor([0, 0, 5, 2700])
    cut = flambeau.nn.functional.embedding_bag(index.reshape(-1), weight, offsets, mode=mode)
    assert cut[0].tolist() == cut[3].tolist() == [0] * width


def test_the_largest_of_a_bag_has_its_gradient_once():
    weight = flambeau.tensor([[1.0, 5.0], [2.0, 4.0]], requires_grad=True)
    index = flambeau.tensor([[0, 1, 1], [0, 0, 0]])
    flambeau.nn.functional.embedding_bag(index, weight, mode="max").sum().backward()
    assert weight.grad.tolist() == [[1, 2], [1, 0]]


@pytest.mark.parametrize("padding_idx", [None, 1])
def test_of_equal_largest_the_first_has_the_gradient(padding_idx):
    weight = flambeau.tensor([[1.0, 2.0], [1.0, 3.0], [0.0, 3.0]], requires_grad=True)
    indices, offsets = (
        flambeau.tensor([0, 1, 2, 1]),
        flambeau.tensor([0, 3, 4]),
    )  # the last one is empty
    options = {"mode": "max", "padding_idx": padding_idx}
    result = flambeau.nn.functional.embedding_bag(indices, weight, offsets, **options)
    result.sum().backward()
    with flambeau.no_grad():
        assert flambeau.equal(
            result, flambeau.nn.functional.embedding_bag(indices, weight, offsets, **options)
        )
    expected = [[1, 0], [1, 2], [0, 0]] if padding_idx is None else [[1, 0], [0, 0], [0, 1]]
    assert weight.grad.tolist() == expected


def test_a_largest_of_bags_is_nan_where_one_is():
    weight = flambeau.tensor([[1.0], [float("nan")]], requires_grad=True)
    result = flambeau.nn.functional.embedding_bag(
        flambeau.tensor([0, 1, 0]), weight, flambeau.tensor([0, 2]), mode="max"
    )
    result.sum().backward()
    assert result.isnan().tolist() == [[True], [False]] and weight.grad.tolist() == [[1], [1]]


@pytest.mark.parametrize("dtype", [flambeau.bfloat16, flambeau.float16])
@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags_of_halves_are_summed_in_float32(dtype, mode):
    for width in (0, 1, 9, 250, 600):
        weight = flambeau.randn(40, width).to(dtype).requires_grad_()
        index = flambeau.randint(0, 40, (30,))
        for given in ((index, flambeau.tensor([0, 0, 3, 7, 7, 29, 30])), (index.view(5, 6), None)):
            got = flambeau.nn.functional.embedding_bag(given[0], weight, given[1], mode=mode)
            wide = weight.detach().float().requires_grad_()
            expected = flambeau.nn.functional.embedding_bag(given[0], wide, given[1], mode=mode)
            assert got.equal(expected.to(dtype))
            got.sum().backward()
            expected.sum().backward()
            flambeau.testing.assert_close(weight.grad, wide.grad.to(dtype))
            weight.grad = None
    with pytest.raises(IndexError):
        flambeau.nn.functional.embedding_bag(
            flambeau.tensor([[0, 40]]), flambeau.zeros(40, 3, dtype=dtype), mode=mode
        )


def test_sparse_gradients_of_bags_are_the_dense_ones():
    flambeau.manual_seed(0)
    words = flambeau.randint(0, 20, (12,))
    for mode in ("sum", "mean"):
        for given, offsets in ((words.view(4, 3), None), (words, flambeau.tensor([0, 3, 3, 10]))):
            weight = flambeau.randn(20, 5, requires_grad=True)
            results = []
            for sparse in (False, True):
                weight.grad = None
                out = flambeau.nn.functional.embedding_bag(
                    given, weight, offsets, mode=mode, sparse=sparse
                )
                (out * flambeau.arange(20.0).view(4, 5)).sum().backward()
                assert weight.grad.is_sparse is sparse
                results.append((out, weight.grad.to_dense()))
            for dense, found in zip(*results):
                flambeau.testing.assert_close(found, dense)
