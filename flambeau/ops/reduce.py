"""Reductions: sum, mean and what else one pass over some dimensions gives."""

from .. import _core


class ReductionSpec:
    """What the core asks of a reduction: kernels by dtypes, layout and stage."""

    def __init__(self, name, as_dtype=None):
        self.name = name
        self.as_dtype = as_dtype

    @property
    def kernel(self):
        from ..kernels import reductions

        return getattr(reductions, self.name)

    def compile(self, in_dtypes, out_dtypes, mode, stage):
        return self.kernel.compile(in_dtypes, self.as_dtype, out_dtypes, mode, stage)

    def state_dtypes(self, in_dtypes, out_dtypes):
        return self.kernel.state_dtypes(in_dtypes, self.as_dtype)


_core._bind("sum_reduction", _core.Reduction(ReductionSpec("sum_")))
_core._bind("mean_reduction", _core.Reduction(ReductionSpec("mean")))
