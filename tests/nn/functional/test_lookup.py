"""Rows of a table by index."""

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
