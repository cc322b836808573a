"""The names of torch.profiler.profiler."""

from ..refusals import refused
from .collect import kineto_available
from .events import ProfilerActivity
from .session import (
    ProfilerAction,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "ExecutionTraceObserver", "ProfilerAction", "ProfilerActivity", "kineto_available", "profile", "schedule",
    "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip

ExecutionTraceObserver = refused(
    "profiler.ExecutionTraceObserver",
    "Execution traces of PyTorch's own format are not written. profile(...).export_chrome_trace writes a timeline, "
    "utils.tracing a program's operators as a graph.",
    module=__name__,
)
