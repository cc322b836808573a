"""Every operator once on a GPU without the CPU's help: values, dtypes and gradients are the CPU's."""

import re

import pytest

import flambeau as fl

from ..meta_calls import CALLS, operands
from ..test_meta import POINTWISE, tensors_of

TEXTS = [text.strip() for text in CALLS.replace("\n", "|").split("|") if "(" in text]
# Known to have no kernel (flambeau/ops/cuda/uncovered.py, and what is computed by libraries of the CPU).
ON_THE_CPU = frozenset(
    "poisson binomial symeig special.airy_ai linalg.eig linalg.eigvals linalg.ldl_factor linalg.ldl_factor_ex "
    "linalg.ldl_solve".split()
)
# Vectors are determined up to signs, or memory is not filled.
NOT_COMPARED = frozenset(
    "empty_like svd svd_lowrank pca_lowrank linalg.svd linalg.eigh qr geqrf linalg.qr linalg.ldl_factor_ex".split()
)


@pytest.fixture(scope="module", params=["cpu", "cuda"])
def device(request):
    return request.param


@pytest.fixture(scope="module")
def given():
    return operands()


_on_cpu = {}


def computed(text, given, device):
    """The results of a call on a device, and the gradients of what it takes, on the CPU."""
    names = set(re.findall(r"\w+", text))
    leaves = {}
    for name, tensor in given.items():
        if name in names:
            wanted = tensor.dtype.is_floating_point or tensor.dtype.is_complex
            leaves[name] = tensor.detach().clone().to(device).requires_grad_(wanted)
    with fl.device(device):
        fl.manual_seed(0)
        result = tensors_of(eval(f"fl.{text}", {"fl": fl, "nn": fl.nn, **leaves}))
    found = [t for t in result if isinstance(t, fl.Tensor)]
    assert all(t.device.type == device or t.dim() == 0 for t in found)
    flat = [t for t in found if t.requires_grad]
    used = [leaf for leaf in leaves.values() if leaf.requires_grad]
    grads = []
    if flat:
        grads = fl.autograd.grad(flat, used, [fl.ones_like(t) for t in flat], allow_unused=True)
    here = lambda t: None if t is None else t.detach().cpu()
    return [here(t) for t in (*found, *grads)]


@pytest.mark.parametrize("text", TEXTS)
def test_operators(text, given, device):
    if device == "cpu":
        _on_cpu[text] = computed(text, given, "cpu")
        return
    name = text.partition("(")[0]
    if name in ON_THE_CPU:
        with pytest.raises(NotImplementedError):
            computed(text, given, "cuda")
        return
    found = computed(text, given, "cuda")
    expected = _on_cpu.get(text) or computed(text, given, "cpu")
    assert len(found) == len(expected)
    for there, here in zip(found, expected):
        assert (there is None) == (here is None)
        if here is None:
            continue
        assert there.shape == here.shape and there.dtype is here.dtype
        if name not in NOT_COMPARED:
            fl.testing.assert_close(there, here, rtol=1e-3, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_pointwise_operators_of_every_kind(name):
    operator = POINTWISE[name]
    for dtype in (fl.float32, fl.float64, fl.float16, fl.bfloat16, fl.int64, fl.bool, fl.complex64):
        line = fl.linspace(0.25, 1.75, 6).reshape(2, 3)
        inputs = [
            (line if k == 0 else line[1] + 0.1 * k).to(dtype) for k in range(operator.spec.n_inputs)
        ]
        try:
            expected = operator(*inputs)
        except Exception as error:
            with pytest.raises(type(error)):
                operator(*(t.cuda() for t in inputs))
            continue
        found = operator(*(t.cuda() for t in inputs))
        for there, here in zip(tensors_of(found), tensors_of(expected), strict=True):
            assert there.is_cuda and there.dtype is here.dtype
            narrow = here.dtype in (fl.float16, fl.bfloat16)
            tolerance = 1e-2 if narrow else 1e-5
            fl.testing.assert_close(
                there.cpu(), here, rtol=tolerance, atol=tolerance, equal_nan=True
            )
