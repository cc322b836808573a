"""nn.summary: shapes, parameters, operations, memory for backward."""

import pytest

import flambeau as torch
from flambeau import nn


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Sequential(nn.Linear(4 * 36, 10), nn.Tanh())
    )


def test_rows_tell_shapes_parameters_and_operations():
    result = nn.summary(network(), (2, 1, 8, 8))
    names = [(row.depth, row.name, row.kind) for row in result.rows]
    assert names == [
        (0, "", "Sequential"),
        (1, "0", "Conv2d"),
        (1, "1", "ReLU"),
        (1, "2", "Flatten"),
        (1, "3", "Sequential"),
        (2, "0", "Linear"),
        (2, "1", "Tanh"),
    ]
    assert [row.shapes for row in result.rows[:3]] == [[(2, 10)], [(2, 4, 6, 6)], [(2, 4, 6, 6)]]
    conv, linear = 2 * 2 * 36 * 36, 2 * 2 * 144 * 10
    assert [row.flops for row in result.rows] == [conv + linear, conv, 0, 0, linear, linear, 0]
    assert result.total_parameters == 40 + 1450 and result.rows[5].parameters == 1450
    # the input, the relu's result (which flatten shares) and the tanh's, in bytes
    assert result.kept_bytes == 4 * (2 * 64 + 2 * 144 + 2 * 10)
    assert result.parameter_bytes == 4 * 1490


def test_the_table_and_its_depth():
    model = network()
    model[0].requires_grad_(False)
    text = str(nn.summary(model, torch.ones(2, 1, 8, 8), depth=1))
    lines = text.splitlines()
    assert lines[0].split() == ["module", "output", "parameters", "FLOPs", "kept", "time"]
    assert len(lines) == 2 + 5 + 2 and "3: Sequential" in text and "Linear" not in text
    assert lines[-1].startswith("1,490 parameters (40 frozen), 5.82 KiB; ")
    html = nn.summary(model, (2, 1, 8, 8))._repr_html_()
    assert html.count("<tr>") == 8 and "2x4x6x6" in html


def test_arguments_of_all_kinds():
    class Sum(nn.Module):
        def forward(self, x, y=0):
            return x + y, [x]

    one = torch.ones(3)
    for arguments in ((one, one), {"x": one, "y": one}, [one]):
        assert nn.summary(Sum(), arguments).rows[0].shapes == [(3,), (3,)]


def test_on_the_meta_device_it_is_the_same():
    result, meta = (
        nn.summary(network(), (2, 1, 8, 8)),
        nn.summary(network().to("meta"), (2, 1, 8, 8)),
    )
    for row, other in zip(result.rows, meta.rows, strict=True):
        assert (row.shapes, row.flops, row.kept_bytes) == (
            other.shapes,
            other.flops,
            other.kept_bytes,
        )
    enormous = nn.Linear(10**6, 10**6, device="meta")
    assert nn.summary(enormous, (4, 10**6)).flops == 8 * 10**12


def test_the_model_stays_as_it_was():
    model = network().eval()
    nn.summary(model, (2, 1, 8, 8))
    assert not model.training and not model._forward_hooks and model[0].weight.grad is None


@pytest.mark.parametrize(
    ("call", "flops"),
    [
        (lambda: torch.ones(2, 3) @ torch.ones(3, 4), 2 * 2 * 3 * 4),
        (lambda: torch.ones(5, 2, 3) @ torch.ones(3), 5 * 2 * 2 * 3),
        (lambda: torch.ones(3) @ torch.ones(3), 2 * 3),
        (lambda: torch.bmm(torch.ones(5, 2, 3), torch.ones(5, 3, 4)), 5 * 48),
        (lambda: torch.addmm(torch.ones(4), torch.ones(2, 3), torch.ones(3, 4)), 48),
        (lambda: torch.einsum("bij,bjk->bik", torch.ones(5, 2, 3), torch.ones(5, 3, 4)), 5 * 48),
        (lambda: torch.einsum("...i,i->...", torch.ones(5, 2, 3), torch.ones(3)), 2 * 30),
        (lambda: torch.nn.functional.conv1d(torch.ones(3, 8), torch.ones(4, 3, 3)), 2 * 6 * 36),
        (
            lambda: torch.nn.functional.conv_transpose2d(
                torch.ones(1, 3, 4, 4), torch.ones(3, 2, 2, 2)
            ),
            2 * 16 * 24,
        ),
        (
            lambda: torch.nn.functional.bilinear(
                torch.ones(5, 2), torch.ones(5, 3), torch.ones(4, 2, 3)
            ),
            2 * 5 * 24,
        ),
        (
            lambda: torch.nn.functional.scaled_dot_product_attention(*[torch.ones(2, 4, 6, 8)] * 3),
            4 * 8 * 36 * 8,
        ),
    ],
)
def test_formulas(call, flops):
    class Module(nn.Module):
        def forward(self):
            return call()

    assert nn.summary(Module(), {}).flops == flops
