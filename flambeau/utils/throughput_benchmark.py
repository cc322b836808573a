"""torch.utils.ThroughputBenchmark, which measures compiled modules: refused. utils.benchmark.Timer measures functions."""

from ..refusals import refused

__all__ = ["ThroughputBenchmark"]

ThroughputBenchmark = refused(
    "utils.ThroughputBenchmark",
    "No module is compiled here. utils.benchmark.Timer measures what a statement takes.",
    module=__name__,
)
