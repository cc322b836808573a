"""Bytes of a bool tensor that are neither 0 nor 1, as other libraries' memory has them, are true."""

import importlib

import numpy as np
import pytest

import flambeau as torch
from tests.at_level import at_lower_levels, run_at_level

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


def operators():
    """Public operators by name; those that draw, or leave their results' bytes as they were, have nothing to compare."""
    found = {}
    for space in ("", ".nn.functional", ".linalg", ".special", ".sparse", ".masked"):
        module = importlib.import_module(f"flambeau{space}")
        for name in dir(module):
            operator = getattr(module, name)
            if isinstance(operator, torch._core.Operator):
                if not name.startswith(("_", "set_", "empty", "manual_seed", "seed")):
                    found.setdefault(f"{space}.{name}", operator)
    return found


OPERATORS = operators()


def shown(result):
    """What a result holds, as text: NaN equals NaN, and any true bool another."""
    if isinstance(result, (tuple, list)):
        return [shown(r) for r in result]
    if not isinstance(result, torch.Tensor):
        return repr(result)
    result = result.to_dense() if result.layout != torch.strided else result
    return repr((result.int() if result.dtype == torch.bool else result).tolist())


def calls(clean):
    """Calls of an operator with a bool tensor in one of its places."""
    value = torch.arange(clean.numel()).float().view(clean.shape) / clean.numel()
    row = torch.arange(clean.numel()).view(clean.shape) % 2
    return [
        lambda f, x: f(x),
        lambda f, x: f(x, clean),
        lambda f, x: f(clean, x),
        lambda f, x: f(x, value),
        lambda f, x: f(value, x),
        lambda f, x: f(x, 0),
        lambda f, x: f(x, 1),
        lambda f, x: f(x, value, -value),
        lambda f, x: f(value, x, -value),
        lambda f, x: f(value, x, 1.0),
        lambda f, x: f(x, 0, row),
        lambda f, x: f(value, 0, row, x),
        lambda f, x: f(torch.zeros_like(clean), 0, row, x),
        lambda f, x: f([x, clean]),
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", ["contiguous", "strided", "matrix"])
def test_every_operator_takes_any_byte_but_0_for_true(layout):
    taken, differ = set(), set()
    for name, operator in OPERATORS.items():
        for k in range(len(calls(torch.ones(2, dtype=torch.bool)))):
            results = []
            for which in range(2):
                pair = masks(70, "contiguous" if layout == "matrix" else layout)
                if layout == "matrix":
                    pair = [x.view(5, 14).t() for x in pair]
                x = pair[which]
                torch.manual_seed(0)
                try:
                    results.append([shown(calls(x != 0)[k](operator, x)), shown(x)])
                except Exception as e:
                    results.append(type(e))
            if not isinstance(results[1], type):
                taken.add(name)
            if results[0] != results[1]:
                differ.add((name, k))
    assert not differ
    assert len(taken) > 100


@at_lower_levels
def test_lower_levels_take_any_byte_but_0_for_true(level):
    run_at_level(
        level,
        "from tests.ops.test_bytes_of_bool import CALLS, test_any_byte_but_0_is_true as test\n"
        "for name in CALLS:\n"
        "    for layout in ('contiguous', 'strided'):\n"
        "        test(name, 1025, layout)\n",
    )


def test_waiting_operators_take_any_byte_but_0_for_true():
    odd, clean = masks(20_000, "contiguous")
    value = numbers(clean) / 20_000
    results = [
        [
            (torch.where(x, value, -value) * 2 + x).sum(),
            ((~x) & (value > 0)).sum(),
            (x * value).exp(),
        ]
        for x in (odd, clean)
    ]
    for of_odd, of_clean in zip(*results, strict=True):
        assert torch.equal(of_odd, of_clean)


def test_compiled_functions_take_any_byte_but_0_for_true():
    @torch.compile
    def chain(x, value):
        return torch.where(x, value, -value).sum(-1), (x * value).exp(), (x & (value > 0)).int() + x

    odd, clean = masks(1025, "contiguous")
    value = numbers(clean) / 1025
    for of_odd, of_clean in zip(chain(odd, value), chain(clean, value), strict=True):
        assert torch.equal(of_odd, of_clean)
