"""Where time goes: events of operators, backward nodes and record_function, as tables and as Chrome traces.

Read: session.py (profile, schedule), collect.py (what the core tells while it is on), events.py, tables.py, chrome.py.
`autograd.profiler` is PyTorch's older interface to the same.
"""

from ..nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".profiler": "ExecutionTraceObserver",
        ".session": "profile schedule ProfilerAction tensorboard_trace_handler supported_activities",
        ".collect": "record_function kineto_available",
        ".events": "DeviceType ProfilerActivity",
    },
    submodules=("itt", "profiler"),
)
