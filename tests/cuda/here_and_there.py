"""The same call on the CPU and on a GPU."""

import flambeau as torch


def as_on_the_cpu(call, *args, **tolerances):
    """Runs call(*args) on both, and compares kinds, sizes and values of what it gives."""
    here, there = call(*args), call(*[a.cuda() for a in args])
    for a, b in zip(*[v if isinstance(v, tuple) else (v,) for v in (here, there)], strict=True):
        assert b.is_cuda and b.dtype is a.dtype and b.shape == a.shape
        torch.testing.assert_close(b.cpu(), a, **tolerances)
