"""out= of operators with several results."""

import pytest

import flambeau as torch


@pytest.mark.parametrize(
    "call",
    [
        lambda out: torch.max(torch.ones(3), 0, out=out),
        lambda out: torch.sort(torch.ones(3), out=out),
        lambda out: torch.linalg.qr(torch.eye(3), out=out),
        lambda out: torch.split_copy(torch.ones(4), 2, out=out),
    ],
)
def test_anything_but_as_many_tensors_is_refused(call):
    for out in (torch.ones(2), (torch.ones(3),), [torch.ones(3)] * 3, (1, 2)):
        with pytest.raises(TypeError, match="out"):
            call(out)


def test_histograms_of_no_bins():
    for call in (torch.histogram, lambda x, bins: torch.histogramdd(x[:, None], bins=[bins])):
        for bins in (0, -1):
            with pytest.raises(RuntimeError, match="1 or more"):
                call(torch.ones(3), bins)


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_along_a_dim_go_into_a_pair(name):
    x = torch.arange(6.0).view(2, 3)
    out = torch.empty(0), torch.empty(0, dtype=torch.int64)
    result = getattr(torch, name)(x, 1, out=out)
    assert result[0] is out[0] and result[1] is out[1]
    assert torch.equal(out[0], getattr(x, name)(1).values)
