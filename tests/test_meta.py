"""Operators on the meta device: the sizes, strides, dtypes and gradients of the CPU, and no look at values.

tests/test_layers.py reads how operators are written, for the same reason.
"""

import re

import pytest

import flambeau as fl
import flambeau.nn.functional
from flambeau.ops.core.declare import NAMESPACES, POINTWISE

from .meta_calls import CALLS, OTHERS, operands

# ------------------------------------------------------------------------------- every operator, once

TEXTS = [text.strip() for text in CALLS.replace("\n", "|").split("|") if "(" in text]


def test_every_operator_is_called():
    called = {re.match(r"[\w.]+", text)[0].rpartition(".")[2] for text in TEXTS}
    known = called | set(OTHERS.split())
    missing = [
        name
        for home, space in NAMESPACES.items()
        if home != "masked"  # loaded late; made of what is called here
        for name, operator in space.items()
        if not (hasattr(operator, "spec") or name.startswith("_"))
        and name not in known
        and name.rstrip("_") not in known
    ]
    assert not missing, f"give each a call in tests/meta_calls.py: {missing}"


def described(result):
    """What can be known of results without their values; strides of size 1 mean nothing."""
    if isinstance(result, fl.Tensor):
        assert result.is_meta or result.is_cpu
        strides = [s for s, n in zip(result.stride(), result.shape) if n != 1]
        return tuple(result.shape), result.dtype, strides if result.numel() else None
    if isinstance(result, (tuple, list)):
        return [described(one) for one in result]
    return result


def tensors_of(result):
    """The tensors of a result, which may hold tuples of them."""
    if not isinstance(result, (tuple, list)):
        return [result]
    return [tensor for one in result for tensor in tensors_of(one)]


def evaluate(text, tensors):
    """The results of a call, and the gradients of what it takes."""
    leaves = {}
    for name, tensor in tensors.items():
        differentiable = tensor.dtype.is_floating_point or tensor.dtype.is_complex
        leaves[name] = tensor.detach().requires_grad_(differentiable)
    fl.manual_seed(0)
    result = eval(f"fl.{text}", {"fl": fl, "nn": fl.nn, **leaves})
    flat = [t for t in tensors_of(result) if t.requires_grad]
    used = [leaf for name, leaf in leaves.items() if leaf.requires_grad]
    if not flat:
        return result, None
    grads = fl.autograd.grad(flat, used, [fl.ones_like(t) for t in flat], allow_unused=True)
    return result, [None if g is None else (g.shape, g.dtype, g.device) for g in grads]


@pytest.fixture(scope="module")
def both():
    tensors = operands()
    nowhere = {
        name: fl.empty_strided(t.shape, t.stride(), dtype=t.dtype, device="meta")
        for name, t in tensors.items()
    }
    return tensors, nowhere


@pytest.mark.parametrize("text", TEXTS)
def test_meta_is_the_cpu_without_values(text, both):
    tensors, nowhere = both
    names = set(re.findall(r"\w+", text))
    tensors = {name: t for name, t in tensors.items() if name in names}
    nowhere = {name: nowhere[name] for name in tensors}
    result, grads = evaluate(text, tensors)
    without, slopes = evaluate(text, nowhere)
    assert described(without) == described(result)
    assert (slopes is None) == (grads is None)
    for slope, grad in zip(slopes or [], grads or [], strict=True):
        assert (slope is None) == (grad is None)
        assert slope is None or (slope[:2] == grad[:2] and slope[2].type == "meta")


@pytest.mark.parametrize("text", TEXTS)
def test_the_default_device_is_not_for_inner_tensors(text, both):
    tensors = {name: t for name, t in both[0].items() if name in set(re.findall(r"\w+", text))}
    with fl.device("meta"):
        result, grads = evaluate(text, tensors)
    assert all(t.is_cpu for t in tensors_of(result))


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_pointwise_operators_on_meta(name):
    operator = POINTWISE[name]
    count = operator.spec.n_inputs
    for dtype in (fl.float32, fl.int64, fl.bool, fl.complex64, fl.bfloat16):
        inputs = [fl.full((2, 3) if k == 0 else (3,), 1.0).to(dtype) for k in range(count)]
        try:
            result = operator(*inputs)
        except Exception as error:
            with pytest.raises(type(error)):
                operator(*(t.to("meta") for t in inputs))
            continue
        nowhere = operator(*(t.to("meta") for t in inputs))
        assert nowhere.is_meta and described(nowhere) == described(result)
