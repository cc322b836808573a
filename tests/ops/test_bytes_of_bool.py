"""Bytes of a bool tensor that are neither 0 nor 1, as other libraries' memory has them, are true."""

import numpy as np
import pytest

import flambeau as torch

F = torch.nn.functional
WORD = [0, 255, 2, 1, 0, 4, 128]


def masks(n, layout):
    """The same truths in odd bytes and in clean ones."""
    odd = torch.tensor([WORD[i % 7] for i in range(n)], dtype=torch.uint8)
    pair = []
    for values in (odd, (odd != 0).to(torch.uint8)):
        if layout == "strided":
            wide = torch.zeros(n, 3, dtype=torch.uint8)
            wide[:, 1] = values
            values = wide[:, 1]
        pair.append(values.view(torch.bool))
    return pair


def numbers(x):
    return torch.arange(x.numel()).float()


def attended(x, dtype):
    n = x.numel()
    rows = torch.arange(8 * n).view(1, n, 8).to(dtype) / (8 * n)
    query = torch.ones(1, 2, 8, dtype=dtype)
    return F.scaled_dot_product_attention(query, rows, rows, x.expand(2, n))


CALLS = {
    "item": lambda x: torch.tensor([v.item() for v in x[:7]]),
    "int": lambda x: torch.tensor([int(v) for v in x[:7]]),
    "tolist": lambda x: torch.tensor([int(v) for v in x.tolist()]),
    "select": lambda x: numbers(x).masked_select(x),
    "select_bytes": lambda x: x.masked_select(x).int(),
    "getitem": lambda x: numbers(x)[x],
    "getitem_rows": lambda x: torch.arange(2 * x.numel()).view(-1, 2)[x],
    "setitem": lambda x: numbers(x).index_put_((x,), torch.tensor(-5.0)),
    "nonzero": lambda x: x.nonzero(),
    "nonzero_rows": lambda x: (
        x.view(1, -1).nonzero() if x.is_contiguous() else x[:, None].nonzero()
    ),
    "count_nonzero": lambda x: x.count_nonzero(),
    "masked_scatter": lambda x: numbers(x).masked_scatter(x, 100 + numbers(x)),
    "masked_scatter_double": lambda x: numbers(x).double().masked_scatter(x, -numbers(x).double()),
    "masked_fill": lambda x: numbers(x).masked_fill(x, -1),
    "where": lambda x: torch.where(x, numbers(x), -numbers(x)),
    "cumsum": lambda x: x.cumsum(0),
    "cumprod": lambda x: x.flip(0).cumprod(0),
    "cummax": lambda x: x.cummax(0)[1],
    "cummin": lambda x: x.cummin(0)[1],
    "sum": lambda x: x.sum(),
    "prod": lambda x: x.prod(),
    "any": lambda x: x.any(0),
    "all": lambda x: x[1:4].all(0),
    "max": lambda x: x.max().int(),
    "amin": lambda x: x.amin(0).int(),
    "sort": lambda x: x.sort(stable=True)[1],
    "sort_down": lambda x: x.sort(stable=True, descending=True)[1],
    "argsort": lambda x: x.argsort(stable=True),
    "unique": lambda x: torch.unique(x, return_inverse=True, return_counts=True)[1:],
    "unique_consecutive": lambda x: torch.unique_consecutive(x, return_counts=True),
    "unique_rows": lambda x: torch.unique(x.reshape(-1, 1), dim=0, return_counts=True),
    "searchsorted": lambda x: torch.searchsorted(torch.tensor([0, 1]), x.int()),
    "equal": lambda x: torch.tensor(torch.equal(x, x != False)),  # noqa: E712
    "compare": lambda x: (x == True, x <= (x != False)),  # noqa: E712
    "logic": lambda x: (~x, x & True, x | False, x ^ True, x.logical_xor(x != False)),  # noqa: E712
    "logic_in_place": lambda x: (x.clone().logical_not_(), x.clone().logical_and_(x)),
    "maximum": lambda x: torch.maximum(x, x.flip(0)).int(),
    "casts": lambda x: [x.to(t) for t in (torch.int8, torch.int64, torch.half, torch.double)],
    "cast_expanded": lambda x: x[1].expand(5).float(),
    "cast_copy": lambda x: torch.zeros(x.numel(), dtype=torch.int32).copy_(x),
    "cat": lambda x: torch.cat([x, numbers(x)]),
    "index_add": lambda x: torch.zeros(3, dtype=torch.bool).index_add(0, index(x), x).int(),
    "scatter_add": lambda x: torch.zeros(3, dtype=torch.bool).scatter_add(0, index(x), x).int(),
    "scatter_max": lambda x: x.new_zeros(3).scatter_reduce(0, index(x), x, "amax").int(),
    "scatter_min": lambda x: x.new_ones(3).scatter_reduce(0, index(x), x, "amin").int(),
    "gather": lambda x: x.gather(0, index(x)).int(),
    "take": lambda x: x.take(index(x)).int(),
    "pad": lambda x: F.pad(x, (1, 1), value=True).int(),
    "attention": lambda x: attended(x, torch.float32),
    "attention_double": lambda x: attended(x, torch.float64),
    "attention_bfloat16": lambda x: attended(x, torch.bfloat16),
    "repr": lambda x: torch.tensor([ord(c) for c in repr(x)]),
    "numpy": lambda x: torch.from_numpy(x.numpy().astype(np.int64)),
}


def index(x):
    return torch.arange(x.numel()) % 3


@pytest.mark.parametrize("layout", ["contiguous", "strided"])
@pytest.mark.parametrize("n", [3, 70, 1025])
@pytest.mark.parametrize("name", CALLS)
def test_any_byte_but_0_is_true(name, n, layout):
    results = []
    for x in masks(n, layout):
        result = CALLS[name](x)
        results.append(list(result) if isinstance(result, (tuple, list)) else [result])
    odd, clean = ([r.tolist() for r in result] for result in results)
    assert odd == clean


def test_masks_of_numpy_may_have_any_bytes():
    mask = torch.from_numpy(np.array([0, 255, 2, 1], np.uint8).view(bool))
    assert torch.arange(4)[mask].tolist() == [1, 2, 3]
    assert mask.cumsum(0).tolist() == [0, 1, 2, 3]
