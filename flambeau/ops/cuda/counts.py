"""Special functions on GPUs that no expression of the kernel language gives."""

from ... import _core
from .launch import launch
from .rules import rule


@rule("_incomplete_gamma")
def incomplete_gamma(a, x, upper):
    if a.dtype is not _core.float64:
        return incomplete_gamma(a.double(), x.double(), upper).to(a.dtype)
    out = _core.empty_like(a)
    upper = bool(upper)

    def write():
        from ...kernels.gpu import gamma

        return gamma.write(upper)

    name = "igammac" if upper else "igamma"
    arguments = [out.numel(), [out, a.contiguous(), x.contiguous()]]
    launch(name, ("incomplete gamma", upper), write, a.device.index, out.numel(), arguments)
    return out
