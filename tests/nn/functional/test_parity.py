"""nn.functional against PyTorch, values and gradients, where PyTorch is installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import flambeau
import flambeau.nn.functional as F

oracle = pytest.importorskip("torch")

spec = importlib.util.spec_from_file_location("cases", Path(__file__).with_name("cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


def run(library, functional, name, args, kwargs):
    """(outputs, gradients of the floating arguments) as arrays."""
    leaves = []

    def convert(value):
        if not isinstance(value, np.ndarray):
            return value
        tensor = library.tensor(value)
        if value.dtype == np.float32:
            tensor.requires_grad_(True)
            leaves.append(tensor)
        return tensor

    converted = [convert(value) for value in args]
    options = {key: convert(value) for key, value in kwargs.items()}
    for value in options.values():
        if any(value is leaf for leaf in leaves):
            value.requires_grad_(False)
    outputs = getattr(functional, name)(*converted, **options)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for output in outputs:
        if output.requires_grad:
            weights = np.linspace(0.5, 1.5, max(output.numel(), 1), dtype="f4")[: output.numel()]
            weights = library.tensor(weights.reshape(tuple(output.shape)))
            (output * weights).sum().backward()
    return (
        [np.asarray(output.detach().numpy()) for output in outputs],
        [None if leaf.grad is None else np.asarray(leaf.grad.numpy()) for leaf in leaves],
    )


@pytest.mark.parametrize(
    "name, args, kwargs", cases.CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(cases.CASES)]
)
@pytest.mark.filterwarnings("ignore")
def test_parity(name, args, kwargs):
    expected, expected_grads = run(oracle, oracle.nn.functional, name, args, kwargs)
    got, got_grads = run(flambeau, F, name, args, kwargs)
    for a, b in zip(expected, got, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=3e-5)
    for a, b in zip(expected_grads, got_grads, strict=True):
        if a is None or b is None:
            # No gradient and a gradient of 0 are the same.
            assert all(g is None or not g.any() for g in (a, b))
        else:
            np.testing.assert_allclose(b, a, rtol=2e-4, atol=3e-5)
