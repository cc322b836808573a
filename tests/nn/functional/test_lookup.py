"""Rows of a table by index."""

import flambeau


def test_max_norm_shortens_the_rows_of_padding_too():
    weight = flambeau.tensor([[3.0, 4.0], [6.0, 8.0], [0.3, 0.4]])
    got = flambeau.nn.functional.embedding_bag(
        flambeau.tensor([[0, 1]]), weight, max_norm=1.0, mode="sum", padding_idx=0
    )
    flambeau.testing.assert_close(got, flambeau.tensor([[0.6, 0.8]]))
    flambeau.testing.assert_close(weight.norm(dim=1), flambeau.tensor([1.0, 1.0, 0.5]))
